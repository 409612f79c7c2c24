//! v2: what is signed, and what is believed of what comes back.

use weft_wechat::message::ParseError;
use weft_wechat::pay::client::APP_PACKAGE;
use weft_wechat::pay::v2::closeorder::CloseOrder;
use weft_wechat::pay::v2::downloadbill::{check_file, is_no_bill};
use weft_wechat::pay::v2::downloadfundflow::DownloadFundFlow;
use weft_wechat::pay::v2::micropay::{Micropay, is_auth_code};
use weft_wechat::pay::v2::orderquery::OrderQuery;
use weft_wechat::pay::v2::refund::Refund;
use weft_wechat::pay::v2::refundquery::RefundQuery;
use weft_wechat::pay::v2::reverse::Reverse;
use weft_wechat::pay::v2::unifiedorder::{Prepaid, UnifiedOrder};
use weft_wechat::pay::v2::{
    CallError, Fields, FieldsError, Merchant, Notification, NotificationError, SignType, failure, seal_refund, sign,
    success, verify,
};
use weft_wechat::pay::{Fen, RefundStatus, TradeState, TradeType};

use super::{APPID, MCH_ID, partner, party};

const NUMBER: &str = "T20260101000001";

pub(super) fn merchant(sign_type: SignType) -> Merchant {
    Merchant { party: party(), key: "192006250b4c09247ec02edce69f6a2d".parse().unwrap(), sign_type }
}

/// Fields as WeChat would send them to the merchant, signed.
fn signed(merchant: &Merchant, fields: &[(&str, &str)]) -> String {
    signed_as(merchant, merchant.sign_type, fields)
}

fn signed_as(merchant: &Merchant, sign_type: SignType, fields: &[(&str, &str)]) -> String {
    let all = [("return_code", "SUCCESS"), ("nonce_str", "n0nce")].iter().chain(fields);
    let all: Fields = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    merchant.signed(all, sign_type).to_xml("xml")
}

const PAID: [(&str, &str); 12] = [
    ("result_code", "SUCCESS"),
    ("appid", APPID),
    ("mch_id", MCH_ID),
    ("openid", "oTEST"),
    ("trade_type", "JSAPI"),
    ("bank_type", "CMB_CREDIT"),
    ("total_fee", "101"),
    ("fee_type", "CNY"),
    ("transaction_id", "4200000000202601010000000001"),
    ("out_trade_no", NUMBER),
    ("time_end", "20260101080000"),
    ("coupon_type_0", "CASH"),
];

/// [`PAID`] with one field changed; taken out when the value is empty.
fn paid(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut fields: Vec<_> = PAID.into_iter().filter(|(found, _)| *found != name).collect();
    fields.push((name, value));
    fields
}

#[test]
fn what_goes_out_is_signed_with_everything_in_it() {
    for sign_type in [SignType::Md5, SignType::HmacSha256] {
        let merchant = merchant(sign_type);
        let order = UnifiedOrder {
            body: "测试 & <b>".into(),
            out_trade_no: NUMBER.into(),
            total: Fen(101),
            client_ip: "203.0.113.9".into(),
            notify_url: "https://host.example/notify".into(),
            trade_type: TradeType::Jsapi,
            time_start: Some(1_767_225_600),
            time_expire: Some(1_767_232_800),
            openid: Some("oTEST".into()),
            sub_openid: None,
            more: vec![("attach".into(), "a ]]> b".into()), ("detail".into(), String::new())],
        };
        let fields = Fields::read(merchant.write(&order, "n0nce").as_bytes()).unwrap();
        assert!(verify(fields.iter(), &merchant.key, sign_type, fields.get("sign")));
        assert_eq!(fields.get("body"), Some("测试 & <b>"));
        assert_eq!(fields.get("attach"), Some("a ]]> b"));
        assert_eq!(fields.get("detail"), None, "nothing empty is sent");
        assert_eq!(fields.get("time_start"), Some("20260101080000"));
        let named = (sign_type == SignType::HmacSha256).then_some("HMAC-SHA256");
        assert_eq!(fields.get("sign_type"), named);
        assert_eq!((fields.get("sub_mch_id"), fields.get("sub_appid")), (None, None));
    }
    let partner = Merchant { party: partner(), ..merchant(SignType::Md5) };
    let fields = Fields::read(partner.write(&CloseOrder { out_trade_no: NUMBER.into() }, "n").as_bytes()).unwrap();
    assert_eq!(fields.get("sub_mch_id"), Some("1900000110"));
    assert_eq!(fields.get("sub_appid"), Some("wxsub"));
    let flow = DownloadFundFlow { bill_date: "20260101".into(), account_type: "Basic".into() };
    let fields = Fields::read(merchant(SignType::Md5).write(&flow, "n").as_bytes()).unwrap();
    assert_eq!(fields.get("sign_type"), Some("HMAC-SHA256"), "it takes no other");
}

#[test]
fn answers_are_read_when_they_are_signed() {
    let merchant = merchant(SignType::HmacSha256);
    let own = [("result_code", "SUCCESS"), ("appid", APPID), ("mch_id", MCH_ID)];
    let answer = |fields: &[(&str, &str)]| signed(&merchant, &[&own, fields].concat());

    let order = UnifiedOrder {
        body: "b".into(),
        out_trade_no: NUMBER.into(),
        total: Fen(1),
        client_ip: "203.0.113.9".into(),
        notify_url: "https://host.example/notify".into(),
        trade_type: TradeType::Native,
        time_start: None,
        time_expire: None,
        openid: None,
        sub_openid: None,
        more: Vec::new(),
    };
    let body = answer(&[("prepay_id", "wx1"), ("code_url", "weixin://wxpay/1")]);
    let prepaid = Prepaid { prepay_id: "wx1".into(), code_url: Some("weixin://wxpay/1".into()), mweb_url: None };
    assert_eq!(merchant.read(&order, body.as_bytes()), Ok(prepaid));
    assert_eq!(merchant.read(&order, answer(&[("prepay_id", "wx1")]).as_bytes()), Err(CallError::Missing("code_url")));

    let query = OrderQuery { out_trade_no: NUMBER.into() };
    for state in TradeState::ALL {
        let body = answer(&[("trade_state", state.as_str()), ("out_trade_no", NUMBER)]);
        let transaction = merchant.read(&query, body.as_bytes()).unwrap();
        assert_eq!((transaction.state, transaction.total), (state, None));
    }
    let other = answer(&[("trade_state", "SUCCESS"), ("out_trade_no", "T2026010100000x")]);
    assert_eq!(merchant.read(&query, other.as_bytes()), Err(CallError::Other("out_trade_no")));
    let odd = answer(&[("trade_state", "PAID"), ("out_trade_no", NUMBER)]);
    assert!(matches!(merchant.read(&query, odd.as_bytes()), Err(CallError::Field { field: "trade_state", .. })));

    let refund = Refund {
        out_trade_no: NUMBER.into(),
        out_refund_no: "R1".into(),
        total: Fen(101),
        refund: Fen(1),
        reason: None,
        notify_url: None,
    };
    let body = answer(&[("out_refund_no", "R1"), ("refund_id", "503"), ("refund_fee", "1"), ("total_fee", "101")]);
    let accepted = merchant.read(&refund, body.as_bytes()).unwrap();
    assert_eq!((accepted.status, accepted.refund), (RefundStatus::Processing, Fen(1)));

    let query = RefundQuery { out_refund_no: "R1".into() };
    let body = answer(&[
        ("out_trade_no", NUMBER),
        ("out_refund_no_0", "R1"),
        ("refund_fee_0", "1"),
        ("refund_status_0", "REFUNDCLOSE"),
        ("refund_success_time_0", "2026-01-01 08:00:00"),
        ("refund_recv_accout_0", "支付用户零钱"),
    ]);
    let told = merchant.read(&query, body.as_bytes()).unwrap();
    assert_eq!(told.status, RefundStatus::Closed);
    assert_eq!(told.success_at, Some(1_767_225_600));
    assert_eq!(told.received_account.as_deref(), Some("支付用户零钱"));

    let reverse = Reverse { out_trade_no: NUMBER.into() };
    assert!(merchant.read(&reverse, answer(&[("recall", "Y")]).as_bytes()).unwrap().again);
    let micropay = Micropay {
        body: "b".into(),
        out_trade_no: NUMBER.into(),
        total: Fen(101),
        client_ip: "203.0.113.9".into(),
        auth_code: "134567890123456789".into(),
        more: Vec::new(),
    };
    let body = answer(&[("out_trade_no", NUMBER), ("transaction_id", "42"), ("total_fee", "101")]);
    assert_eq!(merchant.read(&micropay, body.as_bytes()).unwrap().state, TradeState::Success);
    for (code, is) in [("134567890123456789", true), ("164567890123456789", false), ("13456789012345678", false)] {
        assert_eq!(is_auth_code(code), is);
    }
}

#[test]
fn a_refusal_is_no_answer_and_only_a_signed_one_says_something() {
    let merchant = merchant(SignType::Md5);
    let close = CloseOrder { out_trade_no: NUMBER.into() };
    let refused = |body: &str| match merchant.read(&close, body.as_bytes()) {
        Err(CallError::Refused(refusal)) => (refusal.code.clone(), refusal.signed, refusal.is_unknown()),
        other => panic!("{other:?}"),
    };
    let own = [("result_code", "FAIL"), ("appid", APPID), ("mch_id", MCH_ID)];
    let body = signed(&merchant, &[&own[..], &[("err_code", "ORDERPAID"), ("err_code_des", "已支付")]].concat());
    assert_eq!(refused(&body), ("ORDERPAID".into(), true, false));
    let body = signed(&merchant, &[&own[..], &[("err_code", "SYSTEMERROR")]].concat());
    assert_eq!(refused(&body), ("SYSTEMERROR".into(), true, true));
    let unsigned = "<xml><return_code>FAIL</return_code><return_msg>签名失败</return_msg></xml>";
    assert_eq!(refused(unsigned), ("FAIL".into(), false, false));
    let unsigned = unsigned.replace("<return_msg>", "<result_code>SUCCESS</result_code><return_msg>");
    assert_eq!(refused(&unsigned), ("FAIL".into(), false, false));

    let no_bill = "<xml><return_code>FAIL</return_code><return_msg>No Bill Exist</return_msg><error_code>20002</error_code></xml>";
    let Err(CallError::Refused(refusal)) = check_file(no_bill.as_bytes()) else { panic!() };
    assert_eq!(refusal.code, "20002");
    assert!(is_no_bill(&refusal.code, &refusal.message));
    assert_eq!(check_file("交易时间,".as_bytes()), Ok(()));
}

#[test]
fn a_payment_is_believed_when_it_is_signed_as_the_merchant_is_set() {
    for sign_type in [SignType::Md5, SignType::HmacSha256] {
        let merchant = merchant(sign_type);
        let opened = merchant.open(signed(&merchant, &PAID).as_bytes());
        let Ok(Notification::Paid(transaction)) = opened else { panic!("{opened:?}") };
        assert_eq!(transaction.state, TradeState::Success);
        assert_eq!(transaction.total, Some(Fen(101)));
        assert_eq!(
            transaction.other,
            [("bank_type".into(), "CMB_CREDIT".into()), ("coupon_type_0".into(), "CASH".into())]
        );
        // Fields that are new, empty or zero.
        let more = [&PAID[..], &[("something_new", "x"), ("device_info", ""), ("coupon_fee", "0")]].concat();
        assert!(merchant.open(signed(&merchant, &more).as_bytes()).is_ok());
    }
}

#[test]
fn a_payment_with_a_wrong_signature_is_not_believed() {
    for sign_type in [SignType::Md5, SignType::HmacSha256] {
        let merchant = merchant(sign_type);
        let good = signed(&merchant, &PAID);
        let signature = Fields::read(good.as_bytes()).unwrap().text("sign").unwrap();
        let tag = format!("<sign><![CDATA[{signature}]]></sign>");
        assert!(good.contains(&tag));
        let wrong_key = Merchant { key: "another-key-0123456789abcdefghij".parse().unwrap(), ..merchant.clone() };
        let switched = match sign_type {
            SignType::Md5 => SignType::HmacSha256,
            SignType::HmacSha256 => SignType::Md5,
        };
        for body in [
            good.replace(&tag, ""),
            good.replace(&tag, "<sign></sign>"),
            good.replace(&signature, &signature.to_lowercase()),
            good.replace(&tag, "<Sign>x</Sign>"),
            good.replace("101", "102"),
            signed(&wrong_key, &PAID),
            signed_as(&merchant, switched, &PAID),
            signed_as(&merchant, switched, &paid("sign_type", switched.as_str())),
            signed_as(&merchant, sign_type, &paid("sign_type", switched.as_str())),
        ] {
            assert_eq!(
                merchant.open(body.as_bytes()),
                Err(NotificationError::Unbelieved(CallError::Signature)),
                "{body}"
            );
        }
    }
}

#[test]
fn a_payment_that_makes_no_sense_is_not_believed() {
    let merchant = merchant(SignType::Md5);
    for (name, value) in [
        ("total_fee", ""),
        ("total_fee", "101.0"),
        ("total_fee", " 101"),
        ("total_fee", "1e2"),
        ("total_fee", "0101"),
        ("total_fee", "-1"),
        ("total_fee", "+1"),
        ("total_fee", "１"),
        ("total_fee", "9223372036854775808"),
        ("mch_id", "1900000110"),
        ("mch_id", ""),
        ("appid", "wx1"),
        ("appid", ""),
        ("sub_mch_id", "1900000110"),
        ("sub_appid", "wx1"),
        ("transaction_id", ""),
        ("out_trade_no", ""),
        ("time_end", "2026-01-01"),
        ("time_end", "20260231080000"),
    ] {
        let body = signed(&merchant, &paid(name, value));
        let opened = merchant.open(body.as_bytes());
        assert!(matches!(opened, Err(NotificationError::Unbelieved(_))), "{name}={value}: {opened:?}");
    }
    let failed = [("result_code", "FAIL"), ("err_code", "NOTENOUGH"), ("mch_id", MCH_ID), ("out_trade_no", NUMBER)];
    let opened = merchant.open(signed(&merchant, &failed).as_bytes()).unwrap();
    assert_eq!(opened, Notification::Failed { out_trade_no: NUMBER.into(), code: "NOTENOUGH".into() });
    let unsigned = "<xml><return_code>FAIL</return_code></xml>";
    assert!(merchant.open(unsigned.as_bytes()).is_err());

    let partner = Merchant { party: partner(), ..merchant };
    assert!(partner.open(signed(&partner, &PAID).as_bytes()).is_err(), "whose it is must be told");
    assert!(partner.open(signed(&partner, &paid("sub_mch_id", "1900000110")).as_bytes()).is_ok());
}

#[test]
fn bodies_that_two_readers_could_read_in_two_ways_are_refused() {
    let read = |inside: &str| Fields::read(format!("<xml>{inside}</xml>").as_bytes());
    assert_eq!(read("<total_fee>1</total_fee><total_fee>2</total_fee>"), Err(FieldsError::Twice));
    assert_eq!(read("<total_fee>1<b>2</b></total_fee>"), Err(FieldsError::Nested));
    assert_eq!(Fields::read(b"<root></root>"), Err(FieldsError::Xml(ParseError::Malformed)));
    assert_eq!(Fields::read(b"{\"return_code\":\"SUCCESS\"}"), Err(FieldsError::Xml(ParseError::Malformed)));
    assert_eq!(Fields::read(b"<xml>\xff</xml>"), Err(FieldsError::Encoding));
    let doctype = "<!DOCTYPE xml [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><xml><a>&e;</a></xml>";
    assert_eq!(Fields::read(doctype.as_bytes()), Err(FieldsError::Xml(ParseError::DocumentType)));
    // A comment or several sections make one text, which is both signed and used.
    assert_eq!(read("<a>1<!-- -->0<![CDATA[1]]></a>").unwrap().get("a"), Some("101"));
    assert_eq!(format!("{:?}", read("<openid>oSECRET</openid>").unwrap()), "[\"openid\"]");
}

#[test]
fn a_refund_that_is_told_of_is_only_a_hint() {
    let merchant = merchant(SignType::Md5);
    let inner = format!(
        "<root><out_refund_no><![CDATA[R1]]></out_refund_no><out_trade_no>{NUMBER}</out_trade_no>\
         <refund_status>SUCCESS</refund_status></root>"
    );
    let outside = |mch_id: &str, sealed: &str| {
        format!(
            "<xml><return_code>SUCCESS</return_code><appid>{APPID}</appid><mch_id>{mch_id}</mch_id>\
             <nonce_str>n</nonce_str><req_info>{sealed}</req_info></xml>"
        )
    };
    let sealed = seal_refund(&merchant.key, &inner);
    let opened = merchant.open_refund(outside(MCH_ID, &sealed).as_bytes()).unwrap();
    assert_eq!((&*opened.out_trade_no, &*opened.out_refund_no), (NUMBER, "R1"));
    let dtd = seal_refund(&merchant.key, &format!("<!DOCTYPE root>{inner}"));
    let other = seal_refund(&"another-key-0123456789abcdefghij".parse().unwrap(), &inner);
    for body in [
        outside("1900000110", &sealed),
        outside(MCH_ID, ""),
        outside(MCH_ID, "AAAA"),
        outside(MCH_ID, &sealed[..sealed.len() - 4]),
        outside(MCH_ID, &dtd),
        outside(MCH_ID, &other),
        outside(MCH_ID, &sealed).replace("SUCCESS", "FAIL"),
    ] {
        assert!(merchant.open_refund(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn wechat_is_answered_in_its_own_bytes() {
    assert_eq!(
        success(),
        "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"
    );
    let fields = Fields::read(failure("no ]]> such order").as_bytes()).unwrap();
    assert_eq!(fields.get("return_code"), Some("FAIL"));
    assert_eq!(fields.get("return_msg"), Some("no ]]> such order"));
}

#[test]
fn pages_and_apps_get_signed_parameters() {
    let merchant = merchant(SignType::HmacSha256);
    let page = merchant.jsapi_parameters(APPID, "wx1", 1_760_000_000, "n0nce");
    let values = [
        ("appId", APPID),
        ("timeStamp", "1760000000"),
        ("nonceStr", "n0nce"),
        ("package", "prepay_id=wx1"),
        ("signType", "HMAC-SHA256"),
    ];
    assert_eq!(page.pay_sign, sign(values, &merchant.key, SignType::HmacSha256));
    let app = merchant.app_parameters("wx1", 1_760_000_000, "n0nce");
    let values = [
        ("appid", APPID),
        ("partnerid", MCH_ID),
        ("prepayid", "wx1"),
        ("package", APP_PACKAGE),
        ("noncestr", "n0nce"),
        ("timestamp", "1760000000"),
    ];
    assert_eq!(app.sign, sign(values, &merchant.key, SignType::HmacSha256));
}
