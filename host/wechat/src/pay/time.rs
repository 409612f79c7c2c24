//! Times as WeChat Pay writes them. China has one offset and no daylight saving time.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// The text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time is not written as WeChat Pay writes times")]
pub struct InvalidTime;

const CHINA: Offset = Offset::constant(8);

/// `20260101080000`, as v2 writes times, from seconds since 1970.
pub fn to_compact(seconds: u64) -> String {
    in_china(seconds).strftime("%Y%m%d%H%M%S").to_string()
}

/// Seconds since 1970 from `20260101080000`.
///
/// # Errors
/// When the text is written in another way, or is before 1970.
pub fn from_compact(text: &str) -> Result<u64, InvalidTime> {
    if text.len() == 14 { parse("%Y%m%d%H%M%S", text) } else { Err(InvalidTime) }
}

/// `2026-01-01 08:00:00`, as v2 writes the times of refunds, from seconds since 1970.
pub fn to_spaced(seconds: u64) -> String {
    in_china(seconds).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Seconds since 1970 from `2026-01-01 08:00:00`.
///
/// # Errors
/// When the text is written in another way, or is before 1970.
pub fn from_spaced(text: &str) -> Result<u64, InvalidTime> {
    if text.len() == 19 { parse("%Y-%m-%d %H:%M:%S", text) } else { Err(InvalidTime) }
}

/// `2026-01-01T08:00:00+08:00`, as v3 writes times, from seconds since 1970.
pub fn to_rfc3339(seconds: u64) -> String {
    in_china(seconds).strftime("%Y-%m-%dT%H:%M:%S+08:00").to_string()
}

/// Seconds since 1970 from an RFC 3339 time with any offset.
///
/// # Errors
/// When the text is written in another way, or is before 1970.
pub fn from_rfc3339(text: &str) -> Result<u64, InvalidTime> {
    let timestamp: Timestamp = text.parse().map_err(|_| InvalidTime)?;
    timestamp.as_second().try_into().map_err(|_| InvalidTime)
}

fn in_china(seconds: u64) -> DateTime {
    let timestamp = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    CHINA.to_datetime(timestamp.unwrap_or(Timestamp::MAX))
}

fn parse(format: &str, text: &str) -> Result<u64, InvalidTime> {
    let time = DateTime::strptime(format, text).map_err(|_| InvalidTime)?;
    let timestamp = CHINA.to_timestamp(time).map_err(|_| InvalidTime)?;
    timestamp.as_second().try_into().map_err(|_| InvalidTime)
}
