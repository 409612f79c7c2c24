//! Replies, as WeChat reads them.

use weft_wechat::message::{
    Click, Content, Event, Image, Link, Location, ParseError, Text, Video as SentVideo, Voice, fields,
};
use weft_wechat::reply::{
    Article, MAX_ARTICLES, MAX_REFERENCE, MAX_TEXT, Music, Reply, ReplyError, ReplyParseError, Video,
};

fn text_message() -> Content {
    Content::Text(Text { content: "hi".into(), menu_id: None })
}

fn click() -> Content {
    Content::Event(Event::Click(Click { key: "k".into() }))
}

fn article(title: &str) -> Article {
    Article {
        title: title.into(),
        description: "d".into(),
        pic_url: "https://p.example/?a=1&b=2".into(),
        url: "https://u.example/".into(),
    }
}

/// The elements of the reply after the four that every reply has.
fn body(reply: &Reply) -> Vec<(String, String)> {
    let xml = reply.to_xml("oU", "gh_1", 1_767_225_600);
    let mut fields = fields(&xml).expect(&xml).into_iter();
    for (path, value) in
        [("ToUserName", "oU"), ("FromUserName", "gh_1"), ("CreateTime", "1767225600"), ("MsgType", reply.msg_type())]
    {
        let field = fields.next().unwrap();
        assert_eq!((&*field.path, &*field.value), (path, value));
    }
    fields.map(|field| (field.path, field.value)).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(path, value): &(&str, &str)| ((*path).to_owned(), (*value).to_owned());
    expected.iter().map(owned).collect()
}

/// What a text becomes.
fn written(text: &str) -> String {
    body(&Reply::Text(text.into())).remove(0).1
}

#[test]
fn every_reply_has_the_elements_that_wechat_documents() {
    assert_eq!(
        body(&Reply::Text("line 1\nline 2 <a href=\"x\">x</a>".into())),
        pairs(&[("Content", "line 1\nline 2 <a href=\"x\">x</a>")])
    );
    assert_eq!(body(&Reply::Image("M".into())), pairs(&[("Image/MediaId", "M")]));
    assert_eq!(body(&Reply::Voice("M".into())), pairs(&[("Voice/MediaId", "M")]));
    let video = Video { media_id: "M".into(), title: "T".into(), description: "D".into() };
    assert_eq!(
        body(&Reply::Video(video)),
        pairs(&[("Video/MediaId", "M"), ("Video/Title", "T"), ("Video/Description", "D")])
    );
    let music = Music {
        title: "T".into(),
        description: "D".into(),
        music_url: "U".into(),
        hq_music_url: "H".into(),
        thumb_media_id: "M".into(),
    };
    assert_eq!(
        body(&Reply::Music(music)),
        pairs(&[
            ("Music/Title", "T"),
            ("Music/Description", "D"),
            ("Music/MusicUrl", "U"),
            ("Music/HQMusicUrl", "H"),
            ("Music/ThumbMediaId", "M")
        ])
    );
    assert_eq!(
        body(&Reply::News(vec![article("1"), article("2")])),
        pairs(&[
            ("ArticleCount", "2"),
            ("Articles/item/Title", "1"),
            ("Articles/item/Description", "d"),
            ("Articles/item/PicUrl", "https://p.example/?a=1&b=2"),
            ("Articles/item/Url", "https://u.example/"),
            ("Articles/item/Title", "2"),
            ("Articles/item/Description", "d"),
            ("Articles/item/PicUrl", "https://p.example/?a=1&b=2"),
            ("Articles/item/Url", "https://u.example/"),
        ])
    );
    assert_eq!(body(&Reply::TransferCustomerService(None)), pairs(&[]));
    assert_eq!(body(&Reply::TransferCustomerService(Some("a@gh".into()))), pairs(&[("TransInfo/KfAccount", "a@gh")]));
}

#[test]
fn a_reply_is_written_exactly_so() {
    assert_eq!(
        Reply::Text("好".into()).to_xml("oU", "gh_1", 5),
        "<xml><ToUserName><![CDATA[oU]]></ToUserName><FromUserName><![CDATA[gh_1]]></FromUserName>\
         <CreateTime>5</CreateTime><MsgType><![CDATA[text]]></MsgType>\
         <Content><![CDATA[好]]></Content></xml>"
    );
}

#[test]
fn nothing_breaks_out_of_its_element() {
    let evil = "]]></Content><ToUserName>oOther</ToUserName><Content><![CDATA[";
    assert_eq!(written(evil), evil);
    assert_eq!(written("]]>]]>]]]>]>"), "]]>]]>]]]>]>");
    assert_eq!(written("]]\u{0}>"), "]]>");
    let xml = Reply::Text("x".into()).to_xml("oU]]><b>", "gh&<", 1);
    let fields = fields(&xml).unwrap();
    assert_eq!(fields[0].value, "oU]]><b>");
    assert_eq!(fields[1].value, "gh&<");
    assert_eq!(fields.len(), 5);
}

#[test]
fn characters_that_xml_does_not_allow_are_dropped() {
    assert_eq!(
        written("a\u{0}b\u{8}c\u{b}d\u{c}e\u{e}f\u{1f}g\u{fffe}h\u{ffff}i\t\n\r\u{7f}\u{fffd}😀"),
        "abcdefghi\t\n\r\u{7f}\u{fffd}😀"
    );
}

#[test]
fn a_long_text_is_cut_between_two_characters() {
    let exact = "x".repeat(MAX_TEXT);
    assert_eq!(written(&exact), exact);
    assert_eq!(written(&format!("{exact}y")), exact);
    // 2048 is no multiple of 3.
    assert_eq!(written(&"好".repeat(1000)), "好".repeat(682));
    assert_eq!(written(&format!("{}😀", "x".repeat(2045))), "x".repeat(2045));
    // What is dropped or split does not count.
    assert_eq!(written(&format!("{}{exact}", "\u{0}".repeat(100))), exact);
    let brackets = "]]>".repeat(683);
    assert_eq!(written(&brackets), &brackets[..MAX_TEXT]);
    let reply = Reply::Text("x".repeat(1 << 20));
    assert!(reply.to_xml("oU", "gh_1", 1).len() < 3000);
}

#[test]
fn titles_and_descriptions_are_cut_too() {
    let mut long = article(&"t".repeat(5000));
    long.description = "d".repeat(5000);
    let body = body(&Reply::News(vec![long]));
    assert_eq!(body[1].1.len(), MAX_TEXT);
    assert_eq!(body[2].1.len(), MAX_TEXT);
}

#[test]
fn news_are_cut_to_what_wechat_shows() {
    let all = || Reply::News((0..10).map(|n| article(&n.to_string())).collect());
    let count = |reply: &Reply| match reply {
        Reply::News(articles) => articles.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(body(&all())[0].1, MAX_ARTICLES.to_string());
    assert_eq!(body(&all()).len(), 1 + 4 * MAX_ARTICLES);

    let mut reply = all();
    reply.fit(&click());
    assert_eq!(count(&reply), MAX_ARTICLES);
    let media = || SentVideo { media_id: "M".into(), thumb_media_id: "T".into() };
    for answering in [
        text_message(),
        Content::Image(Image { pic_url: String::new(), media_id: String::new() }),
        Content::Voice(Voice { media_id: String::new(), format: String::new(), recognition: None }),
        Content::Video(media()),
        Content::ShortVideo(media()),
        Content::Link(Link { title: String::new(), description: String::new(), url: String::new() }),
        Content::Location(Location { latitude: 0.0, longitude: 0.0, scale: 0, label: String::new() }),
    ] {
        let mut reply = all();
        reply.fit(&answering);
        assert_eq!(count(&reply), 1, "{answering:?}");
        assert_eq!(body(&reply)[1].1, "0");
    }
    let mut text = Reply::Text("x".into());
    text.fit(&text_message());
    assert_eq!(text, Reply::Text("x".into()));
}

#[test]
fn what_would_show_a_fault_is_refused() {
    let check = |reply: Reply| reply.check(&text_message());
    for text in ["", " \n\t", "\u{0}\u{8}", "\u{3000}"] {
        assert_eq!(check(Reply::Text(text.into())), Err(ReplyError::EmptyText));
    }
    assert_eq!(check(Reply::News(vec![])), Err(ReplyError::NoArticles));
    let media = Err(ReplyError::Empty("media_id"));
    assert_eq!(check(Reply::Image(String::new())), media);
    assert_eq!(check(Reply::Voice(" ".into())), media);
    let video = Video { media_id: String::new(), title: "T".into(), description: "D".into() };
    assert_eq!(check(Reply::Video(video)), media);
    let music = Music {
        title: "T".into(),
        description: "D".into(),
        music_url: "U".into(),
        hq_music_url: "H".into(),
        thumb_media_id: String::new(),
    };
    assert_eq!(check(Reply::Music(music)), Err(ReplyError::Empty("thumb_media_id")));
    let unnamed = Reply::TransferCustomerService(Some(String::new()));
    assert_eq!(check(unnamed), Err(ReplyError::Empty("account")));
}

#[test]
fn references_that_cannot_be_cut_are_refused_when_too_long() {
    let long = "u".repeat(MAX_REFERENCE + 1);
    let image = Reply::Image(long.clone());
    assert_eq!(image.check(&click()), Err(ReplyError::TooLong("media_id")));
    let mut linked = article("t");
    linked.url = long;
    let news = Reply::News(vec![linked]);
    assert_eq!(news.check(&click()), Err(ReplyError::TooLong("url")));
}

#[test]
fn good_replies_pass() {
    for reply in [
        Reply::Text("x".repeat(1 << 20)),
        Reply::Image("M".into()),
        Reply::News((0..10).map(|n| article(&n.to_string())).collect()),
        Reply::TransferCustomerService(None),
        Reply::TransferCustomerService(Some("a@gh".into())),
    ] {
        assert_eq!(reply.check(&text_message()), Ok(()));
    }
}

#[test]
fn a_user_who_left_cannot_be_answered() {
    let reply = Reply::Text("do not go".into());
    let left = Content::Event(Event::Unsubscribe);
    assert_eq!(reply.check(&left), Err(ReplyError::Unsubscribed));
}

#[test]
fn the_reply_of_another_server_is_read_as_it_was_meant() {
    let by_hand = "\u{feff}<?xml version=\"1.0\"?>\n<xml>\n  <ToUserName>x</ToUserName><MsgType><![CDATA[text]]></MsgType>\n\
                   <Content>a &lt; b</Content>\n</xml>\n";
    assert_eq!(Reply::parse(by_hand), Ok(Reply::Text("a < b".into())));
    let many = (0..12).map(|n| format!("<item><Title>{n}</Title></item>")).collect::<Vec<_>>().concat();
    let news = Reply::parse(&format!("<xml><MsgType>news</MsgType><Articles>{many}</Articles></xml>")).unwrap();
    assert!(matches!(news, Reply::News(articles) if articles.len() == MAX_ARTICLES && articles[7].title == "7"));
}

#[test]
fn what_is_no_reply_is_told_why() {
    let parse = |body: &str| Reply::parse(body).unwrap_err();
    let malformed = ReplyParseError::Body(ParseError::Malformed);
    for body in ["", "success", "hello", "{\"MsgType\":\"text\",\"Content\":\"a\"}", "<xml><MsgType>text</MsgType>"] {
        assert_eq!(parse(body), malformed, "{body}");
    }
    let doctype = "<!DOCTYPE x [<!ENTITY a \"b\">]><xml><MsgType>text</MsgType><Content>&a;</Content></xml>";
    assert_eq!(parse(doctype), ReplyParseError::Body(ParseError::DocumentType));
    assert_eq!(parse("<xml><Content>a</Content></xml>"), ReplyParseError::Missing("MsgType"));
    assert_eq!(parse("<xml><MsgType>event</MsgType></xml>"), ReplyParseError::UnknownType);
    assert_eq!(parse("<xml><MsgType>text</MsgType></xml>"), ReplyParseError::Missing("Content"));
    for (msg_type, missing) in [("image", "Image"), ("voice", "Voice"), ("video", "Video"), ("news", "Articles")] {
        assert_eq!(parse(&format!("<xml><MsgType>{msg_type}</MsgType></xml>")), ReplyParseError::Missing(missing));
    }
}
