//! Times as programs and people read them.

use std::time::SystemTime;

use jiff::Timestamp;

/// Seconds since 1970 as RFC 3339 in UTC, such as `2026-11-23T08:00:00Z`.
pub fn rfc3339(seconds: u64) -> String {
    let timestamp = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    timestamp.unwrap_or(Timestamp::MAX).to_string()
}

/// Milliseconds since 1970 as RFC 3339 in UTC, such as `2026-11-23T08:00:00.123Z`.
pub fn rfc3339_of_ms(milliseconds: u64) -> String {
    let timestamp =
        i64::try_from(milliseconds).ok().and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok());
    format!("{:.3}", timestamp.unwrap_or(Timestamp::MAX))
}

/// As [`rfc3339`], to the second.
pub fn rfc3339_of(time: SystemTime) -> String {
    rfc3339(time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
