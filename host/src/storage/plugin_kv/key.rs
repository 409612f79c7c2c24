//! What may be a key, and which keys begin alike.

use std::ops::Range;

use super::KvError;

/// Longest key, in bytes.
pub(super) const MAX_KEY_BYTES: usize = 512;

/// Fails with [`KvError::InvalidKey`] if it cannot be one.
pub(super) fn check_key(key: &str) -> Result<(), KvError> {
    // PostgreSQL cannot store U+0000 in a text.
    if (1..=MAX_KEY_BYTES).contains(&key.len()) && !key.contains('\0') { Ok(()) } else { Err(KvError::InvalidKey) }
}

/// Where the keys lie that begin with `prefix` and are behind `after` (texts compare by their bytes, which is the order
/// of their characters).
pub(super) fn range(prefix: &str, after: Option<&str>) -> Range<String> {
    // The very next one that can be a key, as none has U+0000 in it.
    let next = after.map(|after| format!("{after}\u{1}")).filter(|next| next.as_str() > prefix);
    next.unwrap_or_else(|| prefix.to_owned())..end_of_prefix(prefix)
}

/// The first text behind all keys that begin with `prefix`.
fn end_of_prefix(prefix: &str) -> String {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        let mut behind = last..=char::MAX;
        behind.next();
        if let Some(next) = behind.next() {
            end.push(next);
            return end;
        }
    }
    // Behind all keys.
    char::MAX.to_string().repeat(MAX_KEY_BYTES / char::MAX.len_utf8() + 1)
}

#[cfg(test)]
mod tests {
    use super::{MAX_KEY_BYTES, end_of_prefix, range};

    #[test]
    fn the_end_of_a_prefix_is_the_next_text_that_does_not_begin_with_it() {
        for (prefix, end) in
            [("a", "b"), ("user/", "user0"), ("店", "\u{5e98}"), ("\u{d7ff}", "\u{e000}"), ("a\u{10ffff}", "b")]
        {
            assert_eq!(end_of_prefix(prefix), end, "{prefix:?}");
        }
        let last = "\u{10ffff}".repeat(MAX_KEY_BYTES / 4);
        for prefix in ["", "\u{10ffff}", &last] {
            assert!(end_of_prefix(prefix) > last, "{prefix:?}");
        }
    }

    #[test]
    fn keys_begin_at_the_prefix_or_right_behind_the_last_one() {
        for (prefix, after, start) in [
            ("", None, ""),
            ("", Some(""), "\u{1}"),
            ("a", Some(""), "a"),
            ("a", Some("a"), "a\u{1}"),
            ("a\u{1}", Some("a"), "a\u{1}"),
            ("a/", Some("a"), "a/"),
            ("a", Some("b"), "b\u{1}"),
        ] {
            assert_eq!(range(prefix, after).start, start, "{prefix:?} after {after:?}");
        }
    }
}
