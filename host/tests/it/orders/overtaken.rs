//! What is done with an order that somebody else has changed since it was read.

use reqwest::Method;
use serde_json::json;
use weft::{
    model::{Order, OrderState},
    pay::{PayActionError, Shop},
};

use super::{NUMBER, gateway::Till, merchants::MERCHANTS};

/// Creates an order, and gives it as two callers read it who come at once.
async fn created(till: &Till, trade_type: &str) -> (Shop, Order) {
    let new = json!({"out_trade_no": NUMBER, "body": "一个梨", "total_fee": 101, "trade_type": trade_type});
    let (status, order) = till.app.api(Method::POST, &format!("{MERCHANTS}/default/orders"), Some(new)).await;
    assert_eq!(status, 201, "{order}");
    let state = &till.app.state;
    let shop = state.pay.shop("shop", "default").await.unwrap().unwrap();
    let order = state.store.orders().find("shop", "default", NUMBER).await.unwrap().unwrap();
    (shop, order)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_codes_at_once_one_is_taken() {
    let till = Till::open("v2").await;
    let (shop, order) = created(&till, "MICROPAY").await;
    let pay = &till.app.state.pay;
    let paid = pay.pay_by_code(&shop, &order, "134567890123456780", None).await.unwrap();
    assert_eq!(paid.state, OrderState::Success);
    let second = pay.pay_by_code(&shop, &order, "134567890123456790", None).await;
    assert!(matches!(second, Err(PayActionError::State(_))), "{second:?}");
    let calls = till.pay.calls();
    assert_eq!(calls.iter().filter(|call| call.target == "/pay/micropay").count(), 1, "{calls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_closed_while_wechat_is_told_of_it_is_not_handed_out() {
    for version in ["v2", "v3"] {
        let till = Till::open(version).await;
        let (shop, order) = created(&till, "NATIVE").await;
        let pay = &till.app.state.pay;
        assert_eq!(pay.close(&shop, &order).await.unwrap().state, OrderState::Closed);
        let prepaid = pay.prepay(&shop, &order, None).await;
        assert!(matches!(prepaid, Err(PayActionError::State(_))), "{version} {prepaid:?}");
    }
}
