//! What plugins do with orders.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::pay::PayGateway;
use weft_wechat::pay::TradeState;

use super::Asking;
use crate::{
    orders::API_KEY,
    support::{till::MCH_ID, with},
};

const NUMBER: &str = "T20260101000001";

fn order(doing: &str, what: Value) -> Value {
    with(json!({"ask": "order", "do": doing, "out_trade_no": NUMBER}), what)
}

/// An app with one merchant, and the guest with these rights.
async fn open(version: &str, rights: &[&str]) -> (Asking, PayGateway) {
    Asking::with_merchant(version, json!({"orders": rights})).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_right_is_granted_by_itself() {
    let (asking, _pay) = open("v2", &[]).await;
    let asks = [
        ("read", order("find", json!({}))),
        ("read", order("query", json!({}))),
        ("create", order("create", json!({"total_fee": 101}))),
        ("create", order("prepay", json!({}))),
        ("refund", order("refund", json!({"out_refund_no": "R1", "refund_fee": 1}))),
    ];
    for granted in ["", "read", "create", "refund"] {
        asking.grant(json!({"orders": if granted.is_empty() { vec![] } else { vec![granted] }})).await;
        for (needed, ask) in &asks {
            let answer = asking.ask(ask.clone()).await;
            let is_denied = answer.contains(&format!("not granted `orders: {needed}`"));
            assert_eq!(is_denied, granted != *needed, "with `{granted}` {ask}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_created_paid_and_refunded() {
    for version in ["v2", "v3"] {
        let (asking, pay) = open(version, &["read", "create", "refund"]).await;
        assert_eq!(asking.ask(order("find", json!({}))).await, "none");
        let create = |more: Value| order("create", more);
        let created = asking.ask(create(json!({"total_fee": 101}))).await;
        assert_eq!(created, format!("default {NUMBER} 101 State::New - a=1"), "{version}");
        assert_eq!(asking.ask(create(json!({"total_fee": 101}))).await, created, "the same is the same");
        let other = asking.ask(create(json!({"total_fee": 102}))).await;
        assert!(other.starts_with("conflict: "), "{other}");
        let wrong = asking.ask(create(json!({"total_fee": 0, "out_trade_no": "T2"}))).await;
        assert!(wrong.starts_with("invalid: ") && wrong.contains("total_fee: "), "{wrong}");
        let endless = json!({"total_fee": 1, "out_trade_no": "T20260101000002", "expires_at": u64::MAX});
        let endless = asking.ask(create(endless)).await;
        assert!(endless.starts_with("invalid: ") && endless.contains("time_expire: "), "{endless}");

        let prepaid = asking.ask(order("prepay", json!({}))).await;
        assert!(prepaid.starts_with("code_url=http://"), "{version} {prepaid}");
        assert_eq!(asking.ask(order("prepay", json!({}))).await, prepaid);
        pay.pay(MCH_ID, NUMBER).unwrap();
        let paid = asking.ask(order("query", json!({"merchant": "default"}))).await;
        assert_eq!(paid, format!("default {NUMBER} 101 State::Success oSimulated a=1"), "{version}");
        assert_eq!(asking.ask(order("find", json!({}))).await, paid);

        let refund = |number: &str, fee: u64| order("refund", json!({"out_refund_no": number, "refund_fee": fee}));
        // WeChat does it, and the answer is lost: whether it did is unknown, and the same number gives nothing twice.
        pay.lose_answers(1);
        let lost = asking.ask(refund("R1", 51)).await;
        assert!(lost.starts_with("timed out: "), "{version} {lost}");
        assert!(asking.ask(refund("R1", 51)).await.starts_with("R1 51 "), "{version}");
        assert_eq!(pay.refunded(MCH_ID, NUMBER), 51);
        let beyond = asking.ask(refund("R2", 51)).await;
        assert!(beyond.starts_with("invalid: ") && beyond.contains("1 to 50 fen"), "{beyond}");
        assert_eq!(pay.refunded(MCH_ID, NUMBER), 51);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_orders_that_wechat_pay_does_not_know_plugins_create_so_many_and_no_more() {
    let (asking, _pay) = open("v2", &[]).await;
    asking.grant(json!({"orders": ["create"], "limits": {"open_orders": 2}})).await;
    let create = |number: &str| order("create", json!({"total_fee": 1, "out_trade_no": number}));
    for number in ["T20260101000001", "T20260101000002", "T20260101000001"] {
        let created = asking.ask(create(number)).await;
        assert!(created.starts_with(&format!("default {number} ")), "{created}");
    }
    let full = asking.ask(create("T20260101000003")).await;
    assert!(full.starts_with("limited: ") && full.contains("2 orders") && full.contains("open_orders"), "{full}");
    // The same is the same, and not one more.
    let known = asking.ask(create("T20260101000002")).await;
    assert!(known.starts_with("default T20260101000002 "), "{known}");
    let other = order("create", json!({"total_fee": 2, "out_trade_no": "T20260101000002"}));
    assert!(asking.ask(other).await.starts_with("conflict: "));

    let prepaid = asking.ask(order("prepay", json!({"out_trade_no": "T20260101000001"}))).await;
    assert!(prepaid.starts_with("code_url="), "{prepaid}");
    let created = asking.ask(create("T20260101000003")).await;
    assert!(created.starts_with("default T20260101000003 "), "{created}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_page_needs_is_given_as_it_is() {
    let (asking, _pay) = open("v3", &["create"]).await;
    asking.ask(order("create", json!({"total_fee": 1, "openid": "oFan"}))).await;
    let prepaid = asking.ask(order("prepay", json!({}))).await;
    let names: Vec<_> = prepaid.split(' ').filter_map(|field| Some(field.split_once('=')?.0)).collect();
    assert_eq!(names, ["appId", "timeStamp", "nonceStr", "package", "signType", "paySign"], "{prepaid}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_the_apps_own_and_the_first_merchant_has_the_greatest_weight() {
    let (asking, _pay) = open("v2", &["read", "create", "refund"]).await;
    asking.inbox.account("other", json!({"message_handler": "asker"})).await;
    let add = async |app: &str, name: &str, weight: i64| {
        let merchant = json!({
            "name": name, "weight": weight, "mch_id": "1900000110", "api_version": "v2", "api_key": API_KEY,
        });
        let (status, created) =
            asking.inbox.app.api(Method::POST, &format!("/apps/{app}/merchants"), Some(merchant)).await;
        assert_eq!(status, 201, "{created}");
    };
    add("other", "theirs", 9).await;
    add("other", "default", 1).await;
    add("shop", "zzz", 1).await;
    // The other app has an order of that number at both, one of which has the name of a merchant here.
    for merchant in ["theirs", "default"] {
        let new = json!({"out_trade_no": NUMBER, "body": "一个梨", "total_fee": 1, "trade_type": "NATIVE"});
        let orders = format!("/apps/other/merchants/{merchant}/orders");
        let (status, created) = asking.inbox.app.api(Method::POST, &orders, Some(new)).await;
        assert_eq!(status, 201, "{created}");
    }
    let order = |doing: &str, merchant: Option<&str>| {
        let what = json!({"merchant": merchant, "total_fee": 1, "out_refund_no": "R1", "refund_fee": 1});
        order(doing, what)
    };
    assert!(asking.ask(order("create", None)).await.starts_with("zzz "));
    assert_eq!(asking.ask(order("find", Some("default"))).await, "none", "each merchant has its own numbers");
    for doing in ["find", "create", "prepay", "query", "refund"] {
        let theirs = asking.ask(order(doing, Some("theirs"))).await;
        assert_eq!(theirs, "not found: the app has no merchant `theirs`", "{doing}");
    }
    for doing in ["prepay", "query", "refund"] {
        let refused = asking.ask(order(doing, Some("default"))).await;
        assert_eq!(refused, format!("not found: there is no order `{NUMBER}`"), "{doing}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wechat_pay_is_asked_so_often_in_one_call_and_no_more() {
    let (asking, pay) = open("v3", &["read", "create"]).await;
    asking.ask(order("create", json!({"total_fee": 1}))).await;
    asking.ask(order("prepay", json!({}))).await;
    let calls = pay.calls().len();
    let mut flood = order("query", json!({}));
    flood["ask"] = "order_flood".into();
    let answer = asking.ask(flood).await;
    assert!(answer.starts_with("16 answered, then limited: "), "{answer}");
    assert_eq!(pay.calls().len(), calls + 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_wechat_pays_word_for_it() {
    let (asking, pay) = open("v3", &["create"]).await;
    asking.ask(order("create", json!({"total_fee": 1}))).await;
    asking.ask(order("prepay", json!({}))).await;
    pay.set_state(MCH_ID, NUMBER, TradeState::Closed);
    let refused = asking.ask(order("prepay", json!({}))).await;
    assert!(refused.starts_with("wechat refused with 0: ORDER_CLOSED: "), "{refused}");
    drop(pay);
    let gone = asking.ask(order("prepay", json!({}))).await;
    assert!(gone.starts_with("unavailable: "), "nobody listens there, so nothing was sent: {gone}");
}
