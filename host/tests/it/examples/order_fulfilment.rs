//! The example `order-fulfilment`: a voucher for every paid order.

use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    simulator::{Incoming, Sender},
    storage::KvEntry,
};
use weft_wechat::{account::EncodingMode, pay::TradeState};

use crate::{
    orders::{all, create, events_become, redeliver, see, shop},
    support::{TOKEN, TestApp, guests},
};

/// Who pays every order here.
const PAYER: &str = "oPAID";

/// A server whose app `shop` has the example as its order hook and as its message handler.
async fn server() -> (TestApp, Sender) {
    let app = shop("ear", |_| ()).await;
    app.drop_plugin("order_fulfilment", guests::order_fulfilment().await).await;
    let grants = json!({"kv": true});
    assert_eq!(app.api(Method::PUT, "/apps/shop/plugins/order_fulfilment", Some(grants)).await.0, 200);
    let change = json!({
        "order_hook": "order_fulfilment", "message_handler": "order_fulfilment", "token": TOKEN,
        "encoding_mode": EncodingMode::Plain,
    });
    let (status, changed) = app.api(Method::PATCH, "/apps/shop", Some(change)).await;
    assert_eq!(status, 200, "{changed}");
    let payer = app.sender("shop", EncodingMode::Plain);
    (app, payer)
}

/// An order is paid, and the plugin hears of it; gives the event.
async fn paid(app: &TestApp, number: &str) -> Value {
    create(app, number, 101).await;
    see(app, number, TradeState::Success, 1).await;
    events_become(app, number, all("delivered")).await.remove(0)
}

/// The event is told again, and the plugin hears of it for the `time`th time.
async fn told_again(app: &TestApp, number: &str, event: &Value, time: usize) {
    redeliver(app, number, event).await;
    let heard = |events: &[Value]| {
        all("delivered")(events) && events[0]["deliveries"].as_array().is_some_and(|tries| tries.len() == time)
    };
    events_become(app, number, heard).await;
}

/// What the payer is answered who sends the number of an order.
async fn answer(payer: &Sender, number: &str) -> Option<String> {
    payer.send(&Incoming::text(PAYER, number)).await.unwrap().text()
}

/// The voucher as the plugin keeps it.
async fn kept(app: &TestApp, number: &str) -> KvEntry {
    let key = format!("voucher/{PAYER}/{number}");
    app.state.store.plugin_kv().get("shop", "order_fulfilment", &key).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_keeps_its_one_voucher_however_often_it_is_told() {
    let (app, payer) = server().await;
    let event = paid(&app, "T000051").await;
    let (voucher, first) = (answer(&payer, "T000051").await.unwrap(), kept(&app, "T000051").await);
    assert!(voucher.contains(std::str::from_utf8(&first.value).unwrap()), "{voucher}");

    told_again(&app, "T000051", &event, 2).await;
    assert_eq!(kept(&app, "T000051").await, first, "it was handed out again");
    assert_eq!(answer(&payer, "T000051").await.as_ref(), Some(&voucher));

    // As if the call had been cut off before it wrote down that its work was done.
    let done = format!("event/{}", event["id"].as_str().unwrap());
    assert!(app.state.store.plugin_kv().delete("shop", "order_fulfilment", &done).await.unwrap());
    told_again(&app, "T000051", &event, 3).await;
    assert_ne!(kept(&app, "T000051").await.version, first.version, "the work was begun anew");
    assert_eq!(answer(&payer, "T000051").await.as_ref(), Some(&voucher));

    paid(&app, "T000052").await;
    let other = answer(&payer, "T000052").await;
    assert!(other.is_some() && other.as_ref() != Some(&voucher), "{other:?}");
}
