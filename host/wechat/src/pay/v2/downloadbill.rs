//! POST /pay/downloadbill

use super::answer::CallError;
use super::merchant::refusal_instead_of_file;
use super::{Call, Fields};

/// Asks for the trades of a day. The answer is a file without a signature: look at it with [`check_file`].
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

/// Whether what begins so may be a file: a refusal comes as XML, and is short.
///
/// # Errors
/// WeChat's refusal; [`is_no_bill`] and [`is_being_made`] tell two of them from the others.
pub fn check_file(beginning: &[u8]) -> Result<(), CallError> {
    refusal_instead_of_file(beginning)
}

/// Whether WeChat says that there was no trade on the day.
pub fn is_no_bill(code: &str, message: &str) -> bool {
    code == "20002" || message.eq_ignore_ascii_case("no bill exist")
}

/// Whether WeChat says that the bill is not ready yet.
pub fn is_being_made(message: &str) -> bool {
    message.eq_ignore_ascii_case("bill creating")
}
