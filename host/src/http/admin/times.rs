//! Times in queries.

use jiff::Timestamp;

use crate::model::FieldError;

/// The time that a parameter says, in RFC 3339; an empty one counts as absent.
pub(super) fn timestamp(field: &'static str, text: Option<String>, errors: &mut Vec<FieldError>) -> Option<Timestamp> {
    let time = text.filter(|text| !text.is_empty())?.parse().ok();
    if time.is_none() {
        let example = "a time in RFC 3339, such as 2026-11-23T08:00:00Z (a `+` in it is written %2B) · RFC 3339 格式的时间，如 2026-11-23T08:00:00Z（其中的 `+` 写成 %2B）";
        errors.push(FieldError::new(field, example));
    }
    time
}

/// As [`timestamp`], in seconds since 1970.
pub(super) fn seconds(field: &'static str, text: Option<String>, errors: &mut Vec<FieldError>) -> Option<u64> {
    timestamp(field, text, errors).map(|time| u64::try_from(time.as_second()).unwrap_or(0))
}
