//! Any call of v2, as named texts, for what has no type here.

use serde_json::Value;

use super::answer::{CallError, Refusal};
use super::convention::{Convention, needs_certificate, sign_type};
use super::{Fields, Merchant};
use crate::pay::PayPath;

/// A call by its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnyCall {
    path: PayPath,
    fields: Fields,
}

/// The caller gives a field that the merchant's settings give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is written here, from the merchant's settings")]
pub struct OwnField(pub String);

impl AnyCall {
    /// A call with the fields that not every call has.
    ///
    /// # Errors
    /// When there is one of those among them.
    pub fn new(path: PayPath, fields: Fields) -> Result<Self, OwnField> {
        let convention = Convention::of(&path);
        let own = fields.iter().find(|(name, _)| convention.writes(name)).map(|(name, _)| name.to_owned());
        match own {
            Some(name) => Err(OwnField(name)),
            None => Ok(Self { path, fields }),
        }
    }

    /// Where to.
    pub fn path(&self) -> &PayPath {
        &self.path
    }

    /// Whether WeChat asks for the merchant's TLS certificate.
    pub fn needs_certificate(&self) -> bool {
        needs_certificate(&self.path)
    }
}

impl Merchant {
    /// The body of any call. `nonce` is at most 32 characters, fresh for every call.
    pub fn write_any(&self, call: &AnyCall, nonce: &str) -> String {
        self.written(Convention::of(&call.path), sign_type(&call.path), &call.fields, nonce)
    }

    /// Verifies the answer to any call, and gives it as JSON: an object of texts, with objects and arrays where WeChat
    /// has elements inside of others. A no is an answer, too, unless what was asked may have been done nevertheless; one
    /// that is not signed proves nothing.
    ///
    /// # Errors
    /// When the outcome is unknown, or the answer cannot be believed.
    pub fn read_any(&self, call: &AnyCall, body: &[u8]) -> Result<Value, CallError> {
        let convention = Convention::of(&call.path);
        let fields = if convention.is_signed { Fields::read(body) } else { Fields::read_leaves(body) }?;
        let checked = self.check_answer(&fields, convention, sign_type(&call.path).unwrap_or(self.sign_type));
        match checked {
            Err(CallError::Refused(refusal)) if !refusal.is_unknown() => {}
            checked => checked?,
        }
        let refusal = Refusal::new(fields.get("err_code"), fields.get("err_code_des"), true);
        if fields.get("result_code") == Some("FAIL") && refusal.is_unknown() {
            return Err(refusal.into());
        }
        Ok(Fields::to_json(body)?)
    }
}
