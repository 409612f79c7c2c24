//! Which templates there are.

use reqwest::Method;
use serde_json::json;
use weft::simulator::wechat::Fault;

use super::{APPID, ORDER, Shop, TEMPLATES};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_are_taken_over_with_their_keywords_and_keep_what_is_noted_of_them() {
    let shop = Shop::open().await;
    let wechat = &shop.inbox.wechat;
    let order = wechat.add_template(APPID, "订单通知", ORDER);
    let notice = wechat.add_subscribe_template(APPID, "发货提醒", "商品：{{thing1.DATA}}", true);
    assert_eq!(shop.sync().await, json!({"added": 2, "changed": 0, "removed": 0, "warnings": []}));
    let (status, read) = shop
        .call(Method::PATCH, &format!("{TEMPLATES}/{order}"), Some(json!({"alias": "order", "comment": "每单一条"})))
        .await;
    assert_eq!((status, &read["kind"], &read["keywords"]), (200, &json!("template"), &json!(["first", "order"])));
    assert_eq!(shop.get(&format!("{TEMPLATES}/order")).await, read);
    let other = shop.get(&format!("{TEMPLATES}/{notice}")).await;
    assert_eq!((&other["kind"], &other["lasting"]), (&json!("subscribe"), &json!(true)));
    for (query, expected) in [
        ("", 2),
        ("?kind=subscribe", 1),
        ("?search=ORDER", 1),
        ("?search=每单", 1),
        ("?search=商品", 1),
        ("?search=nothing", 0),
        ("?limit=1", 1),
    ] {
        let page = shop.get(&format!("{TEMPLATES}{query}")).await;
        assert_eq!(page["items"].as_array().unwrap().len(), expected, "{query}: {page}");
    }

    // An alias names one template.
    let patch = |alias: &str| Some(json!({"alias": alias}));
    let (status, problem) = shop.call(Method::PATCH, &format!("{TEMPLATES}/{notice}"), patch("order")).await;
    assert_eq!((status, &problem["type"]), (409, &json!("conflict")), "{problem}");
    assert_eq!(shop.call(Method::PATCH, &format!("{TEMPLATES}/{notice}"), patch("a/b")).await.0, 422);
    assert_eq!(shop.call(Method::PATCH, &format!("{TEMPLATES}/nothing"), patch("x")).await.0, 404);

    // Once more: nothing changes. Then one goes, at WeChat first.
    assert_eq!(shop.sync().await["changed"], 0);
    wechat.fault("/cgi-bin/template/del_private_template", Fault::Errcode(-1), 3);
    let (status, problem) = shop.call(Method::DELETE, &format!("{TEMPLATES}/order"), None).await;
    assert_eq!((status, &problem["errcode"]), (502, &json!(-1)));
    assert_eq!(shop.get(&format!("{TEMPLATES}/order")).await["comment"], "每单一条");
    assert_eq!(shop.call(Method::DELETE, &format!("{TEMPLATES}/order"), None).await.0, 204);
    assert_eq!(shop.sync().await, json!({"added": 0, "changed": 0, "removed": 0, "warnings": []}));
    // One that WeChat does not have any more is deleted here.
    wechat.fault("/wxaapi/newtmpl/deltemplate", Fault::Errcode(40037), 1);
    assert_eq!(shop.call(Method::DELETE, &format!("{TEMPLATES}/{notice}"), None).await.0, 204);
    assert_eq!(shop.get(TEMPLATES).await["items"], json!([]));
    assert_eq!(shop.sync().await["added"], 1, "it is there at WeChat");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_does_not_tell_stays_as_it_was() {
    let shop = Shop::open().await;
    let wechat = &shop.inbox.wechat;
    wechat.add_template(APPID, "a", ORDER);
    wechat.add_subscribe_template(APPID, "b", "{{thing1.DATA}}", false);
    shop.sync().await;
    wechat.fault("/wxaapi/newtmpl/gettemplate", Fault::Errcode(48001), 1);
    let synced = shop.sync().await;
    assert_eq!(synced["removed"], 0);
    assert!(synced["warnings"][0].as_str().unwrap().contains("48001"), "{synced}");
    assert_eq!(shop.get(TEMPLATES).await["items"].as_array().unwrap().len(), 2);
    for path in ["/wxaapi/newtmpl/gettemplate", "/cgi-bin/template/get_all_private_template"] {
        wechat.fault(path, Fault::Errcode(48001), 1);
    }
    let (status, problem) = shop.call(Method::POST, &format!("{TEMPLATES}/sync"), None).await;
    assert_eq!((status, &problem["errcode"]), (502, &json!(48001)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_come_from_wechats_library_which_follows_the_industries() {
    let shop = Shop::open().await;
    let (status, added) =
        shop.post(TEMPLATES, json!({"kind": "template", "short_id": "TM00015", "keywords": ["时间", "金额"]})).await;
    assert_eq!(status, 201, "{added}");
    assert_eq!(added["keywords"], json!(["first", "keyword1", "keyword2", "remark"]));
    let new = json!({"kind": "subscribe", "tid": "401", "kids": [1, 3], "scene": "发货"});
    let (status, added) = shop.post(TEMPLATES, new).await;
    assert_eq!((status, &added["keywords"]), (201, &json!(["thing1", "thing3"])), "{added}");
    let (status, problem) =
        shop.post(TEMPLATES, json!({"kind": "subscribe", "tid": "401", "kids": [1], "scene": "发货"})).await;
    assert_eq!((status, &problem["errcode"]), (502, &json!(200_020)));
    assert_eq!(shop.get(TEMPLATES).await["items"].as_array().unwrap().len(), 2);

    let industries = format!("{TEMPLATES}/industries");
    let before = shop.get(&industries).await;
    assert_eq!(before["primary"]["first_class"], "");
    let (status, set) = shop.call(Method::PUT, &industries, Some(json!({"primary": 1, "secondary": 4}))).await;
    assert_eq!((status, &set["secondary"]["first_class"]), (200, &json!("行业4")), "{set}");
    assert_eq!(shop.call(Method::PUT, &industries, Some(json!({"primary": 1, "secondary": 99}))).await.0, 502);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mini_program_has_subscribe_templates_alone_and_a_subscription_account_none() {
    let shop = Shop::of(json!({"type": "miniprogram"})).await;
    shop.inbox.wechat.add_subscribe_template(APPID, "b", "{{thing1.DATA}}", false);
    assert_eq!(shop.sync().await["added"], 1);
    let (status, problem) = shop.post(TEMPLATES, json!({"kind": "template", "short_id": "TM00015"})).await;
    assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{problem}");
    let paths: Vec<_> = shop.inbox.wechat.calls().into_iter().map(|call| call.path).collect();
    assert!(!paths.iter().any(|path| path.starts_with("/cgi-bin/template/")), "{paths:?}");

    shop.inbox.account("blog", json!({"type": "subscription"})).await;
    let (status, problem) = shop.call(Method::POST, "/apps/blog/templates/sync", None).await;
    assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_permission_reaches_as_far_as_it_says() {
    let shop = Shop::open().await;
    let app = &shop.inbox.app;
    let token = app.token_for(&["shop|template"]).await;
    assert_eq!(app.api_as(&token, Method::GET, TEMPLATES, None).await.0, 200);
    assert_eq!(app.api_as(&token, Method::GET, "/apps/shop/sends", None).await.0, 200);
    for (method, path) in [
        (Method::POST, "/apps/shop/templates/sync"),
        (Method::DELETE, "/apps/shop/templates/x"),
        (Method::GET, "/apps/shop/users/oFan/subscriptions"),
    ] {
        let (status, problem) = app.api_as(&token, method, path, None).await;
        assert_eq!((status, &problem["type"]), (403, &json!("forbidden")), "{path}: {problem}");
    }
}
