//! JSON bodies: as they come, and inside what every message has.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    weft_fuzz::parse(input);
    let head = r#"{"ToUserName":"gh_1","FromUserName":"oU","CreateTime":1,"#;
    weft_fuzz::parse(&format!("{head}{input}}}"));
});
