//! `/v3/fund-app/mch-transfer/transfer-bills`: money to a user, who confirms that they take it. There is
//! an example in [`pay`](super).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Encrypted, appid, get, post, segment};
use crate::error::Error;

const BASE: &str = "/v3/fund-app/mch-transfer/transfer-bills";

/// A new transfer. After a failure the same number is used again: another one would send it twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewBill {
    appid: String,
    /// The merchant's number.
    pub out_bill_no: String,
    /// What it is for, as agreed with WeChat, such as `1000`.
    pub transfer_scene_id: String,
    /// To whom.
    pub openid: String,
    /// How much, in fen.
    pub transfer_amount: u64,
    /// For the user; at most 32 characters.
    pub transfer_remark: String,
    /// Whose name it is; WeChat wants it from a certain amount on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<Encrypted>,
    /// What the scene wants to be told.
    pub transfer_scene_report_infos: Vec<Report>,
}

/// What a scene wants to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Such as `活动名称`.
    pub info_type: String,
    /// The text.
    pub info_content: String,
}

impl NewBill {
    /// So many fen for a user.
    pub fn new(
        out_bill_no: &str,
        transfer_scene_id: &str,
        openid: &str,
        transfer_amount: u64,
        transfer_remark: &str,
    ) -> Self {
        Self {
            appid: appid(),
            out_bill_no: out_bill_no.to_owned(),
            transfer_scene_id: transfer_scene_id.to_owned(),
            openid: openid.to_owned(),
            transfer_amount,
            transfer_remark: transfer_remark.to_owned(),
            user_name: None,
            transfer_scene_report_infos: Vec::new(),
        }
    }

    /// Names the user.
    #[must_use]
    pub fn user_name(self, name: impl Into<Encrypted>) -> Self {
        Self { user_name: Some(name.into()), ..self }
    }

    /// Adds what the scene wants to be told.
    #[must_use]
    pub fn report(mut self, info_type: &str, info_content: &str) -> Self {
        let (info_type, info_content) = (info_type.to_owned(), info_content.to_owned());
        self.transfer_scene_report_infos.push(Report { info_type, info_content });
        self
    }
}

/// A transfer as WeChat tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Bill {
    /// The merchant's number.
    pub out_bill_no: String,
    /// WeChat's number.
    pub transfer_bill_no: Option<String>,
    /// `ACCEPTED`, `PROCESSING`, `WAIT_USER_CONFIRM`, `TRANSFERING` (WeChat's spelling), `SUCCESS`, `FAIL`, `CANCELING`
    /// or `CANCELLED`.
    pub state: String,
    /// Why it failed.
    pub fail_reason: Option<String>,
    /// What the page or mini program hands to `requestMerchantTransfer` as `package`, beside `mchId` and `appId`, so that
    /// the user can confirm it.
    pub package_info: Option<String>,
}

/// Sends money to a user. The same number with the same content is the same transfer.
pub fn create(merchant: Option<&str>, bill: &NewBill) -> Result<Bill, Error> {
    post(merchant, BASE, bill)
}

/// Asks where a transfer is.
pub fn query(merchant: Option<&str>, out_bill_no: &str) -> Result<Bill, Error> {
    get(merchant, &format!("{BASE}/out-bill-no/{}", segment(out_bill_no)), &[])
}

/// Asks where a transfer is, by WeChat's number.
pub fn query_by_bill_no(merchant: Option<&str>, transfer_bill_no: &str) -> Result<Bill, Error> {
    get(merchant, &format!("{BASE}/transfer-bill-no/{}", segment(transfer_bill_no)), &[])
}

/// Takes a transfer back that the user has not confirmed.
pub fn cancel(merchant: Option<&str>, out_bill_no: &str) -> Result<Bill, Error> {
    post(merchant, &format!("{BASE}/out-bill-no/{}/cancel", segment(out_bill_no)), &Value::Null)
}
