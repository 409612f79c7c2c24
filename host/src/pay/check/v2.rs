//! The steps for merchants of v2.

use weft_wechat::pay::v2::closeorder::CloseOrder;
use weft_wechat::pay::v2::gethbinfo::GetHbInfo;
use weft_wechat::pay::v2::orderquery::OrderQuery;
use weft_wechat::pay::v2::unifiedorder::UnifiedOrder;
use weft_wechat::pay::{Fen, TradeType};

use super::{ORDER_SECONDS, Report, account_refused, certificate_until, names, nobodys_number};
use crate::pay::check::CheckStep;
use crate::pay::prepay::NOWHERE;
use crate::pay::{Pay, Shop};
use crate::upstream::PayError;

const OUR_SIGNATURE: &str = "api_key must be the API密钥 that is set for this mch_id at WeChat Pay (账户中心, API安全)";

impl Pay {
    pub(super) async fn check_v2(&self, shop: &Shop, with_order: bool) -> Result<Vec<CheckStep>, PayError> {
        let mut report = Report::default();
        let (gateway, merchant, party) = (&self.0.gateway, &shop.merchant, shop.merchant.party(&shop.app));
        merchant.v2(party.clone())?;
        report.ok("keys", format!("api_key is there, and messages are signed with {}", merchant.sign_type));
        let asked = gateway.v2(merchant, &party, &OrderQuery { out_trade_no: nobodys_number() }).await;
        match (asked_v2(&mut report, shop, &asked), asked) {
            (false, _) => report.skipped("appid", "the signature has to be accepted first"),
            (true, Err(error)) if !error.is_refused_with("ORDERNOTEXIST") => account_refused(&mut report, shop, &error),
            (true, _) if with_order => self.order_v2(&mut report, shop).await,
            (true, _) => report.ok("appid", format!("WeChat Pay has no objection to it; {}", names(shop))),
        }
        self.client_certificate(&mut report, shop).await;
        Ok(report.0)
    }

    async fn client_certificate(&self, report: &mut Report, shop: &Shop) {
        const STEP: &str = "client_certificate";
        let until = match certificate_until(shop.merchant.client_cert.as_ref(), self.0.clock.now()) {
            Ok(Some(until)) => until,
            Ok(None) => {
                return report
                    .skipped(STEP, "there is none: refunds, reversals and red packets need client_cert and its key");
            }
            Err(ended) => return report.failed(STEP, ended),
        };
        let party = shop.merchant.party(&shop.app);
        // Whatever WeChat says of a red packet that is not there, it says to a merchant that showed its certificate.
        let asked = self.0.gateway.v2(&shop.merchant, &party, &GetHbInfo { mch_billno: nobodys_number() }).await;
        match asked {
            Err(error) if ["CA_ERROR", "CERT_ERROR"].iter().any(|code| error.is_refused_with(code)) => {
                report.failed(STEP, format!("{error}: client_cert must be the one that is in force for this mch_id"));
            }
            Ok(()) | Err(PayError::Refused { .. }) => {
                report.ok(STEP, format!("WeChat Pay takes it; it ends at {until}"));
            }
            Err(error @ PayError::Unusable(_)) => report.failed(STEP, error.to_string()),
            Err(error) => {
                report.failed(STEP, format!("{error}: client_cert and its key must be those of this mch_id"));
            }
        }
    }

    /// Makes an order and closes it.
    async fn order_v2(&self, report: &mut Report, shop: &Shop) {
        let (gateway, merchant, party) = (&self.0.gateway, &shop.merchant, shop.merchant.party(&shop.app));
        let (now, out_trade_no) = (self.0.clock.now(), nobodys_number());
        let call = UnifiedOrder {
            body: "Weft".to_owned(),
            out_trade_no: out_trade_no.clone(),
            total: Fen(1),
            client_ip: NOWHERE.to_string(),
            notify_url: self.notify_url(shop, "notify"),
            trade_type: TradeType::Native,
            time_start: Some(now),
            time_expire: Some(now + ORDER_SECONDS),
            openid: None,
            sub_openid: None,
            more: vec![("product_id".to_owned(), out_trade_no.clone())],
        };
        if let Err(error) = gateway.v2(merchant, &party, &call).await {
            return account_refused(report, shop, &error);
        }
        // WeChat may find this too soon; the order ends by itself.
        let closed = gateway.v2(merchant, &party, &CloseOrder { out_trade_no: out_trade_no.clone() }).await;
        let after = if closed.is_ok() { "and closed it" } else { "which nobody can pay after five minutes" };
        let detail = format!("WeChat Pay took the order {out_trade_no} of one fen, {after}; {}", names(shop));
        report.ok("appid", detail);
    }
}

/// What the answer about an order that cannot be there proves; whether our signature is accepted.
fn asked_v2<T>(report: &mut Report, shop: &Shop, asked: &Result<T, PayError>) -> bool {
    let (request, answer) = ("request_signature", "answer_signature");
    match asked {
        // Only WeChat can have signed it, and it looked at what we had signed.
        Ok(_) | Err(PayError::Refused { is_proven: true, .. }) => {
            report.ok(request, "WeChat Pay accepts the merchant's signature");
            report.ok(answer, format!("WeChat's signature is right ({})", shop.merchant.sign_type));
            true
        }
        Err(error @ PayError::Refused { .. }) => {
            report.failed(request, format!("{error}: {OUR_SIGNATURE}; look whether appid and mch_id fit, too"));
            report.skipped(answer, "WeChat Pay does not sign such an answer");
            false
        }
        Err(error @ PayError::Unbelieved(_)) => {
            report.skipped(request, "the answer cannot be believed");
            report.failed(
                answer,
                format!("{error}: {OUR_SIGNATURE}, and sign_type must be the one that WeChat uses for it"),
            );
            false
        }
        Err(error) => {
            report.failed(request, error.to_string());
            report.skipped(answer, "there is no answer");
            false
        }
    }
}
