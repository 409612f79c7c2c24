//! Envelopes: what is sealed opens, whatever was altered or cut opens to no more than it holds.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use weft_wechat::envelope::{EncodingAesKey, open, seal};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    key: [u8; 32],
    appid: &'a str,
    random: [u8; 16],
    text: &'a str,
    /// What to change of the encrypted bytes, and where.
    changes: Vec<(u16, u8)>,
    cut: u16,
    /// Something else in place of the envelope.
    other: &'a str,
}

fuzz_target!(|input: Input<'_>| {
    let key: EncodingAesKey = STANDARD_NO_PAD.encode(input.key).parse().expect("43 characters");
    let sealed = seal(&key, input.appid, input.random, input.text);
    assert_eq!(open(&key, input.appid, &sealed).as_deref(), Ok(input.text));
    if let Ok(text) = open(&key, &format!("{}x", input.appid), &sealed) {
        panic!("opened for another appid: {text}");
    }

    let bounded = |encrypted: &str| {
        let opened = open(&key, input.appid, encrypted);
        assert_eq!(opened, open(&key, input.appid, encrypted));
        if let Ok(text) = opened {
            assert!(text.len() + 20 < encrypted.len());
        }
    };
    bounded(input.other);
    bounded(&STANDARD.encode(input.other));
    bounded(&sealed[..usize::from(input.cut) % (sealed.len() + 1)]);
    let mut bytes = STANDARD.decode(&sealed).expect("base64");
    for (place, bits) in input.changes {
        let place = usize::from(place) % bytes.len();
        bytes[place] ^= bits;
    }
    bounded(&STANDARD.encode(&bytes));
    bounded(&STANDARD.encode(&bytes[..usize::from(input.cut) % (bytes.len() + 1)]));
});
