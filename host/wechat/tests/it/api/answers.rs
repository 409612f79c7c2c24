//! How answers are read.

use serde::Deserialize;
use weft_wechat::api::{ApiError, Done, Refusal, check_answer, read_answer};

#[derive(Debug, PartialEq, Deserialize)]
struct Named {
    nickname: String,
}

fn named(nickname: &str) -> Named {
    Named { nickname: nickname.to_owned() }
}

#[test]
fn an_errcode_is_an_error_and_zero_or_none_is_not() {
    let body = br#"{"errcode":45015,"errmsg":"response out of time limit rid: 66aa-17-02"}"#;
    let Err(ApiError::Refused(refusal)) = read_answer::<Done>(body) else { panic!("accepted") };
    assert_eq!((refusal.errcode, &*refusal.errmsg), (45015, "response out of time limit"));
    assert_eq!(refusal.rid.as_deref(), Some("66aa-17-02"));
    let text = refusal.to_string();
    for part in ["45015", "response out of time limit", "48 hours", "66aa-17-02"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(read_answer(br#"{"errcode":0,"errmsg":"ok"}"#), Ok(Done {}));
    assert_eq!(read_answer(b"{}"), Ok(Done {}));
    assert_eq!(read_answer(r#"{"nickname":"小明"}"#.as_bytes()), Ok(named("小明")));
    assert!(matches!(read_answer::<Done>(br#"{"errcode":-1,"errmsg":null}"#), Err(ApiError::Refused(_))));
}

#[test]
fn control_characters_and_broken_utf_8_inside_a_name_are_no_error() {
    assert_eq!(read_answer(b"{\"nickname\":\"a\x01\x02\nb\"}"), Ok(named("a\u{1}\u{2}\nb")));
    assert_eq!(read_answer(b"{\"nickname\":\"say \\\"\x07\\\" \\\\\"}"), Ok(named("say \"\u{7}\" \\")));
    assert_eq!(read_answer(b"{\n\t\"nickname\":\"\xf0\x9f\x98\"}"), Ok(named("\u{fffd}")));
    // Refusals come through in the same way.
    let refusal = read_answer::<Named>(b"{\"errcode\":40003,\"errmsg\":\"bad\x01openid\"}").unwrap_err();
    assert_eq!(refusal, ApiError::Refused(Refusal::new(40003, "badopenid")));
}

#[test]
fn what_is_not_the_expected_json_is_unreadable_and_never_repeated() {
    for body in [
        &b"<html><body>502 hunter2</body></html>"[..],
        b"",
        b"\xff\xfe",
        b"null",
        b"[1,2]",
        b"\"hunter2\"",
        b"{\"nickname\":\"hunter2",
        b"{\"nickname\":{\"hunter2\":1}}",
        b"{\"nick\":\"hunter2\"}",
        b"{\"errcode\":\"hunter2\",\"nickname\":\"\"}",
    ] {
        let Err(ApiError::Unreadable(text)) = read_answer::<Named>(body) else { panic!("{body:?} was read") };
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn files_are_no_refusals() {
    assert_eq!(check_answer(b"\x89PNG\r\n{\"errcode\":1}"), Ok(()));
    assert_eq!(check_answer(br#"{"video_url":"https://v.example/"}"#), Ok(()));
    assert_eq!(check_answer(b"{ a file that begins so"), Ok(()));
    assert_eq!(check_answer(br#" {"errcode":40007,"errmsg":"invalid media_id"}"#).unwrap_err().errcode, 40007);
}

#[test]
fn an_errmsg_cannot_write_lines_into_a_log() {
    let refusal = Refusal::new(40001, &format!("a\r\nb\u{1b}[31m{} rid: x\ny", "z".repeat(10_000)));
    let text = refusal.to_string();
    assert!(!text.chars().any(char::is_control), "{text}");
    assert!(text.len() < 1000, "{}", text.len());
    assert_eq!(refusal.rid.as_deref(), Some("xy"));
}
