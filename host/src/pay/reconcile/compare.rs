//! Lines of a trade bill beside the orders and refunds that they are about.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use weft_wechat::pay::bill::TradeRow;
use weft_wechat::pay::{Fen, Party, TradeState};

use super::{Day, ReconcileError};
use crate::model::{DifferenceKind, Found, Observation, ObservationSource, Order, OrderState, Refund, RefundState};
use crate::pay::PayActionError;

/// How many orders WeChat is asked about at a time.
const AT_A_TIME: usize = 8;

/// The orders and refunds here that some lines are about.
struct Here {
    orders: HashMap<String, Order>,
    refunds: HashMap<String, Refund>,
    /// Numbers of orders of merchants with the same number.
    of_siblings: HashSet<String>,
}

/// What a line came to.
#[derive(Default)]
struct Outcome {
    found: Option<Found>,
    /// Whether WeChat was asked because of it, and whether that put things right.
    is_asked: bool,
    is_mended: bool,
    /// Whether it is about somebody else.
    is_other: bool,
}

impl Outcome {
    fn other() -> Self {
        Self { is_other: true, ..Self::default() }
    }

    fn found(row: &TradeRow, kind: DifferenceKind, here: impl Into<String>, at_wechat: impl Into<String>) -> Self {
        let wechat_number = row.refund_id.clone().unwrap_or_else(|| row.transaction_id.clone());
        let found = Found {
            kind,
            out_trade_no: row.out_trade_no.clone(),
            out_refund_no: row.out_refund_no.clone().unwrap_or_default(),
            wechat_number: Some(wechat_number).filter(|number| !number.is_empty()),
            here: here.into(),
            at_wechat: at_wechat.into(),
        };
        Self { found: Some(found), ..Self::default() }
    }
}

impl Day<'_> {
    /// Compares some lines, asks WeChat where they say more than is known, and keeps what differs.
    pub(super) async fn compare(&mut self, rows: &[TradeRow]) -> Result<(), ReconcileError> {
        let here = self.find(rows).await?;
        let comparing: Vec<_> = rows.iter().map(|row| self.compare_row(&here, row)).collect();
        let outcomes: Vec<Outcome> = stream::iter(comparing).buffered(AT_A_TIME).try_collect().await?;
        let mut found = Vec::new();
        for (row, outcome) in rows.iter().zip(outcomes) {
            self.count(row, &outcome);
            found.extend(outcome.found);
        }
        self.keep(&found).await?;
        self.resolve_missing(rows).await
    }

    async fn find(&self, rows: &[TradeRow]) -> Result<Here, ReconcileError> {
        let store = &self.pay.0.store;
        let (app, merchant) = (&self.shop.app.name, &self.shop.merchant.name);
        let numbers: HashSet<&str> = rows.iter().map(|row| &*row.out_trade_no).collect();
        let numbers: Vec<&str> = numbers.into_iter().collect();
        let orders = store.orders().find_all(app, merchant, &numbers).await?;
        let orders: HashMap<_, _> = orders.into_iter().map(|order| (order.out_trade_no.clone(), order)).collect();
        let refunds: HashSet<&str> = rows.iter().filter_map(|row| row.out_refund_no.as_deref()).collect();
        let refunds: Vec<&str> = refunds.into_iter().collect();
        let refunds = store.refunds().find_all(app, merchant, &refunds).await?;
        let refunds = refunds.into_iter().map(|refund| (refund.out_refund_no.clone(), refund)).collect();
        let unknown: Vec<&str> = numbers.into_iter().filter(|number| !orders.contains_key(*number)).collect();
        let mut of_siblings = HashSet::new();
        if !unknown.is_empty() {
            for (app, merchant) in &self.siblings {
                let theirs = store.orders().find_all(app, merchant, &unknown).await?;
                of_siblings.extend(theirs.into_iter().map(|order| order.out_trade_no));
            }
        }
        Ok(Here { orders, refunds, of_siblings })
    }

    fn count(&mut self, row: &TradeRow, outcome: &Outcome) {
        let figures = &mut self.place.figures;
        let (paid, given) = &mut self.place.settled;
        figures.asked += u64::from(outcome.is_asked);
        figures.mended += u64::from(outcome.is_mended);
        figures.others += u64::from(outcome.is_other);
        let add = |sum: &mut u64, fen: Fen| *sum = sum.saturating_add(fen.0);
        if let Some(refund) = row.refund {
            add(given, row.settlement_refund.unwrap_or(refund));
            if !outcome.is_other {
                figures.refunds += 1;
                add(&mut figures.refunds_total.0, refund);
            }
        } else if row.state == "SUCCESS" {
            add(paid, row.settlement_total.unwrap_or(row.total));
            if !outcome.is_other {
                figures.payments += 1;
                add(&mut figures.payments_total.0, row.total);
            }
        }
    }

    /// What was missing in another day's bill stands in this one: around midnight clocks differ.
    async fn resolve_missing(&self, rows: &[TradeRow]) -> Result<(), ReconcileError> {
        let (app, merchant) = (&self.shop.app.name, &self.shop.merchant.name);
        let differences = self.pay.0.store.bill_differences();
        let payments = rows.iter().filter(|row| row.out_refund_no.is_none()).map(|row| row.out_trade_no.clone());
        let payments: HashSet<String> = payments.collect();
        differences.resolve_missing(app, merchant, self.date, DifferenceKind::MissingOrder, &payments).await?;
        let refunds: HashSet<String> = rows.iter().filter_map(|row| row.out_refund_no.clone()).collect();
        Ok(differences.resolve_missing(app, merchant, self.date, DifferenceKind::MissingRefund, &refunds).await?)
    }

    async fn compare_row(&self, here: &Here, row: &TradeRow) -> Result<Outcome, ReconcileError> {
        let refund = row.out_refund_no.as_ref().and_then(|number| here.refunds.get(number));
        let Some(order) = here.orders.get(&row.out_trade_no) else {
            let is_ours = other_party(row, &self.party).is_none() && !here.of_siblings.contains(&row.out_trade_no);
            return Ok(match &row.out_refund_no {
                _ if !is_ours => Outcome::other(),
                Some(_) => Outcome::found(row, DifferenceKind::UnknownRefund, "no such order", told_refund(row)),
                None => Outcome::found(row, DifferenceKind::UnknownOrder, "no such order", told_payment(row)),
            });
        };
        if let Some((own, other)) = other_party(row, &order.party) {
            return Ok(Outcome { is_other: true, ..Outcome::found(row, DifferenceKind::OtherParty, own, other) });
        }
        match (&*row.state, &row.out_refund_no, refund) {
            ("REVOKED", ..) => self.compare_state(row, order, TradeState::Revoked).await,
            (_, None, _) if row.total != order.terms.total_fee => {
                let here = format!("{} fen", order.terms.total_fee);
                Ok(Outcome::found(row, DifferenceKind::OrderAmount, here, told_payment(row)))
            }
            (_, None, _) => self.compare_state(row, order, TradeState::Success).await,
            (_, Some(_), Some(refund)) => self.compare_refund(row, order, refund).await,
            (_, Some(_), None) => {
                let outcome = self.compare_state(row, order, TradeState::Refund).await?;
                let found =
                    Outcome::found(row, DifferenceKind::UnknownRefund, "no such refund", told_refund(row)).found;
                Ok(Outcome { found, ..outcome })
            }
        }
    }

    /// An order, and the state that the bill says.
    async fn compare_state(&self, row: &TradeRow, order: &Order, told: TradeState) -> Result<Outcome, ReconcileError> {
        let fits = |state: OrderState| match told {
            // What was paid may have been given back, or taken back at the till, since.
            TradeState::Success => state.is_paid() || state == OrderState::Revoked,
            told => state == OrderState::from(told),
        };
        let is_asked = !fits(order.state);
        let now = if is_asked { self.ask(order, told).await? } else { order.clone() };
        let is_mended = is_asked && fits(now.state);
        let outcome = match &now.transaction_id {
            _ if !fits(now.state) => Outcome::found(row, DifferenceKind::OrderState, now.state.as_str(), told.as_str()),
            Some(known) if *known != row.transaction_id && !row.transaction_id.is_empty() => {
                Outcome::found(row, DifferenceKind::TransactionId, &**known, &*row.transaction_id)
            }
            _ => Outcome::default(),
        };
        Ok(Outcome { is_asked, is_mended, ..outcome })
    }

    async fn compare_refund(&self, row: &TradeRow, order: &Order, refund: &Refund) -> Result<Outcome, ReconcileError> {
        let is_same_id = match (&refund.refund_id, &row.refund_id) {
            (Some(known), Some(told)) => known == told,
            _ => true,
        };
        let is_same = refund.out_trade_no == row.out_trade_no && row.refund == Some(refund.refund_fee) && is_same_id;
        if !is_same {
            let number = refund.refund_id.as_deref().unwrap_or("no number");
            let here = format!("{} fen of order {}, {number}", refund.refund_fee, refund.out_trade_no);
            return Ok(Outcome::found(row, DifferenceKind::RefundAmount, here, told_refund(row)));
        }
        let told = row.refund_status.as_deref().unwrap_or_default();
        let fits = |state: RefundState| match told {
            "SUCCESS" => state == RefundState::Success,
            "REFUNDCLOSE" | "CLOSED" => state == RefundState::Closed,
            "CHANGE" | "ABNORMAL" | "FAIL" => state == RefundState::Abnormal || state.is_final(),
            // It may have gone on since.
            _ => state != RefundState::New,
        };
        let is_asked = !fits(refund.state);
        let now = if is_asked { self.answered(self.pay.query_refund(self.shop, order, refund).await)? } else { None };
        let state = now.as_ref().unwrap_or(refund).state;
        let outcome = if fits(state) {
            Outcome { is_mended: is_asked, ..Outcome::default() }
        } else {
            Outcome::found(row, DifferenceKind::RefundState, state.as_str(), told)
        };
        Ok(Outcome { is_asked, ..outcome })
    }

    /// Says what the bill says of an order, and has WeChat asked about it: the bill is no reason to believe it.
    async fn ask(&self, order: &Order, told: TradeState) -> Result<Order, ReconcileError> {
        let now = self.pay.0.clock.now_ms();
        let seen = Observation::done(ObservationSource::Bill, told, now, &self.date.to_string());
        let known = self.pay.apply(order, &seen).await?;
        if !known.ask {
            return Ok(known.order);
        }
        let answer = self.answered(self.pay.query(self.shop, &known.order).await)?;
        Ok(answer.unwrap_or(known.order))
    }

    /// An answer of WeChat's; none when it says no to this one question. What would come to nothing for others, too,
    /// is an error.
    pub(super) fn answered<T>(&self, answer: Result<T, PayActionError>) -> Result<Option<T>, ReconcileError> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error @ PayActionError::Store(_)) => Err(error.into()),
            Err(error) if error.is_of_the_merchant() => Err(error.into()),
            Err(error) => {
                let (app, merchant) = (&self.shop.app.name, &self.shop.merchant.name);
                tracing::warn!(app, merchant, date = %self.date, %error, "WeChat Pay does not tell of something in a bill");
                Ok(None)
            }
        }
    }
}

/// Whose the line is, when it is not `own`'s: in words, ours and theirs. What the bill does not tell is no difference.
fn other_party(row: &TradeRow, own: &Party) -> Option<(String, String)> {
    let is_other = |told: &str, own: &str| !told.is_empty() && told != own;
    let own_sub = own.sub_mch_id.as_deref().unwrap_or_default();
    let sub = row.sub_mch_id.as_deref().unwrap_or_default();
    // WeChat has been seen to name a merchant without a partner as its own sub-merchant.
    let is_other_sub = sub != own_sub && !(own_sub.is_empty() && sub == own.mch_id);
    let differs = is_other(&row.appid, &own.appid) || is_other(&row.mch_id, &own.mch_id) || is_other_sub;
    let in_words = |appid: &str, mch_id: &str, sub: &str| format!("{appid} {mch_id} {sub}").trim().to_owned();
    differs.then(|| (in_words(&own.appid, &own.mch_id, own_sub), in_words(&row.appid, &row.mch_id, sub)))
}

fn told_payment(row: &TradeRow) -> String {
    format!("{}, {} fen", row.state, row.total)
}

fn told_refund(row: &TradeRow) -> String {
    let (refund, status) = (row.refund.unwrap_or_default(), row.refund_status.as_deref().unwrap_or_default());
    format!("{status}, {refund} fen of order {}", row.out_trade_no)
}
