//! Messages and events as JSON.

use weft_wechat::message::{Content, Event, Location, Message, ParseError, Subscription, Text, fields};

fn json(members: &str) -> String {
    format!(r#"{{"ToUserName":"gh_1","FromUserName":"oU","CreateTime":1767225600,{members}}}"#)
}

#[test]
fn a_json_message_is_the_same_message() {
    let body = json(r#""MsgType":"text","Content":"a\"b\u4f60 <x>","MsgId":18446744073709551615"#);
    let message = Message::parse(&body).unwrap();
    assert_eq!(message.sender, "oU");
    assert_eq!(message.receiver, "gh_1");
    assert_eq!(message.created_at, 1_767_225_600);
    assert_eq!(message.id, Some(u64::MAX));
    let expected = Text { content: "a\"b你 <x>".into(), menu_id: None };
    assert_eq!(message.content, Content::Text(expected));
}

#[test]
fn numbers_may_be_strings_and_never_pass_through_fractions() {
    let id = |id: &str| {
        let body = json(&format!(r#""MsgType":"text","MsgId":{id}"#));
        Message::parse(&body).unwrap().id
    };
    assert_eq!(id("9007199254740993"), Some(9_007_199_254_740_993));
    assert_eq!(id(r#""9007199254740993""#), Some(9_007_199_254_740_993));
    assert_eq!(id("1e3"), None);
    assert_eq!(id("1.0"), None);
    assert_eq!(id("18446744073709551616"), None);
    assert_eq!(id("-1"), None);
    assert_eq!(id("null"), None);
}

#[test]
fn numbers_are_kept_as_they_are_written() {
    for number in ["18446744073709551616", "-9223372036854775809", "23.10", "-0", "1E+3", "1e400"] {
        let fields = fields(&format!(r#"{{"a":[{number}, {number} ]}}"#)).unwrap();
        assert!(fields.iter().all(|field| field.value == number), "{fields:?}");
        assert_eq!(fields.len(), 2);
    }
    let far = json(r#""MsgType":"location","Location_X":1e400,"Location_Y":1,"Scale":1"#);
    assert!(matches!(Message::parse(&far).unwrap().content, Content::Other(_)));
}

#[test]
fn coordinates_may_be_numbers() {
    let body = json(r#""MsgType":"location","Location_X":23.134521,"Location_Y":113,"Scale":20,"Label":"L""#);
    let expected = Location { latitude: 23.134_521, longitude: 113.0, scale: 20, label: "L".into() };
    assert_eq!(Message::parse(&body).unwrap().content, Content::Location(expected));
}

#[test]
fn subscriptions_may_stand_at_the_top_or_wrapped_single_or_many() {
    let entry = r#"{"TemplateId":"t","SubscribeStatusString":"accept","PopupScene":"0"}"#;
    let expected = Subscription { template_id: "t".into(), status: "accept".into(), popup_scene: Some(0) };
    for (members, times) in [
        (format!(r#""List":{entry}"#), 1),
        (format!(r#""List":[{entry},{entry}]"#), 2),
        (format!(r#""SubscribeMsgPopupEvent":{{"List":[{entry}]}}"#), 1),
        (format!(r#""SubscribeMsgPopupEvent":[{{"List":{entry}}},{{"List":{entry}}}]"#), 2),
        (r#""List":[]"#.to_owned(), 0),
    ] {
        let body = json(&format!(r#""MsgType":"event","Event":"subscribe_msg_popup_event",{members}"#));
        assert_eq!(
            Message::parse(&body).unwrap().content,
            Content::Event(Event::SubscribeMsgPopup(vec![expected.clone(); times])),
            "{members}"
        );
    }
}

#[test]
fn fields_of_json_have_paths_and_repeat() {
    let body = r#" {"a":{"b":[1,{"c":true}],"d":null},"e":[],"f":-2.5,"g":[["x"],"y"]}"#;
    let fields: Vec<_> = fields(body).unwrap().into_iter().map(|field| (field.path, field.value)).collect();
    let expected = [("a/b", "1"), ("a/b/c", "true"), ("a/d", ""), ("f", "-2.5"), ("g", "x"), ("g", "y")]
        .map(|(path, value)| (path.to_owned(), value.to_owned()));
    assert_eq!(fields, expected);
}

#[test]
fn broken_json_is_refused() {
    for body in [
        "{",
        "{}x",
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\u0000"}"#,
        r#"{"a\u0000":1}"#,
        r#"{"a":01}"#,
        r#"{"a":1,}"#,
        "{'a':1}",
        r#"{"a":NaN}"#,
    ] {
        assert_eq!(fields(body), Err(ParseError::Malformed), "{body}");
    }
    assert_eq!(Message::parse("{}"), Err(ParseError::Missing("MsgType")));
}

#[test]
fn json_keeps_the_limits() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
    assert_eq!(fields(&deep), Err(ParseError::TooDeep));
    let arrays = format!(r#"{{"a":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(fields(&arrays), Err(ParseError::TooDeep));
    let mixed = format!("{}1{}", r#"{"a":["#.repeat(9), "]}".repeat(9));
    assert_eq!(fields(&mixed), Err(ParseError::TooDeep));
    let wide = format!(r#"{{"a":[{}1]}}"#, "1,".repeat(100_000));
    assert_eq!(fields(&wide), Err(ParseError::TooManyElements));
    let long = format!(r#"{{"{}":1}}"#, "n".repeat(65_536));
    assert_eq!(fields(&long), Err(ParseError::TagTooLong));
}
