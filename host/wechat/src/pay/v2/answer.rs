//! What comes back besides the answer: a no, or something that cannot be believed.

use std::fmt::Display;

use super::FieldsError;

/// How much of WeChat's own words is kept, in characters.
const MAX_WORDS: usize = 200;

/// WeChat's no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("WeChat Pay refused with {code} ({message}) · 微信支付拒绝：{code}（{message}）")]
pub struct Refusal {
    /// `err_code`, such as `ORDERPAID`; `FAIL` where WeChat did not even look at the request.
    pub code: String,
    /// `err_code_des` or `return_msg`.
    pub message: String,
    /// Whether the answer was signed. One that was not must not change any state.
    pub signed: bool,
}

impl Refusal {
    pub(super) fn new(code: Option<&str>, message: Option<&str>, signed: bool) -> Self {
        let clean = |text: &str| text.chars().filter(|character| !character.is_control()).take(MAX_WORDS).collect();
        Self { code: clean(code.unwrap_or("FAIL")), message: clean(message.unwrap_or_default()), signed }
    }

    /// Whether the same request may be sent again, unchanged, and the outcome is not known until then.
    pub fn is_unknown(&self) -> bool {
        matches!(&*self.code, "SYSTEMERROR" | "BANKERROR" | "USERPAYING" | "BIZERR_NEED_RETRY" | "PROCESSING")
    }
}

/// Why an answer is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// WeChat says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be read.
    #[error("the answer cannot be read: {0}")]
    Unreadable(#[from] FieldsError),
    /// It is not signed with the merchant's key, in the way that the merchant is set to.
    #[error("the answer is not signed with the merchant's API key and sign type")]
    Signature,
    /// It is about somebody or something else.
    #[error("the answer is about another {0}")]
    Other(&'static str),
    /// A field is missing.
    #[error("the answer has no {0}")]
    Missing(&'static str),
    /// A field holds something else than it should.
    #[error("the answer's {field} makes no sense: {problem}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What is wrong; never the value.
        problem: String,
    },
}

/// Names the field that an error is about.
pub(super) trait In<T> {
    fn in_field(self, field: &'static str) -> Result<T, CallError>;
}

impl<T, E: Display> In<T> for Result<T, E> {
    fn in_field(self, field: &'static str) -> Result<T, CallError> {
        self.map_err(|error| CallError::Field { field, problem: error.to_string() })
    }
}
