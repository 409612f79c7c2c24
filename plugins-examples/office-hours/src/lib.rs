//! A rule that matches when nobody is there: a handler with the rule
//! `{"type": "custom", "handler": "office_hours/closed"}` answers such messages, before all others when its `weight` is
//! greater than theirs.
//!
//! The operator says when somebody is there, `{"config": {"opens": "09:00", "closes": "18:00", "days": [1, 2, 3, 4, 5],
//! "utc_offset_hours": 8}}`, which is what holds without; 7 is Sunday.

use std::time::UNIX_EPOCH;

use serde::{Deserialize, Deserializer, de::Error as _};
use weft_plugin::prelude::*;

const DAY: i64 = 24 * 60;

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    #[serde(deserialize_with = "minute")]
    opens: i64,
    #[serde(deserialize_with = "minute")]
    closes: i64,
    days: Vec<i64>,
    utc_offset_hours: i64,
}

impl Default for Config {
    fn default() -> Self {
        Self { opens: 9 * 60, closes: 18 * 60, days: (1..=5).collect(), utc_offset_hours: 8 }
    }
}

/// The minute of the day that `09:30` means; `24:00` ends it.
fn minute<'de, D: Deserializer<'de>>(text: D) -> Result<i64, D::Error> {
    let text = String::deserialize(text)?;
    let minute = text.split_once(':').and_then(|(hour, minute)| Some((hour.parse().ok()?, minute.parse().ok()?)));
    let minute = minute.filter(|&(hour, minute)| (0..=24).contains(&hour) && (0..60).contains(&minute));
    let minute = minute.map(|(hour, minute): (i64, i64)| hour * 60 + minute).filter(|&minute| minute <= DAY);
    minute.ok_or_else(|| D::Error::custom(format!("`{text}` is no time such as 09:30")))
}

/// Nobody is there.
#[message_rule]
fn closed(_: Message, context: Context) -> Result<bool> {
    let config: Config = context.config()?;
    let seconds = i64::try_from(context.now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let minutes = seconds / 60 + config.utc_offset_hours * 60;
    // The first of January 1970 was a Thursday.
    let (weekday, minute) = ((minutes.div_euclid(DAY) + 3).rem_euclid(7) + 1, minutes.rem_euclid(DAY));
    Ok(!config.days.contains(&weekday) || !(config.opens..config.closes).contains(&minute))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use weft_plugin::testing::{TestHost, text};

    use super::*;

    /// Thursday, 9 October 2025, at this time in China, and so many days later.
    fn closed_at(config: &Value, days: u64, hour: u64, minute: u64) -> Result<bool> {
        let midnight = UNIX_EPOCH + Duration::from_hours(488_872);
        let later = Duration::from_mins(days * 1440 + hour * 60 + minute);
        closed(text("o1", "hi"), TestHost::new().config(config).at(midnight + later).context())
    }

    #[test]
    fn it_is_open_on_weekdays_from_nine_to_six() {
        for (days, hour, minute, is_closed) in [
            (0, 8, 59, true),
            (0, 9, 0, false),
            (0, 17, 59, false),
            (0, 18, 0, true),
            (1, 12, 0, false),
            (2, 12, 0, true),
            (3, 12, 0, true),
            (4, 12, 0, false),
        ] {
            assert_eq!(closed_at(&json!({}), days, hour, minute), Ok(is_closed), "{days} {hour}:{minute}");
        }
    }

    #[test]
    fn a_time_that_is_none_is_named() {
        let failed = closed_at(&json!({"opens": "9 am"}), 0, 9, 0).unwrap_err().to_string();
        assert!(failed.contains("opens: `9 am` is no time"), "{failed}");
    }
}
