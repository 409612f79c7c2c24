//! What comes back besides the answer: a no, or something that cannot be believed.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{ResourceError, SignatureError};

/// How much of WeChat's own words is kept, in characters.
const MAX_WORDS: usize = 200;

/// WeChat's no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("WeChat Pay refused with {code} ({message}) · 微信支付拒绝：{code}（{message}）")]
pub struct Refusal {
    /// HTTP's status.
    pub status: u16,
    /// Such as `ORDER_NOT_EXIST`; empty where the body has none.
    pub code: String,
    /// WeChat's words.
    pub message: String,
    /// The field that is wrong, where it is told.
    pub field: Option<String>,
}

impl Refusal {
    /// Reads the body of an answer with an error's status.
    pub fn read(status: u16, body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Error {
            code: String,
            message: String,
            detail: Option<Detail>,
        }
        #[derive(Deserialize)]
        struct Detail {
            field: Option<String>,
        }
        let error: Error = serde_json::from_slice(body).unwrap_or_default();
        let clean =
            |text: &str| text.chars().filter(|character| !character.is_control()).take(MAX_WORDS).collect::<String>();
        let field = error.detail.and_then(|detail| detail.field);
        let field = field.map(|field| clean(&field));
        Self { status, code: clean(&error.code), message: clean(&error.message), field }
    }

    /// Whether the same request may be sent again, unchanged, and the outcome is not known until then.
    pub fn is_unknown(&self) -> bool {
        self.status >= 500 || self.status == 429
    }
}

/// Why an answer is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// WeChat says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is not proven to be WeChat's.
    #[error("the answer is not proven to be WeChat's: {0}")]
    Signature(#[from] SignatureError),
    /// It is JSON of another shape, or none.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// Something in it stays closed.
    #[error(transparent)]
    Sealed(#[from] ResourceError),
    /// It is about somebody or something else.
    #[error("the answer is about another {0}")]
    Other(&'static str),
}

/// Reads JSON. serde's own words may repeat a value, which may tell who paid what.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(body).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "it is JSON of another shape than expected",
            serde_json::error::Category::Eof => "it is cut off",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is not JSON",
        };
        CallError::Unreadable(format!("{what} (line {}, column {})", error.line(), error.column()))
    })
}
