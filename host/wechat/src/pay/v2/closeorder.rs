//! POST /pay/closeorder

use super::answer::CallError;
use super::{Call, Fields};

/// Closes an order that nobody has paid, five minutes after its creation at the earliest. WeChat refuses with
/// `ORDERPAID` when somebody has, and with `ORDERCLOSED` when it is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseOrder {
    /// The merchant's number.
    pub out_trade_no: String,
}

impl Call for CloseOrder {
    const PATH: &'static str = "/pay/closeorder";
    type Answer = ();

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.push("out_trade_no", &self.out_trade_no);
        fields
    }

    fn read(&self, _: &Fields) -> Result<(), CallError> {
        Ok(())
    }
}
