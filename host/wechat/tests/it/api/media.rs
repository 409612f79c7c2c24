//! Media and materials.

use bytes::Bytes;
use weft_wechat::api::material::add_material::{AddMaterial, AddedMaterial, VideoDescription};
use weft_wechat::api::material::batchget_material::{BatchgetMaterial, MaterialPage, MaterialType};
use weft_wechat::api::material::get_material::Material;
use weft_wechat::api::media::get::TemporaryMedia;
use weft_wechat::api::media::upload::{MediaUpload, Uploaded};
use weft_wechat::api::media::{MediaFile, MediaType};
use weft_wechat::api::{Answer, ApiError, Body, Content, Endpoint, FilePart, RawAnswer, read_answer};

use super::json;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

fn raw(content_type: &str, disposition: &str, body: &[u8]) -> RawAnswer {
    RawAnswer {
        content_type: content_type.to_owned(),
        content_disposition: disposition.to_owned(),
        body: Bytes::copy_from_slice(body),
    }
}

#[test]
fn an_upload_is_a_form_with_the_file_and_a_name_that_cannot_break_it() {
    let file = FilePart::media("店\r\n\"a\\b/.png", "image/png", Bytes::from_static(PNG));
    assert_eq!(file.filename, "店ab.png");
    assert_eq!(FilePart::media("\n", "image/png", Bytes::new()).filename, "media");
    let upload = MediaUpload { media_type: MediaType::Image, file: file.clone() };
    assert_eq!(upload.query(), [("type", "image".to_owned())]);
    let Body::Multipart { fields, file: sent } = upload.body().unwrap() else { panic!("no form") };
    let Content::Bytes(bytes) = &sent.content else { panic!("not in memory") };
    assert_eq!((fields.len(), sent.field, &bytes[..]), (0, "media", PNG));
    let description = Some(VideoDescription { title: "t".into(), introduction: "片".into() });
    let video = AddMaterial { media_type: MediaType::Video, file, description };
    let Body::Multipart { fields, .. } = video.body().unwrap() else { panic!("no form") };
    assert_eq!(fields, [("description", r#"{"title":"t","introduction":"片"}"#.to_owned())]);
    const { assert!(!<AddMaterial as Endpoint>::IDEMPOTENT) };
}

#[test]
fn what_was_uploaded_is_read() {
    let image: Uploaded = read_answer(br#"{"type":"image","media_id":"M","created_at":1}"#).unwrap();
    let thumb: Uploaded = read_answer(br#"{"type":"thumb","thumb_media_id":"M","created_at":1}"#).unwrap();
    assert_eq!(image, thumb);
    let added: AddedMaterial = read_answer(br#"{"media_id":"M"}"#).unwrap();
    assert_eq!(added, AddedMaterial { media_id: "M".into(), url: None });
}

#[test]
fn temporary_media_are_a_file_or_the_address_of_a_video() {
    let file = TemporaryMedia::read(raw("image/png", "attachment; filename=\"a.png\"", PNG)).unwrap();
    let expected =
        MediaFile { content_type: "image/png".into(), filename: Some("a.png".into()), bytes: Bytes::from_static(PNG) };
    assert_eq!(file, TemporaryMedia::File(expected));
    let video = TemporaryMedia::read(raw("text/plain", "", br#"{"video_url":"https://v/"}"#)).unwrap();
    assert_eq!(video, TemporaryMedia::VideoUrl("https://v/".into()));
    let gone = TemporaryMedia::read(raw("text/plain", "", br#"{"errcode":40007,"errmsg":"invalid media_id"}"#));
    assert!(matches!(gone, Err(ApiError::Refused(refusal)) if refusal.errcode == 40007));
}

#[test]
fn a_material_is_articles_a_video_or_a_file() {
    let news = br#"{"news_item":[{"title":"t","thumb_media_id":"T","show_cover_pic":1,"content":"<p>x</p>"}]}"#;
    let Material::News(items) = Material::read(raw("text/plain", "", news)).unwrap() else { panic!("no news") };
    assert_eq!((&*items[0].title, items[0].show_cover_pic), ("t", 1));
    let video = br#"{"title":"t","description":"d","down_url":"https://v/"}"#;
    assert!(
        matches!(Material::read(raw("text/plain", "", video)).unwrap(), Material::Video(video) if video.down_url == "https://v/")
    );
    let Material::File(file) = Material::read(raw("image/png", "", PNG)).unwrap() else { panic!("no file") };
    assert_eq!((&file.bytes[..], file.filename), (PNG, None));
    let gone = Material::read(raw("text/plain", "", br#"{"errcode":40007,"errmsg":"invalid media_id"}"#));
    assert!(matches!(gone, Err(ApiError::Refused(_))));
}

#[test]
fn materials_are_listed_by_page() {
    let asked = BatchgetMaterial { material_type: MaterialType::News, offset: 20, count: 20 };
    assert_eq!(json(&asked), serde_json::json!({"type": "news", "offset": 20, "count": 20}));
    let page = r#"{"total_count":2,"item_count":2,"item":[
        {"media_id":"M1","name":"a.png","update_time":1,"url":"https://p/"},
        {"media_id":"M2","content":{"news_item":[{"title":"t"}]},"update_time":2}]}"#;
    let page: MaterialPage = read_answer(page.as_bytes()).unwrap();
    assert_eq!((page.total_count, &*page.item[0].name), (2, "a.png"));
    assert_eq!(page.item[1].content.as_ref().unwrap().news_item[0].title, "t");
}
