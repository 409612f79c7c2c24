//! Calls of v3 beyond orders: paid together, parts to others, money to users.

use serde_json::{Value, json};
use weft_wechat::pay::v3::{Call, CallError, Merchant, combine, favor, profitsharing, transfer_bills};
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
    let add = profitsharing::AddReceiver {
        receiver: receiver(),
        name: None,
        relation_type: "STORE".into(),
        custom_relation: None,
    };
    let (target, body) = sent(&add, partner());
    assert_eq!(target, "POST /v3/profitsharing/receivers/add");
    let own = json!({"type": "MERCHANT_ID", "account": "1900000111", "relation_type": "STORE", "appid": APPID,
        "sub_mchid": "1900000110", "sub_appid": "wxsub"});
    assert_eq!(body, own);
    let named = profitsharing::AddReceiver { name: Some("sealed".into()), relation_type: "CUSTOM".into(), ..add };
    let named = profitsharing::AddReceiver { custom_relation: Some("代理商".into()), ..named };
    let (_, body) = sent(&named, party());
    assert_eq!((&body["name"], &body["custom_relation"]), (&json!("sealed"), &json!("代理商")));
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
    let parts = br#"{"out_order_no":"P1","state":"FINISHED","receivers":[
        {"account":"1900000111","amount":10,"result":"CLOSED","fail_reason":"ACCOUNT_ABNORMAL","type":"MERCHANT_ID"}]}"#;
    let shares = split.read(&party(), parts).unwrap().receivers;
    assert_eq!((shares[0].amount, shares[0].fail_reason.as_deref()), (Fen(10), Some("ACCOUNT_ABNORMAL")));
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
    let query = profitsharing::QueryReturn { out_order_no: "P1".into(), out_return_no: "B2".into() };
    let target = "GET /v3/profitsharing/return-orders/B2?out_order_no=P1&sub_mchid=1900000110";
    assert_eq!(sent(&query, partner()).0, target);
    assert_eq!(query.read(&party(), told), Err(CallError::Other("out_return_no")));
    let left = profitsharing::QueryAmounts { transaction_id: "42".into() };
    assert_eq!(sent(&left, party()).0, "GET /v3/profitsharing/transactions/42/amounts");
    let told = br#"{"transaction_id":"42","unsplit_amount":91}"#;
    assert_eq!(left.read(&party(), told).unwrap().unsplit_amount, Fen(91));
    let other = br#"{"transaction_id":"43","unsplit_amount":91}"#;
    assert_eq!(left.read(&party(), other), Err(CallError::Other("transaction_id")));
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
    let bill = create.read(&party(), told).unwrap();
    let confirm = bill.confirm_parameters(&party()).unwrap();
    assert_eq!((&*confirm.mch_id, &*confirm.app_id, &*confirm.package), (MCH_ID, APPID, "p"));
    let done = transfer_bills::TransferBill { state: "SUCCESS".into(), ..bill };
    assert_eq!(done.confirm_parameters(&party()), None, "there is nothing to confirm any more");
    let query = transfer_bills::QueryByBillNo { transfer_bill_no: "1330000071100999991182020050700019480001".into() };
    let (target, _) = sent(&query, party());
    assert!(target.ends_with("/transfer-bills/transfer-bill-no/1330000071100999991182020050700019480001"), "{target}");
    assert_eq!(query.read(&party(), told), Err(CallError::Other("transfer_bill_no")));
    let query = transfer_bills::Query { out_bill_no: "B20260102".into() };
    assert_eq!(query.read(&party(), told), Err(CallError::Other("out_bill_no")));
    let cancel = transfer_bills::Cancel { out_bill_no: "B20260101".into() };
    let cancelled = "POST /v3/fund-app/mch-transfer/transfer-bills/out-bill-no/B20260101/cancel";
    assert_eq!(sent(&cancel, party()).0, cancelled);
}

#[test]
fn coupons_are_given_and_asked_for() {
    let send = favor::Send {
        openid: "oTEST".into(),
        stock_id: "9856000".into(),
        stock_creator_mchid: None,
        out_request_no: "89560002019101000121".into(),
    };
    let (target, body) = sent(&send, party());
    assert_eq!(target, "POST /v3/marketing/favor/users/oTEST/coupons");
    let own = json!({"stock_id": "9856000", "stock_creator_mchid": MCH_ID, "out_request_no": "89560002019101000121",
        "appid": APPID});
    assert_eq!(body, own);
    assert_eq!(send.read(&party(), br#"{"coupon_id":"9867041"}"#).unwrap().coupon_id, "9867041");

    let stock = favor::QueryStock { stock_id: "9856000".into(), stock_creator_mchid: Some("8956000".into()) };
    assert_eq!(sent(&stock, party()).0, "GET /v3/marketing/favor/stocks/9856000?stock_creator_mchid=8956000");
    let told = r#"{"stock_id":"9856000","stock_name":"满减","status":"running","distributed_coupons":100}"#;
    assert_eq!(stock.read(&party(), told.as_bytes()).unwrap().distributed_coupons, Some(100));
    let other = told.replace("9856000", "9856001");
    assert_eq!(stock.read(&party(), other.as_bytes()), Err(CallError::Other("stock_id")));
    let stocks = favor::ListStocks { stock_creator_mchid: None, status: Some("running".into()), offset: 0, limit: 10 };
    let target = "GET /v3/marketing/favor/stocks?offset=0&limit=10&stock_creator_mchid=1900000109&status=running";
    assert_eq!(sent(&stocks, party()).0, target);
    assert_eq!(stocks.read(&party(), br#"{"total_count":0,"limit":10,"offset":0}"#).unwrap().data, []);

    let coupon = favor::QueryCoupon { openid: "oTEST".into(), coupon_id: "9867041".into() };
    let target = format!("GET /v3/marketing/favor/users/oTEST/coupons/9867041?appid={APPID}");
    assert_eq!(sent(&coupon, party()).0, target);
    let told = r#"{"coupon_id":"9867041","stock_id":"9856000","coupon_name":"满减","status":"USED",
        "normal_coupon_information":{"coupon_amount":100,"transaction_minimum":1000}}"#;
    let coupon = coupon.read(&party(), told.as_bytes()).unwrap();
    assert_eq!(coupon.normal_coupon_information.unwrap().coupon_amount, Fen(100));
    let coupons = favor::ListCoupons {
        openid: "oTEST".into(),
        stock_id: None,
        status: Some("SENDED".into()),
        creator_mchid: None,
        offset: 1,
        limit: 20,
    };
    let target = format!("GET /v3/marketing/favor/users/oTEST/coupons?appid={APPID}&status=SENDED&offset=1&limit=20");
    assert_eq!(sent(&coupons, party()).0, target);
    let page = format!(r#"{{"total_count":21,"data":[{told}]}}"#);
    assert_eq!(coupons.read(&party(), page.as_bytes()).unwrap().data, [coupon]);
}
