//! Calls by their paths: which are called so, what of them is sealed, and what is believed of the answers.

use serde_json::{Value, json};
use weft_wechat::pay::v2::gethbinfo::GetHbInfo;
use weft_wechat::pay::v2::{self, CallError, Fields, Merchant, RefusedField, SignType, verify};
use weft_wechat::pay::v3::{self, AnyCall, Method, SignatureError, is_proven, seal_marked, without_marked};
use weft_wechat::pay::{PayPath, PayPathError};

use super::v3::Random;
use super::{APPID, MCH_ID, keys, partner, party};

const NOW: u64 = 1_767_225_600;

fn path(text: &str) -> PayPath {
    text.parse().unwrap()
}

fn merchant() -> Merchant {
    let key = "192006250b4c09247ec02edce69f6a2d".parse().unwrap();
    Merchant { party: party(), key, sign_type: SignType::HmacSha256 }
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn call(path: &str, pairs: &[(&str, &str)]) -> v2::AnyCall {
    v2::AnyCall::new(self::path(path), fields(pairs)).unwrap()
}

#[test]
fn a_path_is_written_in_one_way() {
    for right in [
        "/v3/profitsharing/orders",
        "v3/profitsharing/orders/P-1_~.2",
        "mmpaymkttransfers/sendredpack",
        "/v3/marketing/favor/users/o%7C1/coupons",
        "/v3/refund/domestic/refunds/50000000382019052709732678859/apply-abnormal-refund",
    ] {
        assert_eq!(path(right).as_str(), format!("/{}", right.trim_start_matches('/')));
    }
    for wrong in [
        "",
        "/",
        "//v3/a",
        "/v3//a",
        "/v3/a/",
        "/v3/../pay/x",
        "/v3/./a",
        "/v3/a?b=1",
        "/v3/a#b",
        "/v3/a b",
        "/v3/%2e%2e/a",
        "/v3/%70ay",
        "/v3/a%2Fb",
        "/v3/a%2fb",
        "/v3/a%5Cb",
        "/v3/a%00",
        "/v3/a%",
        "/v3/a%4",
        "/v3/a%zz",
        "/v3/页",
        "/v3/a|b",
        "/v3/a\r\nb",
        "https://api.mch.weixin.qq.com/v3/a",
    ] {
        assert_eq!(wrong.parse::<PayPath>(), Err(PayPathError::Malformed), "{wrong:?}");
    }
    assert_eq!(format!("/v3/{}", "a".repeat(600)).parse::<PayPath>(), Err(PayPathError::Malformed));
    assert!(path("v3/certificates").is_v3() && !path("v3x/certificates").is_v3() && !path("pay/shorturl").is_v3());
}

#[test]
fn what_orders_do_is_not_called_by_its_path() {
    for owned in [
        "/v3/pay/transactions/jsapi",
        "/v3/pay/transactions/out-trade-no/T1/close",
        "v3/pay/partner/transactions/native",
        "/V3/Pay/Transactions/h5",
        "/v3/refund/domestic/refunds",
        "/v3/refund/domestic/refunds/R1",
        "/pay/unifiedorder",
        "/pay/micropay",
        "/pay/orderquery",
        "/pay/closeorder",
        "/pay/refundquery",
        "/secapi/pay/reverse",
        "/secapi/pay/refund",
        "/secapi/pay/refundv2",
        "/pay/downloadbill",
    ] {
        let refused = owned.parse::<PayPath>();
        assert!(matches!(refused, Err(PayPathError::Owned { .. })), "{owned} {refused:?}");
    }
    for free in ["/v3/combine-transactions/jsapi", "/v3/pay/transactionsx", "/tools/shorturl", "/secapi/pay/other"] {
        assert!(free.parse::<PayPath>().is_ok(), "{free}");
    }
}

#[test]
fn a_query_is_encoded_once() {
    let query = vec![("out_order_no".to_owned(), "P|1&x=页".to_owned()), ("b".to_owned(), String::new())];
    let call = AnyCall { method: Method::Get, path: path("/v3/a"), query, body: Value::Null };
    assert_eq!(call.target(), "/v3/a?out_order_no=P%7C1%26x%3D%E9%A1%B5&b=");
    assert_eq!(format!("{call:?}"), "AnyCall(GET /v3/a)", "queries stay out of logs");
}

#[test]
fn only_wechat_can_read_what_is_marked() {
    let mark = |text: &str| json!({"$encrypt": text});
    let mut body =
        json!({"user_name": mark("张三"), "receivers": [{"name": mark("李四"), "amount": 1}], "plain": "王五"});
    let hidden = without_marked(&body);
    assert_eq!(hidden, json!({"user_name": "***", "receivers": [{"name": "***", "amount": 1}], "plain": "王五"}));
    seal_marked(&mut body, &keys::platform().public_key(), &mut Random(3)).unwrap();
    let open = |sealed: &Value| keys::platform().open_sensitive(&mut Random(4), sealed.as_str().unwrap());
    assert_eq!(open(&body["user_name"]).as_deref(), Ok("张三"));
    assert_eq!(open(&body["receivers"][0]["name"]).as_deref(), Ok("李四"));
    assert_eq!((&body["plain"], &body["receivers"][0]["amount"]), (&json!("王五"), &json!(1)));
    let mut long = json!({"user_name": mark(&"a".repeat(300))});
    assert!(seal_marked(&mut long, &keys::platform().public_key(), &mut Random(5)).is_err());
    // What is no mark is left as it is.
    let mut other = json!({"a": {"$encrypt": 1}, "b": {"$encrypt": "x", "c": 1}, "c": {}});
    let before = other.clone();
    seal_marked(&mut other, &keys::platform().public_key(), &mut Random(6)).unwrap();
    assert_eq!(other, before);
}

#[test]
fn a_yes_has_to_be_signed_and_a_no_may_be() {
    let signed = |body: &str| {
        let signature = keys::platform().sign(format!("{NOW}\nNONCE\n{body}\n").as_bytes()).unwrap();
        vec![
            ("Wechatpay-Timestamp", NOW.to_string()),
            ("Wechatpay-Nonce", "NONCE".to_owned()),
            ("Wechatpay-Serial", keys::PUBLIC_KEY_ID.to_owned()),
            ("Wechatpay-Signature", signature),
        ]
    };
    let proven = |status: u16, headers: &[(&'static str, String)]| {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        is_proven(&keys::platform_keys(), status, headers, b"{}", NOW)
    };
    assert_eq!(proven(200, &signed("{}")), Ok(true));
    assert_eq!(proven(404, &signed("{}")), Ok(true));
    assert_eq!(proven(404, &[]), Ok(false));
    assert_eq!(proven(200, &[]), Err(SignatureError::Headers));
    for status in [200, 404] {
        assert_eq!(proven(status, &signed("{ }")), Err(SignatureError::Wrong), "{status}");
    }
    let request = keys::merchant().request(Method::Post, "/v3/a".to_owned(), &json!({"a": "页"}), "N", NOW).unwrap();
    assert_eq!((&*request.target, &*request.body), ("/v3/a", r#"{"a":"页"}"#));
    let message = v3::canonical_message(Method::Post, "/v3/a", NOW, "N", r#"{"a":"页"}"#);
    let signature = request.authorization.split("signature=\"").nth(1).unwrap().trim_end_matches('"');
    assert!(keys::merchant().key.public_key().verify(message.as_bytes(), signature));
    let none = keys::merchant().request(Method::Post, "/v3/a".to_owned(), &Value::Null, "N", NOW).unwrap();
    assert_eq!(none.body, "");
}

#[test]
fn each_call_of_v2_names_the_merchant_in_its_own_way() {
    let named = |path: &str| {
        let body = Merchant { party: partner(), ..merchant() }.write_any(&call(path, &[("a", "1")]), "NONCE");
        let fields = Fields::read(body.as_bytes()).unwrap();
        let sign_type = fields.get("sign_type").map_or(SignType::Md5, |named| named.parse().unwrap());
        assert!(verify(fields.iter(), &merchant().key, sign_type, fields.get("sign")), "{path}");
        let names = fields.iter().map(|(name, _)| name.to_owned()).filter(|name| name != "sign");
        (names.collect::<Vec<_>>().join(" "), call(path, &[]).needs_certificate())
    };
    let ordinary = "appid mch_id sub_appid sub_mch_id nonce_str sign_type a".to_owned();
    assert_eq!(named("/tools/shorturl"), (ordinary, false));
    let red_packet = "wxappid mch_id msgappid sub_mch_id nonce_str a".to_owned();
    assert_eq!(named("/mmpaymkttransfers/sendredpack"), (red_packet, true));
    let transfer = "mch_appid mchid sub_appid sub_mch_id nonce_str a".to_owned();
    assert_eq!(named("/mmpaymkttransfers/promotion/transfers"), (transfer, true));
    let coupon = "appid mch_id sub_appid sub_mch_id nonce_str a".to_owned();
    assert_eq!(named("/mmpaymkttransfers/send_coupon"), (coupon.clone(), true));
    assert_eq!(named("/mmpaymkttransfers/query_coupon_stock"), (coupon, false));
    for (path, name) in [
        ("/tools/shorturl", "appid"),
        ("/tools/shorturl", "sign"),
        ("/tools/shorturl", "nonce_str"),
        ("/mmpaymkttransfers/sendredpack", "wxappid"),
        ("/mmpaymkttransfers/promotion/transfers", "mchid"),
    ] {
        let refused = v2::AnyCall::new(self::path(path), fields(&[(name, "1")]));
        assert_eq!(refused, Err(RefusedField::Own(name.to_owned())), "{path}");
    }
    for name in ["", "1a", "a b", "a>1</a><b", "a/", "页"] {
        let refused = v2::AnyCall::new(path("/tools/shorturl"), fields(&[("long_url", "u"), (name, "1")]));
        assert_eq!(refused, Err(RefusedField::Malformed(name.to_owned())), "it would be XML of its own");
    }
    assert!(v2::AnyCall::new(path("/mmpaymkttransfers/gethbinfo"), fields(&[("wxappid", "1")])).is_ok());
}

/// What WeChat answers, signed.
fn signed(pairs: &[(&str, &str)]) -> String {
    let mut all = vec![("return_code", "SUCCESS"), ("appid", APPID), ("mch_id", MCH_ID)];
    all.extend(pairs);
    merchant().signed(fields(&all), SignType::HmacSha256).to_xml("xml")
}

#[test]
fn an_answer_of_v2_is_json_once_it_is_believed() {
    let short = call("/tools/shorturl", &[("long_url", "weixin://a")]);
    let read = |body: &str| merchant().read_any(&short, body.as_bytes());
    let told = read(&signed(&[("result_code", "SUCCESS"), ("short_url", "weixin://b")])).unwrap();
    assert_eq!((&told["short_url"], &told["result_code"]), (&json!("weixin://b"), &json!("SUCCESS")));
    let no = read(&signed(&[("result_code", "FAIL"), ("err_code", "NOAUTH")])).unwrap();
    assert_eq!(no["err_code"], "NOAUTH");
    for unknown in ["SYSTEMERROR", "PROCESSING", "BIZERR_NEED_RETRY"] {
        let refused = read(&signed(&[("result_code", "FAIL"), ("err_code", unknown)]));
        assert!(matches!(&refused, Err(CallError::Refused(no)) if no.is_unknown()), "{unknown} {refused:?}");
    }
    assert_eq!(
        read("<xml><return_code>FAIL</return_code><return_msg>签名失败</return_msg></xml>").unwrap()["return_msg"],
        "签名失败"
    );
    let yes = signed(&[("result_code", "SUCCESS"), ("short_url", "weixin://b")]);
    assert_eq!(read(&yes.replace("weixin://b", "weixin://c")), Err(CallError::Signature));
    assert_eq!(read("<xml><return_code>SUCCESS</return_code></xml>"), Err(CallError::Signature));
    assert_eq!(
        read(&yes.replace("</xml>", "<a><b>1</b></a></xml>")),
        Err(CallError::Unreadable(v2::FieldsError::Nested))
    );
}

#[test]
fn red_packets_have_answers_without_a_signature() {
    let send = call("/mmpaymkttransfers/sendredpack", &[("mch_billno", "B1"), ("total_num", "1")]);
    let body = Fields::read(merchant().write_any(&send, "NONCE").as_bytes()).unwrap();
    assert_eq!((body.get("wxappid"), body.get("appid"), body.get("total_num")), (Some(APPID), None, Some("1")));
    assert!(verify(body.iter(), &merchant().key, SignType::Md5, body.get("sign")), "they are older than HMAC-SHA256");
    let yes = |more: &str| {
        format!(
            "<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code><mch_id>{MCH_ID}</mch_id>\
             <mch_billno>B1</mch_billno><total_amount>1000</total_amount>{more}</xml>"
        )
    };
    let told = merchant().read_any(&send, yes("<send_listid>1</send_listid>").as_bytes()).unwrap();
    assert_eq!((&told["send_listid"], &told["total_amount"]), (&json!("1"), &json!("1000")));
    // A signature that is there has to be right.
    let spoilt = merchant().read_any(&send, yes("<send_listid>1</send_listid><sign>AB</sign>").as_bytes());
    assert_eq!(spoilt, Err(CallError::Signature));
    let theirs = yes("<send_listid>1</send_listid>").replace(MCH_ID, "1900000110");
    assert_eq!(merchant().read_any(&send, theirs.as_bytes()), Err(CallError::Other("mch_id")));

    let list = "<status>RECEIVED</status><detail_id>7</detail_id><hblist><hbinfo><openid>o1</openid><amount>400</amount>\
                </hbinfo><hbinfo><openid>o2</openid><amount>600</amount></hbinfo></hblist>";
    let query = GetHbInfo { mch_billno: "B1".into() };
    assert_eq!(merchant().read(&query, yes(list).as_bytes()), Ok(()));
    let any = call("/mmpaymkttransfers/gethbinfo", &[("mch_billno", "B1"), ("bill_type", "MCHT")]);
    let told = merchant().read_any(&any, yes(list).as_bytes()).unwrap();
    let parts = json!([{"openid": "o1", "amount": "400"}, {"openid": "o2", "amount": "600"}]);
    assert_eq!(told["hblist"]["hbinfo"], parts);
}
