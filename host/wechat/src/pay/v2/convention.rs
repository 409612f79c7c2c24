//! How calls name the merchant, and which are signed how: v2 grew over years.

use super::SignType;
use crate::pay::PayPath;

/// The names of the fields that every call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convention {
    /// The account.
    pub appid: &'static str,
    /// The merchant.
    pub mch_id: &'static str,
    /// The sub-merchant's account, in partner mode.
    pub sub_appid: &'static str,
    /// Whether WeChat signs the answer. That of a few old calls, all with the merchant's certificate, is proven by TLS
    /// alone.
    pub is_signed: bool,
}

impl Convention {
    /// Of nearly all calls.
    pub const ORDINARY: Self = Self { appid: "appid", mch_id: "mch_id", sub_appid: "sub_appid", is_signed: true };
    /// Of red packets.
    pub const RED_PACKET: Self = Self { appid: "wxappid", sub_appid: "msgappid", is_signed: false, ..Self::ORDINARY };
    /// Of questions about red packets and transfers.
    pub const UNSIGNED: Self = Self { is_signed: false, ..Self::ORDINARY };
    /// Of transfers to users.
    pub const TRANSFER: Self = Self { appid: "mch_appid", mch_id: "mchid", is_signed: false, ..Self::ORDINARY };

    /// That of a call by its path.
    pub(super) fn of(path: &PayPath) -> Self {
        match path.as_str() {
            "/mmpaymkttransfers/sendredpack"
            | "/mmpaymkttransfers/sendgroupredpack"
            | "/mmpaymkttransfers/sendminiprogramhb" => Self::RED_PACKET,
            "/mmpaymkttransfers/gethbinfo" | "/mmpaymkttransfers/gettransferinfo" => Self::UNSIGNED,
            "/mmpaymkttransfers/promotion/transfers" => Self::TRANSFER,
            _ => Self::ORDINARY,
        }
    }

    /// Whether a field is written here and not by who calls.
    pub(super) fn writes(&self, name: &str) -> bool {
        [self.appid, self.mch_id, self.sub_appid, "sub_mch_id", "nonce_str", "sign_type", "sign"].contains(&name)
    }
}

/// Whether WeChat asks for the merchant's TLS certificate.
pub(super) fn needs_certificate(path: &PayPath) -> bool {
    let path = path.as_str();
    // Of those below, only these two go without one.
    let reads = ["/mmpaymkttransfers/query_coupon_stock", "/mmpaymkttransfers/querycouponsinfo"];
    ["/secapi/", "/mmpaymkttransfers/", "/mmpaysptrans/"].iter().any(|beginning| path.starts_with(beginning))
        && !reads.contains(&path)
}

/// The algorithm of calls that take only one: those for money that goes out are older than the other.
pub(super) fn sign_type(path: &PayPath) -> Option<SignType> {
    path.as_str().starts_with("/mmpaymkttransfers/").then_some(SignType::Md5)
}
