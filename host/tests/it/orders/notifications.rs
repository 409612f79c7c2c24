//! Notifications that WeChat has signed, and what stands in them: what fits is taken once, what does not changes nothing.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;
use tokio::time::timeout;
use weft::{
    clock::Clock,
    simulator::pay::{PLATFORM_KEY, PUBLIC_KEY_ID, Posted},
};
use weft_wechat::pay::{
    TradeState, time,
    v2::{Merchant, SignType},
    v3::{Apiv3Key, PrivateKey, Resource},
};

use super::{
    NUMBER,
    gateway::Till,
    merchants::{API_KEY, APIV3_KEY, MERCHANTS, v2},
    party, told,
};
use crate::support::{TestApp, database::on_postgres, guests, till::MCH_ID};

type Headers = Vec<(&'static str, String)>;

/// The payment of the order of [`Till`].
fn payment() -> Value {
    json!({
        "appid": "wx1", "mchid": MCH_ID, "out_trade_no": NUMBER, "transaction_id": "4200000000000001",
        "trade_type": "JSAPI", "trade_state": "SUCCESS", "trade_state_desc": "支付成功", "bank_type": "OTHERS",
        "attach": "", "success_time": time::to_rfc3339(Clock::system().now()), "payer": {"openid": "oTEST"},
        "amount": {"total": 101, "payer_total": 101, "currency": "CNY", "payer_currency": "CNY"},
    })
}

/// With another value, or without one, at that path.
fn with(pointer: &str, value: Option<Value>) -> Value {
    let mut payment = payment();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = payment.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(name.to_owned(), value),
        None => parent.remove(name),
    };
    payment
}

fn key(text: &str) -> Apiv3Key {
    text.parse().unwrap()
}

/// What WeChat posts when it seals `text`.
fn envelope(id: &str, text: &str) -> Value {
    let resource = Resource::seal(&key(APIV3_KEY), "transaction", "abcdefghijkl", "transaction", text.as_bytes());
    json!({
        "id": id, "create_time": time::to_rfc3339(Clock::system().now()), "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS", "summary": "支付成功", "resource": resource.unwrap(),
    })
}

/// As WeChat signs and posts it.
fn signed(till: &Till, body: &str) -> Posted {
    let (timestamp, nonce) = (Clock::system().now().to_string(), "nonce");
    let message = format!("{timestamp}\n{nonce}\n{body}\n");
    let signature = PrivateKey::from_pem(PLATFORM_KEY).unwrap().sign(message.as_bytes()).unwrap();
    Posted {
        url: format!("{}/wechat/shop/pay/default/notify/", till.app.base),
        headers: vec![
            ("wechatpay-timestamp", timestamp),
            ("wechatpay-nonce", nonce.to_owned()),
            ("wechatpay-signature", signature),
            ("wechatpay-serial", PUBLIC_KEY_ID.to_owned()),
            ("wechatpay-signature-type", "WECHATPAY2-SHA256-RSA2048".to_owned()),
            ("content-type", "application/json".to_owned()),
        ],
        body: body.to_owned(),
    }
}

async fn post(till: &Till, id: &str, payment: &Value) -> u16 {
    signed(till, &envelope(id, &payment.to_string()).to_string()).send().await.unwrap().0
}

/// A server whose order WeChat knows.
async fn till() -> Till {
    let till = Till::open("v3").await;
    till.order("JSAPI").await;
    till
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_does_not_fit_its_order_is_not_taken_and_somebody_looks_at_it() {
    let till = till().await;
    for (pointer, value, field) in [
        ("/amount/total", Some(json!(100)), Some("total_fee")),
        ("/amount/total", Some(json!(102)), Some("total_fee")),
        ("/amount/currency", Some(json!("USD")), Some("fee_type")),
        // Another merchant's, or another account's.
        ("/appid", Some(json!("wx2")), None),
        ("/mchid", Some(json!("1900000110")), None),
        // What is no amount at all is no payment.
        ("/amount/total", Some(json!("101")), None),
        ("/amount/total", Some(json!(-101)), None),
        ("/amount/total", Some(json!(101.5)), None),
        ("/amount/total", Some(json!(9_300_000_000_000_000_000_u64)), None),
        ("/amount/total", None, None),
        ("/amount", None, None),
        ("/transaction_id", None, None),
        ("/trade_state", Some(json!("PAID")), None),
        // Orders that are not here, and names that are none.
        ("/out_trade_no", Some(json!("T2026010100000x")), None),
        ("/out_trade_no", Some(json!("' OR 1=1 --")), None),
        ("/out_trade_no", Some(json!("../../orders")), None),
        ("/out_trade_no", Some(json!("T\u{0}1")), None),
    ] {
        let status = post(&till, "EV-1", &with(pointer, value.clone())).await;
        assert_eq!(status, 400, "{pointer} {value:?}");
        let order = till.get("").await;
        assert_eq!((&order["state"], &order["version"]), (&json!("NOTPAY"), &json!(1)), "{pointer} {value:?}");
        if let Some(field) = field {
            let alarms = order["alarms"].as_array().unwrap();
            let is_told = alarms.iter().any(|alarm| alarm["kind"] == "mismatch" && alarm["detail"] == field);
            assert!(is_told, "{pointer} {value:?}: {alarms:?}");
        }
    }
    assert_eq!(post(&till, "EV-1", &payment()).await, 200, "and what fits is taken");
    assert_eq!(till.state().await, "SUCCESS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_signed_and_does_not_open_is_never_taken() {
    let till = till().await;
    let good = envelope("EV-1", &payment().to_string());
    let change = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let other = Resource::seal(
        &key("0123456789abcdefghijABCDEFGHIJ!#"),
        "transaction",
        "abcdefghijkl",
        "transaction",
        payment().to_string().as_bytes(),
    );
    let ciphertext = good["resource"]["ciphertext"].as_str().unwrap();
    let flipped = if ciphertext.starts_with('A') { "B" } else { "A" }.to_owned() + &ciphertext[1..];
    for (what, body) in [
        ("another APIv3 key", change("/resource", serde_json::to_value(other.unwrap()).unwrap())),
        ("a changed byte", change("/resource/ciphertext", json!(flipped))),
        ("no tag", change("/resource/ciphertext", json!("AAAA"))),
        ("no base64", change("/resource/ciphertext", json!("!"))),
        ("other associated data", change("/resource/associated_data", json!("refund"))),
        ("a nonce of 11 bytes", change("/resource/nonce", json!("abcdefghijk"))),
        ("another algorithm", change("/resource/algorithm", json!("AEAD_AES_128_GCM"))),
        ("a text that is no JSON", envelope("EV-1", "paid")),
        ("a text that is no object", envelope("EV-1", "[]")),
        ("no resource", json!({"id": "EV-1", "event_type": "TRANSACTION.SUCCESS"})),
        ("no object", json!("paid")),
    ] {
        let (status, answer) = signed(&till, &body.to_string()).send().await.unwrap();
        assert_eq!(status, 400, "{what}: {answer}");
        assert_eq!(till.get("").await["version"], 1, "{what}");
    }
    // The bytes are signed, not what they mean.
    let mut spaced = signed(&till, &good.to_string());
    spaced.body = serde_json::to_string_pretty(&good).unwrap();
    assert_eq!(spaced.send().await.unwrap().0, 401);
    let changes: [fn(&mut Headers); 6] = [
        |headers| headers.retain(|(name, _)| *name != "wechatpay-timestamp"),
        |headers| headers.push(("wechatpay-signature", "AAAA".to_owned())),
        |headers| headers[0].1 = (Clock::system().now() - 301).to_string(),
        |headers| headers[0].1 = (Clock::system().now() + 301).to_string(),
        |headers| headers[2].1 = "not base64".to_owned(),
        |headers| headers[4].1 = "WECHATPAY2-MD5".to_owned(),
    ];
    for (place, change) in changes.into_iter().enumerate() {
        let mut posted = signed(&till, &good.to_string());
        change(&mut posted.headers);
        assert_eq!(posted.send().await.unwrap().0, 401, "{place}");
    }
    assert_eq!(till.state().await, "NOTPAY");
    // Profit sharing has events of the same name; they are no payments.
    let shared = change("/resource/original_type", json!("profitsharing"));
    assert_eq!(signed(&till, &shared.to_string()).send().await.unwrap().0, 200);
    assert_eq!(till.state().await, "NOTPAY");
    assert_eq!(signed(&till, &good.to_string()).send().await.unwrap().0, 200);
    assert_eq!(till.state().await, "SUCCESS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_payment_counts_once_and_a_second_one_is_told() {
    let till = till().await;
    let posts = (0..100).map(|number| {
        let till = &till;
        async move { post(till, &format!("EV-{}", number % 7), &payment()).await }
    });
    assert!(join_all(posts).await.iter().all(|status| *status == 200));
    for _ in 0..20 {
        assert_eq!(post(&till, "EV-1", &payment()).await, 200);
    }
    let order = till.get("").await;
    assert_eq!((&order["state"], &order["version"], &order["alarms"]), (&json!("SUCCESS"), &json!(2), &json!([])));
    // Somebody has paid twice.
    let again = with("/transaction_id", Some(json!("4200000000000002")));
    assert_eq!(post(&till, "EV-9", &again).await, 400);
    let order = till.get("").await;
    assert_eq!(order["transaction_id"], "4200000000000001", "the first is kept");
    let alarm = &order["alarms"][0];
    assert_eq!((&alarm["kind"], &alarm["detail"]), (&json!("other_transaction"), &json!("4200000000000002")));
    // A notification that comes after the refund does not take the order back.
    let (status, refund) = till.post("refunds", json!({"out_refund_no": "R1", "refund_fee": 101})).await;
    assert!(status == 200 || status == 502, "WeChat was never paid for it: {refund}");
    let events = till.get("/events").await["items"].as_array().unwrap().len();
    assert_eq!(post(&till, "EV-1", &payment()).await, 200);
    assert_eq!(till.get("/events").await["items"].as_array().unwrap().len(), events);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_hangs_holds_up_no_answer() {
    let till = till().await;
    till.app.drop_plugin("ear", guests::listener().await).await;
    let hook = json!({"order_hook": "ear/hangs"});
    assert_eq!(till.app.api(Method::PATCH, "/apps/shop", Some(hook)).await.0, 200);
    let cheap = json!({"out_trade_no": "T000013", "body": "a pear", "total_fee": 13, "openid": "oTEST"});
    assert_eq!(till.app.api(Method::POST, &format!("{MERCHANTS}/default/orders"), Some(cheap)).await.0, 201);
    let mut paid = with("/amount/total", Some(json!(13)));
    paid["out_trade_no"] = json!("T000013");
    let began = Instant::now();
    for number in 0..10 {
        assert_eq!(post(&till, &format!("EV-{number}"), &paid).await, 200);
    }
    // The hook sleeps a minute, and a call may take 30 seconds.
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_has_wechat_tell_again() {
    on_postgres(async |database| {
        let url = database.url.clone();
        let app = TestApp::start_with(|config| config.database_url = Some(url)).await;
        app.create_app("shop", json!({"appid": "wx1"})).await;
        assert_eq!(app.api(Method::POST, MERCHANTS, Some(v2())).await.0, 201);
        let new = json!({"out_trade_no": NUMBER, "body": "a pear", "total_fee": 101, "openid": "oTEST"});
        assert_eq!(app.api(Method::POST, &format!("{MERCHANTS}/default/orders"), Some(new)).await.0, 201);
        let merchant = Merchant { party: party(), key: API_KEY.parse().unwrap(), sign_type: SignType::HmacSha256 };
        let mut fields = merchant.fields_of(&told(TradeState::Success));
        fields.push("nonce_str", "n");
        let body = merchant.signed(fields, merchant.sign_type).to_xml("xml").into_bytes();
        let notify = || app.request(Method::POST, "/wechat/shop/pay/default/notify/", Some(body.clone()));

        let mut locks = database.postgres().await;
        let mut transaction = locks.begin().await.unwrap();
        sqlx::query("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE").execute(&mut *transaction).await.unwrap();
        let answer = timeout(Duration::from_millis(4900), notify()).await.expect("WeChat waits five seconds");
        assert!(answer.1.contains("FAIL"), "{answer:?}");
        transaction.rollback().await.unwrap();
        let answer = notify().await;
        assert!(answer.1.contains("SUCCESS"), "{answer:?}");
        let order = app.api(Method::GET, &format!("{MERCHANTS}/default/orders/{NUMBER}"), None).await.1;
        assert_eq!((&order["state"], &order["version"]), (&json!("SUCCESS"), &json!(1)), "{order}");
        locks.close().await.unwrap();
        app.stop().await;
    })
    .await;
}
