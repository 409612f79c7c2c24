//! Times as programs and people read them, and days as WeChat counts them.

use std::time::SystemTime;

use jiff::Timestamp;

/// China is eight hours ahead, all year.
const CHINA: u64 = 8 * 3600;
const DAY: u64 = 24 * 3600;

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

/// The day in China, as `2026-11-23`: WeChat's quotas go by it.
pub fn china_day(seconds: u64) -> String {
    in_china(seconds, 10)
}

/// The month in China, as `2026-11`.
pub fn china_month(seconds: u64) -> String {
    in_china(seconds, 7)
}

/// The next 00:00 in China, in seconds since 1970.
pub fn next_china_day(seconds: u64) -> u64 {
    let days = seconds.saturating_add(CHINA) / DAY;
    (days + 1).saturating_mul(DAY).saturating_sub(CHINA)
}

/// The first `length` characters of the time in China.
fn in_china(seconds: u64, length: usize) -> String {
    rfc3339(seconds.saturating_add(CHINA)).chars().take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_turns_at_midnight_in_china() {
        for (now, day, next) in [
            (1_767_225_600, "2026-01-01", "2026-01-01T16:00:00Z"), // 2026-01-01T00:00:00Z
            (1_767_283_199, "2026-01-01", "2026-01-01T16:00:00Z"), // a second before
            (1_767_283_200, "2026-01-02", "2026-01-02T16:00:00Z"), // the moment itself
            (1_769_874_000, "2026-01-31", "2026-01-31T16:00:00Z"), // 2026-01-31T15:40:00Z
        ] {
            assert_eq!((china_day(now).as_str(), rfc3339(next_china_day(now)).as_str()), (day, next));
            assert_eq!(china_month(now), day[..7]);
        }
        assert_eq!(china_month(1_769_875_200), "2026-02");
    }
}
