//! One sample for each type of message, and what a message must have.

use weft_wechat::message::{
    Content, Field, File, Image, Link, Location, Message, MiniProgramPage, Other, ParseError, Text, Video, Voice,
    fields,
};

use crate::{content, xml};

#[test]
fn a_message_has_its_sender_receiver_time_and_id() {
    let body = xml("text", "<Content>hi</Content><MsgId>24086087575195331</MsgId>");
    let message = Message::parse(&body).unwrap();
    assert_eq!(message.sender, "oWeft0001");
    assert_eq!(message.receiver, "gh_24c0ffee");
    assert_eq!(message.created_at, 1_767_225_600);
    assert_eq!(message.id, Some(24_086_087_575_195_331));
    assert_eq!(message.msg_type(), "text");
    assert_eq!(message.event_name(), None);
}

#[test]
fn a_text_message_has_its_content_and_the_menu_item_that_was_tapped() {
    let body = xml("text", "<Content><![CDATA[你好 <b> & 世界]]></Content>");
    let expected = Text { content: "你好 <b> & 世界".into(), menu_id: None };
    assert_eq!(content(&body), Content::Text(expected));

    let body = xml("text", "<Content>yes</Content><bizmsgmenuid>101</bizmsgmenuid>");
    let expected = Text { content: "yes".into(), menu_id: Some("101".into()) };
    assert_eq!(content(&body), Content::Text(expected));
}

#[test]
fn an_image_message_has_its_address_and_media_id() {
    let body =
        xml("image", "<PicUrl><![CDATA[http://pic.example/1?a=1&b=2]]></PicUrl><MediaId><![CDATA[M-1]]></MediaId>");
    let expected = Image { pic_url: "http://pic.example/1?a=1&b=2".into(), media_id: "M-1".into() };
    assert_eq!(content(&body), Content::Image(expected));
}

#[test]
fn a_voice_message_has_the_recognised_speech_where_there_is_any() {
    let voice = |recognition: &str| xml("voice", &format!("<MediaId>M-2</MediaId><Format>amr</Format>{recognition}"));
    let mut expected = Voice { media_id: "M-2".into(), format: "amr".into(), recognition: None };
    assert_eq!(content(&voice("")), Content::Voice(expected.clone()));
    let silent = voice("<Recognition><![CDATA[]]></Recognition>");
    assert_eq!(content(&silent), Content::Voice(expected.clone()));
    let spoken = voice("<Recognition><![CDATA[明天见]]></Recognition>");
    expected.recognition = Some("明天见".into());
    assert_eq!(content(&spoken), Content::Voice(expected));
}

#[test]
fn videos_and_short_videos_have_their_media_and_thumbnail() {
    let elements = "<MediaId>M-3</MediaId><ThumbMediaId>T-3</ThumbMediaId>";
    let expected = Video { media_id: "M-3".into(), thumb_media_id: "T-3".into() };
    assert_eq!(content(&xml("video", elements)), Content::Video(expected.clone()));
    assert_eq!(content(&xml("shortvideo", elements)), Content::ShortVideo(expected));
}

#[test]
fn a_location_message_has_its_coordinates() {
    let body = xml(
        "location",
        "<Location_X>23.134521</Location_X><Location_Y>-113.358803</Location_Y>\
         <Scale>20</Scale><Label><![CDATA[广州]]></Label>",
    );
    let expected = Location { latitude: 23.134_521, longitude: -113.358_803, scale: 20, label: "广州".into() };
    assert_eq!(content(&body), Content::Location(expected));
}

#[test]
fn a_link_message_has_title_description_and_address() {
    let body = xml("link", "<Title>T</Title><Description>D</Description><Url>https://a.example/</Url>");
    let expected = Link { title: "T".into(), description: "D".into(), url: "https://a.example/".into() };
    assert_eq!(content(&body), Content::Link(expected));
}

#[test]
fn a_file_message_has_its_size() {
    let body = xml(
        "file",
        "<Title>a.pdf</Title><Description/><FileKey>K</FileKey>\
         <FileMd5>900150983cd24fb0d6963f7d28e17f72</FileMd5><FileTotalLen>1024</FileTotalLen>",
    );
    let expected = File {
        title: "a.pdf".into(),
        description: String::new(),
        key: "K".into(),
        md5: "900150983cd24fb0d6963f7d28e17f72".into(),
        size: 1024,
    };
    assert_eq!(content(&body), Content::File(expected));
}

#[test]
fn a_mini_program_page_has_its_path() {
    let body = xml(
        "miniprogrampage",
        "<Title>T</Title><AppId>wx1</AppId><PagePath>pages/index?x=1</PagePath>\
         <ThumbUrl>http://t.example</ThumbUrl><ThumbMediaId>T</ThumbMediaId>",
    );
    let expected = MiniProgramPage {
        title: "T".into(),
        appid: "wx1".into(),
        path: "pages/index?x=1".into(),
        thumb_url: "http://t.example".into(),
        thumb_media_id: "T".into(),
    };
    assert_eq!(content(&body), Content::MiniProgramPage(expected));
}

#[test]
fn an_unknown_type_keeps_every_field() {
    let body = xml("hologram", "<Depth>3</Depth><Layer><Name>a</Name></Layer><Layer><Name>b</Name><Empty/></Layer>");
    let message = Message::parse(&body).unwrap();
    assert_eq!(message.msg_type(), "hologram");
    let Content::Other(Other { kind, fields }) = message.content else {
        panic!("{message:?}");
    };
    assert_eq!(kind, "hologram");
    let field = |path: &str, value: &str| Field { path: path.into(), value: value.into() };
    let expected = [
        field("ToUserName", "gh_24c0ffee"),
        field("FromUserName", "oWeft0001"),
        field("CreateTime", "1767225600"),
        field("MsgType", "hologram"),
        field("Depth", "3"),
        field("Layer/Name", "a"),
        field("Layer/Name", "b"),
        field("Layer/Empty", ""),
    ];
    assert_eq!(fields, expected);
    assert_eq!(weft_wechat::message::fields(&body).unwrap(), expected);
}

#[test]
fn fields_after_nested_elements_have_their_own_path() {
    let body = "<xml><A><B><C>1</C></B><D>2</D></A><E>3</E></xml>";
    let paths: Vec<_> = fields(body).unwrap().into_iter().map(|f| f.path).collect();
    assert_eq!(paths, ["A/B/C", "A/D", "E"]);
}

#[test]
fn a_typed_message_with_a_number_that_is_none_becomes_other() {
    let location = |x: &str| {
        xml("location", &format!("<Location_X>{x}</Location_X><Location_Y>1</Location_Y><Scale>1</Scale><Label/>"))
    };
    assert!(matches!(content(&location("1.5")), Content::Location(_)));
    for x in ["north", "", "NaN", "inf", "1e999", "1,5"] {
        let content = content(&location(x));
        assert_eq!(content.msg_type(), "location");
        assert!(matches!(content, Content::Other(_)), "{x}: {content:?}");
    }
    let file = xml("file", "<FileTotalLen>18446744073709551616</FileTotalLen>");
    assert!(matches!(content(&file), Content::Other(_)));
}

#[test]
fn ids_are_exact_up_to_the_largest() {
    for id in [1 << 53, (1 << 53) + 1, 9_223_372_036_854_775_807, u64::MAX] {
        let body = xml("text", &format!("<MsgId><![CDATA[{id}]]></MsgId>"));
        assert_eq!(Message::parse(&body).unwrap().id, Some(id));
    }
    for id in ["18446744073709551616", "-1", "1.0", "1e3", "x", ""] {
        let body = xml("text", &format!("<MsgId>{id}</MsgId>"));
        assert_eq!(Message::parse(&body).unwrap().id, None, "{id}");
    }
}

#[test]
fn order_and_unknown_elements_do_not_matter() {
    let body = "<xml><New><Deep>1</Deep></New><MsgId>5</MsgId><Content>hi</Content>\
                <MsgType>text</MsgType><CreateTime><![CDATA[7]]></CreateTime>\
                <FromUserName>u</FromUserName><Idx>1</Idx><ToUserName>a</ToUserName></xml>";
    let message = Message::parse(body).unwrap();
    assert_eq!(message.id, Some(5));
    assert_eq!(message.created_at, 7);
    let expected = Text { content: "hi".into(), menu_id: None };
    assert_eq!(message.content, Content::Text(expected));
}

#[test]
fn the_first_of_two_elements_counts() {
    let body = xml("text", "<FromUserName>oSomebodyElse</FromUserName><Content>1</Content><Content>2</Content>");
    let message = Message::parse(&body).unwrap();
    assert_eq!(message.sender, "oWeft0001");
    assert!(matches!(message.content, Content::Text(text) if text.content == "1"));
}

#[test]
fn what_every_message_has_must_be_there() {
    let whole = xml("text", "<Content>x</Content>");
    for name in ["ToUserName", "FromUserName", "CreateTime", "MsgType"] {
        let body = whole.replace(name, "Renamed");
        assert_eq!(Message::parse(&body), Err(ParseError::Missing(name)));
    }
    let body = whole.replace("1767225600", "yesterday");
    assert_eq!(Message::parse(&body), Err(ParseError::Missing("CreateTime")));
}
