//! The steps for merchants of v3.

use weft_wechat::pay::v3::transactions::{Close, Prepay, Query};
use weft_wechat::pay::{Fen, TradeType};

use super::{ORDER_SECONDS, Report, WINDOW, account_refused, certificate_until, names, nobodys_number};
use crate::pay::check::CheckStep;
use crate::pay::{Pay, Shop};
use crate::upstream::{PayAnswer, PayError};

const OUR_SIGNATURE: &str = "private_key and serial_no must be those of a certificate that is in force for this mch_id \
     (账户中心, API安全), and the clock of this machine must be right";

impl Pay {
    pub(super) async fn check_v3(&self, shop: &Shop, with_order: bool) -> Result<Vec<CheckStep>, PayError> {
        let mut report = Report::default();
        let merchant = &shop.merchant;
        let signer = merchant.v3(merchant.party(&shop.app))?;
        match certificate_until(merchant.client_cert.as_ref(), self.0.clock.now()) {
            Ok(None) => report.ok("keys", "private_key, serial_no and apiv3_key are there"),
            Ok(Some(until)) => {
                report.ok(
                    "keys",
                    format!("private_key, serial_no and apiv3_key are there; the certificate ends at {until}"),
                );
            }
            Err(ended) => report.failed("keys", ended),
        }
        let own = merchant.platform_keys();
        match self.0.gateway.fetch_certificates(merchant, &signer, &own).await {
            Ok(_) => report.ok("certificates", "WeChat's certificates were fetched and opened with apiv3_key"),
            Err(PayError::Refused { code, .. }) if !own.is_empty() && code != "SIGN_ERROR" => {
                let detail = format!(
                    "WeChat Pay gives this merchant no certificates ({code}), as it has the public key; whether apiv3_key \
                     is right shows with the first notification"
                );
                report.skipped("certificates", detail);
            }
            Err(error) => report.failed("certificates", why_no_certificates(&error)),
        }
        let asked = self.0.gateway.raw_v3(merchant, &signer.party, &Query { out_trade_no: nobodys_number() }).await;
        let is_accepted = self.asked_v3(&mut report, asked);
        if !with_order {
            let detail = format!("it only shows when an order is made: check with with_order=true; {}", names(shop));
            report.skipped("appid", detail);
        } else if is_accepted {
            self.order_v3(&mut report, shop).await;
        } else {
            report.skipped("appid", "the signature has to be accepted first");
        }
        Ok(report.0)
    }

    /// What the answer about an order that cannot be there proves; whether our signature is accepted.
    fn asked_v3(&self, report: &mut Report, asked: Result<PayAnswer, PayError>) -> bool {
        let answer = match asked {
            Ok(answer) => answer,
            Err(error @ PayError::Unbelieved(_)) => {
                report.skipped("request_signature", "the answer cannot be believed");
                let detail = format!(
                    "{error}: public_key and public_key_id must be those of this merchant, and the clock of this machine \
                     must be right"
                );
                report.failed("answer_signature", detail);
                return false;
            }
            Err(error) => {
                report.failed("request_signature", error.to_string());
                report.skipped("answer_signature", "there is no answer");
                return false;
            }
        };
        let refusal = answer.refusal();
        let is_accepted = answer.status < 300 || refusal.code == "ORDER_NOT_EXIST";
        match &*refusal.code {
            _ if is_accepted => report.ok("request_signature", "WeChat Pay accepts the merchant's signature"),
            "SIGN_ERROR" => report.failed("request_signature", format!("{refusal}: {OUR_SIGNATURE}")),
            _ => report.failed("request_signature", format!("{refusal}: look whether mch_id is right")),
        }
        if answer.is_proven {
            report.ok("answer_signature", "WeChat's signature is right");
        } else {
            report.skipped("answer_signature", "WeChat Pay did not sign this answer: check with with_order=true");
        }
        match answer.sent_at.map(|sent_at| sent_at.abs_diff(self.0.clock.now())) {
            Some(apart) if apart >= WINDOW => {
                report.failed("clock", format!("this machine's clock is {apart} s from WeChat's: set it right"));
            }
            Some(apart) => report.ok("clock", format!("{apart} s from WeChat's")),
            None => report.skipped("clock", "WeChat Pay did not say what time it is"),
        }
        is_accepted
    }

    /// Makes an order and closes it.
    async fn order_v3(&self, report: &mut Report, shop: &Shop) {
        let (gateway, merchant, party) = (&self.0.gateway, &shop.merchant, shop.merchant.party(&shop.app));
        let out_trade_no = nobodys_number();
        let call = Prepay {
            trade_type: TradeType::Native,
            description: "Weft".to_owned(),
            out_trade_no: out_trade_no.clone(),
            total: Fen(1),
            time_expire: Some(self.0.clock.now() + ORDER_SECONDS),
            notify_url: self.notify_url(shop, "notify"),
            attach: None,
            openid: None,
            sub_openid: None,
            client_ip: None,
            more: serde_json::Map::new(),
        };
        if let Err(error) = gateway.v3(merchant, &party, &call).await {
            return account_refused(report, shop, &error);
        }
        let closed = gateway.v3(merchant, &party, &Close { out_trade_no: out_trade_no.clone() }).await;
        let after = match closed {
            Ok(()) => "and closed it".to_owned(),
            Err(error) => format!("which nobody can pay after five minutes; it could not be closed: {error}"),
        };
        let detail = format!("WeChat Pay took the order {out_trade_no} of one fen, {after}; {}", names(shop));
        report.ok("appid", detail);
    }
}

fn why_no_certificates(error: &PayError) -> String {
    match error {
        PayError::Refused { code, .. } if code == "SIGN_ERROR" => format!("{error}: {OUR_SIGNATURE}"),
        PayError::Refused { .. } => format!(
            "{error}: a merchant that got the WeChat Pay public key needs public_key and public_key_id in place of \
             certificates"
        ),
        PayError::Unbelieved(_) => format!("{error}: apiv3_key must be the one that is set at WeChat Pay"),
        error => error.to_string(),
    }
}
