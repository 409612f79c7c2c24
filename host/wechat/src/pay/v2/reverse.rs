//! POST /secapi/pay/reverse

use super::answer::CallError;
use super::{Call, Fields};

/// Takes a payment by code back, whether it has been made or not; fifteen seconds after it at the earliest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reverse {
    /// The merchant's number.
    pub out_trade_no: String,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reversed {
    /// Whether the call has to be sent again.
    pub again: bool,
}

impl Call for Reverse {
    const PATH: &'static str = "/secapi/pay/reverse";
    const NEEDS_CERTIFICATE: bool = true;
    type Answer = Reversed;

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.push("out_trade_no", &self.out_trade_no);
        fields
    }

    fn read(&self, fields: &Fields) -> Result<Reversed, CallError> {
        Ok(Reversed { again: fields.get("recall") == Some("Y") })
    }
}
