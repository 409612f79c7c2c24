//! Proves a merchant's configuration against WeChat Pay, without moving money.

mod v2;
mod v3;

use serde::Serialize;
use uuid::Uuid;
use weft_wechat::pay::v3::Certificate;

use super::{Pay, Shop};
use crate::bilingual::{because, languages};
use crate::model::{Merchant, PayVersion};
use crate::secret::Secret;
use crate::time::rfc3339;
use crate::upstream::PayError;

/// How far clocks may be apart, in seconds: WeChat and we refuse what is further from now.
const WINDOW: u64 = 300;

/// The order that is made to see whether one can be made: one fen, for as short a time as WeChat takes.
const ORDER_SECONDS: u64 = 300;

/// What became of it.
const CLOSED: &str = "and closed it · 并已关闭";
const OPEN: &str = "which nobody can pay after five minutes · 五分钟后失效";

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckStep {
    /// Which of them, for programs.
    pub step: &'static str,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// What was seen, and what to do where it is wrong.
    pub detail: String,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckOutcome {
    /// It is right.
    Ok,
    /// It is wrong.
    Failed,
    /// It is not known.
    Skipped,
}

/// What was seen so far.
#[derive(Default)]
struct Report(Vec<CheckStep>);

impl Report {
    fn ok(&mut self, step: &'static str, detail: impl Into<String>) {
        self.0.push(CheckStep { step, outcome: CheckOutcome::Ok, detail: detail.into() });
    }

    fn failed(&mut self, step: &'static str, detail: impl Into<String>) {
        self.0.push(CheckStep { step, outcome: CheckOutcome::Failed, detail: detail.into() });
    }

    fn skipped(&mut self, step: &'static str, detail: impl Into<String>) {
        self.0.push(CheckStep { step, outcome: CheckOutcome::Skipped, detail: detail.into() });
    }
}

impl Pay {
    /// Asks WeChat Pay about what cannot be there, and says what each answer proves. `with_order` makes an order of one
    /// fen, too, which nobody sees, and closes it: only so WeChat looks at the account.
    ///
    /// # Errors
    /// When keys are missing, so that nothing can be asked.
    pub async fn check(&self, shop: &Shop, with_order: bool) -> Result<Vec<CheckStep>, PayError> {
        match shop.merchant.api_version {
            PayVersion::V2 => self.check_v2(shop, with_order).await,
            PayVersion::V3 => self.check_v3(shop, with_order).await,
        }
    }
}

/// A number that no order, refund or red packet has.
fn nobodys_number() -> String {
    let id = Uuid::new_v4().simple().to_string();
    format!("weftcheck{}", &id[..16])
}

/// Until when the merchant's certificate is good; none when there is no certificate. The error says that it is over.
fn certificate_until(pem: Option<&Secret>, now: u64) -> Result<Option<String>, String> {
    let Some(Ok(certificate)) = pem.map(|pem| Certificate::from_pem(pem.expose())) else { return Ok(None) };
    let until = rfc3339(certificate.valid_until);
    if certificate.valid_until < now {
        Err(format!(
            "client_cert ended at {until}: get a new certificate at WeChat Pay (pay.weixin.qq.com) · client_cert 已于 {until} \
             过期：请在商户平台「账户中心 → API安全」更换证书"
        ))
    } else {
        Ok(Some(until))
    }
}

/// A text, and whose the calls are.
fn with_names(text: &str, shop: &Shop) -> String {
    let ((english, chinese), names) = (languages(text), names(shop));
    format!("{english}; {names} · {chinese}；{names}")
}

fn names(shop: &Shop) -> String {
    let Merchant { mch_id, .. } = &shop.merchant;
    let party = shop.merchant.party(&shop.app);
    let sub = [("sub_appid", party.sub_appid), ("sub_mch_id", party.sub_mch_id)];
    let sub = sub.into_iter().filter_map(|(name, value)| Some(format!(", {name} {}", value?)));
    format!("appid {}, mch_id {mch_id}{}", party.appid, sub.collect::<String>())
}

/// What a refusal of the order that is made for the check says of the account.
fn account_refused(report: &mut Report, shop: &Shop, error: &PayError) {
    let text = error.to_string();
    if ["APPID_MCHID_NOT_MATCH", "APPID_NOT_EXIST", "MCHID_NOT_EXIST", "MCH_NOT_EXISTS"]
        .iter()
        .any(|code| error.is_refused_with(code))
    {
        let advice = "bind the account to the merchant at WeChat Pay (pay.weixin.qq.com) · 请在商户平台「产品中心 → AppID账号管理」关联这个账号";
        report.failed("appid", with_names(&because(&text, advice), shop));
    } else if error.is_refused_with("NO_AUTH") {
        let advice =
            "the merchant may make no NATIVE orders, so that this does not show · 商户没有开通 NATIVE 支付，无法判断";
        report.skipped("appid", with_names(&because(&text, advice), shop));
    } else {
        report.failed("appid", with_names(&text, shop));
    }
}
