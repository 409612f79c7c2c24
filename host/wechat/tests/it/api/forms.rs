//! Forms that somebody else puts together.

use weft_wechat::api::{Body, Content, FormError, FormPart, form};

const FILE: FormPart<'_> =
    FormPart { name: "media", filename: Some("店.png"), content_type: Some("image/png"), content: b"\x89PNG" };
const TEXT: FormPart<'_> = FormPart { name: "description", filename: None, content_type: None, content: b"{}" };

#[test]
fn parts_stand_in_their_order_with_names_as_they_are() {
    let Ok(Body::Raw { content_type, content: Content::Bytes(bytes) }) = form("b0", &[FILE, TEXT]) else { panic!() };
    assert_eq!(content_type, "multipart/form-data; boundary=b0");
    let expected = "--b0\r\nContent-Disposition: form-data; name=\"media\"; filename=\"店.png\"\r\n\
        Content-Type: image/png\r\n\r\n\u{89}PNG\r\n\
        --b0\r\nContent-Disposition: form-data; name=\"description\"\r\n\r\n{}\r\n--b0--\r\n";
    let expected = expected.replace('\u{89}', "?");
    let text: Vec<u8> = bytes.iter().map(|&byte| if byte == 0x89 { b'?' } else { byte }).collect();
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

#[test]
fn a_part_that_would_break_the_form_is_refused() {
    for (part, error) in [
        (FormPart { name: "a\"; filename=\"b", ..TEXT }, FormError::Header(1)),
        (FormPart { filename: Some("a\r\nb"), ..FILE }, FormError::Header(1)),
        (FormPart { filename: Some("a\\"), ..FILE }, FormError::Header(1)),
        (FormPart { content_type: Some("a\r\n\r\nb"), ..FILE }, FormError::Header(1)),
        (FormPart { content: b"a\r\n--b0--\r\n", ..FILE }, FormError::Boundary(1)),
    ] {
        assert_eq!(form("b0", &[part]).unwrap_err(), error);
        let second = form("b0", &[TEXT, part]).unwrap_err().to_string();
        assert!(second.starts_with("part 2 "), "{second}");
    }
}
