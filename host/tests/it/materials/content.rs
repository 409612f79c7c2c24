//! Files on their way out.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::json;
use tokio::time::timeout;
use weft::simulator::wechat::Fault;
use weft_wechat::api::{
    material::NewsItem,
    media::{MediaFile, MediaType},
};

use super::{MATERIALS, id, jpg, mp4, png};
use crate::support::Shop;

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

async fn content(shop: &Shop, media_id: &str) -> Response {
    shop.app.api_response(&format!("{MATERIALS}/{media_id}/content")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_comes_as_what_it_is_and_can_do_nothing_in_a_browser() {
    let shop = Shop::open().await;
    let picture = shop.picture(1).await;
    let response = content(&shop, &picture).await;
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, "image/png"));
    assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    assert!(header(&response, "content-security-policy").contains("sandbox"));
    assert!(header(&response, "cache-control").starts_with("private"));
    let disposition = header(&response, "content-disposition").to_owned();
    assert!(disposition.starts_with("inline; filename=\"") && disposition.ends_with(".png\""), "{disposition}");
    assert_eq!(header(&response, "content-length"), png(1).len().to_string());
    assert_eq!(response.bytes().await.unwrap(), png(1));

    let fields = [("type", "video"), ("title", "片")];
    let (_, video) = shop.send_file("/materials", &fields, "v.mp4", &mp4()).await;
    let response = content(&shop, &id(&video)).await;
    assert_eq!(header(&response, "content-type"), "video/mp4");
    assert_eq!(response.bytes().await.unwrap(), mp4());
    let (_, thumb) = shop.send_file("/materials", &[("type", "thumb")], "t.jpg", &jpg(1)).await;
    assert_eq!(header(&content(&shop, &id(&thumb)).await, "content-type"), "image/jpeg");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_calls_itself_a_picture_is_a_file_to_be_saved() {
    let shop = Shop::open().await;
    for page in ["<html><script>alert(1)</script>", "<svg onload='alert(1)'/>", "GIF8 is no picture", "%PDF-1.7"] {
        let bytes = page.as_bytes().to_vec().into();
        let file = MediaFile { content_type: "image/svg+xml".into(), filename: Some("a.html".into()), bytes };
        let media_id = shop.wechat.add_media(Shop::APPID, MediaType::Image, file);
        let response = shop.app.api_response(&format!("/apps/shop/media/{media_id}")).await;
        assert_eq!(header(&response, "content-type"), "application/octet-stream", "{page}");
        let disposition = header(&response, "content-disposition").to_owned();
        assert!(disposition.starts_with("attachment") && disposition.ends_with(".bin\""), "{disposition}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(response.text().await.unwrap(), page);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn temporary_media_come_back_videos_too() {
    let shop = Shop::open().await;
    let (_, video) = shop.send_file("/media", &[("type", "video")], "v.mp4", &mp4()).await;
    let response = shop.app.api_response(&format!("/apps/shop/media/{}", id(&video))).await;
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, "video/mp4"));
    // An address of this side is not fetched, whatever the answer says.
    for address in ["http://127.0.0.1:1/", "http://[::1]/", "file:///etc/passwd", "http://localhost:1/"] {
        let answer = json!({"video_url": address}).to_string();
        shop.wechat.fault("/cgi-bin/media/get", Fault::Text(answer), 1);
        let response = shop.app.api_response(&format!("/apps/shop/media/{}", id(&video))).await;
        assert_eq!(response.status().as_u16(), 502, "{address}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_whose_files_nobody_reads_keeps_no_other_from_its_own() {
    let shop = Shop::open().await;
    shop.wechat.add_account("wxblog", "thesecret");
    shop.app.create_app("blog", json!({"appsecret": "thesecret"})).await;
    let film = |app: &str| {
        // Much more than the buffers on the way have room for.
        let bytes = [mp4(), vec![7; 24 << 20]].concat().into();
        let file = MediaFile { content_type: "video/mp4".into(), filename: Some("v.mp4".into()), bytes };
        let media_id = shop.wechat.add_media(&format!("wx{app}"), MediaType::Image, file);
        format!("/apps/{app}/media/{media_id}")
    };
    let (of_shop, of_blog) = (film("shop"), film("blog"));
    let get = async |path: &str| shop.app.api_response(path).await;
    let unread = [get(&of_shop).await, get(&of_shop).await];
    assert!(timeout(Duration::from_millis(500), get(&of_shop)).await.is_err(), "it waits for those before");
    assert_eq!(get(&of_blog).await.status().as_u16(), 200);
    drop(unread);
    assert_eq!(get(&of_shop).await.status().as_u16(), 200, "the turns are given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_file_is_told() {
    let shop = Shop::open().await;
    let news = shop.wechat.add_news(Shop::APPID, vec![NewsItem::default()]);
    assert_eq!(content(&shop, &news).await.status().as_u16(), 422);
    for unknown in ["unknown", "%00", "%E5%BA%97"] {
        assert_eq!(content(&shop, unknown).await.status().as_u16(), 404, "{unknown}");
        let response = shop.app.api_response(&format!("/apps/shop/media/{unknown}")).await;
        assert_eq!(response.status().as_u16(), 404, "{unknown}");
    }
    shop.wechat.fault("/cgi-bin/material/get_material", Fault::Huge, 1);
    assert_eq!(content(&shop, "huge").await.status().as_u16(), 502);
    // Nobody gets a file without the permission.
    let picture = shop.picture(1).await;
    let path = format!("{MATERIALS}/{picture}/content");
    let other = shop.app.token_for(&["shop|article"]).await;
    assert_eq!(shop.app.api_as(&other, Method::GET, &path, None).await.0, 403);
    assert_eq!(shop.app.api_as("", Method::GET, &path, None).await.0, 401);
    assert_eq!(shop.app.api(Method::GET, &path.replace("shop", "blog"), None).await.0, 404);
}
