//! Asking where an order is, closing it, and taking a payment by code back.

use weft_wechat::pay::v2::closeorder::CloseOrder;
use weft_wechat::pay::v2::orderquery::OrderQuery;
use weft_wechat::pay::v2::reverse::Reverse;
use weft_wechat::pay::v3::transactions;
use weft_wechat::pay::{TradeState, TradeType};

use super::{Pay, PayActionError, Shop};
use crate::model::{Observation, ObservationSource, Order, OrderState, PayVersion, Transition};
use crate::upstream::PayError;

/// How often a payment by code is taken back when WeChat wants the call again.
const REVERSALS: u32 = 3;

impl Pay {
    /// Asks WeChat where an order is, and applies what it says. An order that WeChat does not know is not paid:
    /// nobody may have looked at it yet.
    ///
    /// # Errors
    /// When there is no answer that can be believed.
    pub async fn query(&self, shop: &Shop, order: &Order) -> Result<Order, PayActionError> {
        let (gateway, party) = (&self.0.gateway, &order.party);
        let out_trade_no = order.out_trade_no.clone();
        let asked_at = self.0.clock.now_ms();
        let told = match shop.merchant.api_version {
            PayVersion::V2 => gateway.v2(&shop.merchant, party, &OrderQuery { out_trade_no }).await,
            PayVersion::V3 => gateway.v3(&shop.merchant, party, &transactions::Query { out_trade_no }).await,
        };
        match told {
            Ok(told) => {
                let seen = Observation::told(ObservationSource::Query, told, asked_at, "query");
                Ok(self.apply(order, &seen).await?.order)
            }
            Err(error) if shop.is_told(&error, "ORDERNOTEXIST") && order.state == OrderState::New => Ok(order.clone()),
            Err(error) if shop.is_told(&error, "ORDERNOTEXIST") => {
                let seen = Observation::done(ObservationSource::Query, TradeState::Notpay, asked_at, "query");
                Ok(self.apply(order, &seen).await?.order)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Closes an order that nobody has paid. When somebody has, the order is what WeChat says of it.
    ///
    /// # Errors
    /// When the order cannot be closed, or there is no answer that can be believed.
    pub async fn close(&self, shop: &Shop, order: &Order) -> Result<Order, PayActionError> {
        if order.state.is_paid() {
            return Err(PayActionError::State(format!(
                "the order is {0}: a paid one is refunded · 订单状态为 {0}，已支付的请退款",
                order.state
            )));
        }
        if order.terms.trade_type == TradeType::Micropay && order.state != OrderState::New {
            return Err(PayActionError::State(
                "a payment by code is not closed but reversed · 付款码订单不能关闭，请撤销".to_owned(),
            ));
        }
        // WeChat has never heard of it.
        if order.state == OrderState::New {
            return self.closed_here(order).await;
        }
        let (gateway, party) = (&self.0.gateway, &order.party);
        let out_trade_no = order.out_trade_no.clone();
        let asked_at = self.0.clock.now_ms();
        let closed = match shop.merchant.api_version {
            PayVersion::V2 => gateway.v2(&shop.merchant, party, &CloseOrder { out_trade_no }).await,
            PayVersion::V3 => gateway.v3(&shop.merchant, party, &transactions::Close { out_trade_no }).await,
        };
        match closed {
            Err(error) if error.is_refused_with("ORDERPAID") => self.query(shop, order).await,
            Err(error) if shop.is_told(&error, "ORDERNOTEXIST") => self.closed_here(order).await,
            Err(error) if !shop.is_told(&error, "ORDERCLOSED") => Err(error.into()),
            _ => {
                let seen = Observation::done(ObservationSource::Close, TradeState::Closed, asked_at, "close");
                Ok(self.apply(order, &seen).await?.order)
            }
        }
    }

    /// Takes a payment by code back, whether it was made or not.
    ///
    /// # Errors
    /// When it is no payment by code, or there is no answer that can be believed.
    pub async fn reverse(&self, shop: &Shop, order: &Order) -> Result<Order, PayActionError> {
        if order.terms.trade_type != TradeType::Micropay || shop.merchant.api_version != PayVersion::V2 {
            return Err(PayActionError::State(
                "only payments by code of v2 are reversed: close or refund it · 只有 v2 的付款码订单能撤销，请关闭或退款".to_owned(),
            ));
        }
        let call = Reverse { out_trade_no: order.out_trade_no.clone() };
        for _ in 0..REVERSALS {
            let asked_at = self.0.clock.now_ms();
            let reversed = self.0.gateway.v2(&shop.merchant, &order.party, &call).await?;
            if !reversed.again {
                let seen = Observation::done(ObservationSource::Reverse, TradeState::Revoked, asked_at, "reverse");
                return Ok(self.apply(order, &seen).await?.order);
            }
        }
        Err(PayActionError::State(
            "WeChat Pay wants the reversal again and again: try again later · 微信支付一再要求重新撤销，请稍后再试"
                .to_owned(),
        ))
    }

    async fn closed_here(&self, order: &Order) -> Result<Order, PayActionError> {
        let now = self.0.clock.now_ms();
        let seen = Observation::done(ObservationSource::Manual, TradeState::Closed, now, "close");
        Ok(self.apply(order, &seen).await?.order)
    }

    /// Applies what was seen of an order that is there.
    pub(super) async fn apply(&self, order: &Order, seen: &Observation) -> Result<Transition, PayActionError> {
        let orders = self.0.store.orders();
        let applied = self.1.ask(orders.apply(&order.app, &order.merchant, &order.out_trade_no, seen)).await?;
        let applied = applied.ok_or_else(|| PayActionError::State("the order is gone · 订单已不存在".to_owned()))?;
        for alarm in &applied.alarms {
            let Order { app, merchant, out_trade_no, .. } = order;
            tracing::warn!(app, merchant, out_trade_no, source = %seen.source, "{alarm}");
        }
        Ok(applied)
    }
}

impl Shop {
    /// Whether WeChat says no with this code, so that it may change something: a no of v2 has to be signed for that.
    pub(super) fn is_told(&self, error: &PayError, code: &str) -> bool {
        error.is_refused_with(code) && (error.is_proven() || self.merchant.api_version == PayVersion::V3)
    }
}
