//! What a host in a test refuses because the real one does.

use weft_plugin::{
    messages::{SubscribeMessage, TemplateMessage},
    orders::{NewOrder, NewRefund},
    testing::{TestHost, order, user},
    *,
};

#[test]
fn what_the_real_host_refuses_of_users_is_refused() {
    TestHost::new().grant_users().user(user("o1"));
    let unknown = Err(Error::NotFound("there is no user `o3`".to_owned()));
    assert_eq!(users::fetch("o3").map(drop), unknown);
    assert_eq!(users::set_remark("o3", "the third"), unknown);
    assert_eq!(users::add_tag("o3", "vip"), unknown);
    assert_eq!(users::remove_tag("o3", "vip"), Ok(()), "nobody has the tag");
    assert!(matches!(users::add_tag("o1", " "), Err(Error::Invalid(text)) if text.starts_with("name: ")));
    assert!(
        matches!(users::set_remark("o1", &"长".repeat(31)), Err(Error::Invalid(text)) if text.starts_with("remark: "))
    );
    for number in 0..20 {
        users::add_tag("o1", &number.to_string()).unwrap();
    }
    assert!(matches!(users::add_tag("o1", "20"), Err(Error::Limited(_))));
    assert_eq!(users::remove_tag("o3", "0"), unknown);
}

/// Whether it was done. What accounts of the type have not is the only other thing that may come of it.
fn is_done<T>(asked: Result<T, Error>) -> bool {
    match asked {
        Ok(_) => true,
        Err(Error::Invalid(text)) if text.starts_with("an account of type ") => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn what_accounts_of_the_type_have_not_is_refused() {
    let (template, subscribe) = (TemplateMessage::new("o1", "T1"), SubscribeMessage::new("o1", "T1"));
    for (kind, may_answer, has_templates, has_users) in [
        (AppType::Service, true, true, true),
        (AppType::Subscription, true, false, true),
        (AppType::Miniprogram, true, true, false),
        (AppType::PayPartner, false, false, false),
        (AppType::Other, false, false, false),
    ] {
        let host = TestHost::new().app_type(kind).grant_messages().grant_users().user(user("o1"));
        assert_eq!(is_done(messages::send_customer_service("o1", "hi")), may_answer, "{kind:?}");
        assert_eq!(is_done(messages::send_template(&template)), has_templates, "{kind:?}");
        assert_eq!(is_done(messages::send_subscribe(&subscribe)), has_templates, "{kind:?}");
        assert_eq!(host.sent().len(), usize::from(may_answer) + 2 * usize::from(has_templates), "{kind:?}");
        let asked_of_wechat = [
            is_done(users::fetch("o1")),
            is_done(users::set_remark("o1", "the first")),
            is_done(users::add_tag("o1", "vip")),
            is_done(users::remove_tag("o1", "vip")),
        ];
        assert_eq!(asked_of_wechat, [has_users; 4], "{kind:?}");
        assert!(users::find("o1").unwrap().is_some(), "asks nobody: {kind:?}");
    }
    TestHost::new().app_type(AppType::Subscription).grant_messages();
    let refused = Error::Invalid("an account of type subscription has no template messages".to_owned());
    assert_eq!(messages::send_template(&template), Err(refused));
}

fn new_order() -> NewOrder {
    NewOrder::jsapi("T20260001", "tea", 100, "o1")
}

fn unknown_merchant<T: std::fmt::Debug>(asked: &Result<T, Error>) {
    assert!(matches!(asked, Err(Error::NotFound(text)) if text.contains("no merchant `typo`")), "{asked:?}");
}

#[test]
fn a_merchant_is_one_of_the_apps() {
    let host = TestHost::new().grant_orders(&["read", "create", "refund"]).grant_pay_apis(&["/v3"]);
    host.on_pay(|_| Ok(serde_json::json!({})));
    let typo = Some("typo");
    let new = NewOrder { merchant: Some("typo".to_owned()), ..new_order() };
    let refund = NewRefund { merchant: Some("typo".to_owned()), ..NewRefund::new("T20260001", "R1", 1) };
    unknown_merchant(&orders::create(&new));
    unknown_merchant(&orders::find(typo, "T20260001"));
    unknown_merchant(&orders::prepay(typo, "T20260001"));
    unknown_merchant(&orders::query(typo, "T20260001"));
    unknown_merchant(&orders::create_refund(&refund));
    unknown_merchant(&pay::get::<serde_json::Value>(typo, "/v3/certificates", &[]));

    host.merchant("typo");
    let created = orders::create(&new).unwrap();
    assert_eq!((created.merchant.as_str(), orders::find(typo, "T20260001")), ("typo", Ok(Some(created.clone()))));
    assert_eq!(orders::find(None, "T20260001"), Ok(None), "of another merchant");
    assert_eq!(orders::find(Some("default"), "T20260001"), Ok(None), "of the first merchant");
    assert!(pay::get::<serde_json::Value>(typo, "/v3/certificates", &[]).is_ok());

    let of_tea = Order { merchant: "tea".to_owned(), ..order("A1", 100) };
    host.order(of_tea.clone());
    assert_eq!(orders::find(Some("tea"), "A1"), Ok(Some(of_tea)), "the order brings its merchant along");
}

#[test]
fn what_the_real_host_refuses_of_orders_is_refused() {
    TestHost::new().grant_orders(&["create"]);
    let good = new_order;
    for (field, order) in [
        ("out_trade_no", NewOrder { out_trade_no: "A1".into(), ..good() }),
        ("body", NewOrder { body: "茶".repeat(128), ..good() }),
        ("total_fee", NewOrder { total_fee: 0, ..good() }),
        ("total_fee", NewOrder { total_fee: 1_000_000_000_001, ..good() }),
        ("openid", NewOrder { openid: None, ..good() }),
        ("openid", NewOrder::jsapi("T20260001", "tea", 100, "")),
        ("openid", NewOrder::jsapi("T20260001", "tea", 100, "o".repeat(129))),
        ("openid", NewOrder::jsapi("T20260001", "tea", 100, "o\n1")),
        ("openid", NewOrder { openid: Some(String::new()), ..NewOrder::native("T20260001", "tea", 100) }),
        ("attach", NewOrder { attach: Some(String::new()), ..good() }),
        ("time_expire", NewOrder { expires_at: Some(1_760_000_059), ..good() }),
    ] {
        let refused = orders::create(&order);
        assert!(matches!(&refused, Err(Error::Invalid(text)) if text.starts_with(field)), "{field}: {refused:?}");
    }
    let all = orders::create(&NewOrder { body: String::new(), total_fee: 0, ..good() }).unwrap_err().to_string();
    assert!(all.contains("body: ") && all.contains("; total_fee: "), "{all}");
    let longest = NewOrder::jsapi("T20260001", "tea", 1_000_000_000_000, "o".repeat(128));
    assert!(orders::create(&longest).is_ok());
}

#[test]
fn an_order_has_fifty_refunds_at_most() {
    let paid = |number| Order { state: OrderState::Success, ..order(number, 100) };
    let host = TestHost::new().grant_orders(&["refund"]).order(paid("A1")).order(paid("A2"));
    let give_back = |order: &str, refund: u32| orders::create_refund(&NewRefund::new(order, format!("R{refund}"), 1));
    for refund in 1..=50 {
        give_back("A1", refund).unwrap();
    }
    let refused = give_back("A1", 51);
    let told = "out_refund_no: an order has at most 50 refunds";
    assert_eq!(refused, Err(Error::Invalid(told.to_owned())));
    assert!(give_back("A1", 50).is_ok(), "that one is there already");
    assert!(give_back("A2", 51).is_ok(), "of another order");
    assert_eq!(host.refunds().len(), 51);
}

#[test]
fn keys_are_not_listed_by_what_no_key_holds() {
    TestHost::new().grant_kv();
    assert!(matches!(kv::keys("a\0", None, 10), Err(Error::Invalid(_))));
    assert!(matches!(kv::keys("a", Some("a\0"), 10), Err(Error::Invalid(_))));
}
