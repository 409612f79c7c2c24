//! Files, up and down.

use futures::{StreamExt, stream};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use weft::simulator::wechat::Fault;

use super::{APPID, Recorder, Shop, TOKEN, retried};
use crate::support::until;

const UPLOAD: &str = "cgi-bin/media/upload?type=image";

fn picture(length: usize) -> Vec<u8> {
    b"\x89PNG\r\n\x1a\n".iter().copied().chain((0_u8..=255).cycle()).take(length).collect()
}

/// How many bodies that are too long for memory may still be on their way.
fn free_places(shop: &Shop) -> usize {
    let places: Vec<_> = (0..20).filter_map(|app| shop.app.state.spools.place(&format!("app-{app}"))).collect();
    places.len()
}

fn form(bytes: Vec<u8>) -> Form {
    Form::new().part("media", Part::bytes(bytes).file_name("店.png").mime_str("image/png").unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_up_whole_at_every_try_and_comes_down_as_it_was() {
    let (shop, wechat) = Shop::open().await;
    // Once what stays in memory, and once what does not.
    for length in [100, 3 << 20] {
        let bytes = picture(length);
        wechat.fault("/cgi-bin/media/upload", Fault::Errcode(-1), 1);
        wechat.fault("/cgi-bin/media/upload", Fault::Errcode(40001), 1);
        let response = shop.request(Method::POST, UPLOAD).multipart(form(bytes.clone())).send().await.unwrap();
        assert_eq!((response.status().as_u16(), retried(&response)), (200, "2"));
        let uploaded: Value = response.json().await.unwrap();
        let media_id = uploaded["media_id"].as_str().unwrap();
        let calls = wechat.calls();
        let last = calls.iter().rfind(|call| call.path == "/cgi-bin/media/upload").unwrap();
        let file = json!({"media": {"filename": "店.png", "content_type": "image/png", "length": length}});
        assert_eq!((&last.body, last.appid.as_deref()), (&file, Some(APPID)));

        let response = shop.get(&format!("cgi-bin/media/get?media_id={media_id}")).await;
        assert_eq!(response.headers()["content-type"], "image/png");
        let disposition = String::from_utf8_lossy(response.headers()["content-disposition"].as_bytes()).into_owned();
        assert!(disposition.starts_with("attachment; filename="), "{disposition}");
        assert_eq!(response.bytes().await.unwrap(), bytes);
    }
    assert_eq!(free_places(&shop), 16, "files and places are given back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_long_for_wechat_is_refused_before_it_is_sent() {
    let (shop, wechat) = Shop::open().await;
    for (path, length) in [
        (UPLOAD, 11 << 20),
        ("cgi-bin/media/upload?type=thumb", 200 << 10),
        ("cgi-bin/material/add_material?type=video", 21 << 20),
        ("wxa/anything", (32 << 20) + 1),
    ] {
        // With and without a length that is told before.
        let chunks = stream::iter((0..=length / 1024).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 1024])));
        let bodies = [reqwest::Body::from(vec![0_u8; length]), reqwest::Body::wrap_stream(chunks)];
        for body in bodies {
            // The connection may be closed while the body is still written.
            let Ok(response) = shop.request(Method::POST, path).body(body).send().await else { continue };
            assert_eq!(response.status(), 413, "{path}");
            assert_eq!(response.json::<Value>().await.unwrap()["type"], "too-large");
        }
    }
    assert_eq!(wechat.calls(), []);
    assert_eq!(free_places(&shop), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_whose_bodies_take_their_time_leaves_the_others_their_places() {
    let (shop, _wechat) = Shop::open().await;
    shop.create("other", json!({})).await;
    let long = (1 << 20) + 1;
    let send_slowly = || {
        let begun = stream::iter([Ok::<_, std::io::Error>(picture(long))]);
        let body = reqwest::Body::wrap_stream(begun.chain(stream::pending()));
        tokio::spawn(shop.request(Method::POST, UPLOAD).body(body).send());
    };
    let send = async |app: &str| {
        let url = format!("{}/api/v1/apps/{app}/wechat/{UPLOAD}", shop.app.base);
        let request = shop.client.post(url).bearer_auth(&shop.app.token).multipart(form(picture(long)));
        // The connection may be closed while the body is still written.
        request.send().await.map_or(503, |response| response.status().as_u16())
    };
    until("it has no place left", async || {
        send_slowly();
        (send("shop").await == 503).then_some(())
    })
    .await;
    assert_eq!(send("other").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_is_not_written_anew() {
    let recorder = Recorder::start(b"{}").await;
    let base = recorder.base.clone();
    let shop = Shop::with(|config| config.wechat.api_base = base).await;
    let body =
        "--b\r\nContent-Disposition: form-data; name=\"media\"; filename=\"a\"; filelength=2\r\n\r\nhi\r\n--b--\r\n";
    let request = shop.request(Method::POST, "cgi-bin/media/uploadimg");
    let request = request.header("content-type", "multipart/form-data; boundary=b").body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let sent = recorder.requests().remove(0);
    assert_eq!(sent.uri, format!("/cgi-bin/media/uploadimg?access_token={TOKEN}"));
    assert_eq!((sent.content_type.as_str(), &sent.body[..]), ("multipart/form-data; boundary=b", body.as_bytes()));
    assert_eq!(sent.content_length, body.len().to_string());
}
