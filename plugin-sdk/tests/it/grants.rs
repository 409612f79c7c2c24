//! What a host in a test grants, refuses and remembers.

use std::time::{Duration, UNIX_EPOCH};

use weft_plugin::{
    orders::{NewOrder, NewRefund},
    testing::{Part, Sent, TestHost, order, user},
    *,
};

use crate::shop::counters::count;

fn denied<T: std::fmt::Debug>(result: &Result<T, Error>, grant: &str) {
    assert!(matches!(result, Err(Error::Denied(text)) if text.contains(grant)), "{result:?}");
}

#[test]
fn nothing_is_granted_but_log_context_and_configuration() {
    let host = TestHost::new();
    log::info!("hello");
    assert_eq!(host.logs().len(), 1);
    assert_eq!(host.context().app().name, "demo");
    assert_eq!(host.context().config::<serde_json::Value>(), Ok(serde_json::json!({})));
    denied(&kv::get("a"), "kv");
    denied(&http::Request::get("https://example.com/").send(), "http_hosts");
    denied(&wechat::get::<serde_json::Value>("/cgi-bin/user/info", &[]), "wechat_apis");
    denied(&messages::send_customer_service("o1", "hi"), "wechat_apis");
    denied(&users::find("o1"), "users");
    denied(&orders::find(None, "A1"), "orders");
    denied(&pay::profitsharing::unsplit_amount(None, "42"), "pay_apis");
}

#[test]
fn what_the_plugin_asks_for_is_granted_and_no_more() {
    TestHost::new().grant_asked();
    assert_eq!(kv::get("a"), Ok(None));
    assert_eq!(messages::send_customer_service("o1", "hi"), Ok(()));
    assert_eq!(orders::find(None, "A1"), Ok(None));
    denied(&users::find("o1"), "`users`");
    denied(&orders::create(&NewOrder::native("T20260001", "tea", 1)), "`orders: create`");
    denied(&wechat::get::<serde_json::Value>("/cgi-bin/user/info", &[]), "`wechat_apis: /cgi-bin/user/info`");
    denied(&http::Request::get("https://example.com:8443/a/b").send(), "`http_hosts: https://example.com:8443`");
    denied(&pay::get::<serde_json::Value>(None, "/v3/certificates", &[]), "`pay_apis: /v3/certificates`");
    let split = pay::profitsharing::unsplit_amount(None, "42");
    assert!(matches!(&split, Err(Error::Unavailable(text)) if text.contains("`TestHost::on_pay`")), "{split:?}");
}

fn no_content() -> http::Response {
    http::Response { status: 204, headers: Vec::new(), body: Vec::new() }
}

#[test]
fn what_answers_grants_nothing_and_what_is_granted_does_not_answer() {
    let host = TestHost::new()
        .on_http(|_| Ok(no_content()))
        .on_wechat(|_| Ok(serde_json::json!({"errcode": 0})))
        .on_pay(|_| Ok(serde_json::Value::Null));
    let fetch = || http::Request::get("https://example.com/a").send();
    let tag = || wechat::tags::tag_users(2, &["o1"]);
    let ask = || pay::get::<()>(None, "/v3/certificates", &[]);
    denied(&fetch(), "`http_hosts: https://example.com`");
    denied(&tag(), "`wechat_apis: /cgi-bin/tags/members/batchtagging`");
    denied(&ask(), "`pay_apis: /v3/certificates`");
    host.grant_http_hosts(&["https://example.com"]).grant_wechat_apis(&["/cgi-bin/tags"]).grant_pay_apis(&["/v3"]);
    assert_eq!((fetch().map(|answer| answer.status), tag(), ask()), (Ok(204), Ok(()), Ok(())));
    let unanswered = |result: Result<(), Error>| matches!(result, Err(Error::Unavailable(_)));
    TestHost::new().grant_http_hosts(&["https://example.com"]).grant_wechat_apis(&["/"]).grant_pay_apis(&["/"]);
    assert!(unanswered(fetch().map(drop)) && unanswered(tag()) && unanswered(ask()));
}

#[test]
fn a_host_is_granted_with_its_scheme_and_port_and_with_a_star_all_below_it() {
    for (granted, url, is_granted) in [
        ("https://api.example.com", "https://api.example.com/a?b#c", true),
        ("https://api.example.com", "https://user:pass@API.example.com:443?a=@b", true),
        ("https://api.example.com:443", "https://api.example.com", true),
        ("https://api.example.com", "http://api.example.com/", false),
        ("https://api.example.com", "https://api.example.com:8443/", false),
        ("https://api.example.com", "https://api.example.com.evil.example/", false),
        ("https://api.example.com", "https://api.example.com@evil.example/", false),
        ("https://*.example.com", "https://a.b.example.com/", true),
        ("https://*.example.com", "https://example.com/", false),
        ("https://*.example.com", "https://.example.com/", false),
        ("https://*.example.com", "https://badexample.com/", false),
        ("https://*.example.com:8443", "https://a.example.com:8443/", true),
        ("https://*.example.com:8443", "https://a.example.com/", false),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/", true),
    ] {
        TestHost::new().grant_http_hosts(&[granted]).on_http(|_| Ok(no_content()));
        let answer = http::Request::get(url).send();
        assert_eq!(answer.is_ok(), is_granted, "{granted} {url}: {answer:?}");
    }
    for url in ["", "/a", "example.com", "https://"] {
        assert!(matches!(http::Request::get(url).send(), Err(Error::Invalid(_))), "{url:?}");
    }
}

#[test]
fn what_is_granted_adds_up() {
    TestHost::new().grant_orders(&["create"]).grant_users().grant_wechat_apis(&["/cgi-bin/tags"]).grant_asked();
    assert!(orders::create(&new_order(100)).is_ok() && orders::find(None, "T20260001").is_ok());
    assert!(users::find("o1").is_ok() && kv::get("a").is_ok());
    assert_eq!(messages::send_customer_service("o1", "hi"), Ok(()));
    assert!(matches!(wechat::tags::list(), Err(Error::Unavailable(_))));
}

#[test]
fn messages_are_granted_by_the_path_that_each_goes_by() {
    let message = messages::SubscribeMessage::new("o1", "T1");
    denied(&messages::send_subscribe(&message), "/cgi-bin/message/subscribe/bizsend");
    TestHost::new().app_type(AppType::Miniprogram);
    denied(&messages::send_subscribe(&message), "/cgi-bin/message/subscribe/send");
    denied(&messages::send_template(&messages::TemplateMessage::new("o1", "T1")), "/cgi-bin/message/template/send");
}

#[test]
fn a_new_host_forgets_the_one_before() {
    TestHost::new().grant_kv();
    kv::set("a", "1").unwrap();
    TestHost::new().grant_kv();
    assert_eq!(kv::get("a"), Ok(None));
}

#[test]
fn a_context_for_tests_is_that_of_the_host_that_is_there() {
    let host = TestHost::new().app("shop").grant_kv();
    assert_eq!(Context::test().app().name, "shop");
    assert_eq!(kv::get("a"), Ok(None));
    assert!(host.logs().is_empty());
}

#[test]
fn a_context_for_tests_needs_no_host_and_brings_one_that_grants_nothing() {
    let fresh = std::thread::spawn(|| (Context::test().app().name, kv::get("a")));
    let (app, got) = fresh.join().unwrap();
    assert_eq!(app, "demo");
    denied(&got, "kv");
}

#[test]
#[should_panic(expected = "`TestHost::new()` has put another one in its place")]
fn a_host_that_another_one_has_replaced_says_so() {
    let host = TestHost::new();
    TestHost::new().grant_kv();
    host.logs();
}

#[test]
fn a_configuration_of_another_shape_is_the_operators_mistake() {
    let host = TestHost::new().config(&serde_json::json!({"limit": "many"}));
    let limit: Result<std::collections::BTreeMap<String, u32>, _> = host.context().config();
    assert!(matches!(limit, Err(Error::Invalid(text)) if text.contains("configuration")));
}

#[test]
fn keys_last_as_long_as_they_should() {
    let host = TestHost::new().grant_kv();
    kv::set_for("short", "1", Duration::from_millis(1500)).unwrap();
    kv::set("long", "1").unwrap();
    host.advance(Duration::from_millis(1999));
    assert!(kv::get("short").unwrap().is_some(), "1.5 seconds are rounded up to 2");
    host.advance(Duration::from_millis(1));
    assert_eq!(kv::get("short"), Ok(None));
    assert_eq!(kv::keys("", None, 10), Ok(vec!["long".to_owned()]));
}

#[test]
fn what_is_written_anew_lasts_as_long_as_the_last_write_says() {
    let host = TestHost::new().grant_kv();
    let day = Duration::from_hours(24);
    let version = kv::set_for("version", "1", day).unwrap();
    kv::compare_and_set("version", Some(version), "2").unwrap();
    kv::compare_and_set_for("gone", None, "1", day).unwrap();
    kv::set_json_for("json", &1, day).unwrap();
    assert_eq!(kv::update("json", |before: Option<u32>| Ok(before.unwrap_or(0) + 1)), Ok(2));
    kv::set_for("text", "1", day).unwrap();
    kv::set("text", "2").unwrap();
    host.advance(day);
    assert_eq!(kv::keys("", None, 10).unwrap(), ["json", "text", "version"]);
}

#[test]
fn a_text_is_read_as_one_and_other_bytes_are_an_error() {
    TestHost::new().grant_kv();
    assert_eq!(kv::get_text("text"), Ok(None));
    kv::set("text", "茶").unwrap();
    assert_eq!(kv::get_text("text"), Ok(Some("茶".to_owned())));
    kv::set("text", b"\xff").unwrap();
    assert!(kv::get_text("text").unwrap_err().to_string().contains("utf-8"));
    assert_eq!(kv::get("text").unwrap().unwrap().text(), None);
}

#[test]
fn a_key_is_changed_only_as_it_was_read() {
    TestHost::new().grant_kv();
    let version = kv::compare_and_set("a", None, "1").unwrap();
    assert!(matches!(kv::compare_and_set("a", None, "2"), Err(Error::Conflict(_))));
    assert!(kv::delete("a").unwrap() && !kv::delete("a").unwrap());
    let again = kv::compare_and_set("a", None, "1").unwrap();
    assert_ne!(version, again, "a version is never used twice");
    assert_eq!((count(), count()), (Ok("1".to_owned()), Ok("2".to_owned())));
}

#[test]
fn an_update_takes_what_others_have_written_meanwhile() {
    TestHost::new().grant_kv();
    let mut rounds = 0;
    let count = kv::update("n", |before: Option<u32>| {
        rounds += 1;
        if rounds == 1 {
            kv::set_json("n", &7)?;
        }
        Ok(before.unwrap_or(0) + 1)
    });
    assert_eq!((count, rounds), (Ok(8), 2));
    let stopped = kv::update("n", |_: Option<u32>| Err("sold out".into()));
    assert_eq!(stopped, Err(Error::Other("sold out".to_owned())));
    assert_eq!(kv::get_json::<u32>("n"), Ok(Some(8)));
    let late = kv::update("n", |before: Option<u32>| {
        kv::set_json("n", &1)?;
        Ok(before.unwrap_or(0) + 1)
    });
    assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
    assert_eq!(kv::get_json::<u32>("n"), Ok(Some(1)));
}

#[test]
fn an_update_keeps_what_it_cannot_read_and_lasts_as_long_as_it_should() {
    let host = TestHost::new().grant_kv();
    kv::set("text", "no JSON").unwrap();
    assert!(kv::update("text", |_: Option<u32>| Ok(1)).is_err());
    assert_eq!(kv::get_text("text"), Ok(Some("no JSON".to_owned())));
    assert_eq!(kv::update_for("short", Duration::from_secs(2), |_: Option<u32>| Ok(1)), Ok(1));
    host.advance(Duration::from_secs(2));
    assert_eq!(kv::get_json::<u32>("short"), Ok(None));
}

#[test]
fn videos_and_music_are_made_as_other_answers_are() {
    let host = TestHost::new().grant_messages();
    messages::send_customer_service("o1", Reply::video("V1", "a", "b")).unwrap();
    let music = reply::Music {
        title: "a".into(),
        description: "b".into(),
        music_url: "https://example.com/a.mp3".into(),
        hq_music_url: "https://example.com/b.mp3".into(),
        thumb_media_id: "T1".into(),
    };
    messages::send_customer_service("o1", Reply::music(music.clone())).unwrap();
    let video = reply::Video { media_id: "V1".into(), title: "a".into(), description: "b".into() };
    let sent = |content| Sent::CustomerService { openid: "o1".into(), content };
    assert_eq!(host.sent(), [sent(Reply::Video(video)), sent(Reply::Music(music))]);
}

#[test]
fn keys_are_listed_from_behind_one_on() {
    TestHost::new().grant_kv();
    for key in ["b/1", "a/2", "a/1", "a/10"] {
        kv::set(key, "").unwrap();
    }
    assert_eq!(kv::keys("a/", None, 2).unwrap(), ["a/1", "a/10"]);
    assert_eq!(kv::keys("a/", Some("a/10"), 2).unwrap(), ["a/2"]);
    for none in ["", "a\0b", &"k".repeat(513)] {
        assert!(matches!(kv::set(none, ""), Err(Error::Invalid(_))), "{none:?}");
    }
}

#[test]
fn the_outside_answers_what_the_test_says() {
    TestHost::new()
        .grant_http_hosts(&["https://example.com"])
        .grant_wechat_apis(&["/cgi-bin/user", "/cgi-bin/menu"])
        .on_http(|request| {
            log::debug!("asked {}", request.url);
            Ok(http::Response { status: 200, headers: vec![("X-Kind".into(), "test".into())], body: b"[1]".to_vec() })
        })
        .on_wechat(|request| match request.path.as_str() {
            "/cgi-bin/user/info" => Ok(serde_json::json!({"language": "zh_CN"})),
            _ => Err(WechatError { errcode: 48001, errmsg: "api unauthorized".into() }.into()),
        });
    let answer = http::Request::post("https://example.com/").json(&[1]).unwrap().send().unwrap();
    assert_eq!((answer.header("x-kind"), answer.json::<Vec<u8>>()), (Some("test"), Ok(vec![1])));
    let user: serde_json::Value = wechat::get("/cgi-bin/user/info", &[("openid", "o1")]).unwrap();
    assert_eq!(user["language"], "zh_CN");
    let refused = wechat::post::<serde_json::Value>("/cgi-bin/menu/create", &user).unwrap_err();
    assert_eq!(refused.to_string(), "wechat refused with 48001: api unauthorized");
}

#[test]
fn what_wechat_refuses_is_an_error_although_the_test_writes_it_as_an_answer() {
    let quota = serde_json::json!({"errcode": 45009, "errmsg": "reach max api daily quota limit"});
    TestHost::new().grant_wechat_apis(&["/cgi-bin/tags"]).on_wechat(move |_| Ok(quota.clone()));
    let refused = WechatError { errcode: 45009, errmsg: "reach max api daily quota limit".to_owned() };
    assert_eq!(wechat::tags::tag_users(2, &["o1"]), Err(Error::Wechat(refused)));
    TestHost::new()
        .grant_wechat_apis(&["/cgi-bin/tags"])
        .on_wechat(|_| Ok(serde_json::json!({"errcode": 0, "errmsg": "ok"})));
    assert_eq!(wechat::tags::tag_users(2, &["o1"]), Ok(()));
}

#[test]
fn what_wechat_pay_refuses_in_v2_is_an_error_although_the_test_writes_it_as_an_answer() {
    let query = |answer: serde_json::Value| {
        TestHost::new().grant_pay_apis(&["/mmpaymkttransfers"]).on_pay(move |_| Ok(answer.clone()));
        pay::call_v2::<serde_json::Value>(None, "/mmpaymkttransfers/gethbinfo", &[])
    };
    let refused = |errmsg: &str| Err(Error::from(WechatError { errcode: 0, errmsg: errmsg.to_owned() }));
    let answer = serde_json::json!({"return_code": "SUCCESS", "result_code": "FAIL", "err_code": "NOTENOUGH",
        "err_code_des": "no money"});
    assert_eq!(query(answer), refused("NOTENOUGH: no money"));
    let answer = serde_json::json!({"return_code": "FAIL", "return_msg": "sign"});
    assert_eq!(query(answer), refused("FAIL: sign"));
    let answer = serde_json::json!({"return_code": "SUCCESS", "result_code": "SUCCESS", "status": "SENT"});
    assert_eq!(query(answer.clone()), Ok(answer));
}

#[test]
fn sent_messages_are_remembered() {
    let host = TestHost::new().grant_messages();
    messages::send_customer_service("o1", "hi").unwrap();
    assert_eq!(host.sent(), [Sent::CustomerService { openid: "o1".into(), content: Reply::text("hi") }]);
}

#[test]
fn what_cannot_be_sent_is_refused_and_not_remembered() {
    let host = TestHost::new().grant_messages();
    for reply in [
        Reply::text(" \n"),
        Reply::image(""),
        Reply::news([]),
        Reply::transfer(),
        Reply::TransferCustomerService(Some(String::new())),
        Reply::video("V".repeat(2049), "", ""),
    ] {
        let refused = messages::send_customer_service("o1", reply.clone());
        assert!(matches!(refused, Err(Error::Invalid(_))), "{reply:?}: {refused:?}");
    }
    let refused = messages::send_customer_service("no openid", "hi");
    assert_eq!(refused, Err(Error::Invalid("this is no openid".to_owned())));
    assert!(host.sent().is_empty());
}

#[test]
fn users_are_tagged_and_remarked() {
    TestHost::new().grant_users().user(user("o1")).user(user("o2"));
    users::add_tag("o1", "vip").unwrap();
    users::add_tag("o1", "vip").unwrap();
    users::add_tag("o2", "new").unwrap();
    users::set_remark("o1", "the first").unwrap();
    let (first, second) = (users::fetch("o1").unwrap(), users::fetch("o2").unwrap());
    assert_eq!((first.tags.len(), first.remark.as_str()), (1, "the first"));
    assert_ne!(first.tags[0].id, second.tags[0].id);
    users::remove_tag("o1", "vip").unwrap();
    assert!(users::find("o1").unwrap().unwrap().tags.is_empty());
}

fn new_order(total_fee: u64) -> NewOrder {
    NewOrder {
        merchant: None,
        out_trade_no: "T20260001".into(),
        body: "tea".into(),
        total_fee,
        trade_type: TradeType::Jsapi,
        openid: Some("o1".into()),
        attach: None,
        expires_at: None,
    }
}

#[test]
fn the_same_order_is_created_once() {
    TestHost::new().grant_orders(&["read", "create"]);
    let created = orders::create(&new_order(100)).unwrap();
    assert_eq!(orders::create(&new_order(100)), Ok(created.clone()));
    assert!(matches!(orders::create(&new_order(200)), Err(Error::Conflict(_))));
    assert_eq!(orders::find(None, "T20260001"), Ok(Some(created)));
    assert!(matches!(orders::query(None, "T20260002"), Err(Error::NotFound(_))));
}

#[test]
fn an_order_is_paid_by_what_wechat_says_of_it() {
    let host = TestHost::new().grant_orders(&["read", "create"]);
    for (trade_type, first) in [
        (TradeType::Jsapi, "appId"),
        (TradeType::App, "appid"),
        (TradeType::Native, "code_url"),
        (TradeType::Mweb, "mweb_url"),
    ] {
        let out_trade_no = format!("T2026-{trade_type}");
        orders::create(&NewOrder { out_trade_no: out_trade_no.clone(), trade_type, ..new_order(100) }).unwrap();
        assert_eq!(orders::prepay(None, &out_trade_no).unwrap()[0].path, first);
        let order = orders::find(None, &out_trade_no).unwrap().unwrap();
        assert_eq!((order.state, order.version), (OrderState::Notpay, 1), "WeChat knows it now");
    }
    host.order(Order { state: OrderState::Success, ..order("paid", 100) });
    assert!(matches!(orders::prepay(None, "paid"), Err(Error::Conflict(text)) if text.contains("SUCCESS")));
    host.advance(Duration::from_hours(2));
    assert!(matches!(orders::prepay(None, "T2026-JSAPI"), Err(Error::Conflict(text)) if text.contains("run out")));
}

#[test]
fn no_more_is_refunded_than_was_paid() {
    let refund = |number: &str, fee| NewRefund {
        merchant: None,
        out_trade_no: "A1".into(),
        out_refund_no: number.into(),
        refund_fee: fee,
        reason: None,
    };
    let host = TestHost::new().order(Order { state: OrderState::Success, ..order("A1", 100) });
    denied(&orders::create_refund(&refund("R1", 60)), "refund");
    host.grant_orders(&["refund"]);
    let first = orders::create_refund(&refund("R1", 60)).unwrap();
    assert_eq!(orders::create_refund(&refund("R1", 60)), Ok(first));
    assert!(matches!(orders::create_refund(&refund("R1", 61)), Err(Error::Conflict(_))));
    assert!(
        matches!(orders::create_refund(&refund("", 1)), Err(Error::Invalid(text)) if text.starts_with("out_refund_no"))
    );
    assert!(matches!(orders::create_refund(&refund("R2", 41)), Err(Error::Invalid(_))));
    assert!(orders::create_refund(&refund("R2", 40)).is_ok());
    let refunded: Vec<_> = host.refunds().iter().map(|refund| refund.refund_fee).collect();
    assert_eq!(refunded, [60, 40]);
}

#[test]
fn a_part_that_does_not_work_is_met_by_who_may_use_it() {
    let broken = Error::Unavailable("the database is away".to_owned());
    let parts = [Part::Kv, Part::Users, Part::Orders, Part::Messages];
    let host = parts.iter().fold(TestHost::new(), |host, &part| host.failing(part, broken.clone()));
    denied(&kv::get("a"), "kv");
    host.grant_kv().grant_users().grant_orders(&["read"]).grant_messages();
    assert_eq!(kv::get("a"), Err(broken.clone()));
    assert_eq!(users::find("o1"), Err(broken.clone()));
    assert_eq!(orders::find(None, "A1"), Err(broken.clone()));
    assert_eq!(messages::send_customer_service("o1", "hi"), Err(broken));
    assert!(host.sent().is_empty());
}

#[test]
fn what_was_asked_outside_is_remembered_also_when_it_was_refused() {
    let host = TestHost::new();
    denied(&http::Request::get("https://example.com/a").send(), "http_hosts");
    host.grant_http_hosts(&["https://example.com"]).on_http(|_| Ok(no_content()));
    http::Request::get("https://example.com/b").send().unwrap();
    let urls: Vec<_> = host.http_requests().into_iter().map(|request| request.url).collect();
    assert_eq!(urls, ["https://example.com/a", "https://example.com/b"]);
    denied(&wechat::get::<serde_json::Value>("/cgi-bin/user/info", &[]), "wechat_apis");
    assert_eq!(host.wechat_requests()[0].path, "/cgi-bin/user/info");
}

#[test]
fn time_is_what_the_test_says() {
    let host = TestHost::new();
    assert_eq!(host.context().now(), UNIX_EPOCH + Duration::from_secs(1_760_000_000));
    let later = UNIX_EPOCH + Duration::from_secs(1_800_000_001);
    host.at(later).advance(Duration::from_secs(1));
    assert_eq!(host.context().now(), later + Duration::from_secs(1));
}
