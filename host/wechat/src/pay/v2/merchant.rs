//! Who calls, and how a call is written and its answer read.

use super::answer::{CallError, Refusal};
use super::convention::Convention;
use super::sign::{self, ApiKey, SignType};
use super::{Fields, FieldsError};
use crate::pay::Party;

/// One call of v2.
pub trait Call {
    /// Begins with a slash.
    const PATH: &'static str;
    /// Whether WeChat asks for the merchant's TLS certificate.
    const NEEDS_CERTIFICATE: bool = false;
    /// The algorithm, where the call takes only one.
    const SIGN_TYPE: Option<SignType> = None;
    /// How the fields are called that every call has.
    const CONVENTION: Convention = Convention::ORDINARY;
    /// What comes back.
    type Answer;

    /// What goes out, besides the fields that every call has.
    fn fields(&self) -> Fields;

    /// Reads the verified fields of an answer.
    ///
    /// # Errors
    /// When something is missing, or makes no sense.
    fn read(&self, fields: &Fields) -> Result<Self::Answer, CallError>;
}

/// A merchant of v2.
#[derive(Debug, Clone)]
pub struct Merchant {
    /// Its numbers.
    pub party: Party,
    /// Signs.
    pub key: ApiKey,
    /// How it signs.
    pub sign_type: SignType,
}

impl Merchant {
    /// The body of a call. `nonce` is at most 32 characters, fresh for every call.
    pub fn write<C: Call>(&self, call: &C, nonce: &str) -> String {
        self.written(C::CONVENTION, C::SIGN_TYPE, &call.fields(), nonce)
    }

    pub(super) fn written(
        &self,
        convention: Convention,
        sign_type: Option<SignType>,
        own: &Fields,
        nonce: &str,
    ) -> String {
        let sign_type = sign_type.unwrap_or(self.sign_type);
        let mut fields = Fields::default();
        fields.push(convention.appid, &self.party.appid);
        fields.push(convention.mch_id, &self.party.mch_id);
        fields.push_some(convention.sub_appid, self.party.sub_appid.as_deref());
        fields.push_some("sub_mch_id", self.party.sub_mch_id.as_deref());
        fields.push("nonce_str", nonce);
        // What is left out means MD5.
        if sign_type != SignType::Md5 {
            fields.push("sign_type", sign_type.as_str());
        }
        for (name, value) in own.iter() {
            fields.push(name, value);
        }
        self.signed(fields, sign_type).to_xml("xml")
    }

    /// Verifies and reads the answer to a call.
    ///
    /// # Errors
    /// When WeChat refused, or the answer cannot be believed.
    pub fn read<C: Call>(&self, call: &C, body: &[u8]) -> Result<C::Answer, CallError> {
        let fields = if C::CONVENTION.is_signed { Fields::read(body) } else { Fields::read_leaves(body) }?;
        self.check_answer(&fields, C::CONVENTION, C::SIGN_TYPE.unwrap_or(self.sign_type))?;
        if fields.get("result_code") != Some("SUCCESS") {
            return Err(Refusal::new(fields.get("err_code"), fields.get("err_code_des"), true).into());
        }
        call.read(&fields)
    }

    /// Whether an answer is signed, where answers of its kind are, and about this merchant.
    pub(super) fn check_answer(
        &self,
        fields: &Fields,
        convention: Convention,
        sign_type: SignType,
    ) -> Result<(), CallError> {
        if convention.is_signed || fields.get("sign").is_some() || fields.get("return_code") != Some("SUCCESS") {
            return self.check(fields, sign_type);
        }
        // Unsigned answers do not always name them.
        let names = [(convention.mch_id, &self.party.mch_id), (convention.appid, &self.party.appid)];
        let other = names.into_iter().find(|(name, own)| fields.get(name).is_some_and(|named| named != **own));
        other.map_or(Ok(()), |(name, _)| Err(CallError::Other(name)))
    }

    /// Whether fields are signed by this merchant and about it.
    pub(super) fn check(&self, fields: &Fields, sign_type: SignType) -> Result<(), CallError> {
        if fields.get("return_code") != Some("SUCCESS") {
            let code = fields.get("error_code");
            return Err(Refusal::new(code, fields.get("return_msg"), false).into());
        }
        if !sign::verify(fields.iter(), &self.key, sign_type, fields.get("sign")) {
            return Err(CallError::Signature);
        }
        if fields.get("sign_type").is_some_and(|named| named != sign_type.as_str()) {
            return Err(CallError::Signature);
        }
        self.check_party(fields)
    }

    /// Whether fields are about this merchant. An account that is not told is no other one; a merchant must be.
    pub(super) fn check_party(&self, fields: &Fields) -> Result<(), CallError> {
        let Party { appid, mch_id, sub_appid, sub_mch_id } = &self.party;
        if fields.get("mch_id") != Some(mch_id) {
            return Err(CallError::Other("mch_id"));
        }
        if fields.get("appid").is_some_and(|named| named != appid) {
            return Err(CallError::Other("appid"));
        }
        for (field, own) in [("sub_appid", sub_appid), ("sub_mch_id", sub_mch_id)] {
            // Outside of partner mode WeChat has been seen to repeat the merchant itself.
            let is_other = |named: &str| match own {
                Some(own) => named != own,
                None => named != appid && named != mch_id,
            };
            if fields.get(field).is_some_and(is_other) {
                return Err(CallError::Other(field));
            }
        }
        if self.party.is_partner() && fields.get("sub_mch_id").is_none() {
            return Err(CallError::Missing("sub_mch_id"));
        }
        Ok(())
    }

    /// Adds the signature: what WeChat itself sends is signed in the same way.
    pub fn signed(&self, mut fields: Fields, sign_type: SignType) -> Fields {
        let signature = sign::sign(fields.iter(), &self.key, sign_type);
        fields.push("sign", signature);
        fields
    }
}

/// The fields of a file that may have come instead of one: an error of a call that answers with a file.
pub(super) fn refusal_instead_of_file(body: &[u8]) -> Result<(), CallError> {
    if !body.trim_ascii_start().starts_with(b"<xml") {
        return Ok(());
    }
    let fields: Result<Fields, FieldsError> = Fields::read(body);
    let fields = fields?;
    let code = fields.get("error_code").or(fields.get("err_code"));
    Err(Refusal::new(code, fields.get("return_msg").or(fields.get("err_code_des")), false).into())
}
