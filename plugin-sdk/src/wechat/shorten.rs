//! Short keys (短key托管): a text of up to 4 KB under a name of 15 letters and digits.
//!
//! ```
//! use std::time::Duration;
//! use weft_plugin::{prelude::*, wechat::shorten};
//!
//! /// A name for a long text that fits into the scene of a code.
//! fn name(order: &str) -> Result<String> {
//!     Ok(shorten::generate(order, Duration::from_hours(24))?)
//! }
//! ```

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::post;
use crate::error::Error;

/// What a short key stands for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Shortened {
    /// The text.
    pub long_data: String,
    /// Seconds since 1970.
    #[serde(default)]
    pub create_time: u64,
    /// How much longer it is kept, in seconds.
    #[serde(default)]
    pub expire_seconds: u64,
}

/// Keeps a text for at most 30 days; returns its short key: `/cgi-bin/shorten/gen`.
pub fn generate(long_data: &str, lifetime: Duration) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Generated {
        short_key: String,
    }
    let text = json!({"long_data": long_data, "expire_seconds": lifetime.as_secs()});
    Ok(post::<Generated>("/cgi-bin/shorten/gen", &text)?.short_key)
}

/// What a short key stands for: `/cgi-bin/shorten/fetch`.
pub fn fetch(short_key: &str) -> Result<Shortened, Error> {
    post("/cgi-bin/shorten/fetch", &json!({"short_key": short_key}))
}
