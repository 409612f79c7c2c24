//! Why a call of WeChat Pay came to nothing, in words for the person who can change it.

use weft_wechat::pay::{v2, v3};

use crate::bilingual::because;
use crate::model::UnusableMerchant;
use crate::upstream::TransportError;

/// Why there is no answer that can be believed.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// The merchant lacks what the call is signed with; nothing was sent.
    #[error(transparent)]
    Unusable(#[from] UnusableMerchant),
    /// Something that only WeChat may read cannot be sealed; nothing was sent.
    #[error("a text that is to be encrypted is too long for WeChat's key · 要加密的文本太长，超过微信公钥的长度")]
    Unsealed,
    /// The call did not get through.
    #[error("{}", no_answer(.0))]
    Transport(#[from] TransportError),
    /// WeChat says no.
    #[error("WeChat Pay refused with {code} ({message}) · 微信支付拒绝：{code}（{message}）")]
    Refused {
        /// Such as `ORDERPAID` (v2) or `ORDER_PAID` (v3).
        code: String,
        /// WeChat's words.
        message: String,
        /// Whether WeChat may have done what was asked nevertheless.
        unknown: bool,
        /// Whether it is proven to be WeChat's.
        is_proven: bool,
    },
    /// What came back is not proven to be WeChat's, or makes no sense.
    #[error("{}", because("WeChat Pay's answer cannot be believed · 微信支付的应答不可信", .0))]
    Unbelieved(String),
}

fn no_answer(error: &TransportError) -> String {
    because("WeChat Pay · 微信支付", &error.to_string())
}

impl PayError {
    /// Whether WeChat may have done what was asked.
    pub fn outcome_is_unknown(&self) -> bool {
        match self {
            Self::Unusable(_) | Self::Unsealed => false,
            Self::Transport(error) => !error.was_not_sent(),
            Self::Refused { unknown, .. } => *unknown,
            Self::Unbelieved(_) => true,
        }
    }

    /// Whether WeChat said no with this code; v3 writes it with underscores, v2 without.
    pub fn is_refused_with(&self, code: &str) -> bool {
        matches!(self, Self::Refused { code: told, .. } if told.replace('_', "") == code.replace('_', ""))
    }

    /// Whether WeChat said no in an answer that is proven to be its own. Of v3 none is: WeChat does not sign every one.
    pub fn is_proven(&self) -> bool {
        matches!(self, Self::Refused { is_proven: true, .. })
    }
}

impl From<v2::CallError> for PayError {
    fn from(error: v2::CallError) -> Self {
        match error {
            v2::CallError::Refused(refusal) => {
                let unknown = refusal.is_unknown();
                Self::Refused { code: refusal.code, message: refusal.message, unknown, is_proven: refusal.signed }
            }
            error => Self::Unbelieved(error.to_string()),
        }
    }
}

impl From<v3::CallError> for PayError {
    fn from(error: v3::CallError) -> Self {
        match error {
            v3::CallError::Refused(refusal) => {
                let unknown = refusal.is_unknown();
                let code = if refusal.code.is_empty() { refusal.status.to_string() } else { refusal.code };
                Self::Refused { code, message: refusal.message, unknown, is_proven: false }
            }
            error => Self::Unbelieved(error.to_string()),
        }
    }
}
