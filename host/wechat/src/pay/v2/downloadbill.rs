//! POST /pay/downloadbill

use super::answer::CallError;
use super::merchant::refusal_instead_of_file;
use super::{Call, Fields};

/// Asks for the trades of a day. The answer is a file without a signature: read it with [`read_file`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadBill {
    /// `20260101`, in China's time.
    pub bill_date: String,
}

impl Call for DownloadBill {
    const PATH: &'static str = "/pay/downloadbill";
    type Answer = ();

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.push("bill_date", &self.bill_date);
        fields.push("bill_type", "ALL");
        fields.push("tar_type", "GZIP");
        fields
    }

    fn read(&self, _: &Fields) -> Result<(), CallError> {
        Ok(())
    }
}

/// The bytes of a bill as they came, for [`Bill::read`](crate::pay::bill::Bill::read).
///
/// # Errors
/// WeChat's refusal, which comes as XML: code `20002` says that there is no bill (yet).
pub fn read_file(body: &[u8]) -> Result<&[u8], CallError> {
    refusal_instead_of_file(body).map(|()| body)
}
