//! What may be a key, and which keys begin alike.

use super::KvError;

/// Longest key, in bytes.
pub(super) const MAX_KEY_BYTES: usize = 512;

/// Fails with [`KvError::InvalidKey`] if it cannot be one.
pub(super) fn check_key(key: &str) -> Result<(), KvError> {
    // PostgreSQL cannot store U+0000 in a text.
    if (1..=MAX_KEY_BYTES).contains(&key.len()) && !key.contains('\0') { Ok(()) } else { Err(KvError::InvalidKey) }
}

/// The first text behind all texts that begin with `prefix`; none when there is no end (texts compare by their bytes,
/// which is the order of their characters).
pub(super) fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        let mut behind = last..=char::MAX;
        behind.next();
        if let Some(next) = behind.next() {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::end_of_prefix;

    #[test]
    fn the_end_of_a_prefix_is_the_next_text_that_does_not_begin_with_it() {
        for (prefix, end) in [
            ("", None),
            ("a", Some("b")),
            ("user/", Some("user0")),
            ("店", Some("\u{5e98}")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}\u{10ffff}", None),
        ] {
            assert_eq!(end_of_prefix(prefix).as_deref(), end, "{prefix:?}");
        }
    }
}
