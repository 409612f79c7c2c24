//! Orders between here and a simulated WeChat Pay, the same for v2 and v3.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use weft::{clock::Clock, model::OrderState, simulator::pay::PayGateway};
use weft_wechat::pay::{
    TradeState,
    v2::{Fields, seal_refund, success},
};

use super::{
    NUMBER,
    merchants::{API_KEY, MERCHANTS},
};
use crate::support::{
    TestApp,
    till::{self, MCH_ID},
    until,
};

/// A server with one merchant, and the WeChat Pay that it calls.
pub(super) struct Till {
    pub(super) app: TestApp,
    pub(super) pay: PayGateway,
    pub(super) version: &'static str,
}

impl Till {
    pub(super) async fn open(version: &'static str) -> Self {
        Self::open_at(version, Clock::system()).await
    }

    /// With a clock that the test moves, for both.
    pub(super) async fn open_at(version: &'static str, clock: Clock) -> Self {
        let pay = till::gateway(version, "wx1", clock.clone()).await;
        let base = pay.base.clone();
        let app = TestApp::start_at(clock, |config| config.pay.api_base = base).await;
        till::create(&app, till::merchant(version)).await;
        Self { app, pay, version }
    }

    /// Creates an order and tells WeChat of it.
    pub(super) async fn order(&self, trade_type: &str) -> Value {
        let new = json!({
            "out_trade_no": NUMBER, "body": "一个梨", "total_fee": 101, "openid": "oTEST", "trade_type": trade_type,
        });
        let (status, order) = self.app.api(Method::POST, &format!("{MERCHANTS}/default/orders"), Some(new)).await;
        assert_eq!(status, 201, "{order}");
        let (status, prepaid) = self.post("prepay", json!({})).await;
        assert_eq!(status, 200, "{} {prepaid}", self.version);
        prepaid
    }

    pub(super) async fn post(&self, action: &str, body: Value) -> (u16, Value) {
        let path = format!("{MERCHANTS}/default/orders/{NUMBER}/{action}");
        self.app.api(Method::POST, &path, Some(body)).await
    }

    pub(super) async fn get(&self, what: &str) -> Value {
        self.app.api(Method::GET, &format!("{MERCHANTS}/default/orders/{NUMBER}{what}"), None).await.1
    }

    pub(super) async fn state(&self) -> Value {
        self.get("").await["state"].clone()
    }

    /// Has WeChat tell of the order, at the address of this very server.
    pub(super) async fn notify(&self) -> (u16, String) {
        let mut posted = self.pay.notification(MCH_ID, NUMBER).unwrap().expect("it is paid");
        posted.url = format!("{}/wechat/shop/pay/default/notify/", self.app.base);
        posted.send().await.unwrap()
    }

    fn is_taken(&self, (status, body): &(u16, String)) -> bool {
        if self.version == "v2" { body == success() } else { *status == 200 }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_prepaid_paid_and_told_of() {
    for version in ["v2", "v3"] {
        let till = Till::open(version).await;
        let prepaid = till.order("JSAPI").await;
        let parameters = &prepaid["parameters"];
        assert_eq!(parameters["appId"], "wx1");
        assert_eq!(parameters["package"], format!("prepay_id={}", prepaid["prepay_id"].as_str().unwrap()));
        assert_eq!(parameters["signType"], if version == "v2" { "HMAC-SHA256" } else { "RSA" });
        assert!(!parameters["paySign"].as_str().unwrap().is_empty());
        assert_eq!(till.state().await, "NOTPAY");
        // The same again but for where it is called from.
        let (status, again) = till.post("prepay", json!({"spbill_create_ip": "203.0.113.9"})).await;
        assert_eq!((status, &again["prepay_id"]), (200, &prepaid["prepay_id"]), "{version} {again}");
        let told = till.pay.notification(MCH_ID, NUMBER).unwrap().unwrap();
        assert!(told.url.ends_with("/wechat/shop/pay/default/notify/"), "{}", told.url);

        till.pay.pay(MCH_ID, NUMBER).unwrap();
        let tries = join_all((0..20).map(|_| till.notify())).await;
        assert!(tries.iter().all(|answer| till.is_taken(answer)), "{version} {tries:?}");
        assert!(till.is_taken(&till.notify().await));
        let order = till.get("").await;
        assert_eq!((&order["state"], &order["version"]), (&json!("SUCCESS"), &json!(2)), "{version} {order}");
        assert!(order["transaction_id"].is_string() && order["paid_at"].is_string());
        assert_eq!(order["alarms"], json!([]));
        let events = till.get("/events").await;
        let became: Vec<_> = events["items"].as_array().unwrap().iter().map(|event| event["state"].clone()).collect();
        assert_eq!(became, ["NOTPAY", "SUCCESS"], "told of many times, it is paid once");
        let (status, same) = till.post("sync", json!({})).await;
        assert_eq!((status, &same["version"]), (200, &json!(2)));
        assert_eq!(till.post("prepay", json!({})).await.0, 409, "it is paid");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_to_pay_gives_what_it_needs() {
    for version in ["v2", "v3"] {
        for (trade_type, field) in [("NATIVE", "code_url"), ("MWEB", "mweb_url")] {
            let till = Till::open(version).await;
            let prepaid = till.order(trade_type).await;
            assert!(prepaid[field].is_string(), "{version} {prepaid}");
        }
        let till = Till::open(version).await;
        let prepaid = till.order("APP").await;
        assert_eq!(prepaid["parameters"]["package"], "Sign=WXPay");
        assert_eq!(prepaid["parameters"]["partnerid"], MCH_ID);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_proven_changes_nothing() {
    for version in ["v2", "v3"] {
        let till = Till::open(version).await;
        till.order("JSAPI").await;
        till.pay.pay(MCH_ID, NUMBER).unwrap();
        let mut good = till.pay.notification(MCH_ID, NUMBER).unwrap().unwrap();
        good.url = format!("{}/wechat/shop/pay/default/notify/", till.app.base);
        let send = async |change: &dyn Fn(&mut weft::simulator::pay::Posted)| {
            let mut posted = good.clone();
            change(&mut posted);
            posted.send().await.unwrap()
        };
        let changes: [&dyn Fn(&mut weft::simulator::pay::Posted); 6] = [
            &|posted| posted.body = posted.body.replace("SUCCESS", "REFUND"),
            &|posted| posted.body = posted.body.replacen('1', "2", 1),
            &|posted| posted.body.truncate(posted.body.len() / 2),
            &|posted| posted.body.clear(),
            &|posted| posted.url = posted.url.replace("default", "other"),
            &|posted| {
                posted.body = posted.body.replace("<sign>", "<sign2>").replace("</sign>", "</sign2>");
                posted.headers.retain(|(name, _)| *name != "wechatpay-signature");
            },
        ];
        for change in changes {
            let answer = send(change).await;
            assert!(!till.is_taken(&answer), "{version} {answer:?}");
            assert!(answer.0 < 500 && !answer.1.contains("oTEST"), "{answer:?}");
        }
        if version == "v3" {
            let probe = send(&|posted| {
                let signature = posted.headers.iter_mut().find(|(name, _)| *name == "wechatpay-signature").unwrap();
                signature.1 = "WECHATPAY/SIGNTEST/x".into();
            });
            assert_eq!(probe.await.0, 401);
        }
        assert_eq!(till.state().await, "NOTPAY");
        assert_eq!(till.get("").await["alarms"], json!([]));
        assert!(till.is_taken(&good.send().await.unwrap()), "and what is proven is taken");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_nobody_told_of_is_found_by_asking() {
    for version in ["v2", "v3"] {
        let till = Till::open(version).await;
        till.order("JSAPI").await;
        assert_eq!(till.post("sync", json!({})).await.1["state"], "NOTPAY");
        till.pay.pay(MCH_ID, NUMBER).unwrap();
        till.pay.lose_answers(1);
        assert_eq!(till.post("sync", json!({})).await.0, 504, "an answer that is lost says nothing");
        assert_eq!(till.state().await, "NOTPAY");
        assert_eq!(till.post("sync", json!({})).await.1["state"], "SUCCESS");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_are_found_although_every_notification_is_lost() {
    const MINUTE: u64 = 60_000;
    for version in ["v2", "v3"] {
        let till = Till::open(version).await;
        till.order("JSAPI").await;
        let now = Clock::system().now_ms();
        let ask = async |minutes: u64| till.app.state.pay.ask_about_open(now + minutes * MINUTE).await.unwrap();
        assert_eq!(ask(0).await, 0, "it was seen just now");
        till.pay.lose_answers(1);
        assert_eq!(ask(2).await, 1);
        assert_eq!(till.state().await, "NOTPAY");
        till.pay.pay(MCH_ID, NUMBER).unwrap();
        assert_eq!(ask(3).await, 0, "WeChat Pay did not answer a minute ago");
        assert_eq!(ask(5).await, 1);
        assert_eq!(till.state().await, "SUCCESS", "{version}");
        assert_eq!(ask(1000).await, 0, "nothing is open");

        // One that nobody pays is closed when its time has run out.
        let till = Till::open(version).await;
        till.order("JSAPI").await;
        till.app.state.pay.ask_about_open(now + 60 * MINUTE).await.unwrap();
        assert_eq!(till.state().await, "NOTPAY");
        till.app.state.pay.ask_about_open(now + 130 * MINUTE).await.unwrap();
        assert_eq!(till.state().await, "CLOSED", "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_closed_unless_it_was_paid_meanwhile() {
    for version in ["v2", "v3"] {
        let till = Till::open(version).await;
        till.order("JSAPI").await;
        let (status, closed) = till.post("close", json!({})).await;
        assert_eq!((status, &closed["state"]), (200, &json!("CLOSED")), "{version} {closed}");
        assert_eq!(till.post("close", json!({})).await.1["state"], "CLOSED");
        assert_eq!(till.post("prepay", json!({})).await.0, 409);

        let till = Till::open(version).await;
        till.order("JSAPI").await;
        till.pay.pay(MCH_ID, NUMBER).unwrap();
        assert_eq!(till.post("close", json!({})).await.1["state"], "SUCCESS", "{version}");
        assert_eq!(till.post("close", json!({})).await.0, 409);
        assert_eq!(till.post("reverse", json!({})).await.0, 409);

        // Closed by us, and told of as paid: the payment counts, and somebody looks at it.
        let till = Till::open(version).await;
        till.order("JSAPI").await;
        till.pay.pay(MCH_ID, NUMBER).unwrap();
        till.pay.set_state(MCH_ID, NUMBER, TradeState::Notpay);
        till.post("close", json!({})).await;
        till.pay.set_state(MCH_ID, NUMBER, TradeState::Success);
        assert!(till.is_taken(&till.notify().await));
        let order = till.get("").await;
        assert_eq!((&order["state"], &order["alarms"][0]["kind"]), (&json!("SUCCESS"), &json!("paid_after_close")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_given_back_once_however_often_it_is_asked_for() {
    for version in ["v2", "v3"] {
        let till = Till::open(version).await;
        till.order("JSAPI").await;
        let refund = |number: &str, fee: u64| json!({"out_refund_no": number, "refund_fee": fee, "reason": "不要了"});
        assert_eq!(till.post("refunds", refund("R1", 1)).await.0, 422, "it is not paid");
        till.pay.pay(MCH_ID, NUMBER).unwrap();
        till.notify().await;
        for fee in [0, 102] {
            assert_eq!(till.post("refunds", refund("R1", fee)).await.0, 422, "{fee}");
        }
        till.pay.lose_answers(1);
        assert_eq!(till.post("refunds", refund("R1", 60)).await.0, 504);
        assert_eq!(till.get("/refunds").await["items"][0]["state"], "NEW");
        assert_eq!(till.post("refunds", refund("R2", 60)).await.0, 422, "it may have been given back already");
        let (status, given) = till.post("refunds", refund("R1", 60)).await;
        assert_eq!(status, 200, "{version} {given}");
        assert_eq!(given["state"], if version == "v2" { "PROCESSING" } else { "SUCCESS" });
        assert_eq!(till.post("refunds", refund("R1", 61)).await.0, 409);
        assert_eq!(till.post("refunds", refund("R1", 60)).await.0, 200);
        assert_eq!(till.pay.refunded(MCH_ID, NUMBER), 60, "{version}");
        let order = till.get("").await;
        assert_eq!((&order["state"], &order["version"]), (&json!("REFUND"), &json!(3)));
        assert_eq!(till.post("refunds", refund("R2", 41)).await.0, 200);
        assert_eq!(till.post("refunds", refund("R3", 1)).await.0, 422);
        assert_eq!(till.pay.refunded(MCH_ID, NUMBER), 101);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_by_code_is_asked_about_until_it_is_known() {
    let create = async |till: &Till| {
        let new = json!({"out_trade_no": NUMBER, "body": "一个梨", "total_fee": 101, "trade_type": "MICROPAY"});
        assert_eq!(till.app.api(Method::POST, &format!("{MERCHANTS}/default/orders"), Some(new)).await.0, 201);
    };
    let code = || json!({"auth_code": "134567890123456780"});
    let till = Till::open("v2").await;
    create(&till).await;
    assert_eq!(till.post("micropay", json!({"auth_code": "12345"})).await.0, 422);
    let (status, paid) = till.post("micropay", code()).await;
    assert_eq!((status, &paid["state"]), (200, &json!("SUCCESS")), "{paid}");
    assert_eq!(till.post("micropay", code()).await.0, 409, "once");
    assert_eq!(till.post("prepay", json!({})).await.0, 409);

    // The user is asked for a password, which takes longer than the client of these tests waits.
    let pay = async |till: &Till| {
        let state = &till.app.state;
        let shop = state.pay.shop("shop", "default").await.unwrap().unwrap();
        let order = state.store.orders().find("shop", "default", NUMBER).await.unwrap().unwrap();
        state.pay.pay_by_code(&shop, &order, "134567890123456781", None).await.unwrap().state
    };
    let is_asked = async |till: &Till| {
        until("the user is asked", async || (till.state().await == "USERPAYING").then_some(())).await;
    };
    let till = Till::open("v2").await;
    create(&till).await;
    let typing = async {
        is_asked(&till).await;
        till.pay.pay(MCH_ID, NUMBER).unwrap();
    };
    assert_eq!(tokio::join!(pay(&till), typing).0, OrderState::Success);

    // A payment that nobody waits for any more is taken back.
    let till = Till::open("v2").await;
    create(&till).await;
    let given_up = async {
        is_asked(&till).await;
        till.app.state.pay.ask_about_open(Clock::system().now_ms() + 120_000).await.unwrap();
    };
    assert_eq!(tokio::join!(pay(&till), given_up).0, OrderState::Revoked);
    assert_eq!(Till::open("v3").await.post("micropay", code()).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsigned_hint_about_a_refund_has_wechat_asked() {
    let till = Till::open("v2").await;
    till.order("JSAPI").await;
    till.pay.pay(MCH_ID, NUMBER).unwrap();
    till.notify().await;
    till.post("refunds", json!({"out_refund_no": "R1", "refund_fee": 60})).await;
    let key = API_KEY.parse().unwrap();
    // What it says of state and amount is nobody's word.
    let post = async |inner: &str, mch_id: &str| {
        let mut fields = Fields::default();
        for (name, value) in [("return_code", "SUCCESS"), ("appid", "wx1"), ("mch_id", mch_id)] {
            fields.push(name, value);
        }
        fields.push("req_info", seal_refund(&key, inner));
        let body = Some(fields.to_xml("xml").into_bytes());
        till.app.request(Method::POST, "/wechat/shop/pay/default/refund-notify/", body).await.1
    };
    let inner = |trade: &str, refund: &str| {
        format!(
            "<root><out_trade_no>{trade}</out_trade_no><out_refund_no>{refund}</out_refund_no>\
                 <refund_status>CHANGE</refund_status><refund_fee>1</refund_fee></root>"
        )
    };
    for (inner, mch_id) in [
        (inner(NUMBER, "R1"), "1900000110"),
        (inner("T2026010100000x", "R1"), MCH_ID),
        (format!("<!DOCTYPE root>{}", inner(NUMBER, "R1")), MCH_ID),
    ] {
        assert_ne!(post(&inner, mch_id).await, success(), "{inner}");
    }
    assert_eq!(till.get("/refunds").await["items"][0]["state"], "PROCESSING");
    assert_eq!(post(&inner(NUMBER, "R1"), MCH_ID).await, success());
    let refund = &till.get("/refunds").await["items"][0];
    assert_eq!((&refund["state"], &refund["refund_fee"]), (&json!("SUCCESS"), &json!(60)));
}
