//! POST /mmpaymkttransfers/gethbinfo: what became of a red packet.

use super::answer::CallError;
use super::{Call, Convention, Fields, SignType};

/// Asks for a red packet. What WeChat says of it is not read: that it says something shows that it takes the merchant's
/// certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetHbInfo {
    /// The merchant's number.
    pub mch_billno: String,
}

impl Call for GetHbInfo {
    const PATH: &'static str = "/mmpaymkttransfers/gethbinfo";
    const NEEDS_CERTIFICATE: bool = true;
    const SIGN_TYPE: Option<SignType> = Some(SignType::Md5);
    const CONVENTION: Convention = Convention::UNSIGNED;
    type Answer = ();

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.push("mch_billno", &self.mch_billno);
        fields.push("bill_type", "MCHT");
        fields
    }

    fn read(&self, _: &Fields) -> Result<(), CallError> {
        Ok(())
    }
}
