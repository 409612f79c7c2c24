//! How often WeChat's API was called, and what came of it.

use std::fmt;
use std::str::FromStr;

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallOutcome {
    /// WeChat did it.
    Done,
    /// WeChat refused with this `errcode`.
    Refused(i64),
    /// There was no answer, or none of WeChat's.
    Unanswered,
}

/// The text in the database.
impl fmt::Display for CallOutcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => formatter.write_str("ok"),
            Self::Refused(errcode) => errcode.fmt(formatter),
            Self::Unanswered => formatter.write_str("unanswered"),
        }
    }
}

/// Nothing of this name comes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ok, unanswered, or an errcode · ok、unanswered 或错误码")]
pub struct UnknownCallOutcome;

impl FromStr for CallOutcome {
    type Err = UnknownCallOutcome;

    fn from_str(text: &str) -> Result<Self, UnknownCallOutcome> {
        match text {
            "ok" => Ok(Self::Done),
            "unanswered" => Ok(Self::Unanswered),
            errcode => errcode.parse().map(Self::Refused).map_err(|_| UnknownCallOutcome),
        }
    }
}

/// Calls of one API by one app on one day, of which the same came.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKind {
    /// The app.
    pub app: String,
    /// The day in China, `2026-11-23`.
    pub day: String,
    /// Begins with a slash.
    pub path: String,
    /// What came of them.
    pub outcome: CallOutcome,
}

/// A pause in the calls of one API by one app, because WeChat was called too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPause {
    /// The app.
    pub app: String,
    /// Begins with a slash.
    pub path: String,
    /// What WeChat said.
    pub errcode: i64,
    /// Seconds since 1970.
    pub until: u64,
}
