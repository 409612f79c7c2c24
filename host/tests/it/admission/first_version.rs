//! What was built for the first released contract runs on this host: each export is called, each import answered.

use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    clock::Clock,
    model::{Observation, ObservationSource},
    simulator::{Incoming, Sender},
};
use weft_wechat::pay::TradeState;

use crate::{
    orders::{NUMBER, told},
    support::{FAN, Inbox, guests, said, till, until},
};

async fn inbox(fields: Value) -> (Inbox, Sender) {
    inbox_of(Inbox::start().await, fields).await
}

/// A server with the guest, and an account for it.
async fn inbox_of(inbox: Inbox, fields: Value) -> (Inbox, Sender) {
    inbox.app.drop_plugin("first", guests::first().await).await;
    let account = inbox.account("shop", fields).await;
    let settings = json!({
        "config": {"greeting": "hi"}, "kv": true, "users": true, "wechat_apis": ["/cgi-bin/"], "pages": true,
        "http_hosts": [inbox.app.base], "orders": ["read", "create", "refund"],
    });
    let (status, set) = inbox.app.api(Method::PUT, "/apps/shop/plugins/first", Some(settings)).await;
    assert_eq!(status, 200, "{set}");
    (inbox, account)
}

async fn send(account: &Sender, text: &str) -> String {
    account.send(&Incoming::text(FAN, text)).await.unwrap().body
}

/// What the guest has kept for the app.
async fn kept(inbox: &Inbox, key: &str) -> String {
    until("the guest has kept it", async || {
        let entry = inbox.app.state.store.plugin_kv().get("shop", "first", key).await.unwrap();
        entry.map(|entry| String::from_utf8(entry.value).unwrap())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_let_in_as_what_it_was_built_for() {
    let (inbox, _) = inbox(json!({})).await;
    let (_, plugin) = inbox.app.api(Method::GET, "/plugins/first", None).await;
    assert_eq!(plugin["admission"]["interface_version"], "1.0.0", "{plugin}");
    let exports = plugin["admission"]["exports"].as_array().unwrap();
    for interface in ["manifest", "handlers", "rules", "hooks", "observers", "pages"] {
        let name = format!("weft:plugin/{interface}@1.0.0");
        assert!(exports.iter().any(|export| *export == name.as_str()), "{name} in {exports:?}");
    }
    assert_eq!(plugin["asks"]["orders"], json!(["read", "create", "refund"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_page_is_served() {
    let (inbox, _) = inbox(json!({})).await;
    let page = inbox.app.request(Method::DELETE, "/wechat/shop/pages/first/page/7", None).await;
    assert_eq!(page, (200, "page DELETE /page/7".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_import_of_then_answers_as_it_did() {
    let (inbox, account) = inbox(json!({"message_handler": "first/imports"})).await;
    let url = format!("{}/healthz", inbox.app.base);
    let answer = account.send(&Incoming::text(FAN, &url)).await.unwrap().text();
    let (_, plugin) = inbox.app.api(Method::GET, "/plugins/first", None).await;
    let answer = answer.unwrap_or_else(|| panic!("no answer: {}", plugin["calls"]));
    let lines: Vec<_> = answer.lines().collect();
    let expected = [
        "context: shop 1 true true",
        r#"config: {"greeting":"hi"}"#,
        "kv: 2 true true 1 true",
        "http: 200",
        "wechat: true 40003",
        "messages: sent refused refused",
        "users: true the first",
    ];
    assert_eq!(lines, expected);
    assert_eq!(inbox.sent("shop").iter().map(said).collect::<Vec<_>>(), ["from the first guest"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_made_and_asked_for_as_then() {
    let pay = till::gateway("v3", "wxshop", Clock::system()).await;
    let inbox = Inbox::start_with(|config| config.pay.api_base.clone_from(&pay.base)).await;
    let (inbox, account) = inbox_of(inbox, json!({"message_handler": "first/orders"})).await;
    let (status, created) = inbox.app.api(Method::POST, "/apps/shop/merchants", Some(till::merchant("v3"))).await;
    assert_eq!(status, 201, "{created}");
    let answer = account.send(&Incoming::text(FAN, NUMBER)).await.unwrap().text();
    let (_, plugin) = inbox.app.api(Method::GET, "/plugins/first", None).await;
    let answer = answer.unwrap_or_else(|| panic!("no answer: {}", plugin["calls"]));
    assert_eq!(answer, "true State::New Some(true) State::Notpay a=1 true");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_export_of_then_is_called() {
    let hears = json!(["first/hears"]);
    let (inbox, account) =
        inbox(json!({"message_handler": "first/news", "message_observers": hears, "order_hook": "first/paid"})).await;
    assert!(send(&account, "pears").await.contains("<Title><![CDATA[pears]]></Title>"));
    assert_eq!(kept(&inbox, "received").await, format!("hears {FAN}"));
    assert_eq!(kept(&inbox, "handled").await, format!("hears {FAN}"));

    for (handler, says) in [("transfer", "transfer_customer_service"), ("silent", ""), ("fails", ""), ("panics", "")] {
        let patch = json!({"message_handler": format!("first/{handler}")});
        assert_eq!(inbox.app.api(Method::PATCH, "/apps/shop", Some(patch)).await.0, 200);
        let body = send(&account, handler).await;
        assert!(if says.is_empty() { body.is_empty() } else { body.contains(says) }, "{handler}: {body}");
        let (_, plugin) = inbox.app.api(Method::GET, "/plugins/first", None).await;
        let error = plugin["calls"]["last_error"].as_str().unwrap_or_default();
        match handler {
            "fails" => assert!(error.contains("on purpose"), "{error}"),
            "panics" => assert!(error.contains("the first guest panics"), "{error}"),
            _ => assert_eq!(error, ""),
        }
    }

    let rule = json!({
        "name": "rule", "rules": [{"type": "custom", "handler": "first/mine"}],
        "replies": [{"type": "text", "content": "by rule"}],
    });
    assert_eq!(inbox.app.api(Method::POST, "/apps/shop/handlers", Some(rule)).await.0, 201);
    assert!(send(&account, "mine and nobody else's").await.contains("by rule"));
    assert_eq!(send(&account, "not so").await, "");

    let merchant = json!({
        "name": "default", "mch_id": "1900000109", "api_version": "v2", "api_key": "192006250b4c09247ec02edce69f6a2d",
    });
    let (status, created) = inbox.app.api(Method::POST, "/apps/shop/merchants", Some(merchant)).await;
    assert_eq!(status, 201, "{created}");
    let order = json!({"out_trade_no": NUMBER, "body": "a pear", "total_fee": 101, "openid": "oTEST"});
    let orders = "/apps/shop/merchants/default/orders";
    assert_eq!(inbox.app.api(Method::POST, orders, Some(order)).await.0, 201);
    let mut transaction = told(TradeState::Notpay);
    transaction.appid = Some("wxshop".into());
    let seen = Observation::told(ObservationSource::Notify, transaction, 1, "EV-1");
    inbox.app.state.store.orders().apply("shop", "default", NUMBER, &seen).await.unwrap().unwrap();
    assert_eq!(kept(&inbox, "order").await, format!("paid {NUMBER} State::Notpay 1"));
}
