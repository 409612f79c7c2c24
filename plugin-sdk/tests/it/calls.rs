//! What the plugin says of itself, and calls by name.

use std::time::{Duration, UNIX_EPOCH};

use weft_plugin::{
    log::Level,
    manifest::Description,
    pages::User,
    testing::{TestHost, event, order, order_event, refund, refund_event, request, text, user},
    *,
};

fn names(of: impl Fn(&Description) -> Vec<String>) -> Vec<String> {
    of(&TestHost::new().describe())
}

#[test]
fn the_manifest_has_every_function_by_module_and_then_in_the_order_of_the_source() {
    let handlers = names(|plugin| plugin.handlers.iter().map(|entry| entry.name.clone()).collect());
    assert_eq!(handlers, ["echo", "always-ill", "mute", "advertise", "count"]);
    let others = names(|plugin| {
        [&plugin.rules, &plugin.hooks, &plugin.observers, &plugin.pages]
            .into_iter()
            .flatten()
            .map(|entry| entry.name.clone())
            .collect()
    });
    assert_eq!(others, ["is_order_number", "paid", "refunds", "watch", "form"]);
}

#[test]
fn descriptions_and_apps_come_from_attributes_and_comments() {
    let plugin = TestHost::new().describe();
    let descriptions: Vec<_> = plugin.handlers.iter().map(|entry| entry.description.as_str()).collect();
    assert_eq!(descriptions, ["Answers with the text.", "Fails.", "Says nothing, in a text.", "", ""]);
    assert_eq!(plugin.rules[0].apps, ["shop", "media"]);
    assert_eq!(plugin.hooks[0].apps, ["shop"]);
    assert!(plugin.handlers[0].apps.is_empty());
}

#[test]
fn the_plugin_is_named_by_its_own_package() {
    let plugin = TestHost::new().describe();
    assert_eq!(plugin.name, env!("CARGO_PKG_NAME"));
    assert_eq!(plugin.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(plugin.description, env!("CARGO_PKG_DESCRIPTION"));
}

#[test]
fn the_manifest_tells_what_the_plugin_asks_for() {
    let plugin = TestHost::new().describe();
    assert_eq!(plugin.asks.wechat_apis, ["/cgi-bin/message/"]);
    assert_eq!(plugin.asks.orders, ["read", "refund"]);
    let asks = |path: &str| ("asks-pay-apis".to_owned(), path.to_owned());
    assert_eq!(plugin.options, [asks("/v3/profitsharing/"), asks("/mmpaymkttransfers/sendredpack")]);
    assert!(plugin.asks.kv && !plugin.asks.users && plugin.asks.http_hosts.is_empty());
    assert_eq!(plugin.config_schema.as_deref(), Some(r#"{"type": "object"}"#));
}

#[test]
fn a_handler_answers_by_name() {
    let host = TestHost::new().app("shop");
    assert_eq!(host.handle("echo", text("o1", "hi")), Ok(Some(Reply::text("shop: hi"))));
    assert_eq!(host.handle("echo", event("o1", Event::Unsubscribe)), Ok(None));
    let article = host.handle("advertise", text("o1", "hi")).unwrap();
    assert!(matches!(article, Some(Reply::News(articles)) if articles[0].title == "tea"));
}

#[test]
fn an_answer_that_the_host_would_not_send_is_an_error() {
    let refused = TestHost::new().handle("mute", text("o1", "hi"));
    assert_eq!(refused.unwrap_err().to_string(), "invalid: the text is empty: leave the reply out to answer nothing");
}

#[test]
fn an_unknown_name_is_an_error_that_says_so() {
    let error = TestHost::new().handle("ecko", text("o1", "hi")).unwrap_err();
    assert_eq!(error, Error::NotFound("this plugin has no message handler `ecko`".to_owned()));
}

#[test]
fn errors_of_the_standard_library_become_errors_of_the_call() {
    let error = TestHost::new().handle("always-ill", text("o1", "hi")).unwrap_err();
    assert_eq!(error.to_string(), "invalid digit found in string");
}

#[test]
fn a_rule_matches_or_not() {
    let host = TestHost::new().app("shop");
    assert_eq!(host.matches("is_order_number", text("o1", "42")), Ok(true));
    assert_eq!(host.matches("is_order_number", text("o1", "no")), Ok(false));
    assert_eq!(host.matches("is_order_number", event("o1", Event::Unsubscribe)), Err(Error::from("no text")));
}

#[test]
fn hooks_and_observers_are_told() {
    let host = TestHost::new().app("shop");
    host.order_updated("paid", order_event(order("A1", 100), OrderState::Notpay)).unwrap();
    host.observe("watch", Observation::Received(text("o1", "hi"))).unwrap();
    let [paid, seen] = &host.logs()[..] else { panic!("two lines") };
    assert_eq!((paid.level, paid.message.as_str()), (Level::Info, "paid, 30s left"));
    assert_eq!(paid.fields, [("order".to_owned(), "A1".to_owned()), ("attempt".to_owned(), "1".to_owned())]);
    assert_eq!((seen.level, seen.message.as_str()), (Level::Debug, "o1 was seen"));
}

#[test]
fn a_call_by_name_begins_with_the_time_of_its_kind() {
    let host = TestHost::new().app("shop");
    let left = || host.context().time_left();
    assert_eq!(left(), Duration::from_secs(14), "of a function that the test calls itself");
    host.advance(Duration::from_secs(4));
    assert_eq!(left(), Duration::from_secs(10));
    host.matches("is_order_number", text("o1", "42")).unwrap();
    assert_eq!(left(), Duration::from_secs(1));
    host.handle("echo", text("o1", "hi")).unwrap();
    assert_eq!(left(), Duration::from_secs(14));
    host.refund_updated("refunds", refund_event(order("A1", 100), refund("R1", 60), RefundState::New)).unwrap();
    assert_eq!(left(), Duration::from_secs(30));
}

#[test]
fn a_page_answers_its_user() {
    let host = TestHost::new();
    assert!(matches!(host.serve("form", request("GET", "/")), Err(Error::NotFound(_))));
    let user = Some(User { openid: "o1".to_owned(), unionid: None });
    let response = host.serve("form", PageRequest { user, ..request("GET", "/") }).unwrap();
    assert_eq!((response.status, response.body.as_slice()), (200, br#""o1""#.as_slice()));
}

#[test]
fn a_message_says_when_it_was_sent() {
    let message = Message { created_at: 1_760_000_001, ..text("o1", "hi") };
    assert_eq!(message.sent_at(), UNIX_EPOCH + Duration::from_secs(1_760_000_001));
}

#[test]
fn a_boxed_error_comes_out_as_it_went_in() {
    let boxed: Box<dyn std::error::Error + Send + Sync> = Box::new(Error::Limited("enough".to_owned()));
    assert_eq!(Error::from(boxed), Error::Limited("enough".to_owned()));
}

#[test]
fn a_hook_that_hears_of_refunds_says_so_and_is_told_of_them() {
    let host = TestHost::new().app("shop");
    let refunds = ("refunds".to_owned(), "true".to_owned());
    let options: Vec<_> = host.describe().hooks.into_iter().map(|hook| (hook.name, hook.options)).collect();
    assert_eq!(options, [("paid".to_owned(), vec![refunds.clone()]), ("refunds".to_owned(), vec![refunds])]);
    let changed = |state| {
        let refund = Refund { state, ..refund("R1", 60) };
        host.refund_updated("paid", refund_event(order("T1", 101), refund, RefundState::Processing))
    };
    assert_eq!(changed(RefundState::Success), Ok(()));
    assert_eq!(changed(RefundState::Abnormal), Err(Error::other("somebody has to look at R1")));
    // One that hears of refunds alone has nothing to say of orders.
    assert_eq!(host.order_updated("refunds", order_event(order("T1", 101), OrderState::New)), Ok(()));
    assert!(matches!(
        host.order_updated("nobody", order_event(order("T1", 101), OrderState::New)),
        Err(Error::NotFound(_))
    ));
}

#[test]
fn a_function_that_is_for_other_apps_is_refused() {
    let refused = TestHost::new().app("media").order_updated("paid", order_event(order("A1", 100), OrderState::Notpay));
    assert_eq!(refused, Err(Error::Denied("`paid` is only for the apps shop".to_owned())));
}

#[test]
fn the_apps_of_an_order_hook_are_those_of_its_refund_hook() {
    let event = refund_event(order("T1", 101), refund("R1", 60), RefundState::New);
    let refused = TestHost::new().app("media").refund_updated("paid", event);
    assert_eq!(refused, Err(Error::Denied("`paid` is only for the apps shop".to_owned())));
}

#[test]
fn the_context_knows_whom_the_call_is_about() {
    let host = TestHost::new().app("shop");
    assert_eq!(host.context().openid(), None);
    assert!(matches!(host.context().user(), Err(Error::NotFound(_))));
    host.handle("echo", text("o2", "hi")).unwrap();
    assert_eq!(host.context().openid().as_deref(), Some("o2"));
    host.openid("o3");
    assert!(matches!(host.context().user(), Err(Error::Denied(_))));
    host.grant_users();
    assert!(matches!(host.context().user(), Err(Error::NotFound(text)) if text.contains("o3")));
    host.user(user("o3"));
    assert_eq!(host.context().user().unwrap().openid, "o3");
    assert_eq!(TestHost::new().context().openid(), None, "a new host is about nobody");
}

#[test]
fn lines_of_dependencies_arrive_from_info_on_and_a_target_that_was_chosen_arrives_with_any_line() {
    let host = TestHost::new();
    let logger = ::log::logger();
    for (module, target, level) in [
        ("it::shop", "it::shop", Level::Debug),
        ("it::shop", "till", Level::Debug),
        ("other::deep", "net", Level::Debug),
        ("other::deep", "net", Level::Info),
        ("other::deep", "other::deep", Level::Info),
    ] {
        let line = format_args!("hello");
        let record = ::log::Record::builder().module_path(Some(module)).target(target).level(level).args(line).build();
        logger.log(&record);
    }
    let lines: Vec<_> = host.logs().into_iter().map(|line| (line.level, line.fields)).collect();
    let of = |target: &str| vec![("target".to_owned(), target.to_owned())];
    let expected = [
        (Level::Debug, Vec::new()),
        (Level::Debug, of("till")),
        (Level::Info, of("net")),
        (Level::Info, of("other::deep")),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn every_error_ends_a_function_with_its_own_words() {
    fn fail(error: impl Into<Failure>) -> Failure {
        error.into()
    }
    assert_eq!(fail("no text").to_string(), "no text");
    assert_eq!(fail(Error::Limited("enough".to_owned())), Failure(Error::Limited("enough".to_owned())));
    let refused = WechatError { errcode: 40003, errmsg: "invalid openid".to_owned() };
    assert_eq!(fail(refused.clone()).errcode(), Some(40003));
    assert_eq!(Error::from(fail(refused.clone())), Error::Wechat(refused));
    let anybodys: Box<dyn std::error::Error> = std::fmt::Error.into();
    assert_eq!(fail(anybodys).to_string(), std::fmt::Error.to_string());
}
