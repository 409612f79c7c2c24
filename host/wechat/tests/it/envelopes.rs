//! The AES envelope.

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::{Block, BlockModeEncrypt, KeyIvInit};
use weft_wechat::envelope::{EncodingAesKey, EnvelopeError, open, seal};

/// 32 bytes of value 0x69 0xb7 0x1d, over and over.
const KEY: &str = "abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabc";
const APPID: &str = "wxfeedfacecafe0001";

fn key() -> EncodingAesKey {
    KEY.parse().unwrap()
}

/// Encrypts bytes as they are, whatever they are.
fn encrypt(bytes: &[u8]) -> String {
    let key: [u8; 32] = std::array::from_fn(|place| [0x69, 0xb7, 0x1d][place % 3]);
    let iv: [u8; 16] = std::array::from_fn(|place| key[place]);
    let mut bytes = bytes.to_vec();
    let (blocks, rest) = Block::<Aes256>::slice_as_chunks_mut(&mut bytes);
    assert!(rest.is_empty());
    cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into()).encrypt_blocks(blocks);
    STANDARD.encode(bytes)
}

/// The plain bytes of an envelope around `text`, with that length field and that end.
fn plain(length: u32, text: &str, appid: &str, padding: &[u8]) -> Vec<u8> {
    let mut bytes = b"0123456789abcdef".to_vec();
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(appid.as_bytes());
    bytes.extend_from_slice(padding);
    bytes
}

#[test]
fn what_was_sealed_opens() {
    for text in ["", "x", "<xml>你好 😀</xml>", &"长".repeat(10_000)] {
        let sealed = seal(&key(), APPID, *b"0123456789abcdef", text);
        assert_eq!(open(&key(), APPID, &sealed).as_deref(), Ok(text));
        assert_eq!(STANDARD.decode(&sealed).unwrap().len() % 32, 0);
    }
}

#[test]
fn the_layout_is_random_length_text_appid_padding() {
    // 16 + 4 + 26 + 18 = 64: the padding fills a whole block of 32.
    let text = "a".repeat(26);
    let whole = plain(26, &text, APPID, &[32; 32]);
    assert_eq!(seal(&key(), APPID, *b"0123456789abcdef", &text), encrypt(&whole));
    // One byte less: the padding is one byte.
    let text = "a".repeat(25);
    let whole = plain(25, &text, APPID, &[1]);
    assert_eq!(seal(&key(), APPID, *b"0123456789abcdef", &text), encrypt(&whole));
}

#[test]
fn other_random_bytes_make_another_envelope() {
    let one = seal(&key(), APPID, [1; 16], "text");
    let two = seal(&key(), APPID, [2; 16], "text");
    assert_ne!(one, two);
    assert_eq!(open(&key(), APPID, &one), open(&key(), APPID, &two));
}

#[test]
fn another_appid_or_key_does_not_open() {
    let sealed = seal(&key(), APPID, [0; 16], "text");
    for appid in ["", "wxfeedfacecafe0002", "wxfeedfacecafe000", "wxfeedfacecafe00011"] {
        assert_eq!(open(&key(), appid, &sealed), Err(EnvelopeError), "{appid}");
    }
    let other = KEY.replacen('a', "b", 1).parse().unwrap();
    assert_eq!(open(&other, APPID, &sealed), Err(EnvelopeError));
    let empty = seal(&key(), "", [0; 16], "text");
    assert_eq!(open(&key(), APPID, &empty), Err(EnvelopeError));
}

#[test]
fn every_wrong_padding_is_the_same_error() {
    let text = "a".repeat(21);
    let padded = |padding: &[u8]| encrypt(&plain(21, &text, APPID, padding));
    assert_eq!(open(&key(), APPID, &padded(&[5; 5])), Ok(text.clone()));
    for padding in [[0; 5], [33; 5], [255; 5], [4; 5], [6; 5], [1, 5, 5, 5, 5], [5, 5, 4, 5, 5]] {
        let opened = open(&key(), APPID, &padded(&padding));
        assert_eq!(opened, Err(EnvelopeError), "{padding:?}");
    }
    for byte in [0, 1, 31, 32, 33, 64, 255] {
        let opened = open(&key(), APPID, &encrypt(&[byte; 32]));
        assert_eq!(opened, Err(EnvelopeError), "{byte}");
    }
}

#[test]
fn a_padding_of_none_or_more_than_32_is_the_same_error() {
    // In each of these everything fits but the number.
    for padding in [33_u8, 49] {
        let count = usize::from(padding);
        let text = "a".repeat(96 - 38 - count);
        let length = text.len().try_into().unwrap();
        let sealed = encrypt(&plain(length, &text, APPID, &vec![padding; count]));
        assert_eq!(open(&key(), APPID, &sealed), Err(EnvelopeError), "{padding}");
    }
    let appid = "wxfeedfacecafe000\0";
    let text = "a".repeat(26);
    let sealed = encrypt(&plain(26, &text, appid, &[]));
    assert_eq!(open(&key(), appid, &sealed), Err(EnvelopeError));
}

#[test]
fn every_wrong_length_is_the_same_error() {
    let text = "a".repeat(21);
    for length in [0, 20, 22, 39, 40, 0x7fff_ffff, u32::MAX] {
        let sealed = encrypt(&plain(length, &text, APPID, &[5; 5]));
        assert_eq!(open(&key(), APPID, &sealed), Err(EnvelopeError), "{length}");
    }
}

#[test]
fn a_text_that_is_not_utf_8_is_the_same_error() {
    let mut bytes = plain(21, &"a".repeat(21), APPID, &[5; 5]);
    bytes[25] = 0xff;
    assert_eq!(open(&key(), APPID, &encrypt(&bytes)), Err(EnvelopeError));
}

#[test]
fn what_is_no_envelope_is_the_same_error() {
    let sealed = seal(&key(), APPID, [0; 16], "text");
    for encrypted in [
        "",
        "=",
        "AAAA",
        "not base64!",
        &sealed[..sealed.len() - 4],
        &sealed[4..],
        &format!("{sealed}\n"),
        &encrypt(&[]),
        &encrypt(&[1; 16]),
    ] {
        assert_eq!(open(&key(), APPID, encrypted), Err(EnvelopeError), "{encrypted}");
    }
}

#[test]
fn a_key_has_43_characters_and_may_have_bits_left_over() {
    for end in ["A", "B", "C", "D", "q"] {
        let text = format!("{}{end}", &KEY[..42]);
        assert!(text.parse::<EncodingAesKey>().is_ok(), "{end}");
    }
    for text in [
        "",
        &KEY[..42],
        &format!("{KEY}a"),
        &format!("{KEY}="),
        &format!("{}=", &KEY[..42]),
        &format!("{} ", &KEY[..42]),
        &format!("{}你", &KEY[..40]),
    ] {
        let error = text.parse::<EncodingAesKey>().expect_err(text);
        assert!(text.is_empty() || !error.to_string().contains(text));
    }
}

#[test]
fn a_key_is_never_shown() {
    let shown = format!("{:?} {:#?}", key(), key());
    assert!(!shown.contains("abcd") && !shown.contains("105"), "{shown}");
}
