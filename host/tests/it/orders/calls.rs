//! `/apps/{app}/merchants/{merchant}/wechat/{path}`: any call of WeChat Pay.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::pay::{PayGateway, PlatformKey};

use super::{gateway::Till, merchants::MERCHANTS};
use crate::support::{
    TestApp,
    till::{self, MCH_ID},
};

const TRANSFERS: &str = "v3/fund-app/mch-transfer/transfer-bills";

/// A server with one merchant, and the WeChat Pay that it calls.
struct Calls {
    app: TestApp,
    pay: PayGateway,
}

impl Calls {
    async fn open(version: &'static str) -> Self {
        let Till { app, pay, .. } = Till::open(version).await;
        Self { app, pay }
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.app.api(Method::POST, &format!("{MERCHANTS}/default/wechat/{path}"), Some(body)).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.app.api(Method::GET, &format!("{MERCHANTS}/default/wechat/{path}"), None).await
    }

    /// What the audit log has of the calls, as text.
    async fn log(&self) -> String {
        let (_, log) = self.app.api(Method::GET, "/audit-log?action=call_pay_post&limit=200", None).await;
        log["items"].to_string()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_a_payment_go_to_others_and_come_back() {
    let calls = Calls::open("v3").await;
    let transaction = till::paid(&calls.app, &calls.pay, "T20260101").await;
    let receiver = json!({
        "appid": "wx1", "type": "MERCHANT_ID", "account": "1900000111", "relation_type": "SUPPLIER",
        "name": {"$encrypt": "张三公司"},
    });
    let split = json!({
        "appid": "wx1", "transaction_id": transaction, "out_order_no": "P1", "unfreeze_unsplit": false,
        "receivers": [{"type": "MERCHANT_ID", "account": "1900000111", "amount": 30, "description": "分"}],
    });
    let (status, refused) = calls.post("v3/profitsharing/orders", split.clone()).await;
    assert_eq!((status, &refused["code"]), (400, &json!("INVALID_REQUEST")), "nobody may get a part yet");
    let (status, added) = calls.post("v3/profitsharing/receivers/add", receiver).await;
    assert_eq!((status, &added["name"]), (200, &json!("张三公司")), "WeChat could read it");
    let sent = calls.pay.calls().into_iter().find(|call| call.target.ends_with("/add")).unwrap();
    assert!(!sent.body.contains("张三") && !sent.body.contains("$encrypt"), "{}", sent.body);
    assert!(!calls.log().await.contains("张三") && calls.log().await.contains("1900000111"));

    let (status, told) = calls.post("v3/profitsharing/orders", split.clone()).await;
    assert_eq!((status, &told["state"]), (200, &json!("PROCESSING")), "{told}");
    assert_eq!(calls.post("v3/profitsharing/orders", split).await, (status, told), "the same number is the same split");
    let (_, told) = calls.get(&format!("v3/profitsharing/orders/P1?transaction_id={transaction}")).await;
    assert_eq!((&told["state"], &told["receivers"][0]["result"]), (&json!("FINISHED"), &json!("SUCCESS")));
    let amounts = format!("v3/profitsharing/transactions/{transaction}/amounts");
    assert_eq!(calls.get(&amounts).await.1["unsplit_amount"], 71);
    let back = json!({
        "out_order_no": "P1", "out_return_no": "B1", "return_mchid": "1900000111", "amount": 30, "description": "退",
    });
    assert_eq!(calls.post("v3/profitsharing/return-orders", back).await.1["result"], "SUCCESS");
    assert_eq!(calls.get("v3/profitsharing/return-orders/B1?out_order_no=P1").await.1["amount"], 30);
    let rest = json!({"transaction_id": transaction, "out_order_no": "P2", "description": "完"});
    assert_eq!(calls.post("v3/profitsharing/orders/unfreeze", rest).await.0, 200);
    assert_eq!(calls.get(&amounts).await.1["unsplit_amount"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_goes_to_a_user_who_confirms_it() {
    let calls = Calls::open("v3").await;
    let bill = |number: &str| {
        json!({
            "appid": "wx1", "out_bill_no": number, "transfer_scene_id": "1000", "openid": "oTEST",
            "user_name": {"$encrypt": "张三"}, "transfer_amount": 100, "transfer_remark": "奖",
        })
    };
    let (status, told) = calls.post(TRANSFERS, bill("B1")).await;
    assert_eq!((status, &told["state"]), (200, &json!("WAIT_USER_CONFIRM")), "{told}");
    assert!(told["package_info"].is_string());
    let of_wechat = told["transfer_bill_no"].as_str().unwrap();
    // Sealed anew, it is the same transfer.
    assert_eq!(calls.post(TRANSFERS, bill("B1")).await.1, told);
    assert!(calls.pay.confirm_transfer(MCH_ID, "B1"));
    for path in ["out-bill-no/B1".to_owned(), format!("transfer-bill-no/{of_wechat}")] {
        assert_eq!(calls.get(&format!("{TRANSFERS}/{path}")).await.1["state"], "SUCCESS", "{path}");
    }
    assert_eq!(calls.post(&format!("{TRANSFERS}/out-bill-no/B1/cancel"), Value::Null).await.0, 400);
    calls.post(TRANSFERS, bill("B2")).await;
    let (status, told) = calls.post(&format!("{TRANSFERS}/out-bill-no/B2/cancel"), Value::Null).await;
    assert_eq!((status, &told["state"]), (200, &json!("CANCELLED")));
    let long = json!({"user_name": {"$encrypt": "张".repeat(100)}});
    let asked = calls.pay.calls().len();
    let (status, problem) = calls.post(TRANSFERS, long).await;
    assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{problem}");
    assert_eq!(calls.pay.calls().len(), asked, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_paid_together() {
    let calls = Calls::open("v3").await;
    let part = |mch_id: &str, number: &str| {
        json!({
            "mchid": mch_id, "out_trade_no": number, "description": "测试", "attach": "a",
            "amount": {"total_amount": 5, "currency": "CNY"},
        })
    };
    let together = json!({
        "combine_appid": "wx1", "combine_mchid": MCH_ID, "combine_out_trade_no": "C1",
        "sub_orders": [part(MCH_ID, "T1"), part("1900000111", "T2")], "notify_url": "https://host.example/notify",
    });
    let (status, told) = calls.post("v3/combine-transactions/native", together).await;
    assert!(status == 200 && told["code_url"].is_string(), "{status} {told}");
    assert!(calls.pay.pay_combined(MCH_ID, "C1"));
    let (_, told) = calls.get("v3/combine-transactions/out-trade-no/C1").await;
    assert_eq!(
        (&told["sub_orders"][1]["trade_state"], &told["sub_orders"][1]["mchid"]),
        (&json!("SUCCESS"), &json!("1900000111"))
    );
    let close = json!({"combine_appid": "wx1", "sub_orders": []});
    let (status, refused) = calls.post("v3/combine-transactions/out-trade-no/C1/close", close).await;
    assert_eq!((status, &refused["code"]), (400, &json!("ORDER_PAID")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coupon_is_given_once_for_its_number() {
    let calls = Calls::open("v3").await;
    let give = async |openid: &str, number: &str| {
        let coupon = json!({
            "stock_id": "9856000", "stock_creator_mchid": MCH_ID, "out_request_no": number, "appid": "wx1",
        });
        calls.post(&format!("v3/marketing/favor/users/{openid}/coupons"), coupon).await
    };
    let (status, given) = give("oTEST", "N1").await;
    assert_eq!(status, 200, "{given}");
    assert_eq!(give("oTEST", "N1").await, (200, given.clone()));
    assert_eq!(give("oOTHER", "N1").await.1["code"], "PARAM_ERROR", "the number is somebody else's");
    let coupons = "v3/marketing/favor/users/oTEST/coupons";
    let (_, page) = calls.get(&format!("{coupons}?appid=wx1&offset=0&limit=20")).await;
    assert_eq!((&page["total_count"], &page["data"][0]["coupon_id"]), (&json!(1), &given["coupon_id"]));
    let id = given["coupon_id"].as_str().unwrap();
    assert_eq!(calls.get(&format!("{coupons}/{id}?appid=wx1")).await.1["status"], "SENDED");
    let stock = calls.get(&format!("v3/marketing/favor/stocks/9856000?stock_creator_mchid={MCH_ID}")).await.1;
    assert_eq!(stock["distributed_coupons"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn red_packets_are_sent_once_for_their_number() {
    let calls = Calls::open("v2").await;
    let packet = |amount: u64| {
        json!({
            "mch_billno": "B1", "send_name": "天虹", "re_openid": "oTEST", "total_amount": amount, "total_num": 1,
            "wishing": "新年快乐", "client_ip": "203.0.113.9", "act_name": "猜灯谜", "remark": "快来抢",
        })
    };
    let send = "mmpaymkttransfers/sendredpack";
    calls.pay.lose_answers(1);
    let (status, lost) = calls.post(send, packet(1000)).await;
    assert_eq!((status, &lost["type"]), (504, &json!("wechat-pay-outcome-unknown")), "{lost}");
    let (status, sent) = calls.post(send, packet(1000)).await;
    assert_eq!(
        (status, &sent["result_code"], &sent["total_amount"]),
        (200, &json!("SUCCESS"), &json!("1000")),
        "{sent}"
    );
    assert_eq!(calls.pay.red_packets(MCH_ID), 1);
    assert_eq!(calls.post(send, packet(2000)).await.1["err_code"], "PARAM_ERROR");
    let query = json!({"mch_billno": "B1", "bill_type": "MCHT"});
    assert_eq!(calls.post("mmpaymkttransfers/gethbinfo", query.clone()).await.1["status"], "SENT");
    assert!(calls.pay.open_red_packet(MCH_ID, "B1"));
    assert_eq!(calls.post("mmpaymkttransfers/gethbinfo", query).await.1["status"], "RECEIVED");

    let asked = calls.pay.calls().len();
    for (wrong, field) in [
        (json!({"mch_billno": "B2", "wxappid": "wx2"}), "wxappid"),
        (json!({"mch_billno": "B2", "sign": "x"}), "sign"),
        (json!({"mch_billno": "B2", "remark><wxappid": "wx2"}), "remark><wxappid"),
        (json!({"total_amount": 1.5}), "total_amount"),
        (json!({"total_amount": -1}), "total_amount"),
        (json!({"remark": {"a": "b"}}), "remark"),
    ] {
        let (status, problem) = calls.post(send, wrong).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{problem}");
    }
    assert_eq!(calls.post(send, json!([1])).await.0, 400);
    assert_eq!(calls.pay.calls().len(), asked, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_orders_do_goes_through_orders() {
    let calls = Calls::open("v3").await;
    for path in [
        "v3/pay/transactions/native",
        "v3/pay/transactions/out-trade-no/T1/close",
        "v3/refund/domestic/refunds",
        "pay/unifiedorder",
        "secapi/pay/refund",
        "secapi/pay/reverse",
    ] {
        let (status, problem) = calls.post(path, json!({"a": 1})).await;
        assert_eq!((status, &problem["type"]), (422, &json!("not-called-so")), "{path} {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("the order itself"), "{problem}");
    }
    let (status, problem) = calls.get("v3/pay/transactions/id/42?mchid=1").await;
    assert_eq!((status, &problem["type"]), (422, &json!("not-called-so")));
    assert_eq!(calls.get("mmpaymkttransfers/gethbinfo").await.0, 422, "v2 is POST");
    for path in ["v3//a", "v3/%70ay/transactions/native", "v3/pay%2Ftransactions/native"] {
        assert_eq!(calls.post(path, json!({})).await.0, 400, "{path}");
    }
    let head = calls.app.api(Method::HEAD, &format!("{MERCHANTS}/default/wechat/v3/certificates"), None).await;
    assert_eq!(head.0, 405);
    assert_eq!(calls.app.api(Method::GET, &format!("{MERCHANTS}/nobody/wechat/v3/certificates"), None).await.0, 404);
    assert!(calls.pay.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_comes_back_as_it_is_or_its_outcome_is_unknown() {
    let calls = Calls::open("v3").await;
    let bill = json!({
        "appid": "wx1", "out_bill_no": "B1", "transfer_scene_id": "1000", "openid": "oTEST", "transfer_amount": 100,
        "transfer_remark": "奖",
    });
    let url = format!("{MERCHANTS}/default/wechat/{TRANSFERS}/out-bill-no/B1");
    let no = calls.app.api_response(&url).await;
    assert_eq!((no.status().as_u16(), &no.headers()["x-weft-proven"]), (404, &"true".parse().unwrap()));
    assert_eq!(no.json::<Value>().await.unwrap()["code"], "RESOURCE_NOT_EXISTS");

    calls.pay.lose_answers(1);
    let (status, lost) = calls.post(TRANSFERS, bill.clone()).await;
    assert_eq!((status, &lost["type"]), (504, &json!("wechat-pay-outcome-unknown")), "{lost}");
    assert!(calls.log().await.contains("\"status\":504"), "it may have been done: it is written down");
    assert_eq!(calls.get(&format!("{TRANSFERS}/out-bill-no/B1")).await.1["state"], "WAIT_USER_CONFIRM", "it was");
    let twice = calls.post(TRANSFERS, bill.clone()).await;
    assert_eq!((twice.0, &twice.1["state"]), (200, &json!("WAIT_USER_CONFIRM")));

    // WeChat signs with what we do not know and cannot fetch: that is no yes, and no no.
    calls.pay.sign_with(PlatformKey::SecondCertificate, &[]);
    let (status, problem) = calls.post(TRANSFERS, bill.clone()).await;
    assert_eq!((status, &problem["type"]), (504, &json!("wechat-pay-outcome-unknown")), "{problem}");
    let Calls { app, pay } = calls;
    drop(pay);
    let path = format!("{MERCHANTS}/default/wechat/{TRANSFERS}");
    let (status, problem) = app.api(Method::POST, &path, Some(bill)).await;
    assert_eq!((status, &problem["type"]), (502, &json!("wechat-pay-unreachable")), "nothing was sent: {problem}");
}
