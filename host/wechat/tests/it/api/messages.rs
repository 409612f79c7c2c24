//! Customer-service messages.

use serde_json::{Value, json as value};
use weft_wechat::api::message::custom_send::{
    Article, CustomMessage, CustomSend, CustomService, Link, Media, MiniProgramPage, MsgMenu, MsgMenuItem, News,
    PublishedArticle, Video, WxCard,
};
use weft_wechat::api::{Body, Request};
use weft_wechat::reply::{self, Reply};

use super::json;

fn sent(message: CustomMessage) -> Value {
    json(&CustomSend::new("oU", message))
}

fn media() -> Media {
    Media { media_id: "M".to_owned() }
}

#[test]
fn every_type_is_written_as_wechat_reads_it() {
    let page = MiniProgramPage {
        title: "t".into(),
        appid: "wx1".into(),
        pagepath: "p?a=1".into(),
        thumb_media_id: "T".into(),
    };
    let menu = MsgMenu {
        head_content: "好吗？".into(),
        list: vec![MsgMenuItem { id: "101".into(), content: "满意".into() }],
        tail_content: "谢谢".into(),
    };
    let link =
        Link { title: "t".into(), description: "d".into(), url: "https://u/".into(), thumb_url: "https://p/".into() };
    let table = [
        (CustomMessage::text("你好 😀"), "text", value!({"content": "你好 😀"})),
        (CustomMessage::Image { image: media() }, "image", value!({"media_id": "M"})),
        (CustomMessage::Voice { voice: media() }, "voice", value!({"media_id": "M"})),
        (CustomMessage::MpNews { mpnews: media() }, "mpnews", value!({"media_id": "M"})),
        (
            CustomMessage::MpNewsArticle { mpnewsarticle: PublishedArticle { article_id: "A".into() } },
            "mpnewsarticle",
            value!({"article_id": "A"}),
        ),
        (
            CustomMessage::MsgMenu { msgmenu: menu },
            "msgmenu",
            value!({"head_content": "好吗？", "list": [{"id": "101", "content": "满意"}], "tail_content": "谢谢"}),
        ),
        (
            CustomMessage::MiniProgramPage { miniprogrampage: page },
            "miniprogrampage",
            value!({"title": "t", "appid": "wx1", "pagepath": "p?a=1", "thumb_media_id": "T"}),
        ),
        (CustomMessage::WxCard { wxcard: WxCard { card_id: "C".into() } }, "wxcard", value!({"card_id": "C"})),
        (
            CustomMessage::Link { link },
            "link",
            value!({"title": "t", "description": "d", "url": "https://u/", "thumb_url": "https://p/"}),
        ),
    ];
    for (message, msgtype, inner) in table {
        let sent = sent(message.clone());
        assert_eq!(sent, value!({"touser": "oU", "msgtype": msgtype, msgtype: inner}));
        assert_eq!(serde_json::from_value::<CustomSend>(sent).unwrap().message, message, "and is read back");
    }
    let from = CustomService { kf_account: "a@b".into() };
    let named = CustomSend { customservice: Some(from), ..CustomSend::new("oU", CustomMessage::text("x")) };
    assert_eq!(json(&named)["customservice"], value!({"kf_account": "a@b"}));
}

#[test]
fn characters_stand_in_the_body_as_they_are() {
    let request = Request::of(&CustomSend::new("oU", CustomMessage::text("你好 😀"))).unwrap();
    let Body::Json(bytes) = &request.body else { panic!("{request:?}") };
    let text = str::from_utf8(bytes).unwrap();
    assert!(text.contains("你好 😀") && !text.contains("\\u"), "{text}");
    assert!(!request.idempotent, "a message that comes twice is worse than one that does not come");
}

fn article(title: &str) -> reply::Article {
    reply::Article {
        title: title.into(),
        description: "d".into(),
        pic_url: "https://p/".into(),
        url: "https://u/".into(),
    }
}

#[test]
fn a_passive_reply_becomes_a_message() {
    let convert = |reply| CustomMessage::from_reply(&reply).map(sent);
    assert_eq!(convert(Reply::Text("hi".into())).unwrap()["text"]["content"], "hi");
    assert_eq!(convert(Reply::Image("M".into())).unwrap()["image"]["media_id"], "M");
    assert_eq!(convert(Reply::Voice("M".into())).unwrap()["voice"]["media_id"], "M");
    let video = reply::Video { media_id: "M".into(), title: "t".into(), description: String::new() };
    assert_eq!(
        convert(Reply::Video(video)).unwrap()["video"],
        value!({"media_id": "M", "title": "t", "description": ""})
    );
    let music = reply::Music {
        title: "t".into(),
        description: "d".into(),
        music_url: "https://m/".into(),
        hq_music_url: "https://h/".into(),
        thumb_media_id: "T".into(),
    };
    assert_eq!(
        convert(Reply::Music(music)).unwrap()["music"],
        value!({"title": "t", "description": "d", "musicurl": "https://m/", "hqmusicurl": "https://h/",
                "thumb_media_id": "T"})
    );
    assert_eq!(
        convert(Reply::News(vec![article("1"), article("2")])).unwrap()["news"]["articles"][1],
        value!({"title": "2", "description": "d", "url": "https://u/", "picurl": "https://p/"})
    );
    assert_eq!(convert(Reply::TransferCustomerService(None)), None);
    let long = "店".repeat(1000);
    let cut = convert(Reply::Text(long)).unwrap();
    assert_eq!(cut["text"]["content"].as_str().unwrap(), "店".repeat(682), "at most 2048 bytes, no half characters");
}

#[test]
fn several_articles_have_a_fallback_with_the_first_alone() {
    let several = CustomMessage::from_reply(&Reply::News(vec![article("1"), article("2")])).unwrap();
    let several = CustomSend::new("oU", several);
    let one = several.with_one_article().unwrap();
    let CustomMessage::News { news: News { articles } } = &one.message else { panic!("{one:?}") };
    let first =
        Article { title: "1".into(), description: "d".into(), url: "https://u/".into(), picurl: "https://p/".into() };
    assert_eq!(*articles, [first]);
    assert_eq!(one.touser, "oU");
    assert_eq!(one.with_one_article(), None);
    assert_eq!(CustomSend::new("oU", CustomMessage::text("x")).with_one_article(), None);
}

#[test]
fn a_video_may_have_a_thumbnail() {
    let video =
        Video { media_id: "M".into(), thumb_media_id: "T".into(), title: String::new(), description: String::new() };
    assert_eq!(sent(CustomMessage::Video { video })["video"]["thumb_media_id"], "T");
}
