//! Money.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount of money in fen, a hundredth of a yuan. Never a fraction, never below zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fen(pub u64);

impl Fen {
    /// The most that one order may be: ten billion yuan, far beyond what WeChat takes.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// Reads an amount in yuan as bills have it: digits, and at most two of them behind a point.
    ///
    /// # Errors
    /// When it is written in another way, or beyond [`Fen::MAX`].
    pub fn from_yuan(text: &str) -> Result<Self, InvalidFen> {
        let (yuan, cents) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(yuan) || !is_digits(cents) || cents.len() > 2 {
            return Err(InvalidFen);
        }
        let yuan: u64 = yuan.parse().map_err(|_| InvalidFen)?;
        let cents: u64 = format!("{cents:0<2}").parse().map_err(|_| InvalidFen)?;
        let fen = yuan.checked_mul(100).and_then(|fen| fen.checked_add(cents)).ok_or(InvalidFen)?;
        if fen > Self::MAX.0 { Err(InvalidFen) } else { Ok(Self(fen)) }
    }

    /// The sum, and none beyond what a number holds.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

/// The text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is no amount of money")]
pub struct InvalidFen;

/// As WeChat writes it: digits alone. `0101`, `+1`, ` 1`, `1.0` and `1e2` are no amounts.
impl FromStr for Fen {
    type Err = InvalidFen;

    fn from_str(text: &str) -> Result<Self, InvalidFen> {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_plain || (text.len() > 1 && text.starts_with('0')) {
            return Err(InvalidFen);
        }
        let fen = text.parse().map(Self).map_err(|_| InvalidFen)?;
        if fen > Self::MAX { Err(InvalidFen) } else { Ok(fen) }
    }
}

impl fmt::Display for Fen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
