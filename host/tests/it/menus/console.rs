//! Taking over what was made elsewhere.

use reqwest::Method;
use serde_json::{Value, json};
use weft_wechat::api::menu::current_selfmenu_info::Selfmenu;

use super::{APPID, LIVE, MENUS, Shop, menu};

fn console(first: &str) -> Selfmenu {
    let article = json!({"title": "T", "author": "A", "digest": "D", "show_cover": 0, "cover_url": "https://c.example/",
        "content_url": "https://u.example/", "source_url": ""});
    serde_json::from_value(json!({"button": [
        {"type": "text", "name": "问候", "value": first},
        {"name": "more", "sub_button": {"list": [
            {"type": "view", "name": "site", "url": "https://shop.example/"},
            {"type": "img", "name": "picture", "value": "M1"},
            {"type": "voice", "name": "voice", "value": "M2"},
            {"type": "video", "name": "video", "value": "https://v.example/1.mp4"},
            {"type": "news", "name": "news", "value": "M3", "news_info": {"list": [article]}},
        ]}},
        {"name": "odd", "sub_button": {"list": [
            {"type": "text", "name": "same", "value": first},
            {"type": "finder", "name": "channel", "value": "x"},
            {"type": "text", "name": "long", "value": "x".repeat(3000)},
        ]}},
    ]}))
    .unwrap()
}

async fn handlers(shop: &Shop) -> Vec<Value> {
    shop.get("/apps/shop/handlers").await["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_menu_of_the_console_is_taken_over_with_handlers_that_answer_as_it_did() {
    let shop = Shop::open().await;
    shop.wechat.set_console_menu(APPID, console("欢迎"));
    let live = shop.get(LIVE).await;
    assert_eq!(live["live"]["source"], "console");

    let (status, synced) = shop.post("sync").await;
    assert_eq!(status, 200, "{synced}");
    let buttons = &synced["draft"]["buttons"];
    assert_eq!(buttons, &live["live"]["buttons"]);
    assert_eq!(shop.get(MENUS).await["buttons"], *buttons);
    assert_eq!(shop.differences().await, []);
    let greeting = &buttons[0];
    assert_eq!((&greeting["type"], &greeting["name"]), (&json!("click"), &json!("问候")));
    assert_eq!(buttons[2]["sub_buttons"][0]["key"], greeting["key"], "the same content has one handler");
    let names: Vec<_> = buttons[2]["sub_buttons"].as_array().unwrap().iter().map(|button| &button["name"]).collect();
    assert_eq!(names, ["same", "long"]);
    let warnings = synced["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].as_str().unwrap().contains("`channel` is left out"), "{warnings:?}");
    assert!(warnings[1].as_str().unwrap().starts_with("buttons[2].sub_buttons[1]"), "{warnings:?}");

    let replies = [
        ("问候", json!([{"type": "text", "content": "欢迎"}])),
        ("picture", json!([{"type": "image", "media_id": "M1"}])),
        ("voice", json!([{"type": "voice", "media_id": "M2"}])),
        ("video", json!([{"type": "text", "content": "https://v.example/1.mp4"}])),
        (
            "news",
            json!([{"type": "news", "articles": [{"title": "T", "description": "D", "picurl": "https://c.example/",
                "url": "https://u.example/"}]}]),
        ),
    ];
    let made = handlers(&shop).await;
    assert_eq!(synced["created_handlers"].as_array().unwrap().len(), replies.len());
    assert_eq!(made.len(), replies.len());
    for (name, replies) in replies {
        let handler = made.iter().find(|handler| handler["name"] == name).unwrap();
        assert_eq!((&handler["source"], &handler["replies"]), (&json!("menu"), &replies));
    }
    let tapped = json!({"message": {"type": "event", "event": "CLICK", "key": greeting["key"]}});
    let (_, trial) = shop.app.api(Method::POST, "/apps/shop/handlers/test", Some(tapped)).await;
    assert_eq!(trial["replies"][0]["content"], "欢迎", "it is in force at once");

    // Again: no second ones, and what was edited here stays.
    let edited = json!({"replies": [{"type": "text", "content": "edited"}]});
    let id = made.iter().find(|handler| handler["name"] == "问候").unwrap()["id"].as_str().unwrap();
    assert_eq!(shop.app.api(Method::PATCH, &format!("/apps/shop/handlers/{id}"), Some(edited)).await.0, 200);
    let (_, again) = shop.post("sync").await;
    assert_eq!((&again["created_handlers"], &again["draft"]["buttons"]), (&json!([]), buttons));
    let after = handlers(&shop).await;
    assert_eq!(after.len(), made.len());
    assert!(after.iter().any(|handler| handler["replies"][0]["content"] == "edited"));

    // What was changed in the console gets a handler of its own.
    shop.wechat.set_console_menu(APPID, console("再见"));
    let (_, changed) = shop.post("sync").await;
    assert_eq!(changed["created_handlers"].as_array().unwrap().len(), 1, "{changed}");
    assert_ne!(changed["draft"]["buttons"][0]["key"], greeting["key"]);

    // Published, it is a menu like any other.
    shop.publish().await;
    let live = shop.get(LIVE).await;
    assert_eq!((&live["live"]["source"], &live["differences"]), (&json!("api"), &json!([])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn menus_made_through_the_api_are_taken_over_with_their_conditions() {
    let shop = Shop::open().await;
    let mut published = menu("one", &[2, 3]);
    let material = shop.wechat.add_news(APPID, Vec::new());
    let buttons = published["buttons"].as_array_mut().unwrap();
    buttons.push(json!({"type": "media_id", "name": "material", "media_id": material}));
    shop.put(&published).await;
    shop.publish().await;
    shop.put(&menu("edited", &[])).await;
    let (status, synced) = shop.post("sync").await;
    assert_eq!(status, 200, "{synced}");
    assert_eq!((&synced["draft"]["buttons"], &synced["warnings"]), (&published["buttons"], &json!([])));
    assert_eq!(synced["draft"]["conditional"], published["conditional"]);
    assert_eq!((&synced["draft"]["changed"], handlers(&shop).await.len()), (&json!(false), 0));

    // The console's menu comes in its place, and is seen in the place of it.
    shop.wechat.set_console_menu(APPID, console("hi"));
    let live = shop.get(LIVE).await;
    assert_eq!(live["live"]["source"], "console");
    assert!(!live["differences"].as_array().unwrap().is_empty());
}
