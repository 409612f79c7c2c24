//! Giving money back, and asking how far that is.

use weft_wechat::pay::{Fen, TradeState, v2, v3};

use super::{Pay, PayActionError, Shop};
use crate::model::{Observation, ObservationSource, Order, PayVersion, Refund, RefundState};
use crate::storage::RefundCreation;
use crate::upstream::PayError;

impl Pay {
    /// Gives money back. The same number with the same content is the same refund, and is sent again as long as WeChat
    /// has not taken it: a refund whose outcome is unknown stays NEW, and the number is to be used again.
    ///
    /// # Errors
    /// When the refund cannot be. When WeChat refuses it, or does not answer, the refund is there nevertheless.
    pub async fn refund(
        &self,
        shop: &Shop,
        order: &Order,
        out_refund_no: &str,
        refund_fee: Fen,
        reason: Option<String>,
    ) -> Result<Refund, PayActionError> {
        let wanted = Refund::new(out_refund_no, &order.out_trade_no, refund_fee, reason);
        let refund = match self.1.ask(self.0.store.refunds().insert(order, &wanted)).await? {
            RefundCreation::Created(refund) | RefundCreation::Known(refund) => refund,
            RefundCreation::Invalid(errors) => return Err(PayActionError::Invalid(errors)),
            RefundCreation::Conflict => {
                let detail = format!(
                    "there is another refund {out_refund_no} with another content: take another number · 退款 {out_refund_no} 已存在，内容不同，请换一个单号"
                );
                return Err(PayActionError::Conflict(detail));
            }
        };
        let refunds = self.0.store.refunds();
        // Another call may just have been answered, or the refund given up.
        if refund.state != RefundState::New || !self.1.ask(refunds.call(order, out_refund_no)).await? {
            let known = self.1.ask(refunds.find(&order.app, &order.merchant, out_refund_no)).await?;
            return Ok(known.unwrap_or(refund));
        }
        let told = match self.send_refund(shop, order, &refund).await {
            Err(error) if shop.is_certainly_refused(&error) => {
                self.1.ask(refunds.refused(order, out_refund_no)).await?;
                return Err(error.into());
            }
            told => told?,
        };
        let seen = (ObservationSource::Refund, out_refund_no);
        self.refund_told(shop, order, &told, seen).await.map(|told| told.unwrap_or(refund))
    }

    /// Asks WeChat how far a refund is, and applies what it says.
    ///
    /// # Errors
    /// When there is no answer that can be believed.
    pub async fn query_refund(&self, shop: &Shop, order: &Order, refund: &Refund) -> Result<Refund, PayActionError> {
        let out_refund_no = refund.out_refund_no.clone();
        let (gateway, party) = (&self.0.gateway, &order.party);
        let told = match shop.merchant.api_version {
            PayVersion::V2 => gateway.v2(&shop.merchant, party, &v2::refundquery::RefundQuery { out_refund_no }).await,
            PayVersion::V3 => gateway.v3(&shop.merchant, party, &v3::refunds::Query { out_refund_no }).await,
        };
        let seen = (ObservationSource::Query, refund.out_refund_no.as_str());
        let told = self.refund_told(shop, order, &told?, seen).await?;
        Ok(told.unwrap_or_else(|| refund.clone()))
    }

    /// Gives up a refund that WeChat has refused, so that its money can be given back by another one: closes it when WeChat
    /// says that it has none of that number. When WeChat has it, it is what WeChat says of it.
    ///
    /// # Errors
    /// When WeChat may still have it, as a call for it within the last day had no certain answer, or when there is no answer
    /// now that can be believed.
    pub async fn give_up_refund(&self, shop: &Shop, order: &Order, refund: &Refund) -> Result<Refund, PayActionError> {
        match refund.state {
            RefundState::New => {}
            RefundState::Closed => return Ok(refund.clone()),
            state => {
                let detail = format!("the refund is {state}: WeChat has taken it · 退款状态为 {state}，微信已受理");
                return Err(PayActionError::State(detail));
            }
        }
        match self.query_refund(shop, order, refund).await {
            Err(PayActionError::Gateway(error)) if is_unknown_refund(shop, &error) => {}
            known => return known,
        }
        let known = self.1.ask(self.0.store.refunds().give_up(order, &refund.out_refund_no)).await?;
        let known = known.ok_or_else(|| PayActionError::State("the refund is gone · 退款已不存在".to_owned()))?;
        if known.state == RefundState::New {
            let detail = "WeChat has not refused every call for it, and may still have the refund: send it again with the \
                 same number, or give it up a day after the last call · 有的提交没有被微信明确拒绝，微信可能仍会受理这笔退款：请用同一单号再次提交，或在最后一次提交一天后放弃";
            return Err(PayActionError::State(detail.to_owned()));
        }
        Ok(known)
    }

    /// Stores what WeChat told of a refund, and that the order has refunds; none when the refund is not ours. How it was
    /// seen and by what is kept with it. When nobody has told of the payment, WeChat is asked for it.
    pub(super) async fn refund_told(
        &self,
        shop: &Shop,
        order: &Order,
        told: &weft_wechat::pay::Refund,
        (source, reference): (ObservationSource, &str),
    ) -> Result<Option<Refund>, PayActionError> {
        let refund = self.1.ask(self.0.store.refunds().apply(order, told, source, reference)).await?;
        if let Some(refund) = &refund
            && refund.is_told_by(told)
            && refund.state != RefundState::Closed
        {
            let now = self.0.clock.now_ms();
            let seen = Observation::done(ObservationSource::Refund, TradeState::Refund, now, &told.out_refund_no);
            if self.apply(order, &seen).await?.ask {
                self.query(shop, order).await?;
            }
        }
        Ok(refund)
    }

    async fn send_refund(
        &self,
        shop: &Shop,
        order: &Order,
        refund: &Refund,
    ) -> Result<weft_wechat::pay::Refund, PayError> {
        let Refund { out_refund_no, out_trade_no, refund_fee, reason, .. } = refund.clone();
        let (gateway, party, total) = (&self.0.gateway, &order.party, order.terms.total_fee);
        let notify_url = Some(self.notify_url(shop, "refund-notify"));
        match shop.merchant.api_version {
            PayVersion::V2 => {
                let call =
                    v2::refund::Refund { out_trade_no, out_refund_no, total, refund: refund_fee, reason, notify_url };
                gateway.v2(&shop.merchant, party, &call).await
            }
            PayVersion::V3 => {
                let call =
                    v3::refunds::Create { out_trade_no, out_refund_no, total, refund: refund_fee, reason, notify_url };
                gateway.v3(&shop.merchant, party, &call).await
            }
        }
    }
}

impl Shop {
    /// Whether nothing has become of a call, and nothing will: it was not sent, or WeChat has said no. A no of v2 has to be
    /// signed for that, one of v3 needs WeChat's code: whatever stands between us and WeChat may say no, too.
    fn is_certainly_refused(&self, error: &PayError) -> bool {
        let is_wechats = match error {
            PayError::Refused { code, is_proven, .. } => match self.merchant.api_version {
                PayVersion::V2 => *is_proven,
                // An HTTP status stands where there is no code.
                PayVersion::V3 => !code.bytes().all(|byte| byte.is_ascii_digit()),
            },
            _ => true,
        };
        is_wechats && !error.outcome_is_unknown()
    }
}

/// Whether WeChat has no refund of that number, as v2 or v3 says it.
pub(super) fn is_unknown_refund(shop: &Shop, error: &PayError) -> bool {
    shop.is_told(error, "REFUNDNOTEXIST") || shop.is_told(error, "RESOURCE_NOT_EXISTS")
}
