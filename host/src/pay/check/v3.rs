//! The steps for merchants of v3.

use weft_wechat::pay::v3::transactions::{Close, Prepay, Query};
use weft_wechat::pay::{Fen, TradeType};

use super::{
    CLOSED, OPEN, ORDER_SECONDS, Report, WINDOW, account_refused, certificate_until, nobodys_number, with_names,
};
use crate::bilingual::{all, because, languages};
use crate::pay::check::CheckStep;
use crate::pay::{Pay, Shop};
use crate::upstream::{PayAnswer, PayError};

const OUR_SIGNATURE: &str = "private_key and serial_no must be those of a certificate that is in force for this mch_id, \
     and the clock of this machine must be right · private_key 和 serial_no 须属于这个 mch_id 当前有效的证书（商户平台「账户中心 \
     → API安全」），这台机器的时间也要准确";

const KEYS: &str = "private_key, serial_no and apiv3_key are there · 已设置 private_key、serial_no 和 apiv3_key";

impl Pay {
    pub(super) async fn check_v3(&self, shop: &Shop, with_order: bool) -> Result<Vec<CheckStep>, PayError> {
        let mut report = Report::default();
        let merchant = &shop.merchant;
        let signer = merchant.v3(merchant.party(&shop.app))?;
        match certificate_until(merchant.client_cert.as_ref(), self.0.clock.now()) {
            Ok(None) => report.ok("keys", KEYS),
            Ok(Some(until)) => {
                report.ok(
                    "keys",
                    all(&[KEYS.to_owned(), format!("the certificate ends at {until} · 证书 {until} 到期")]),
                );
            }
            Err(ended) => report.failed("keys", ended),
        }
        let own = merchant.platform_keys();
        match self.0.gateway.fetch_certificates(merchant, &signer, &own).await {
            Ok(_) => report.ok(
                "certificates",
                "WeChat's certificates were fetched and opened with apiv3_key · 已取得微信的证书，并用 apiv3_key 解密",
            ),
            Err(PayError::Refused { code, .. }) if !own.is_empty() && code != "SIGN_ERROR" => {
                let detail = format!(
                    "WeChat Pay gives this merchant no certificates ({code}), as it has the public key; whether apiv3_key \
                     is right shows with the first notification · 这个商户使用微信支付公钥，微信支付不提供证书（{code}）；apiv3_key \
                     是否正确，收到第一个通知时才知道"
                );
                report.skipped("certificates", detail);
            }
            Err(error) => report.failed("certificates", why_no_certificates(&error)),
        }
        let asked = self.0.gateway.raw_v3(merchant, &signer.party, &Query { out_trade_no: nobodys_number() }).await;
        let is_accepted = self.asked_v3(&mut report, asked);
        if !with_order {
            let detail = "it only shows when an order is made: check with with_order=true · 下单时才知道：请加 with_order=true 检查";
            report.skipped("appid", with_names(detail, shop));
        } else if is_accepted {
            self.order_v3(&mut report, shop).await;
        } else {
            report.skipped("appid", "the signature has to be accepted first · 先要通过签名检查");
        }
        Ok(report.0)
    }

    /// What the answer about an order that cannot be there proves; whether our signature is accepted.
    fn asked_v3(&self, report: &mut Report, asked: Result<PayAnswer, PayError>) -> bool {
        let answer = match asked {
            Ok(answer) => answer,
            Err(error @ PayError::Unbelieved(_)) => {
                report.skipped("request_signature", "the answer cannot be believed · 应答不可信");
                let advice = "public_key and public_key_id must be those of this merchant, and the clock of this machine \
                     must be right · public_key 和 public_key_id 须属于这个商户，这台机器的时间也要准确";
                report.failed("answer_signature", because(&error.to_string(), advice));
                return false;
            }
            Err(error) => {
                report.failed("request_signature", error.to_string());
                report.skipped("answer_signature", "there is no answer · 没有应答");
                return false;
            }
        };
        let refusal = answer.refusal();
        let is_accepted = answer.status < 300 || refusal.code == "ORDER_NOT_EXIST";
        match &*refusal.code {
            _ if is_accepted => {
                report.ok("request_signature", "WeChat Pay accepts the merchant's signature · 微信支付接受商户的签名");
            }
            "SIGN_ERROR" => report.failed("request_signature", because(&refusal.to_string(), OUR_SIGNATURE)),
            _ => {
                let advice = "look whether mch_id is right · 请核对 mch_id";
                report.failed("request_signature", because(&refusal.to_string(), advice));
            }
        }
        if answer.is_proven {
            report.ok("answer_signature", "WeChat's signature is right · 微信的签名正确");
        } else {
            let unsigned = "WeChat Pay did not sign this answer: check with with_order=true · 微信支付没有对这个应答签名：请加 with_order=true 检查";
            report.skipped("answer_signature", unsigned);
        }
        match answer.sent_at.map(|sent_at| sent_at.abs_diff(self.0.clock.now())) {
            Some(apart) if apart >= WINDOW => {
                let wrong = format!(
                    "this machine's clock is {apart} s from WeChat's: set it right · 这台机器的时间与微信相差 {apart} 秒：请校准"
                );
                report.failed("clock", wrong);
            }
            Some(apart) => report.ok("clock", format!("{apart} s from WeChat's · 与微信相差 {apart} 秒")),
            None => report.skipped("clock", "WeChat Pay did not say what time it is · 微信支付没有返回时间"),
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
            Ok(()) => CLOSED.to_owned(),
            Err(error) => all(&[OPEN.to_owned(), because("it could not be closed · 没能关闭", &error.to_string())]),
        };
        let (after, in_chinese) = languages(&after);
        let taken = format!(
            "WeChat Pay took the order {out_trade_no} of one fen, {after} · 微信支付接受了一分钱的订单 {out_trade_no}，{in_chinese}"
        );
        report.ok("appid", with_names(&taken, shop));
    }
}

fn why_no_certificates(error: &PayError) -> String {
    match error {
        PayError::Refused { code, .. } if code == "SIGN_ERROR" => because(&error.to_string(), OUR_SIGNATURE),
        PayError::Refused { .. } => because(
            &error.to_string(),
            "a merchant that got the WeChat Pay public key needs public_key and public_key_id in place of certificates · \
             使用微信支付公钥的商户不用证书，要设置 public_key 和 public_key_id",
        ),
        PayError::Unbelieved(_) => because(
            &error.to_string(),
            "apiv3_key must be the one that is set at WeChat Pay · apiv3_key 须与商户平台设置的一致",
        ),
        error => error.to_string(),
    }
}
