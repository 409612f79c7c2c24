//! Taking over what WeChat has.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::Fault;
use weft_wechat::api::{material::NewsItem, media::MediaFile, media::MediaType};

use super::{MATERIALS, id, png, result};
use crate::support::Shop;

const BATCHGET: &str = "/cgi-bin/material/batchget_material";

fn news(title: &str) -> NewsItem {
    let (title, content) = (title.to_owned(), "<p>文</p>".to_owned());
    NewsItem { title, content, show_cover_pic: 1, url: "http://a.example/1".to_owned(), ..NewsItem::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_pages_of_all_types_are_taken_over_and_what_is_gone_goes() {
    let shop = Shop::open().await;
    let app = shop.app.state.store.apps().find("shop").await.unwrap().unwrap();
    // Made elsewhere: 45 pictures are three pages.
    let elsewhere = async |number: u8| {
        let file = weft_wechat::api::FilePart::media("e.png", "image/png", bytes::Bytes::from(png(number)));
        let image = weft_wechat::api::material::add_material::AddMaterial {
            media_type: MediaType::Image,
            file,
            description: None,
        };
        shop.app.state.wechat.call(&app, &image).await.unwrap().media_id
    };
    let mut pictures = Vec::new();
    for number in 0..45 {
        pictures.push(elsewhere(number).await);
    }
    let own = shop.picture(100).await;
    let noted = json!({"alias": "own", "comment": "注"});
    assert_eq!(shop.call(Method::PATCH, &format!("/materials/{own}"), Some(noted)).await.0, 200);
    let article = shop.wechat.add_news(Shop::APPID, vec![news("头条"), news("次条")]);

    let job = shop.job("/materials/sync", Some(json!({}))).await;
    let expected = json!([
        {"list": "image", "total": 46, "removed": 0, "moved": false},
        {"list": "voice", "total": 0, "removed": 0, "moved": false},
        {"list": "video", "total": 0, "removed": 0, "moved": false},
        {"list": "news", "total": 1, "removed": 0, "moved": false},
    ]);
    assert_eq!(result(&job)["lists"], expected);
    assert_eq!(job["progress"], json!({"done": 47, "total": 47}));
    assert_eq!(shop.wechat.count(BATCHGET), 3 + 1 + 1 + 1);
    assert_eq!(shop.listed("?type=image&limit=200").await.len(), 46);
    let read = shop.get(&format!("{MATERIALS}/{article}")).await;
    assert_eq!(
        (&read["name"], &read["type"], &read["articles"][1]["title"]),
        (&json!("头条"), &json!("news"), &json!("次条"))
    );
    assert_eq!(
        (&read["articles"][0]["content"], &read["articles"][0]["show_cover_pic"]),
        (&json!("<p>文</p>"), &json!(true))
    );
    let read = shop.get(&format!("{MATERIALS}/{own}")).await;
    assert_eq!((&read["alias"], &read["comment"]), (&json!("own"), &json!("注")), "what is noted here stays");

    shop.wechat.remove_material(Shop::APPID, &pictures[0]);
    shop.wechat.remove_material(Shop::APPID, &pictures[44]);
    shop.wechat.remove_material(Shop::APPID, &article);
    // Of one type only: the article stays.
    let job = shop.job("/materials/sync", Some(json!({"types": ["image"]}))).await;
    assert_eq!(result(&job)["lists"], json!([{"list": "image", "total": 44, "removed": 2, "moved": false}]));
    assert_eq!(shop.listed("?type=news").await, [article.as_str()]);
    let job = shop.job("/materials/sync", Some(json!({"types": ["news", "voice"]}))).await;
    assert_eq!(result(&job)["lists"][1]["removed"], 1, "{job}");
    assert_eq!(shop.get(&format!("{MATERIALS}?limit=200")).await["items"].as_array().unwrap().len(), 44);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_moves_is_read_again_and_takes_nothing_away_meanwhile() {
    let shop = Shop::open().await;
    let first = shop.picture(1).await;
    for number in 2..30 {
        shop.picture(number).await;
    }
    shop.job("/materials/sync", Some(json!({"types": ["image"]}))).await;
    // The first page tells another number than the second one, as when somebody deletes in between: the pages shift.
    let page = |total: u32| {
        let item = json!({"media_id": first, "name": "a.png", "update_time": 1, "url": "http://p.example/1"});
        Fault::Text(json!({"total_count": total, "item_count": 1, "item": [item]}).to_string())
    };
    for total in [3, 2, 3, 2, 3, 2] {
        shop.wechat.fault(BATCHGET, page(total), 1);
    }
    let job = shop.job("/materials/sync", Some(json!({"types": ["image"]}))).await;
    let report = &result(&job)["lists"][0];
    assert_eq!((&report["moved"], &report["removed"]), (&json!(true), &json!(0)), "{job}");
    assert_eq!(shop.listed("?limit=200").await.len(), 29);
    // Once it stands still, all is well.
    for total in [3, 2] {
        shop.wechat.fault(BATCHGET, page(total), 1);
    }
    let job = shop.job("/materials/sync", Some(json!({"types": ["image"]}))).await;
    assert_eq!(result(&job)["lists"], json!([{"list": "image", "total": 29, "removed": 0, "moved": false}]));
    assert_eq!(shop.listed("?limit=200").await.len(), 29);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_sync_and_what() {
    let shop = Shop::open().await;
    let (status, body) = shop.call(Method::POST, "/materials/sync", Some(json!({"types": ["thumb"]}))).await;
    assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("types")), "{body}");
    let sync = async |permission: &str| {
        let token = shop.app.token_for(&[permission]).await;
        shop.app.api_as(&token, Method::POST, "/apps/shop/materials/sync", Some(json!({}))).await.0
    };
    assert_eq!(sync("shop|material").await, 403);
    assert_eq!(sync("shop|material_sync").await, 202);
    shop.app.create_app("mini", json!({"type": "miniprogram", "appsecret": "s"})).await;
    let (status, body) = shop.app.api(Method::POST, "/apps/mini/materials/sync", Some(json!({}))).await;
    assert_eq!((status, &body["type"]), (422, &json!("unable")), "{body}");
    assert_eq!(shop.app.api(Method::POST, "/apps/none/materials/sync", Some(json!({}))).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_handler_sync_made_permanent_is_a_material_too() {
    use weft_wechat::api::current_autoreply_info::{AutoreplyContent, AutoreplyInfo};
    let shop = Shop::open().await;
    let file = MediaFile { content_type: "image/png".into(), filename: Some("a.png".into()), bytes: png(1).into() };
    let media_id = shop.wechat.add_media(Shop::APPID, MediaType::Image, file);
    let content = AutoreplyContent { r#type: "img".into(), content: media_id, ..AutoreplyContent::default() };
    let info = AutoreplyInfo {
        is_autoreply_open: true,
        message_default_autoreply_info: Some(content),
        ..AutoreplyInfo::default()
    };
    shop.wechat.set_autoreply(Shop::APPID, info);
    let (status, report) = shop.call(Method::POST, "/handlers/sync", None).await;
    assert_eq!((status, &report["uploaded"]), (200, &json!(1)), "{report}");
    let materials = shop.get(MATERIALS).await;
    let used_by = shop.get(&format!("{MATERIALS}/{}", id(&materials["items"][0]))).await["used_by"].clone();
    assert_eq!(used_by[0]["kind"], "handler", "{used_by}");
    // The same picture from an operator is that material.
    let (status, same) = shop.send_file("/materials", &[("type", "image")], "b.png", &png(1)).await;
    assert_eq!((status, &same["existed"]), (200, &Value::Bool(true)));
}
