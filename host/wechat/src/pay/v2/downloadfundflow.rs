//! POST /pay/downloadfundflow

use super::answer::CallError;
use super::{Call, Fields, SignType};

/// Asks for the movements of an account on a day. The answer is a file as that of
/// [`DownloadBill`](super::downloadbill::DownloadBill).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadFundFlow {
    /// `20260101`, in China's time.
    pub bill_date: String,
    /// `Basic`, `Operation` or `Fees`.
    pub account_type: String,
}

impl Call for DownloadFundFlow {
    const PATH: &'static str = "/pay/downloadfundflow";
    const NEEDS_CERTIFICATE: bool = true;
    const SIGN_TYPE: Option<SignType> = Some(SignType::HmacSha256);
    type Answer = ();

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.push("bill_date", &self.bill_date);
        fields.push("account_type", &self.account_type);
        fields.push("tar_type", "GZIP");
        fields
    }

    fn read(&self, _: &Fields) -> Result<(), CallError> {
        Ok(())
    }
}
