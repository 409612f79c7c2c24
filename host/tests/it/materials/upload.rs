//! Uploading, and that nothing is uploaded twice.

use std::time::Duration;

use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use weft::simulator::wechat::Fault;
use weft_wechat::api::media::{MediaFile, MediaType};

use super::{ADD, MATERIALS, field, id, jpg, mp4, png};
use crate::support::{Shop, client, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_content_is_uploaded_once() {
    let shop = Shop::open().await;
    let (status, first) = shop.send_file("/materials", &[("type", "image")], "店 标.txt", &png(1)).await;
    assert_eq!((status, &first["existed"], &first["type"]), (201, &json!(false), &json!("image")), "{first}");
    assert_eq!(first["name"], "店 标.txt.png", "WeChat goes by the ending");
    assert!(first["url"].as_str().unwrap().starts_with("http://"), "{first}");
    let (status, again) = shop.send_file("/materials", &[("type", "image")], "other.png", &png(1)).await;
    assert_eq!((status, &again["existed"], id(&again)), (200, &json!(true), id(&first)));
    assert_eq!((shop.wechat.count(ADD), shop.wechat.materials(Shop::APPID)), (1, vec![id(&first)]));
    let sent = shop.wechat.calls().into_iter().find(|call| call.path == ADD).unwrap();
    assert_eq!(sent.body["media"]["content_type"], "image/png", "not what the form said");

    // Another content, and the same one as another type, are other materials.
    shop.picture(2).await;
    for kind in ["image", "thumb"] {
        assert_eq!(shop.send_file("/materials", &[("type", kind)], "a.jpg", &jpg(1)).await.0, 201, "{kind}");
    }
    assert_eq!(shop.wechat.count(ADD), 4);

    // What is gone at WeChat, and was deleted here, is uploaded again.
    assert_eq!(shop.app.api(Method::DELETE, &format!("{MATERIALS}/{}", id(&first)), None).await.0, 204);
    let (status, anew) = shop.send_file("/materials", &[("type", "image")], "a.png", &png(1)).await;
    assert!(status == 201 && id(&anew) != id(&first), "{anew}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_uploads_of_one_content_make_one_material() {
    let shop = Shop::open().await;
    shop.wechat.fault(ADD, Fault::Delay(Duration::from_secs(2)), 1);
    let (picture, fields) = (png(1), [("type", "image")]);
    let send = || shop.send_file("/materials", &fields, "a.png", &picture);
    let (first, second) = tokio::join!(send(), send());
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{first:?} {second:?}");
    assert_eq!(shop.wechat.materials(Shop::APPID).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_whose_forms_take_their_time_leaves_the_others_and_plugins_their_places() {
    let shop = Shop::open().await;
    let other = json!({"name": "other", "type": "service", "appid": Shop::APPID, "appsecret": "thesecret"});
    assert_eq!(shop.app.api(Method::POST, "/apps", Some(other)).await.0, 201);
    let client = client();
    let send_slowly = || {
        let file = reqwest::Body::wrap_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let form = Form::new().part("media", Part::stream(file).file_name("a.png"));
        let request = client.post(format!("{}/api/v1{MATERIALS}", shop.app.base)).bearer_auth(&shop.app.token);
        tokio::spawn(request.multipart(form).send());
    };
    let no_file = async |path: &str| shop.app.form(path, Form::new().text("type", "image")).await.0;
    until("it has no place left", async || {
        send_slowly();
        (no_file(MATERIALS).await == 503).then_some(())
    })
    .await;
    assert_eq!(no_file("/apps/other/materials").await, 422);
    assert_eq!(shop.app.upload("fresh", b"nothing".to_vec()).await.0, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_would_not_take_is_refused_before_anything_is_sent() {
    let shop = Shop::open().await;
    let send = async |fields: &[(&'static str, &str)], bytes: &[u8]| {
        shop.send_file("/materials", fields, "a.png", bytes).await.1
    };
    let told = |body: &Value| field(body).1.as_str().unwrap().to_owned();
    let mut large = png(1);
    large.resize((10 << 20) + 1, 0);
    assert!(told(&send(&[("type", "image")], &large).await).starts_with("a file of type image has 1 byte to 10 MB · "));
    let voice = [b"#!AMR\n".as_slice(), &vec![0; 2 << 20]].concat();
    assert!(told(&send(&[("type", "voice")], &voice).await).starts_with("a file of type voice has 1 byte to 2 MB · "));
    let thumb = [jpg(1), vec![0; 64 << 10]].concat();
    assert!(told(&send(&[("type", "thumb")], &thumb).await).starts_with("a file of type thumb has 1 byte to 64 KB · "));
    for (kind, bytes) in [
        ("image", b"<html><script>alert(1)</script></html>".as_slice()),
        ("image", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("image", b""),
        ("voice", &png(1)),
        ("thumb", &png(1)),
    ] {
        assert_eq!(field(&send(&[("type", kind)], bytes).await).0, "media", "{kind}");
    }
    assert_eq!(field(&send(&[], &png(1)).await).0, "type");
    assert_eq!(field(&send(&[("type", "news")], &png(1)).await).0, "type");
    assert_eq!(field(&send(&[("type", "video")], &mp4()).await).0, "title");
    assert_eq!(field(&send(&[("type", "image"), ("title", "t")], &png(1)).await).0, "title");
    let long = "长".repeat(513);
    let words = [("type", "video"), ("title", "片"), ("introduction", &*long)];
    assert_eq!(field(&send(&words, &mp4()).await).0, "introduction");
    let words = [("type", "video"), ("title", "片"), ("introduction", "长片")];
    let photo = send(&words, b"\x00\x00\x00\x18ftypheic a picture of a telephone").await;
    assert!(told(&photo).starts_with("a file of type video is one of mp4, by its content · "), "{photo}");
    let no_file = Form::new().text("type", "image");
    assert_eq!(field(&shop.app.form("/apps/shop/materials", no_file).await.1).0, "media");
    let (status, body) = shop.send_file("/materials", &[("type", "image")], "a", &vec![0; 21 << 20]).await;
    assert_eq!((status, &body["type"]), (413, &json!("too-large")), "{body}");
    let (status, body) = shop.call(Method::POST, "/materials", Some(json!({"type": "image"}))).await;
    assert_eq!(status, 400, "{body}");
    assert_eq!(shop.wechat.calls(), [], "not even for a token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_video_has_words_and_the_same_file_with_others_is_another_material() {
    let shop = Shop::open().await;
    let send = async |title: &str| {
        let fields = [("type", "video"), ("title", title), ("introduction", "长片")];
        shop.send_file("/materials", &fields, "v.mp4", &mp4()).await
    };
    let (first, second, again) = (send("片").await, send("又一片").await, send("片").await);
    assert_eq!((first.0, second.0, again.0), (201, 201, 200), "{first:?}");
    assert_eq!(id(&again.1), id(&first.1));
    let sent = shop.wechat.calls().into_iter().find(|call| call.path == ADD).unwrap();
    assert_eq!(sent.body["description"], r#"{"title":"片","introduction":"长片"}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn temporary_media_are_made_permanent_once_whatever_their_id() {
    let shop = Shop::open().await;
    let (status, uploaded) = shop.send_file("/media", &[("type", "image")], "a.png", &png(1)).await;
    assert_eq!(status, 201, "{uploaded}");
    assert_eq!(uploaded["type"], "image");
    let make = async |media_id: &str, kind: &str| {
        let body = json!({"media_id": media_id, "type": kind});
        shop.call(Method::POST, "/materials/from-media", Some(body)).await
    };
    let first = make(uploaded["media_id"].as_str().unwrap(), "image").await;
    assert_eq!((first.0, &first.1["existed"]), (201, &json!(false)), "{first:?}");
    // The same content: from a user, uploaded, and under the first id once more, which needs no call.
    let file = MediaFile { content_type: "image/png".into(), filename: None, bytes: png(1).into() };
    let from_user = shop.wechat.add_media(Shop::APPID, MediaType::Image, file);
    assert_eq!(make(&from_user, "image").await.1["media_id"], first.1["media_id"]);
    let calls = shop.wechat.calls().len();
    assert_eq!(make(&from_user, "image").await.1["existed"], true);
    assert_eq!(shop.wechat.calls().len(), calls);
    let (status, same) = shop.send_file("/materials", &[("type", "image")], "b.png", &png(1)).await;
    assert_eq!((status, same["media_id"].clone()), (200, first.1["media_id"].clone()));
    assert_eq!(shop.wechat.count(ADD), 1);

    let (status, gone) = make("gone", "image").await;
    assert_eq!((status, &gone["errcode"]), (502, &json!(40007)), "{gone}");
    assert_eq!(field(&make("gone", "news").await.1).0, "type");
    let (_, video) = shop.send_file("/media", &[("type", "video")], "v.mp4", &mp4()).await;
    let (status, refused) = make(video["media_id"].as_str().unwrap(), "video").await;
    assert_eq!((status, &refused["type"]), (422, &json!("no-file")), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_full_and_wechats_other_refusals_are_told() {
    let shop = Shop::open().await;
    shop.wechat.set_material_limits(Shop::APPID, 1, 1);
    shop.picture(1).await;
    let (status, full) = shop.send_file("/materials", &[("type", "image")], "a.png", &png(2)).await;
    assert_eq!((status, &full["errcode"]), (502, &json!(45101)), "{full}");
    assert!(full["detail"].as_str().unwrap().contains("清理"), "{full}");
    shop.wechat.set_material_limits(Shop::APPID, 10, 10);
    shop.wechat.fault(ADD, Fault::Disconnect, 1);
    let (status, cut) = shop.send_file("/materials", &[("type", "image")], "a.png", &png(3)).await;
    assert_eq!((status, shop.wechat.count(ADD)), (502, 3), "an upload of unknown outcome is not repeated: {cut}");
    assert_eq!(shop.listed("").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_nobody_waits_for_is_remembered() {
    let shop = Shop::open().await;
    shop.wechat.fault(ADD, Fault::Delay(Duration::from_secs(2)), 1);
    let picture = png(1);
    tokio::select! {
        answer = shop.send_file("/materials", &[("type", "image")], "a.png", &picture) => panic!("{answer:?}"),
        () = until("WeChat is asked", async || (shop.wechat.count(ADD) > 0).then_some(())) => {}
    }
    let (base, wechat) = (shop.app.state.clone(), shop.wechat);
    base.materials.finish().await;
    let known = base.store.materials().find("shop", &wechat.materials(Shop::APPID)[0]).await.unwrap();
    assert!(known.is_some());
}
