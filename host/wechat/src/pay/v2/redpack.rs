//! POST /mmpaymkttransfers/sendredpack and /mmpaymkttransfers/gethbinfo: money to a user in a red packet. Merchants that
//! do not have it yet do not get it any more; they have [`transfer_bills`](crate::pay::v3::transfer_bills).

use super::answer::{CallError, In};
use super::{Call, Convention, Fields, SignType};
use crate::pay::Fen;

/// Sends a red packet. After a failure the same number is sent again: a new one would send it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendRedPack {
    /// The merchant's number; at most 28 letters and digits.
    pub mch_billno: String,
    /// Who sends it, for the user.
    pub send_name: String,
    /// To whom.
    pub re_openid: String,
    /// How much.
    pub total_amount: Fen,
    /// What is wished.
    pub wishing: String,
    /// The address of this machine.
    pub client_ip: String,
    /// What it is about.
    pub act_name: String,
    /// For the user.
    pub remark: String,
    /// `PRODUCT_1` to `PRODUCT_8`; WeChat wants one for less than a yuan or more than 200.
    pub scene_id: Option<String>,
}

/// A red packet that WeChat has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedPackSent {
    /// WeChat's number.
    pub send_listid: String,
    /// How much.
    pub total_amount: Fen,
}

impl Call for SendRedPack {
    const PATH: &'static str = "/mmpaymkttransfers/sendredpack";
    const NEEDS_CERTIFICATE: bool = true;
    const SIGN_TYPE: Option<SignType> = Some(SignType::Md5);
    const CONVENTION: Convention = Convention::RED_PACKET;
    type Answer = RedPackSent;

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.push("mch_billno", &self.mch_billno);
        fields.push("send_name", &self.send_name);
        fields.push("re_openid", &self.re_openid);
        fields.push("total_amount", self.total_amount.to_string());
        fields.push("total_num", "1");
        fields.push("wishing", &self.wishing);
        fields.push("client_ip", &self.client_ip);
        fields.push("act_name", &self.act_name);
        fields.push("remark", &self.remark);
        fields.push_some("scene_id", self.scene_id.as_deref());
        fields
    }

    fn read(&self, fields: &Fields) -> Result<RedPackSent, CallError> {
        is_about(fields, &self.mch_billno)?;
        Ok(RedPackSent {
            send_listid: fields.text("send_listid").ok_or(CallError::Missing("send_listid"))?,
            total_amount: amount(fields)?,
        })
    }
}

/// Asks what became of a red packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetHbInfo {
    /// The merchant's number.
    pub mch_billno: String,
}

/// A red packet as WeChat tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedPack {
    /// `SENDING`, `SENT`, `FAILED`, `RECEIVED`, `RFUND_ING` (WeChat's spelling) or `REFUND`.
    pub status: String,
    /// WeChat's number.
    pub detail_id: Option<String>,
    /// How much.
    pub total_amount: Fen,
    /// Why it failed.
    pub reason: Option<String>,
}

impl Call for GetHbInfo {
    const PATH: &'static str = "/mmpaymkttransfers/gethbinfo";
    const NEEDS_CERTIFICATE: bool = true;
    const SIGN_TYPE: Option<SignType> = Some(SignType::Md5);
    const CONVENTION: Convention = Convention::UNSIGNED;
    type Answer = RedPack;

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.push("mch_billno", &self.mch_billno);
        fields.push("bill_type", "MCHT");
        fields
    }

    fn read(&self, fields: &Fields) -> Result<RedPack, CallError> {
        is_about(fields, &self.mch_billno)?;
        Ok(RedPack {
            status: fields.text("status").ok_or(CallError::Missing("status"))?,
            detail_id: fields.text("detail_id"),
            total_amount: amount(fields)?,
            reason: fields.text("reason"),
        })
    }
}

fn is_about(fields: &Fields, mch_billno: &str) -> Result<(), CallError> {
    if fields.get("mch_billno") == Some(mch_billno) { Ok(()) } else { Err(CallError::Other("mch_billno")) }
}

fn amount(fields: &Fields) -> Result<Fen, CallError> {
    fields.amount("total_amount").in_field("total_amount")?.ok_or(CallError::Missing("total_amount"))
}
