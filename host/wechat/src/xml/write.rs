//! Writes elements. Their names are ours; their texts may be anybody's.

use super::is_allowed;

/// Writes `<name><![CDATA[text]]></name>`.
///
/// Characters that XML 1.0 does not allow are dropped, and `]]>` is split over two sections.
pub(crate) fn cdata(out: &mut String, name: &str, text: &str) {
    cdata_within(out, name, text, usize::MAX);
}

/// As [`cdata`], and what passes `limit` bytes is cut off, between two characters.
pub(crate) fn cdata_within(out: &mut String, name: &str, text: &str, limit: usize) {
    begin(out, name);
    out.push_str("<![CDATA[");
    // Most texts: nothing in them has to be looked at one by one.
    if text.len() <= limit && text.bytes().all(|byte| matches!(byte, b' '..=b'=' | b'?'..=b'~')) {
        out.push_str(text);
        out.push_str("]]>");
        return end(out, name);
    }
    let mut left = limit;
    for allowed in text.split(|character| !is_allowed(character)) {
        let fitting = allowed.get(..allowed.floor_char_boundary(left)).unwrap_or_default();
        for part in fitting.split_inclusive('>') {
            match part.strip_suffix('>') {
                None => out.push_str(part),
                Some(before) => {
                    out.push_str(before);
                    out.push_str(if out.ends_with("]]") { "]]><![CDATA[>" } else { ">" });
                }
            }
        }
        if fitting.len() < allowed.len() {
            break;
        }
        left -= fitting.len();
    }
    out.push_str("]]>");
    end(out, name);
}

/// Writes `<name>number</name>`.
pub(crate) fn number(out: &mut String, name: &str, number: u64) {
    begin(out, name);
    out.push_str(&number.to_string());
    end(out, name);
}

fn begin(out: &mut String, name: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
}

fn end(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}
