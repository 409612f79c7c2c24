//! WeChat's error codes: whether to try again, what they mean, and what to do.
//!
//! The list itself is `errcodes.tsv` beside this file: code, class, Chinese, English.

use std::fmt;

/// What a caller does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// WeChat is busy: a few more tries, with growing pauses.
    Busy,
    /// The access token is not valid: one fresh token, one more try.
    Token,
    /// The day's calls are used up: none before the day turns at 00:00 in China.
    DayQuota,
    /// Too many calls in this minute: none for a minute.
    MinuteQuota,
    /// Too many messages to this user, or too fast: not now.
    Slow,
    /// What was asked is so already.
    Done,
    /// It is up to the user; trying again changes nothing.
    User,
    /// The account's settings or rights at WeChat: somebody must change them first.
    Configuration,
    /// The call itself is wrong.
    Caller,
}

impl Class {
    const NAMES: [(&'static str, Self); 9] = [
        ("busy", Self::Busy),
        ("token", Self::Token),
        ("day_quota", Self::DayQuota),
        ("minute_quota", Self::MinuteQuota),
        ("slow", Self::Slow),
        ("done", Self::Done),
        ("user", Self::User),
        ("configuration", Self::Configuration),
        ("caller", Self::Caller),
    ];

    /// The name in JSON and in logs.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, class)| *class == self).map_or("caller", |(name, _)| name)
    }
}

/// What an error means and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// 中文。
    pub zh: &'static str,
    /// English.
    pub en: &'static str,
}

/// Both, as one text: `English · 中文`.
impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} · {}", self.en, self.zh)
    }
}

const LIST: &str = include_str!("errcodes.tsv");

/// What to do about `errcode`; for one that nobody knows: the call is wrong.
pub fn class(errcode: i64) -> Class {
    match (find(errcode), errcode) {
        (Some((class, _)), _) => class,
        // System errors of single interfaces.
        (None, 5_000_500..=5_000_599) => Class::Busy,
        (None, _) => Class::Caller,
    }
}

/// What `errcode` means; none for one that nobody knows.
pub fn meaning(errcode: i64) -> Option<Meaning> {
    find(errcode).map(|(_, meaning)| meaning)
}

/// Every code that has a meaning.
pub fn known() -> impl Iterator<Item = i64> {
    LIST.lines().filter_map(read).map(|(code, ..)| code)
}

/// Errors are rare, so a walk through two hundred lines is soon enough.
fn find(errcode: i64) -> Option<(Class, Meaning)> {
    LIST.lines().filter_map(read).find(|(code, ..)| *code == errcode).map(|(_, class, meaning)| (class, meaning))
}

fn read(line: &'static str) -> Option<(i64, Class, Meaning)> {
    let mut parts = line.split('\t');
    let (code, class) = (parts.next()?.parse().ok()?, parts.next()?);
    let (_, class) = Class::NAMES.iter().find(|(name, _)| *name == class)?;
    let meaning = Meaning { zh: parts.next()?, en: parts.next()? };
    Some((code, *class, meaning))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_line_of_the_list_is_read_and_no_code_stands_twice() {
        let lines = LIST.lines().filter(|line| !line.starts_with('#')).count();
        let codes: HashSet<_> = known().collect();
        assert_eq!(codes.len(), lines);
        for (code, _, meaning) in LIST.lines().filter_map(read) {
            assert!(!meaning.zh.is_ascii() && meaning.en.is_ascii() && meaning.en.len() > 10, "{code}");
        }
    }
}
