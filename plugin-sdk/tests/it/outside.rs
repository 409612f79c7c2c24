//! Requests, messages and orders as authors put them together.

use weft_plugin::{
    messages::{SubscribeMessage, TemplateMessage},
    orders::{NewOrder, NewRefund},
    testing::{Sent, TestHost},
    *,
};

#[test]
fn what_people_wrote_gets_into_a_url_encoded() {
    for (url, expected) in [
        ("https://example.com/a", "https://example.com/a?%E5%9F%8E=a+b%26c"),
        ("https://example.com/a?", "https://example.com/a?%E5%9F%8E=a+b%26c"),
        ("https://example.com/a?b=1", "https://example.com/a?b=1&%E5%9F%8E=a+b%26c"),
        ("https://example.com/a?b=1#c", "https://example.com/a?b=1&%E5%9F%8E=a+b%26c#c"),
    ] {
        assert_eq!(http::Request::get(url).query("城", "a b&c").url, expected);
    }
}

#[test]
fn a_form_is_sent_as_browsers_send_it() {
    let request = http::Request::post("https://example.com/").form(&[("a", "1 2"), ("b", "")]);
    assert_eq!((request.method.as_str(), request.body.as_slice()), ("POST", b"a=1+2&b=".as_slice()));
    assert_eq!(request.headers, [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())]);
}

#[test]
fn messages_of_templates_are_sent_as_they_are_made() {
    let host = TestHost::new().grant_messages();
    let template = TemplateMessage::new("o1", "T1").data("thing1", "茶").data("amount2", "9.90");
    let subscribe = SubscribeMessage::new("o2", "T2").data("thing1", "茶");
    assert_eq!(messages::send_template(&template), Ok(1));
    assert_eq!(messages::send_subscribe(&subscribe), Ok(()));
    assert_eq!(host.sent(), [Sent::Template(template.clone()), Sent::Subscribe(subscribe.clone())]);
    let data: Vec<_> = template.data.iter().map(|field| (field.path.as_str(), field.value.as_str())).collect();
    assert_eq!(data, [("thing1", "茶"), ("amount2", "9.90")]);
    assert_eq!((template.openid.as_str(), template.template_id.as_str(), template.url), ("o1", "T1", None));

    let long = TemplateMessage { client_msg_id: Some("x".repeat(33)), ..TemplateMessage::new("o1", "T1") };
    assert!(matches!(messages::send_template(&long), Err(Error::Invalid(_))));
    assert!(matches!(messages::send_subscribe(&SubscribeMessage::new("", "T2")), Err(Error::Invalid(_))));
    assert_eq!(host.sent().len(), 2);
}

#[test]
fn orders_are_for_somebody_or_for_whoever_scans() {
    let native = NewOrder::native("T20260001", "茶", 990);
    assert_eq!((native.trade_type, native.openid.as_deref()), (TradeType::Native, None));
    let jsapi = NewOrder::jsapi("T20260001", "茶", 990, "o1");
    assert_eq!(jsapi, NewOrder { trade_type: TradeType::Jsapi, openid: Some("o1".into()), ..native });
    let refund = NewRefund::new("T20260001", "R1", 90);
    let numbers = (refund.out_trade_no.as_str(), refund.out_refund_no.as_str());
    assert_eq!((numbers, refund.refund_fee, refund.merchant), (("T20260001", "R1"), 90, None));
}

#[test]
fn a_call_that_wechat_has_not_is_refused() {
    let host = TestHost::new().on_wechat(|_| Ok(serde_json::json!({})));
    let get = wechat::Request::get("/cgi-bin/user/info").json(&1).unwrap();
    let put = wechat::Request { method: "PUT".to_owned(), ..wechat::Request::get("/cgi-bin/user/info") };
    for request in [get, put] {
        assert!(matches!(wechat::call(&request), Err(Error::Invalid(_))), "{request:?}");
    }
    assert!(host.wechat_requests().is_empty());
}
