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

/// A field that a call cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedField {
    /// The merchant's settings give it.
    #[error("`{0}` is written here, from the merchant's settings · `{0}` 取自商户的设置，不用填写")]
    Own(String),
    /// It could not be written as an element of XML.
    #[error(
        "`{0}` is no name of a field: a letter, then letters, digits and `_` · `{0}` 不是字段名：以字母开头，由字母、数字和 `_` 组成"
    )]
    Malformed(String),
}

impl RefusedField {
    /// Which one.
    pub fn name(&self) -> &str {
        let (Self::Own(name) | Self::Malformed(name)) = self;
        name
    }
}

impl AnyCall {
    /// A call with the fields that not every call has.
    ///
    /// # Errors
    /// When one of those is among them, or one whose name is none.
    pub fn new(path: PayPath, fields: Fields) -> Result<Self, RefusedField> {
        let convention = Convention::of(&path);
        for (name, _) in fields.iter() {
            if !is_name(name) {
                return Err(RefusedField::Malformed(name.to_owned()));
            }
            if convention.writes(name) {
                return Err(RefusedField::Own(name.to_owned()));
            }
        }
        Ok(Self { path, fields })
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

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
