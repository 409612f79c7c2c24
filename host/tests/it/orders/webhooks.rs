//! Operators' servers hear of orders that changed: signed, in order, and beside the plugin.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use weft_wechat::pay::TradeState;

use super::hooks::{ORDERS, all, create, events_become, heard, see, shop};
use crate::support::{TestApp, until};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET: &str = "whsec_Zm9yIHRoZSB0ZXN0cyBvZiBXZWZ0IGFsb25lIQ==";

/// What arrived: its headers and its body.
type Arrived = (HeaderMap, String);

/// An operator's server, which answers each message as the test says, and 204 when it says nothing.
struct Receiver {
    host: String,
    seen: Arc<Mutex<Vec<Arrived>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    async fn start() -> Self {
        let seen: Arc<Mutex<Vec<Arrived>>> = Arc::default();
        let answers: Arc<Mutex<Vec<u16>>> = Arc::default();
        let (record, scripted) = (Arc::clone(&seen), Arc::clone(&answers));
        let take = async move |headers: HeaderMap, body: String| -> Response {
            record.lock().unwrap().push((headers, body));
            let status = scripted.lock().unwrap().pop().unwrap_or(204);
            (StatusCode::from_u16(status).unwrap(), [("location", "/elsewhere")]).into_response()
        };
        let routes = Router::new().route("/orders", post(take.clone())).route("/elsewhere", post(take));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { host, seen, answers }
    }

    /// A server whose app has a hook and this webhook.
    async fn shop(&self, hook: &str) -> TestApp {
        let app = shop(hook, |_| ()).await;
        let change = json!({
            "order_webhook_url": format!("http://{}/orders", self.host), "order_webhook_secret": SECRET,
            "forward_hosts": [self.host],
        });
        let (status, changed) = app.api(Method::PATCH, "/apps/shop", Some(change)).await;
        assert_eq!(status, 200, "{changed}");
        app
    }

    /// The next answers, first to last.
    fn answer(&self, statuses: &[u16]) {
        *self.answers.lock().unwrap() = statuses.iter().rev().copied().collect();
    }

    fn seen(&self) -> Vec<Arrived> {
        self.seen.lock().unwrap().clone()
    }

    /// The messages so far.
    fn messages(&self) -> Vec<Value> {
        self.seen().iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
    }
}

/// The signatures that a message must have, by secrets.
fn signatures((headers, body): &Arrived, secrets: &[&str]) -> String {
    let [id, timestamp] = ["webhook-id", "webhook-timestamp"].map(|name| headers[name].to_str().unwrap());
    let sign = |secret: &&str| {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    };
    secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
}

async fn redeliver(app: &TestApp, number: &str, event: &Value, target: &str) {
    let path = format!("{ORDERS}/{number}/events/{}/redeliver?target={target}", event["id"].as_str().unwrap());
    assert_eq!(app.api(Method::POST, &path, None).await.0, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_hears_of_every_change_signed_and_in_order() {
    let receiver = Receiver::start().await;
    let app = receiver.shop("ear/fulfil").await;
    create(&app, "T000001", 101).await;
    see(&app, "T000001", TradeState::Notpay, 1).await;
    see(&app, "T000001", TradeState::Success, 2).await;
    let events = events_become(&app, "T000001", |events| all("delivered")(events) && events.len() == 2).await;
    let messages = receiver.messages();
    assert_eq!(messages.len(), 2, "{messages:?}");
    let (_, mut order) = app.api(Method::GET, &format!("{ORDERS}/T000001"), None).await;
    order.as_object_mut().unwrap().remove("alarms");
    let told = json!({
        "type": "order.updated", "timestamp": events[1]["created_at"],
        "data": {"app": "shop", "order": order, "previous_state": "NOTPAY", "source": "notify", "attempt": 1},
    });
    assert_eq!(messages[1], told);
    assert_eq!(messages[0]["data"]["order"]["state"], "NOTPAY");
    for (arrived, event) in receiver.seen().iter().zip(&events) {
        let (headers, _) = arrived;
        assert_eq!(headers["webhook-id"], event["id"].as_str().unwrap());
        assert_eq!(headers["webhook-signature"], signatures(arrived, &[SECRET]));
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!((&event["hook"], &event["webhook"]), (&json!("delivered"), &json!("delivered")), "{event}");
        let mut targets: Vec<_> =
            event["deliveries"].as_array().unwrap().iter().map(|told| told["target"].as_str().unwrap()).collect();
        targets.sort_unstable();
        assert_eq!(targets, ["hook", "webhook"]);
    }

    // While the keys change, what is sent carries both signatures.
    app.api(Method::PATCH, "/apps/shop", Some(json!({"order_webhook_secret": OTHER_SECRET}))).await;
    redeliver(&app, "T000001", &events[1], "webhook").await;
    until("it comes again", async || (receiver.seen().len() == 3).then_some(())).await;
    let again = receiver.seen().pop().unwrap();
    assert_eq!(again.0["webhook-id"], events[1]["id"].as_str().unwrap());
    assert_eq!(again.0["webhook-signature"], signatures(&again, &[OTHER_SECRET, SECRET]));
    assert_eq!(receiver.messages()[2]["data"]["attempt"], 2);
    let (_, shown) = app.api(Method::PATCH, "/apps/shop", Some(json!({"previous_order_webhook_secret": null}))).await;
    assert_eq!(shown["order_webhook_secret"], json!({"set": true}));
    assert_eq!(shown["previous_order_webhook_secret"], json!({"set": false}));
    let (_, log) = app.api(Method::GET, "/audit-log", None).await;
    assert!(log.to_string().contains("order_webhook_url") && !log.to_string().contains("whsec_"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_hook_nor_server_holds_up_or_repeats_the_other() {
    let receiver = Receiver::start().await;
    let app = receiver.shop("ear/stumbles").await;
    create(&app, "T000002", 101).await;
    see(&app, "T000002", TradeState::Notpay, 1).await;
    see(&app, "T000002", TradeState::Success, 2).await;
    // The hook refuses the first change and does not hear of the second; the server hears of both.
    let told = |events: &[Value]| events.iter().all(|event| event["webhook"] == "delivered");
    let events = events_become(&app, "T000002", |events| told(events) && events.len() == 2).await;
    assert_eq!((&events[0]["hook"], &events[1]["hook"]), (&json!("pending"), &json!("pending")), "{events:?}");
    assert_eq!(events[0]["delivery"], "pending");
    redeliver(&app, "T000002", &events[0], "hook").await;
    let twice = |events: &[Value]| events[0]["deliveries"].as_array().unwrap().len() == 3;
    events_become(&app, "T000002", twice).await;
    assert_eq!(receiver.seen().len(), 2, "the server does not hear of it again");

    app.api(Method::PATCH, "/apps/shop", Some(json!({"order_hook": "ear/fulfil"}))).await;
    receiver.answer(&[500, 307]);
    create(&app, "T000003", 101).await;
    see(&app, "T000003", TradeState::Notpay, 1).await;
    see(&app, "T000003", TradeState::Success, 2).await;
    let heard_of = |events: &[Value]| events.len() == 2 && events.iter().all(|event| event["hook"] == "delivered");
    events_become(&app, "T000003", heard_of).await;
    let tried = |count: usize| {
        move |events: &[Value]| {
            let tries = events[0]["deliveries"].as_array().unwrap().iter();
            tries.filter(|told| told["target"] == "webhook").count() == count
        }
    };
    let events = events_become(&app, "T000003", tried(1)).await;
    let failure = events[0]["deliveries"].as_array().unwrap().last().unwrap();
    assert_eq!((&failure["outcome"], &events[1]["webhook"]), (&json!("failed"), &json!("pending")), "{events:?}");
    assert!(failure["error"].as_str().unwrap().contains("HTTP status 500"), "{failure}");
    // A redirect is no answer, and not to be waited for.
    redeliver(&app, "T000003", &events[0], "webhook").await;
    let events = events_become(&app, "T000003", tried(2)).await;
    assert!(events[0]["deliveries"].to_string().contains("HTTP status 307"), "{events:?}");
    redeliver(&app, "T000003", &events[0], "webhook").await;
    events_become(&app, "T000003", all("delivered")).await;
    assert_eq!(heard(&app, "T000003").await.matches('@').count(), 2, "the hook has heard of each once");
    let attempts: Vec<_> = receiver.messages()[2..].iter().map(|told| told["data"]["attempt"].clone()).collect();
    assert_eq!(attempts, [1, 2, 3, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_wants_no_more_is_left_alone_until_an_operator_asks() {
    let receiver = Receiver::start().await;
    let app = receiver.shop("ear/fulfil").await;
    receiver.answer(&[410]);
    create(&app, "T000004", 101).await;
    see(&app, "T000004", TradeState::Success, 1).await;
    let settled = |events: &[Value]| events[0]["webhook"] == "parked" && events[0]["hook"] == "delivered";
    let events = events_become(&app, "T000004", settled).await;
    assert_eq!(events[0]["delivery"], "parked", "{events:?}");
    redeliver(&app, "T000004", &events[0], "webhook").await;
    events_become(&app, "T000004", all("delivered")).await;
    assert_eq!(receiver.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_tried_before_anything_depends_on_it() {
    let receiver = Receiver::start().await;
    let app = shop("ear/fulfil", |_| ()).await;
    let test = async || app.api(Method::POST, "/apps/shop/order-webhook/test", None).await;
    let (status, problem) = test().await;
    assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{problem}");
    let url = format!("http://{}/orders", receiver.host);
    for (change, field) in [
        (json!({"order_webhook_url": url}), "order_webhook_secret"),
        (json!({"order_webhook_url": "ftp://example.com", "order_webhook_secret": SECRET}), "order_webhook_url"),
        (
            json!({"order_webhook_url": "https://me:pw@example.com", "order_webhook_secret": SECRET}),
            "order_webhook_url",
        ),
        (json!({"order_webhook_secret": "secret"}), "order_webhook_secret"),
    ] {
        let (status, problem) = app.api(Method::PATCH, "/apps/shop", Some(change)).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{problem}");
    }
    let change = json!({"order_webhook_url": url, "order_webhook_secret": SECRET});
    assert_eq!(app.api(Method::PATCH, "/apps/shop", Some(change)).await.0, 200);
    let (status, trial) = test().await;
    assert_eq!((status, &trial["delivered"]), (200, &json!(false)), "{trial}");
    assert!(trial["error"].as_str().unwrap().contains("forward_hosts"), "{trial}");
    assert_eq!(receiver.seen().len(), 0, "an address of this network is not reached");

    app.api(Method::PATCH, "/apps/shop", Some(json!({"forward_hosts": [receiver.host]}))).await;
    let (_, trial) = test().await;
    assert_eq!((&trial["delivered"], &trial["status"]), (&json!(true), &json!(204)), "{trial}");
    let arrived = receiver.seen().pop().unwrap();
    assert_eq!(arrived.0["webhook-id"], trial["id"].as_str().unwrap());
    assert_eq!(arrived.0["webhook-signature"], signatures(&arrived, &[SECRET]));
    assert_eq!(receiver.messages()[0]["type"], "webhook.test");
    receiver.answer(&[404]);
    let (_, trial) = test().await;
    assert!(trial["delivered"] == false && trial["error"].as_str().unwrap().contains("404"), "{trial}");
}
