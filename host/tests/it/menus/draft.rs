//! The draft, and what is refused before WeChat is asked.

use reqwest::Method;
use serde_json::{Value, json};

use super::{MENUS, Shop, click, menu};

fn fields(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_read_as_it_was_written() {
    let shop = Shop::open().await;
    let empty = json!({"buttons": [], "conditional": [], "updated_at": null, "changed": false, "published": null});
    assert_eq!(shop.get(MENUS).await, empty);
    let mut put = shop.put(&menu("点我", &[2, 3])).await;
    assert_eq!(shop.get(MENUS).await, put);
    assert_eq!((&put["changed"], &put["published"]), (&json!(true), &json!(null)));
    assert!(put["updated_at"].as_str().unwrap().ends_with('Z'));
    put.as_object_mut().unwrap().retain(|field, _| field == "buttons" || field == "conditional");
    assert_eq!(put, menu("点我", &[2, 3]));

    // As WeChat itself tells menus, ids as texts.
    let sub = json!({"type": "view", "name": "v", "url": "https://a.example/", "sub_button": []});
    let wechats = json!({
        "button": [{"name": "m", "sub_button": [sub]}],
        "conditionalmenu": [{"button": [click("a", "k")], "matchrule": {"tag_id": "2", "client_platform_type": "3"}}],
    });
    let put = shop.put(&wechats).await;
    assert_eq!(put["buttons"][0]["sub_buttons"][0]["url"], "https://a.example/");
    assert_eq!(put["conditional"][0]["matchrule"], json!({"tag_id": 2, "client_platform_type": 3}));

    assert_eq!(shop.put(&json!({"buttons": []})).await["buttons"], json!([]));
    assert_eq!(shop.app.api(Method::GET, "/apps/nobody/menus", None).await.0, 404);
    assert_eq!(shop.app.api(Method::PUT, "/apps/nobody/menus", Some(menu("a", &[]))).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_of_button_has_its_fields_and_no_others() {
    let shop = Shop::open().await;
    let fields_of = |kind: &str| match kind {
        "view" => vec!["url"],
        "miniprogram" => vec!["appid", "pagepath", "url"],
        "media_id" | "view_limited" => vec!["media_id"],
        "article_id" | "article_view_limited" => vec!["article_id"],
        _ => vec!["key"],
    };
    for kind in [
        "click",
        "view",
        "miniprogram",
        "scancode_push",
        "scancode_waitmsg",
        "pic_sysphoto",
        "pic_photo_or_album",
        "pic_weixin",
        "location_select",
        "media_id",
        "view_limited",
        "article_id",
        "article_view_limited",
    ] {
        let mut right = json!({"type": kind, "name": "名"});
        for field in fields_of(kind) {
            right[field] = if field == "url" { json!("https://a.example/") } else { json!("x") };
        }
        let put = shop.put(&json!({"buttons": [right]})).await;
        assert_eq!(put["buttons"], json!([right]));
        for field in ["key", "url", "media_id", "article_id", "appid", "pagepath"] {
            let mut wrong = right.clone();
            let needed = fields_of(kind).contains(&field);
            wrong[field] = if needed { json!("") } else { json!("x") };
            let (status, problem) = shop.app.api(Method::PUT, MENUS, Some(json!({"buttons": [wrong]}))).await;
            assert_eq!((status, fields(&problem)), (422, vec![&*format!("buttons[0].{field}")]), "{kind} {problem}");
            let message = problem["errors"][0]["detail"].as_str().unwrap();
            assert!(message.contains(kind), "{message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_would_refuse_is_refused_here_with_its_path_and_changes_nothing() {
    let shop = Shop::open().await;
    let before = shop.put(&menu("before", &[2])).await;
    let buttons = |buttons: Value| json!({"buttons": buttons});
    let below = |sub: Value| json!({"buttons": [click("a", "k"), {"name": "m", "sub_buttons": sub}]});
    let view = |url: &str| json!({"type": "view", "name": "v", "url": url});
    let conditional = |menus: Value| json!({"buttons": [click("a", "k")], "conditional": menus});
    let rule = |rule: Value| json!({"buttons": [click("a", "k")], "matchrule": rule});
    let long_url = format!("https://a.example/{}", "x".repeat(1024));
    for (menu, wrong) in [
        (json!({}), vec![]),
        (json!([]), vec![]),
        (json!({"buttons": [], "colour": 1}), vec!["colour"]),
        (buttons(json!([{"type": "poke", "name": "a"}])), vec!["buttons[0].type"]),
        (buttons(json!([{"type": "click", "name": "a", "key": "k", "colour": 1}])), vec!["buttons[0].colour"]),
        (buttons(json!([{"name": "a"}])), vec!["buttons[0].type"]),
        (buttons(json!([{"type": "click", "key": "k"}])), vec!["buttons[0]"]),
        (buttons(json!([click("", "k")])), vec!["buttons[0].name"]),
        (buttons(json!([click(" ", "k")])), vec!["buttons[0].name"]),
        (buttons(json!([click("a\nb", "k")])), vec!["buttons[0].name"]),
        (buttons(json!([click("一二三四五六", "k")])), vec!["buttons[0].name"]),
        (buttons(json!([click(&"n".repeat(17), &"k".repeat(129))])), vec!["buttons[0].name", "buttons[0].key"]),
        (buttons(json!([click("a", "k"), click("b", "k"), click("c", "k"), click("d", "k")])), vec!["buttons"]),
        (buttons(json!([view("ftp://a.example/")])), vec!["buttons[0].url"]),
        (buttons(json!([view("https://u:p@a.example/")])), vec!["buttons[0].url"]),
        (below(json!([view("nowhere")])), vec!["buttons[1].sub_buttons[0].url"]),
        (below(json!([view(&long_url)])), vec!["buttons[1].sub_buttons[0].url"]),
        (below(json!([click(&"n".repeat(61), "k")])), vec!["buttons[1].sub_buttons[0].name"]),
        (below(json!(vec![click("a", "k"); 6])), vec!["buttons[1].sub_buttons"]),
        (
            below(json!([{"name": "m", "sub_buttons": [click("a", "k")]}])),
            vec!["buttons[1].sub_buttons[0].sub_buttons"],
        ),
        (
            buttons(json!([{"name": "m", "type": "click", "key": "k", "sub_buttons": [click("a", "k")]}])),
            vec!["buttons[0].type", "buttons[0].key"],
        ),
        (conditional(json!([rule(json!({}))])), vec!["conditional[0].matchrule"]),
        (
            conditional(json!([rule(json!({"client_platform_type": 4}))])),
            vec!["conditional[0].matchrule.client_platform_type"],
        ),
        (conditional(json!([rule(json!({"tag_id": "x"}))])), vec!["conditional[0].matchrule.tag_id"]),
        (conditional(json!([rule(json!({"sex": "1"}))])), vec!["conditional[0].matchrule.sex"]),
        (
            conditional(json!([rule(json!({"tag_id": 2})), rule(json!({"tag_id": 2}))])),
            vec!["conditional[1].matchrule"],
        ),
        (conditional(json!([{"buttons": [], "matchrule": {"tag_id": 2}}])), vec!["conditional[0].buttons"]),
        (json!({"buttons": [], "conditional": [rule(json!({"tag_id": 2}))]}), vec!["buttons"]),
        (conditional(json!((0..31).map(|tag| rule(json!({"tag_id": tag}))).collect::<Vec<_>>())), vec!["conditional"]),
    ] {
        let (status, problem) = shop.app.api(Method::PUT, MENUS, Some(menu.clone())).await;
        assert_eq!((status, fields(&problem)), (422, wrong), "{menu}: {problem}");
    }
    // The longest that there may be.
    shop.put(&buttons(json!([click(&"n".repeat(16), &"k".repeat(128)), {"name": "一二三四五",
        "sub_buttons": vec![view(&format!("https://a.example/{}", "x".repeat(1024 - 18))); 5]}])))
        .await;
    shop.put(&menu("before", &[2])).await;
    assert_eq!(shop.get(MENUS).await["buttons"], before["buttons"]);
    assert_eq!(shop.wechat.calls(), [], "nothing of this is asked of WeChat");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_needs_its_permission() {
    let shop = Shop::open().await;
    let draft = menu("a", &[]);
    let calls = [
        (Method::GET, "", None, "menu"),
        (Method::PUT, "", Some(draft), "menu"),
        (Method::GET, "/versions", None, "menu"),
        (Method::POST, "/versions/x/restore", None, "menu"),
        (Method::GET, "/live", None, "menu"),
        (Method::POST, "/sync", None, "menu_sync"),
        (Method::POST, "/publish", None, "menu_publish"),
        (Method::DELETE, "/live", None, "menu_publish"),
    ];
    for permission in ["menu", "menu_sync", "menu_publish"] {
        let token = shop.app.token_for(&[&format!("shop|{permission}")]).await;
        for (method, path, body, needed) in &calls {
            let path = format!("{MENUS}{path}");
            let (status, problem) = shop.app.api_as(&token, method.clone(), &path, body.clone()).await;
            assert_eq!(status == 403, permission != *needed, "{permission} {method} {path}: {status} {problem}");
        }
    }
}
