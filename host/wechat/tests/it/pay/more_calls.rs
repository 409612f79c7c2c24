//! Calls of v3 beyond orders: paid together, parts to others, money to users.

use serde_json::{Value, json};
use weft_wechat::pay::v3::{Call, CallError, Merchant, combine, profitsharing, transfer_bills};
use weft_wechat::pay::{Fen, Party, TradeState, TradeType};

use super::v3::Random;
use super::{APPID, MCH_ID, keys, partner, party};

const NOW: u64 = 1_767_225_600;

/// Method, address and body of a call.
fn sent<C: Call>(call: &C, party: Party) -> (String, Value) {
    let request = Merchant { party, ..keys::merchant() }.write(call, "NONCE", NOW).unwrap();
    let body = serde_json::from_str(&request.body).unwrap_or_default();
    (format!("{} {}", request.method.as_str(), request.target), body)
}

#[test]
fn orders_that_are_paid_together_name_each_merchant() {
    let sub_order = |mch_id: &str, number: &str, total| combine::SubOrder {
        mch_id: mch_id.into(),
        out_trade_no: number.into(),
        description: "测试".into(),
        total: Fen(total),
        attach: "a".into(),
    };
    let prepay = combine::Prepay {
        trade_type: TradeType::Jsapi,
        combine_out_trade_no: "C20260101".into(),
        sub_orders: vec![sub_order("1", "T20260101", 1), sub_order("2", "T20260102", 2)],
        openid: Some("oTEST".into()),
        time_expire: Some(NOW),
        notify_url: "https://host.example/notify".into(),
        client_ip: None,
    };
    let (target, body) = sent(&prepay, party());
    assert_eq!(target, "POST /v3/combine-transactions/jsapi");
    assert_eq!((&body["combine_appid"], &body["combine_mchid"]), (&json!(APPID), &json!(MCH_ID)));
    assert_eq!(body["sub_orders"][1]["amount"], json!({"total_amount": 2, "currency": "CNY"}));
    assert_eq!(body["combine_payer_info"], json!({"openid": "oTEST"}));
    assert!(!body.to_string().contains("null"));
    assert!(prepay.read(&party(), br#"{"prepay_id":"wx1"}"#).is_ok());
    assert!(prepay.read(&party(), b"{}").is_err());

    let query = combine::Query { combine_out_trade_no: "C20260101".into() };
    assert_eq!(sent(&query, party()).0, "GET /v3/combine-transactions/out-trade-no/C20260101");
    let told = json!({"combine_out_trade_no": "C20260101", "sub_orders": [
        {"mchid": "1", "out_trade_no": "T20260101", "trade_state": "SUCCESS", "transaction_id": "42",
         "amount": {"total_amount": 1, "currency": "CNY"}}]});
    let combined = query.read(&party(), told.to_string().as_bytes()).unwrap();
    assert_eq!(combined.sub_orders[0].state(), Ok(TradeState::Success));
    let other = told.to_string().replace("C20260101", "C20260102");
    assert_eq!(query.read(&party(), other.as_bytes()), Err(CallError::Other("combine_out_trade_no")));

    let sub_orders = vec![("1".to_owned(), "T20260101".to_owned())];
    let close = combine::Close { combine_out_trade_no: "C20260101".into(), sub_orders };
    let (target, body) = sent(&close, party());
    assert_eq!(target, "POST /v3/combine-transactions/out-trade-no/C20260101/close");
    assert_eq!(body["sub_orders"], json!([{"mchid": "1", "out_trade_no": "T20260101"}]));
}

#[test]
fn parts_go_to_receivers_and_come_back() {
    let receiver = || profitsharing::Receiver { kind: "MERCHANT_ID".into(), account: "1900000111".into() };
    let add = profitsharing::AddReceiver { receiver: receiver(), relation_type: "STORE".into() };
    let (target, body) = sent(&add, partner());
    assert_eq!(target, "POST /v3/profitsharing/receivers/add");
    let own = json!({"type": "MERCHANT_ID", "account": "1900000111", "relation_type": "STORE", "appid": APPID,
        "sub_mchid": "1900000110", "sub_appid": "wxsub"});
    assert_eq!(body, own);
    let delete = profitsharing::DeleteReceiver { receiver: receiver() };
    assert_eq!(sent(&delete, party()).0, "POST /v3/profitsharing/receivers/delete");

    let share = profitsharing::Share { receiver: receiver(), amount: Fen(10), description: "分".into() };
    let split = profitsharing::Split {
        transaction_id: "42".into(),
        out_order_no: "P1".into(),
        shares: vec![share],
        unfreeze_unsplit: true,
    };
    let (target, body) = sent(&split, party());
    assert_eq!((&*target, &body["receivers"][0]["amount"]), ("POST /v3/profitsharing/orders", &json!(10)));
    let told = br#"{"out_order_no":"P1","order_id":"30","state":"PROCESSING"}"#;
    assert_eq!(split.read(&party(), told).unwrap().state, "PROCESSING");
    let query = profitsharing::QuerySplit { transaction_id: "42".into(), out_order_no: "P2".into() };
    assert_eq!(sent(&query, party()).0, "GET /v3/profitsharing/orders/P2?transaction_id=42");
    assert_eq!(query.read(&party(), told), Err(CallError::Other("out_order_no")));
    let unfreeze =
        profitsharing::Unfreeze { transaction_id: "42".into(), out_order_no: "P3".into(), description: "完".into() };
    assert_eq!(sent(&unfreeze, party()).0, "POST /v3/profitsharing/orders/unfreeze");
    let back = profitsharing::Return {
        out_order_no: "P1".into(),
        out_return_no: "B1".into(),
        return_mchid: "1900000111".into(),
        amount: Fen(10),
        description: "退".into(),
    };
    assert_eq!(sent(&back, party()).0, "POST /v3/profitsharing/return-orders");
    let told = br#"{"out_return_no":"B1","result":"SUCCESS"}"#;
    assert_eq!(back.read(&party(), told).unwrap().result, "SUCCESS");
}

#[test]
fn money_goes_to_a_user_whose_name_only_wechat_can_read() {
    let user_name = transfer_bills::seal_name(&keys::platform_keys(), &mut Random(1), "张三").unwrap();
    let create = transfer_bills::Create {
        out_bill_no: "B20260101".into(),
        transfer_scene_id: "1000".into(),
        openid: "oTEST".into(),
        user_name: Some(user_name.clone()),
        transfer_amount: Fen(100),
        transfer_remark: "奖".into(),
        notify_url: None,
        reports: vec![("活动名称".into(), "新年".into())],
    };
    let (target, body) = sent(&create, party());
    assert_eq!(target, "POST /v3/fund-app/mch-transfer/transfer-bills");
    assert_eq!((&body["transfer_amount"], body.get("notify_url")), (&json!(100), None));
    assert_eq!(body["transfer_scene_report_infos"], json!([{"info_type": "活动名称", "info_content": "新年"}]));
    assert_eq!(keys::platform().open_sensitive(&mut Random(2), &user_name).as_deref(), Ok("张三"));
    let told = br#"{"out_bill_no":"B20260101","state":"WAIT_USER_CONFIRM","package_info":"p"}"#;
    assert_eq!(create.read(&party(), told).unwrap().package_info.as_deref(), Some("p"));
    let query = transfer_bills::Query { out_bill_no: "B20260102".into() };
    assert_eq!(query.read(&party(), told), Err(CallError::Other("out_bill_no")));
    let cancel = transfer_bills::Cancel { out_bill_no: "B20260101".into() };
    let cancelled = "POST /v3/fund-app/mch-transfer/transfer-bills/out-bill-no/B20260101/cancel";
    assert_eq!(sent(&cancel, party()).0, cancelled);
}
