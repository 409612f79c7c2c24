//! POST /tools/authcodetoopenid

use super::answer::CallError;
use super::{Call, Fields};

/// Asks whose phone a code is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthCodeToOpenid {
    /// 18 digits.
    pub auth_code: String,
}

impl Call for AuthCodeToOpenid {
    const PATH: &'static str = "/tools/authcodetoopenid";
    type Answer = String;

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.push("auth_code", &self.auth_code);
        fields
    }

    fn read(&self, fields: &Fields) -> Result<String, CallError> {
        fields.text("openid").ok_or(CallError::Missing("openid"))
    }
}
