//! Files, up and down.

use std::time::Duration;

use bytes::Bytes;
use weft::simulator::wechat::Fault;
use weft_wechat::api::{
    FilePart,
    material::{
        NewsItem,
        add_material::{AddMaterial, VideoDescription},
        batchget_material::{BatchgetMaterial, MaterialType},
        get_material::{GetMaterial, Material},
    },
    media::{
        MediaType,
        get::{MediaGet, TemporaryMedia},
        upload::MediaUpload,
    },
};

use super::{APPID, in_a_house};

/// Longer than what most servers take without being told to.
fn picture() -> Bytes {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.resize(3 << 20, 7);
    bytes.into()
}

#[tokio::test]
async fn temporary_media_come_back_as_they_went_up() {
    in_a_house(async |house| {
        let file = FilePart::media("店 1.png", "image/png", picture());
        let upload = MediaUpload { media_type: MediaType::Image, file };
        // The second try sends the file again.
        house.simulated.fault("/cgi-bin/media/upload", Fault::Status(503), 1);
        let uploaded = house.wechat.call(&house.app, &upload).await.unwrap();
        let call = house.simulated.calls().pop().unwrap();
        assert_eq!((&*call.path, &call.body["media"]["filename"]), ("/cgi-bin/media/upload", &"店 1.png".into()));
        assert_eq!(call.body["media"]["length"], 3 << 20);
        let get = MediaGet { media_id: &uploaded.media_id };
        let TemporaryMedia::File(file) = house.wechat.call(&house.app, &get).await.unwrap() else { panic!("no file") };
        assert_eq!((&*file.content_type, file.bytes), ("image/png", picture()));
        house.database.clock.advance(Duration::from_hours(72));
        assert_eq!(house.wechat.call(&house.app, &get).await.unwrap_err().errcode(), Some(40007));

        let file = FilePart::media("v.mp4", "video/mp4", Bytes::from_static(b"mp4"));
        let video = MediaUpload { media_type: MediaType::Video, file: file.clone() };
        let video = house.wechat.call(&house.app, &video).await.unwrap();
        let got = house.wechat.call(&house.app, &MediaGet { media_id: &video.media_id }).await.unwrap();
        assert!(matches!(got, TemporaryMedia::VideoUrl(_)), "{got:?}");
        let thumb = MediaUpload { media_type: MediaType::Thumb, file };
        assert!(!house.wechat.call(&house.app, &thumb).await.unwrap().media_id.is_empty());
    })
    .await;
}

#[tokio::test]
async fn materials_are_kept_and_listed_newest_first() {
    in_a_house(async |house| {
        let file = |name: &str| FilePart::media(name, "image/png", picture());
        let image = |name: &str| AddMaterial { media_type: MediaType::Image, file: file(name), description: None };
        let first = house.wechat.call(&house.app, &image("1.png")).await.unwrap();
        let second = house.wechat.call(&house.app, &image("2.png")).await.unwrap();
        assert!(first.url.is_some());
        let description = Some(VideoDescription { title: "片".into(), introduction: "长".into() });
        let video = AddMaterial { media_type: MediaType::Video, file: file("v.mp4"), description };
        let video = house.wechat.call(&house.app, &video).await.unwrap();
        assert_eq!(video.url, None);
        let item = NewsItem { title: "新闻".into(), content: "<p>x</p>".into(), ..NewsItem::default() };
        let news = house.simulated.add_news(APPID, vec![item.clone()]);

        let get = async |media_id: &str| house.wechat.call(&house.app, &GetMaterial { media_id }).await;
        assert!(matches!(get(&first.media_id).await.unwrap(), Material::File(file) if file.bytes == picture()));
        assert!(matches!(get(&video.media_id).await.unwrap(), Material::Video(video) if video.title == "片"));
        assert_eq!(get(&news).await.unwrap(), Material::News(vec![item]));
        assert_eq!(get("none").await.unwrap_err().errcode(), Some(40007));

        let page = async |material_type, offset, count| {
            house.wechat.call(&house.app, &BatchgetMaterial { material_type, offset, count }).await
        };
        let images = page(MaterialType::Image, 0, 1).await.unwrap();
        assert_eq!((images.total_count, images.item_count), (2, 1));
        assert_eq!((&images.item[0].media_id, &*images.item[0].name), (&second.media_id, "2.png"));
        assert_eq!(page(MaterialType::Image, 1, 20).await.unwrap().item[0].media_id, first.media_id);
        let listed = page(MaterialType::News, 0, 20).await.unwrap();
        assert_eq!(listed.item[0].content.as_ref().unwrap().news_item[0].title, "新闻");
        assert_eq!(page(MaterialType::Voice, 0, 20).await.unwrap().total_count, 0);
        assert!(page(MaterialType::News, 0, 21).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_material_of_unknown_outcome_is_not_uploaded_again() {
    in_a_house(async |house| {
        let path = "/cgi-bin/material/add_material";
        house.simulated.fault(path, Fault::Disconnect, 1);
        let file = FilePart::media("1.png", "image/png", picture());
        let image = AddMaterial { media_type: MediaType::Image, file, description: None };
        let error = house.wechat.call(&house.app, &image).await.unwrap_err();
        assert!(error.outcome_is_unknown() && house.simulated.count(path) == 1, "{error}");
    })
    .await;
}
