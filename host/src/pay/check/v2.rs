//! The steps for merchants of v2.

use weft_wechat::pay::v2::closeorder::CloseOrder;
use weft_wechat::pay::v2::gethbinfo::GetHbInfo;
use weft_wechat::pay::v2::orderquery::OrderQuery;
use weft_wechat::pay::v2::unifiedorder::UnifiedOrder;
use weft_wechat::pay::{Fen, TradeType};

use super::{CLOSED, OPEN, ORDER_SECONDS, Report, account_refused, certificate_until, nobodys_number, with_names};
use crate::bilingual::{all, because, languages};
use crate::pay::check::CheckStep;
use crate::pay::prepay::NOWHERE;
use crate::pay::{Pay, Shop};
use crate::upstream::PayError;

const OUR_SIGNATURE: &str = "api_key must be the API key that is set for this mch_id at WeChat Pay (pay.weixin.qq.com) · api_key 须是商户平台「账户中心 → API安全」为这个 mch_id 设置的 API密钥";

impl Pay {
    pub(super) async fn check_v2(&self, shop: &Shop, with_order: bool) -> Result<Vec<CheckStep>, PayError> {
        let mut report = Report::default();
        let (gateway, merchant, party) = (&self.0.gateway, &shop.merchant, shop.merchant.party(&shop.app));
        merchant.v2(party.clone())?;
        report.ok(
            "keys",
            format!(
                "api_key is there, and messages are signed with {0} · 已设置 api_key，用 {0} 签名",
                merchant.sign_type
            ),
        );
        let asked = gateway.v2(merchant, &party, &OrderQuery { out_trade_no: nobodys_number() }).await;
        match (asked_v2(&mut report, shop, &asked), asked) {
            (false, _) => report.skipped("appid", "the signature has to be accepted first · 先要通过签名检查"),
            (true, Err(error)) if !error.is_refused_with("ORDERNOTEXIST") => account_refused(&mut report, shop, &error),
            (true, _) if with_order => self.order_v2(&mut report, shop).await,
            (true, _) => report.ok("appid", with_names("WeChat Pay has no objection to it · 微信支付没有异议", shop)),
        }
        self.client_certificate(&mut report, shop).await;
        Ok(report.0)
    }

    async fn client_certificate(&self, report: &mut Report, shop: &Shop) {
        const STEP: &str = "client_certificate";
        let until = match certificate_until(shop.merchant.client_cert.as_ref(), self.0.clock.now()) {
            Ok(Some(until)) => until,
            Ok(None) => {
                let none = "there is none: refunds, reversals and red packets need client_cert and its key · 没有证书：退款、撤销和红包需要 client_cert 及其私钥";
                return report.skipped(STEP, none);
            }
            Err(ended) => return report.failed(STEP, ended),
        };
        let party = shop.merchant.party(&shop.app);
        // Whatever WeChat says of a red packet that is not there, it says to a merchant that showed its certificate.
        let asked = self.0.gateway.v2(&shop.merchant, &party, &GetHbInfo { mch_billno: nobodys_number() }).await;
        match asked {
            Err(error) if ["CA_ERROR", "CERT_ERROR"].iter().any(|code| error.is_refused_with(code)) => {
                let advice = "client_cert must be the one that is in force for this mch_id · client_cert 须是这个 mch_id 当前有效的证书";
                report.failed(STEP, because(&error.to_string(), advice));
            }
            Ok(()) | Err(PayError::Refused { .. }) => {
                report.ok(STEP, format!("WeChat Pay takes it; it ends at {until} · 微信支付接受，{until} 到期"));
            }
            Err(error @ PayError::Unusable(_)) => report.failed(STEP, error.to_string()),
            Err(error) => {
                let advice =
                    "client_cert and its key must be those of this mch_id · client_cert 及其私钥须属于这个 mch_id";
                report.failed(STEP, because(&error.to_string(), advice));
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
        let (after, in_chinese) = languages(if closed.is_ok() { CLOSED } else { OPEN });
        let taken = format!(
            "WeChat Pay took the order {out_trade_no} of one fen, {after} · 微信支付接受了一分钱的订单 {out_trade_no}，{in_chinese}"
        );
        report.ok("appid", with_names(&taken, shop));
    }
}

/// What the answer about an order that cannot be there proves; whether our signature is accepted.
fn asked_v2<T>(report: &mut Report, shop: &Shop, asked: &Result<T, PayError>) -> bool {
    let (request, answer) = ("request_signature", "answer_signature");
    match asked {
        // Only WeChat can have signed it, and it looked at what we had signed.
        Ok(_) | Err(PayError::Refused { is_proven: true, .. }) => {
            report.ok(request, "WeChat Pay accepts the merchant's signature · 微信支付接受商户的签名");
            report.ok(
                answer,
                format!("WeChat's signature is right ({0}) · 微信的签名正确（{0}）", shop.merchant.sign_type),
            );
            true
        }
        Err(error @ PayError::Refused { .. }) => {
            let look = "look whether appid and mch_id fit, too · 也请核对 appid 和 mch_id".to_owned();
            report.failed(request, all(&[because(&error.to_string(), OUR_SIGNATURE), look]));
            report.skipped(answer, "WeChat Pay does not sign such an answer · 微信支付对这种应答不签名");
            false
        }
        Err(error @ PayError::Unbelieved(_)) => {
            report.skipped(request, "the answer cannot be believed · 应答不可信");
            let sign_type =
                "sign_type must be the one that WeChat uses for it · sign_type 须与微信使用的一致".to_owned();
            report.failed(answer, all(&[because(&error.to_string(), OUR_SIGNATURE), sign_type]));
            false
        }
        Err(error) => {
            report.failed(request, error.to_string());
            report.skipped(answer, "there is no answer · 没有应答");
            false
        }
    }
}
