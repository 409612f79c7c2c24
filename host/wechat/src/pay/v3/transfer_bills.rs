//! `POST /v3/fund-app/mch-transfer/transfer-bills`: money to a user, who confirms that they take it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::parse;
use super::{Call, CallError, Method, PlatformKeys, SensitiveError, encode_path};
use crate::pay::{Fen, Party};

const BASE: &str = "/v3/fund-app/mch-transfer/transfer-bills";

/// Sends money to a user. After a failure the same `out_bill_no` is sent again: a new one would send it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// The merchant's number of the transfer.
    pub out_bill_no: String,
    /// What it is for, as agreed with WeChat, such as `1000`.
    pub transfer_scene_id: String,
    /// To whom.
    pub openid: String,
    /// The name of whom, [sealed](seal_name); WeChat wants it from a certain amount on.
    pub user_name: Option<String>,
    /// How much.
    pub transfer_amount: Fen,
    /// For the user; at most 32 characters.
    pub transfer_remark: String,
    /// Where WeChat tells of the outcome.
    pub notify_url: Option<String>,
    /// What the scene wants to be told: kinds and texts.
    pub reports: Vec<(String, String)>,
}

/// A transfer as WeChat tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TransferBill {
    /// The merchant's number.
    pub out_bill_no: String,
    /// WeChat's number.
    pub transfer_bill_no: Option<String>,
    /// `ACCEPTED`, `PROCESSING`, `WAIT_USER_CONFIRM`, `TRANSFERING` (WeChat's spelling), `SUCCESS`, `FAIL`, `CANCELING`
    /// or `CANCELLED`.
    pub state: String,
    /// Why it failed.
    pub fail_reason: Option<String>,
    /// What the user's page needs to confirm it.
    pub package_info: Option<String>,
}

/// Seals the name of a user for [`Create::user_name`]. The header `Wechatpay-Serial` has to name the same key.
///
/// # Errors
/// When there is no key, or the name is too long.
pub fn seal_name(
    keys: &PlatformKeys,
    random: &mut impl rsa::rand_core::CryptoRng,
    name: &str,
) -> Result<String, SensitiveError> {
    let (_, key) = keys.for_sealing().ok_or(SensitiveError)?;
    key.seal_sensitive(random, name)
}

impl Call for Create {
    const METHOD: Method = Method::Post;
    type Answer = TransferBill;

    fn target(&self, _: &Party) -> String {
        BASE.to_owned()
    }

    fn body(&self, party: &Party) -> Value {
        let report = |(kind, content): &(String, String)| json!({"info_type": kind, "info_content": content});
        let mut body = json!({
            "appid": party.appid,
            "out_bill_no": self.out_bill_no,
            "transfer_scene_id": self.transfer_scene_id,
            "openid": self.openid,
            "transfer_amount": self.transfer_amount,
            "transfer_remark": self.transfer_remark,
            "transfer_scene_report_infos": self.reports.iter().map(report).collect::<Vec<_>>(),
        });
        for (name, value) in [("user_name", &self.user_name), ("notify_url", &self.notify_url)] {
            if let Some(value) = value {
                body[name] = (&**value).into();
            }
        }
        body
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<TransferBill, CallError> {
        read_of(body, &self.out_bill_no)
    }
}

/// Asks where a transfer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The merchant's number.
    pub out_bill_no: String,
}

impl Call for Query {
    const METHOD: Method = Method::Get;
    type Answer = TransferBill;

    fn target(&self, _: &Party) -> String {
        format!("{BASE}/out-bill-no/{}", encode_path(&self.out_bill_no))
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<TransferBill, CallError> {
        read_of(body, &self.out_bill_no)
    }
}

/// Asks where a transfer is, by WeChat's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryByBillNo {
    /// WeChat's number.
    pub transfer_bill_no: String,
}

impl Call for QueryByBillNo {
    const METHOD: Method = Method::Get;
    type Answer = TransferBill;

    fn target(&self, _: &Party) -> String {
        format!("{BASE}/transfer-bill-no/{}", encode_path(&self.transfer_bill_no))
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<TransferBill, CallError> {
        let bill: TransferBill = parse(body)?;
        if bill.transfer_bill_no.as_ref() == Some(&self.transfer_bill_no) {
            Ok(bill)
        } else {
            Err(CallError::Other("transfer_bill_no"))
        }
    }
}

/// What a page or a mini program hands to WeChat's `requestMerchantTransfer`, so that the user can confirm a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmParameters {
    /// `mchId`
    pub mch_id: String,
    /// `appId`
    pub app_id: String,
    /// `package`
    pub package: String,
}

impl TransferBill {
    /// What the user's page needs; none when the transfer does not wait for the user.
    pub fn confirm_parameters(&self, party: &Party) -> Option<ConfirmParameters> {
        let package = self.package_info.clone().filter(|_| self.state == "WAIT_USER_CONFIRM")?;
        Some(ConfirmParameters { mch_id: party.mch_id.clone(), app_id: party.appid.clone(), package })
    }
}

/// Takes a transfer back that the user has not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel {
    /// The merchant's number.
    pub out_bill_no: String,
}

impl Call for Cancel {
    const METHOD: Method = Method::Post;
    type Answer = TransferBill;

    fn target(&self, _: &Party) -> String {
        format!("{BASE}/out-bill-no/{}/cancel", encode_path(&self.out_bill_no))
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<TransferBill, CallError> {
        read_of(body, &self.out_bill_no)
    }
}

fn read_of(body: &[u8], out_bill_no: &str) -> Result<TransferBill, CallError> {
    let bill: TransferBill = parse(body)?;
    if bill.out_bill_no == out_bill_no { Ok(bill) } else { Err(CallError::Other("out_bill_no")) }
}
