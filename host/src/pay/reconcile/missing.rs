//! What was paid or given back here on a day, and does not stand in its bill.

use super::{BATCH, Day, ReconcileError, fingerprint};
use crate::model::{DifferenceKind, Found, Order, Refund, RefundState};
use crate::time;

/// How many missing ones WeChat is asked about: when there are more, it is something else that is wrong.
const ASKED: usize = 200;

const NOT_THERE: &str = "not in the bill";

impl Day<'_> {
    /// Looks for orders and refunds of the day that do not stand in the bill, and asks WeChat about them.
    pub(super) async fn look_for_missing(&mut self) -> Result<(), ReconcileError> {
        let missing = self.look_for_orders().await? + self.look_for_refunds().await?;
        if missing > ASKED {
            let (app, merchant) = (&self.shop.app.name, &self.shop.merchant.name);
            tracing::warn!(app, merchant, date = %self.date, missing, "much of what is here does not stand in the bill");
        }
        Ok(())
    }

    async fn look_for_orders(&mut self) -> Result<usize, ReconcileError> {
        let (app, merchant) = (&self.shop.app.name, &self.shop.merchant.name);
        let day = (self.date.start(), self.date.end());
        let mut after: Option<(u64, String)> = None;
        let mut missing = 0;
        loop {
            let place = after.as_ref().map(|(at, number)| (*at, &**number));
            let orders = self.pay.0.store.orders().paid_between(app, merchant, day, place, BATCH).await?;
            let mut found = Vec::new();
            for order in orders.iter().filter(|order| !self.payments.contains(&fingerprint(&order.out_trade_no))) {
                missing += 1;
                if missing <= ASKED {
                    self.place.figures.asked += 1;
                    self.answered(self.pay.query(self.shop, order).await)?;
                }
                found.push(missing_order(order));
            }
            self.keep(&found).await?;
            let Some(last) = orders.last() else { return Ok(missing) };
            after = last.paid_at.map(|at| (at, last.out_trade_no.clone()));
        }
    }

    async fn look_for_refunds(&mut self) -> Result<usize, ReconcileError> {
        let (app, merchant) = (&self.shop.app.name, &self.shop.merchant.name);
        let (day, store) = ((self.date.start(), self.date.end()), &self.pay.0.store);
        let mut after: Option<(u64, String)> = None;
        let mut missing = 0;
        loop {
            let place = after.as_ref().map(|(at, number)| (*at, &**number));
            let refunds = store.refunds().created_between(app, merchant, day, place, BATCH).await?;
            let mut found = Vec::new();
            // One that came to nothing need not stand there, nor one that WeChat may never have heard of.
            let is_due = |refund: &Refund| !matches!(refund.state, RefundState::New | RefundState::Closed);
            let is_absent = |refund: &Refund| !self.refunds.contains(&fingerprint(&refund.out_refund_no));
            let absent: Vec<_> = refunds.iter().filter(|refund| is_due(refund) && is_absent(refund)).collect();
            for refund in absent {
                missing += 1;
                let order = store.orders().find(app, merchant, &refund.out_trade_no).await?;
                let mut now = None;
                if let Some(order) = order.filter(|_| missing <= ASKED) {
                    self.place.figures.asked += 1;
                    now = self.answered(self.pay.query_refund(self.shop, &order, refund).await)?;
                }
                let now = now.as_ref().unwrap_or(refund);
                if is_due(now) {
                    found.push(missing_refund(now));
                }
            }
            self.keep(&found).await?;
            let Some(last) = refunds.last() else { return Ok(missing) };
            after = Some((last.created_at, last.out_refund_no.clone()));
        }
    }
}

fn missing_order(order: &Order) -> Found {
    let at = order.paid_at.map(time::rfc3339).unwrap_or_default();
    Found {
        kind: DifferenceKind::MissingOrder,
        out_trade_no: order.out_trade_no.clone(),
        out_refund_no: String::new(),
        wechat_number: order.transaction_id.clone(),
        here: format!("{}, {} fen, paid at {at}", order.state, order.terms.total_fee),
        at_wechat: NOT_THERE.to_owned(),
    }
}

fn missing_refund(refund: &Refund) -> Found {
    Found {
        kind: DifferenceKind::MissingRefund,
        out_trade_no: refund.out_trade_no.clone(),
        out_refund_no: refund.out_refund_no.clone(),
        wechat_number: refund.refund_id.clone(),
        here: format!("{}, {} fen", refund.state, refund.refund_fee),
        at_wechat: NOT_THERE.to_owned(),
    }
}
