//! The day of a bill, as WeChat Pay counts days: in China's time.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use crate::time;

const DAY: u64 = 24 * 3600;

/// WeChat makes the bills of a day on the next one, until this time in China, in seconds since midnight.
const READY: u64 = 10 * 3600;

/// For how many days WeChat keeps bills: three months, of which the shortest have so many.
const KEPT: i32 = 89;

/// A day in China, such as `2026-01-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BillDate(Date);

impl BillDate {
    /// The day of a time in seconds since 1970.
    pub fn of(seconds: u64) -> Self {
        time::china_day(seconds).parse().unwrap_or(Self(Date::MAX))
    }

    /// The last day whose bills are ready at `now`, in seconds since 1970.
    pub fn newest(now: u64) -> Self {
        Self::of(now.saturating_sub(READY)).plus(-1)
    }

    /// The first day whose bills WeChat still has at `now`, in seconds since 1970.
    pub fn oldest(now: u64) -> Self {
        Self::of(now).plus(-KEPT)
    }

    /// When the bills of the last day become ready that is not ready at `now`, in seconds since 1970.
    pub fn next_ready(now: u64) -> u64 {
        time::next_china_day(now.saturating_sub(READY)).saturating_add(READY)
    }

    /// So many days later; earlier when it is less than zero.
    #[must_use]
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days.days()))
    }

    /// When it begins, in seconds since 1970.
    pub fn start(self) -> u64 {
        let midnight = Offset::constant(8).to_timestamp(self.0.to_datetime(jiff::civil::Time::midnight()));
        midnight.ok().and_then(|midnight| midnight.as_second().try_into().ok()).unwrap_or_default()
    }

    /// When the next one begins, in seconds since 1970.
    pub fn end(self) -> u64 {
        self.start().saturating_add(DAY)
    }

    /// `20260101`, as v2 writes it.
    pub fn compact(self) -> String {
        self.to_string().replace('-', "")
    }
}

impl fmt::Display for BillDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a day is written as 2026-01-31")]
pub struct InvalidDate;

impl FromStr for BillDate {
    type Err = InvalidDate;

    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        let date: Date = text.parse().map_err(|_| InvalidDate)?;
        // jiff accepts several ways of writing a day, and our seconds begin with 1970.
        if date.to_string() == text && date.year() >= 1971 { Ok(Self(date)) } else { Err(InvalidDate) }
    }
}

impl TryFrom<String> for BillDate {
    type Error = InvalidDate;

    fn try_from(text: String) -> Result<Self, InvalidDate> {
        text.parse()
    }
}

impl From<BillDate> for String {
    fn from(date: BillDate) -> Self {
        date.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight_in_china_and_bills_are_ready_at_ten() {
        let day: BillDate = "2026-01-01".parse().unwrap();
        assert_eq!((day.start(), day.end()), (1_767_196_800, 1_767_283_200)); // 2025-12-31T16:00:00Z and a day later
        assert_eq!((BillDate::of(day.start()), BillDate::of(day.end() - 1)), (day, day));
        assert_eq!(BillDate::of(day.start() - 1).to_string(), "2025-12-31");
        let ten = day.end() + READY;
        assert_eq!(BillDate::newest(ten - 1), day.plus(-1));
        assert_eq!(BillDate::newest(ten), day);
        assert_eq!(BillDate::next_ready(ten - 1), ten);
        assert_eq!(BillDate::next_ready(ten), ten + DAY);
        assert_eq!(BillDate::oldest(ten).to_string(), "2025-10-05");
        assert_eq!(day.compact(), "20260101");
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in ["", "2026-1-1", "20260101", "2026-02-29", "2026-01-01T00:00:00", "+002026-01-01", "1969-01-01"] {
            assert_eq!(text.parse::<BillDate>(), Err(InvalidDate), "{text}");
        }
    }
}
