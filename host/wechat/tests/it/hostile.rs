//! Bodies that are made to hurt.

use std::time::{Duration, Instant};

use weft_wechat::message::{MAX_BODY, Message, ParseError, fields};

use crate::{event_xml, xml};

/// The error of a body that must be refused without much work.
fn refused(body: &str) -> ParseError {
    let started = Instant::now();
    let error = fields(body).expect_err("must be refused");
    assert_eq!(Message::parse(body), Err(error));
    assert!(started.elapsed() < Duration::from_secs(1), "{error:?}");
    error
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
fn comments_and_references_cost_no_more_than_their_length() {
    let many = |piece: &str| format!("<xml><T>{}</T></xml>", piece.repeat(MAX_BODY / 20));
    let started = Instant::now();
    assert_eq!(fields(&many("a<!---->")).unwrap()[0].value.len(), MAX_BODY / 20);
    assert_eq!(fields(&many("&amp;")).unwrap()[0].value.len(), MAX_BODY / 20);
    assert!(started.elapsed() < Duration::from_secs(2));
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
