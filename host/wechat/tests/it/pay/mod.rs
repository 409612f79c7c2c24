//! WeChat Pay: what is signed and what is believed.

mod any_calls;
mod bills;
mod hostile;
mod keys;
mod numbers;
mod properties;
mod v2;
mod v3;
mod vectors;

use weft_wechat::pay::Party;

const APPID: &str = "wx0123456789abcdef";
const MCH_ID: &str = "1900000109";

/// A merchant of its own.
fn party() -> Party {
    Party { appid: APPID.into(), mch_id: MCH_ID.into(), sub_appid: None, sub_mch_id: None }
}

/// A partner that acts for a sub-merchant.
fn partner() -> Party {
    Party { sub_appid: Some("wxsub".into()), sub_mch_id: Some("1900000110".into()), ..party() }
}
