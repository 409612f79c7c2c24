//! XML bodies: as they come, and inside what every message has.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    weft_fuzz::parse(input);
    let head = "<xml><ToUserName>gh_1</ToUserName><FromUserName>oU</FromUserName><CreateTime>1</CreateTime>";
    weft_fuzz::parse(&format!("{head}{input}</xml>"));
});
