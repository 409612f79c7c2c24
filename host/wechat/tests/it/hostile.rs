//! Bodies that are made to hurt.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use weft_wechat::account::{EncodingMode, Refusal};
use weft_wechat::envelope::seal;
use weft_wechat::message::{Content, MAX_BODY, Message, ParseError, fields};

use crate::accounts::{APPID, KEY, account, encrypted_query, envelope, key};
use crate::{event_xml, xml};

/// Runs `work` on so many bytes, and sees that it takes no longer than they explain, even without
/// optimization on a busy machine.
fn bounded<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    let bound = Duration::from_millis(500) + Duration::from_micros(4) * u32::try_from(bytes).unwrap();
    assert!(started.elapsed() < bound, "{bytes} bytes took {:?}", started.elapsed());
    done
}

/// The error of a body that must be refused without much work.
fn refused(body: &str) -> ParseError {
    bounded(body.len(), || {
        let error = fields(body).expect_err("must be refused");
        assert_eq!(Message::parse(body), Err(error));
        error
    })
}

#[test]
fn document_types_are_refused() {
    for doctype in [
        "<!DOCTYPE xml>",
        "<!doctype xml>",
        "<!DOCTYPE xml SYSTEM \"http://127.0.0.1:1/x.dtd\">",
        "<!DOCTYPE xml [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>",
        "<!DOCTYPE xml [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/\"> %p;]>",
    ] {
        let body = format!("{doctype}{}", xml("text", "<Content>&e;</Content>"));
        assert_eq!(refused(&body), ParseError::DocumentType, "{doctype}");
    }
}

#[test]
fn a_billion_laughs_are_refused() {
    let level = |level: usize| {
        let inner = format!("&l{};", level - 1).repeat(10);
        format!("<!ENTITY l{level} \"{inner}\">")
    };
    let entities = "<!ENTITY l0 \"ha\">".to_owned() + &(1..10).map(level).collect::<Vec<_>>().concat();
    let body = format!("<!DOCTYPE xml [{entities}]><xml><T>&l9;</T></xml>");
    assert_eq!(refused(&body), ParseError::DocumentType);
    assert_eq!(refused("<xml><T>&l9;</T></xml>"), ParseError::UnknownEntity);
}

#[test]
fn processing_instructions_are_refused() {
    for body in
        ["<?xml-stylesheet href=\"x\"?><xml/>", "<xml><?php echo 1 ?></xml>", "<xml><?xml version=\"1.0\"?></xml>"]
    {
        assert_eq!(refused(body), ParseError::ProcessingInstruction, "{body}");
    }
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
    assert!(fields(&nested(16)).is_ok());
    assert_eq!(refused(&nested(17)), ParseError::TooDeep);
    assert_eq!(refused(&nested(10_000)), ParseError::TooDeep);
    assert_eq!(refused(&"<a>".repeat(100_000)), ParseError::TooDeep);
}

#[test]
fn the_number_of_elements_is_limited() {
    let siblings = |count: usize| format!("<xml>{}</xml>", "<a/>".repeat(count));
    assert_eq!(fields(&siblings(999)).unwrap().len(), 999);
    assert_eq!(refused(&siblings(1000)), ParseError::TooManyElements);
    assert_eq!(refused(&siblings(100_000)), ParseError::TooManyElements);
}

#[test]
fn attributes_cannot_be_heaped_up() {
    let attribute = |number: usize| format!(" a{number}=''");
    let attributes = (0..100_000).map(attribute).collect::<Vec<_>>().concat();
    for body in [format!("<xml{attributes}/>"), format!("<xml><T{attributes}>x</T></xml>")] {
        assert!(body.len() < MAX_BODY);
        assert_eq!(refused(&body), ParseError::TagTooLong);
    }
}

#[test]
fn names_are_limited_and_must_be_names() {
    let named = |name: &str| format!("<xml><{name}>1</{name}></xml>");
    assert!(fields(&named("a-B_c.1:名")).is_ok());
    assert_eq!(refused(&named(&"n".repeat(65_536))), ParseError::TagTooLong);
    for name in ["1a", "a/b", "-a", "a&b", "a$", "", " "] {
        assert_eq!(refused(&named(name)), ParseError::Malformed, "{name}");
    }
}

#[test]
fn the_size_is_limited() {
    let sized = |size: usize| {
        let empty = xml("text", "<Content></Content>").len();
        xml("text", &format!("<Content>{}</Content>", "x".repeat(size - empty)))
    };
    assert!(Message::parse(&sized(MAX_BODY)).is_ok());
    assert_eq!(refused(&sized(MAX_BODY + 1)), ParseError::TooLarge);
}

#[test]
fn no_kind_of_content_costs_more_than_its_length() {
    for piece in ["a<!---->", "&amp;", "<![CDATA[a]]>", "]]", "<![CDATA[]]>", " ", "你", "a<!-- & -->"] {
        for size in [300 << 10, MAX_BODY - 500] {
            let body = xml("text", &format!("<Content>{}</Content>", piece.repeat(size / piece.len())));
            let message = bounded(body.len(), || Message::parse(&body)).unwrap();
            assert!(matches!(message.content, Content::Text(text) if text.content.len() <= size), "{piece}");
        }
    }
    for piece in ["\\n", "\\u4f60", "<", "]", "\\\""] {
        let text = piece.repeat((300 << 10) / piece.len());
        let body =
            format!(r#"{{"MsgType":"text","FromUserName":"o","ToUserName":"g","CreateTime":1,"Content":"{text}"}}"#);
        let message = bounded(body.len(), || Message::parse(&body)).unwrap();
        assert!(matches!(message.content, Content::Text(_)), "{piece}");
    }
}

#[test]
fn what_repeats_or_nests_costs_no_more_than_its_length() {
    let size = 300 << 10;
    let repeated = |piece: &str| xml("text", &piece.repeat(size / piece.len()));
    for piece in ["<MsgType>text</MsgType>", "<FromUserName>o</FromUserName>", "<a/>", "<a><b/></a>"] {
        assert_eq!(refused(&repeated(piece)), ParseError::TooManyElements, "{piece}");
    }
    assert_eq!(refused(&repeated("<a>")), ParseError::TooDeep);
    assert_eq!(refused(&repeated("</a>")), ParseError::Malformed);
    assert_eq!(refused(&repeated("<a")), ParseError::TagTooLong);
    assert_eq!(refused(&repeated("<")), ParseError::TagTooLong);
    for (piece, error) in
        [("{\"a\":", ParseError::Malformed), ("{\"a\":[", ParseError::Malformed), ("{\"\\u0000", ParseError::Malformed)]
    {
        assert_eq!(refused(&piece.repeat(size / piece.len())), error, "{piece}");
    }
    // As deep as may be, and all of it inside the deepest: each level reads the whole again.
    let deepest = format!("{}\"{}\"{}", "{\"a\":".repeat(15), "x".repeat(size), "}".repeat(15));
    assert_eq!(bounded(deepest.len(), || fields(&deepest)).unwrap()[0].value.len(), size);
    let members = "\"MsgType\":\"text\",".repeat(size / 17);
    assert_eq!(refused(&format!("{{{members}\"a\":1}}")), ParseError::TooManyElements);
}

#[test]
fn of_many_that_repeat_the_first_counts_in_both_formats() {
    let in_xml =
        xml("text", &"<FromUserName>oOther</FromUserName><MsgType>image</MsgType><MsgId>7</MsgId>".repeat(300));
    let more = r#","FromUserName":"oOther","MsgType":"image","MsgId":7"#.repeat(300);
    let in_json = format!(
        r#"{{"ToUserName":"gh_24c0ffee","FromUserName":"oWeft0001","CreateTime":1767225600,"MsgType":"text"{more}}}"#
    );
    let message = Message::parse(&in_xml).unwrap();
    assert_eq!((&*message.sender, message.msg_type(), message.id), ("oWeft0001", "text", Some(7)));
    assert_eq!(Message::parse(&in_json).unwrap(), message);
}

#[test]
fn ciphertext_that_is_cut_anywhere_is_refused_alike_though_it_is_signed() {
    let account = account(EncodingMode::Safe);
    let sealed = seal(&key(KEY), APPID, [7; 16], &xml("text", "<Content>hello</Content>"));
    let open = |encrypted: &str| account.open(&encrypted_query(encrypted), envelope(encrypted).as_bytes());
    assert!(open(&sealed).is_ok());
    for end in 0..sealed.len() {
        assert_eq!(open(&sealed[..end]), Err(Refusal::Forged), "{end}");
        assert_eq!(open(&sealed[end + 1..]), Err(Refusal::Forged), "{end}");
    }
    let bytes = STANDARD.decode(&sealed).unwrap();
    for end in 0..bytes.len() {
        assert_eq!(open(&STANDARD.encode(&bytes[..end])), Err(Refusal::Forged), "{end}");
        assert_eq!(open(&STANDARD.encode(&bytes[end + 1..])), Err(Refusal::Forged), "{end}");
    }
}

#[test]
fn a_large_envelope_costs_no_more_than_its_length() {
    let account = account(EncodingMode::Safe);
    let good = xml("text", &format!("<Content>{}</Content>", "x".repeat(300 << 10)));
    let sealed = seal(&key(KEY), APPID, [7; 16], &good);
    let open = |encrypted: &str| {
        let body = envelope(encrypted);
        bounded(body.len(), || account.open(&encrypted_query(encrypted), body.as_bytes()))
    };
    assert_eq!(&*open(&sealed).unwrap().raw, good);
    assert_eq!(open(&sealed[..sealed.len() - 64]), Err(Refusal::Forged));
    assert_eq!(open(&"A".repeat(300 << 10)), Err(Refusal::Forged));
    let bomb = seal(&key(KEY), APPID, [7; 16], &"<a>".repeat(100 << 10));
    assert_eq!(open(&bomb), Err(Refusal::Unreadable(ParseError::TooDeep)));
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for body in [
        "",
        " ",
        "hello",
        "<xml>",
        "</xml>",
        "<xml></yml>",
        "<xml/><xml/>",
        "<xml/>x",
        "x<xml/>",
        "<xml/><![CDATA[x]]>",
        "&amp;<xml/>",
        "<xml/>&amp;",
        "<xml><a></xml></a>",
        "<xml><![CDATA[</xml>",
        "<xml><!-- </xml>",
        "<xml><![cdata[x]]></xml>",
        "<xml\0/>",
        "<xml><a>\0</a></xml>",
        "[1]",
        "\"text\"",
        "\u{feff}\u{feff}",
    ] {
        assert_eq!(refused(body), ParseError::Malformed, "{body}");
    }
}

#[test]
fn no_prefix_of_a_message_is_a_message() {
    let samples = [
        xml("text", "<Content><![CDATA[你好 ]]]]><![CDATA[>]]>&amp;<!-- x --></Content><MsgId>1</MsgId>"),
        event_xml(
            "pic_weixin",
            "<SendPicsInfo><Count>1</Count><PicList><item><PicMd5Sum>a</PicMd5Sum></item></PicList></SendPicsInfo>",
        ),
        r#"{"ToUserName":"gh","FromUserName":"o","CreateTime":1,"MsgType":"event","List":[{"a":"\u4f60"}]}"#.to_owned(),
    ];
    for sample in samples {
        assert!(Message::parse(&sample).is_ok());
        for (end, _) in sample.char_indices() {
            assert!(Message::parse(&sample[..end]).is_err(), "{}", &sample[..end]);
        }
    }
}
