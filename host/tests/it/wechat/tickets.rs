//! `/apps/{app}/tickets/{type}`

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    simulator::wechat::Fault,
    upstream::{TokenError, Wechat},
};
use weft_wechat::api::ticket::TicketType;

use super::{APPID, Shop};
use crate::{support::database::on_every_database, upstream::House};

const GET_TICKET: &str = "/cgi-bin/ticket/getticket";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_type_is_handed_out_and_fetched_once() {
    let (shop, wechat) = Shop::open().await;
    let read = async |ticket_type: &str| {
        let (status, ticket) = shop.app.api(Method::GET, &format!("/apps/shop/tickets/{ticket_type}"), None).await;
        assert_eq!(status, 200, "{ticket}");
        assert!((7100..=7200).contains(&ticket["expires_in"].as_u64().unwrap()), "{ticket}");
        ticket["ticket"].clone()
    };
    let (jsapi, card) = (read("jsapi").await, read("wx_card").await);
    assert!(jsapi != card && jsapi != Value::Null, "{jsapi}");
    assert_eq!((read("jsapi").await, read("wx_card").await), (jsapi, card));
    assert_eq!(wechat.count(GET_TICKET), 2);
    assert_eq!(shop.app.api(Method::GET, "/apps/shop/tickets/other", None).await.0, 404);
    shop.create("bare", json!({"appsecret": null})).await;
    let (status, problem) = shop.app.api(Method::GET, "/apps/bare/tickets/jsapi", None).await;
    assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{problem}");

    shop.create("plain", json!({})).await;
    wechat.fault(GET_TICKET, Fault::Errcode(48001), 1);
    let (status, problem) = shop.app.api(Method::GET, "/apps/plain/tickets/jsapi", None).await;
    assert_eq!((status, &problem["errcode"], &problem["type"]), (502, &json!(48001), &json!("wechat-refused")));
    assert!(problem["detail"].as_str().unwrap().contains("no right to this API"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_and_tasks_fetch_one_ticket_with_one_token() {
    on_every_database(async |database| {
        let house = House::at(&database).await;
        let processes = [house.wechat.clone(), house.replica().await];
        let tickets = async || {
            let asked = (0..200).map(|number| processes[number % 2].ticket(&house.app, TicketType::Jsapi));
            let mut tickets: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
            tickets.dedup();
            assert_eq!(tickets.len(), 1);
            tickets.remove(0)
        };
        let first = tickets().await;
        assert_eq!((house.simulated.count(GET_TICKET), house.simulated.count("/cgi-bin/stable_token")), (1, 1));
        assert_eq!(*house.replica().await.ticket(&house.app, TicketType::Jsapi).await.unwrap(), *first);
        database.clock.advance(Duration::from_hours(2));
        house.simulated.invalidate_token(APPID);
        let second = tickets().await;
        assert_ne!(second.secret, first.secret);
        assert_eq!(house.simulated.count(GET_TICKET), 2, "it had ended");
        house.store.close().await;
        if let Some(file) = database.file() {
            let bytes = std::fs::read(file).unwrap();
            let text = second.secret.expose().as_bytes();
            assert!(!bytes.windows(text.len()).any(|window| window == text));
        }
    })
    .await;
}

#[tokio::test]
async fn a_ticket_that_cannot_be_replaced_stays_until_it_ends() {
    on_every_database(async |database| {
        let house = House::at(&database).await;
        let ticket = async |wechat: &Wechat| wechat.ticket(&house.app, TicketType::Card).await;
        let first = ticket(&house.wechat).await.unwrap();
        house.simulated.fault(GET_TICKET, Fault::Errcode(48001), 99);
        database.clock.advance(Duration::from_secs(7000));
        assert_eq!(ticket(&house.wechat).await.unwrap(), first, "at once");
        database.clock.advance(Duration::from_secs(200));
        let error = ticket(&house.wechat).await.unwrap_err();
        assert!(matches!(&*error, TokenError::Call(call) if call.errcode() == Some(48001)), "{error:?}");
        house.store.close().await;
    })
    .await;
}
