//! What plugins call of WeChat Pay.

use serde_json::{Value, json};

use super::Asking;
use crate::support::{
    till::{self, MCH_ID},
    with,
};

const TRANSFERS: &str = "/v3/fund-app/mch-transfer/transfer-bills";

fn call(doing: &str, what: Value) -> Value {
    with(json!({"ask": "pay", "do": doing}), what)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_called_beyond_the_grant() {
    let everything_else = json!({
        "kv": true, "users": true, "wechat_apis": ["/"], "orders": ["read", "create", "refund"],
        "pay_apis": ["/v3/profitsharing/receivers", "/mmpaymkttransfers/gethbinfo"],
    });
    let (asking, pay) = Asking::with_merchant("v3", everything_else).await;
    for (doing, path) in [
        ("get", "/v3/profitsharing/orders/P1"),
        ("get", "/v3/profitsharing/receiversx"),
        ("get", "/V3/profitsharing/receivers"),
        ("get", "/v3/certificates"),
        ("v2", "/mmpaymkttransfers/sendredpack"),
    ] {
        let refused = asking.ask(call(doing, json!({"path": path, "fields": []}))).await;
        assert_eq!(
            refused,
            format!("denied: the operator has not granted `pay_apis: {path}` to this plugin for this app")
        );
    }
    asking.grant(json!({"pay_apis": ["/"]})).await;
    // What orders are made of is out of reach, whatever is granted.
    for path in ["/v3/pay/transactions/native", "/v3/refund/domestic/refunds", "/V3/pay/transactions/native"] {
        let refused = asking.ask(call("post", json!({"path": path, "body": {"a": 1}}))).await;
        assert!(refused.starts_with("denied: ") && refused.contains("the order itself"), "{path} {refused}");
    }
    for path in ["v3/certificates", "/v3//certificates", "/v3/%70ay/transactions/native", "/v3/../pay"] {
        let refused = asking.ask(call("get", json!({"path": path}))).await;
        assert!(refused.starts_with("invalid: "), "{path} {refused}");
    }
    let other = asking.ask(call("get", json!({"path": "/v3/certificates", "merchant": "other"}))).await;
    assert_eq!(other, "not found: the app has no merchant `other`");
    let crossed = asking.ask(call("get", json!({"path": "/tools/shorturl"}))).await;
    assert!(crossed.starts_with("invalid: ") && crossed.contains("/v3/"), "{crossed}");
    let fields = json!({"path": "/tools/shorturl", "fields": [["long_url", "a"], ["long_url", "b"]]});
    assert_eq!(asking.ask(call("v2", fields)).await, "invalid: the field `long_url` is there twice");
    let own = json!({"path": "/tools/shorturl", "fields": [["mch_id", "1"]]});
    assert!(asking.ask(call("v2", own)).await.starts_with("invalid: `mch_id` is written here"));
    assert!(pay.calls().is_empty(), "nothing was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_has_a_size() {
    let (asking, pay) = Asking::with_merchant("v3", json!({"pay_apis": ["/"], "limits": {"request_kib": 1}})).await;
    let long = "x".repeat(1 << 10);
    for ask in [
        call("post", json!({"path": TRANSFERS, "body": {"remark": long}})),
        call("v2", json!({"path": "/tools/shorturl", "fields": [["long_url", long]]})),
    ] {
        assert_eq!(asking.ask(ask).await, "limited: the body of a call has at most 1024 bytes");
    }
    assert!(pay.calls().is_empty(), "nothing was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_a_payment_are_given_away_with_the_sdk() {
    let (asking, pay) = Asking::with_merchant("v3", json!({"pay_apis": ["/v3/profitsharing/"]})).await;
    let transaction = till::paid(&asking.inbox.app, &pay, "T20260101").await;
    let shared = asking.ask(call("share", json!({"transaction_id": transaction}))).await;
    assert_eq!(shared, "FINISHED 30 SUCCESS, 71 left, SUCCESS back, 0 left");
    let sent = pay.calls().into_iter().find(|call| call.target.ends_with("/receivers/add")).unwrap();
    assert!(!sent.body.contains("张三") && sent.body.contains("wxshop"), "{}", sent.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_goes_to_a_user_with_the_sdk() {
    let (asking, pay) = Asking::with_merchant("v3", json!({"pay_apis": [TRANSFERS]})).await;
    let sent = asking.ask(call("transfer", json!({"number": "B1", "name": "张三"}))).await;
    assert_eq!(sent, "WAIT_USER_CONFIRM WAIT_USER_CONFIRM CANCELLED CANCELLED");
    assert!(!pay.calls()[0].body.contains("张三"), "the host sealed it");
    let long = asking.ask(call("transfer", json!({"number": "B2", "name": "张".repeat(100)}))).await;
    assert!(long.starts_with("invalid: "), "{long}");
    let nobody = asking.ask(call("get", json!({"path": format!("{TRANSFERS}/out-bill-no/B3")}))).await;
    assert_eq!(nobody, "wechat refused with 0: RESOURCE_NOT_EXISTS: RESOURCE_NOT_EXISTS");
    pay.lose_answers(1);
    let lost = asking.ask(call("transfer", json!({"number": "B4"}))).await;
    assert!(lost.starts_with("timed out: "), "it may have been done: {lost}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn red_packets_are_sent_with_the_sdk() {
    let (asking, pay) = Asking::with_merchant("v2", json!({"pay_apis": ["/mmpaymkttransfers"]})).await;
    assert_eq!(asking.ask(call("red_packet", json!({"number": "B1"}))).await, "SENT 1000");
    assert_eq!(pay.red_packets(MCH_ID), 1);
    let query =
        json!({"path": "/mmpaymkttransfers/gethbinfo", "fields": [["mch_billno", "B9"], ["bill_type", "MCHT"]]});
    assert_eq!(asking.ask(call("v2", query)).await, "wechat refused with 0: NOT_FOUND: NOT_FOUND");
}
