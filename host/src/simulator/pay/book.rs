//! What the simulated WeChat Pay knows: merchants, orders and refunds, the same for v2 and v3.

use std::collections::HashMap;

use weft_wechat::pay::{Fen, Party, Refund, RefundStatus, TradeState, Transaction};
use weft_wechat::pay::{v2, v3};

use super::bills::Spoilt;
use super::combined::Combined;
use super::coupons::Coupons;
use super::notices::{Notice, NoticeTry, Notifying, Told};
use super::sharing::Sharing;
use super::transfers::Transfers;
use super::{PayCall, PlannedFault};

#[derive(Default)]
pub(super) struct Book {
    pub(super) accounts: HashMap<String, Account>,
    orders: HashMap<(String, String), Order>,
    /// How many were paid: WeChat's number of each is another one.
    payments: u64,
    pub(super) sharing: Sharing,
    pub(super) transfers: Transfers,
    pub(super) combined: Combined,
    pub(super) coupons: Coupons,
    pub(super) calls: Vec<PayCall>,
    pub(super) faults: Vec<PlannedFault>,
    /// The gateway's own address.
    pub(super) base: String,
    /// How things are told.
    pub(super) notifying: Notifying,
    /// What is kept back.
    pub(super) held: Vec<Notice>,
    /// Whether new refunds wait until they are [settled](super::PayGateway::settle_refund).
    pub(super) holds_refunds: bool,
    /// What there is to tell of refunds that wait.
    waiting: Vec<Notice>,
    /// What a call had happen, to be told after it.
    pub(super) happened: Vec<Notice>,
    pub(super) tries: Vec<NoticeTry>,
    pub(super) spoilt: Spoilt,
}

pub(super) enum Account {
    V2(v2::Merchant),
    V3 { party: Party, apiv3_key: v3::Apiv3Key, public_key: v3::PublicKey },
}

/// An order as it was told by the merchant.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) party: Party,
    pub(super) total: Fen,
    /// What must be the same when it is told again.
    pub(super) content: String,
    pub(super) trade_type: &'static str,
    pub(super) openid: Option<String>,
    pub(super) attach: Option<String>,
    pub(super) notify_url: String,
    pub(super) state: TradeState,
    pub(super) transaction_id: Option<String>,
    pub(super) paid_at: Option<u64>,
    pub(super) refunds: Vec<Refund>,
}

impl Order {
    /// An order that nobody is told of.
    pub(super) fn elsewhere(party: Party, total: Fen) -> Self {
        Self {
            party,
            total,
            content: String::new(),
            trade_type: "NATIVE",
            openid: Some("oSimulated".to_owned()),
            attach: None,
            notify_url: String::new(),
            state: TradeState::Notpay,
            transaction_id: None,
            paid_at: None,
            refunds: Vec::new(),
        }
    }
}

/// WeChat's no: the code as v2 and v3 write it.
#[derive(Clone, Copy)]
pub(super) struct No {
    pub(super) v2: &'static str,
    pub(super) v3: &'static str,
    pub(super) status: u16,
}

pub(super) const NOT_FOUND: No = No { v2: "ORDERNOTEXIST", v3: "ORDER_NOT_EXIST", status: 404 };
pub(super) const PAID: No = No { v2: "ORDERPAID", v3: "ORDER_PAID", status: 400 };
pub(super) const CLOSED: No = No { v2: "ORDERCLOSED", v3: "ORDER_CLOSED", status: 400 };
pub(super) const USED: No = No { v2: "OUT_TRADE_NO_USED", v3: "OUT_TRADE_NO_USED", status: 403 };
pub(super) const NO_REFUND: No = No { v2: "REFUNDNOTEXIST", v3: "RESOURCE_NOT_EXISTS", status: 404 };
pub(super) const NO_RESOURCE: No = No { v2: "NOT_FOUND", v3: "RESOURCE_NOT_EXISTS", status: 404 };
pub(super) const NOT_ENOUGH: No = No { v2: "NOTENOUGH", v3: "NOT_ENOUGH", status: 403 };
pub(super) const NOT_BOUND: No = No { v2: "APPID_MCHID_NOT_MATCH", v3: "APPID_MCHID_NOT_MATCH", status: 400 };
pub(super) const USERPAYING: No = No { v2: "USERPAYING", v3: "USER_PAYING", status: 202 };
pub(super) const INVALID: No = No { v2: "PARAM_ERROR", v3: "PARAM_ERROR", status: 400 };

impl Order {
    /// What was given back of it, or is about to be, in fen.
    pub(super) fn given_back(&self) -> u64 {
        let counts = |refund: &&Refund| refund.status != RefundStatus::Closed;
        self.refunds.iter().filter(counts).map(|refund| refund.refund.0).sum()
    }

    /// What is bought.
    pub(super) fn body(&self) -> String {
        let json: Option<serde_json::Value> = serde_json::from_str(&self.content).ok();
        let v3 = json.as_ref().and_then(|json| json["description"].as_str());
        let v2 = self.content.lines().find_map(|line| line.strip_prefix("body="));
        v3.or(v2).unwrap_or_default().to_owned()
    }
}

impl Book {
    /// An empty one, of the gateway at that address.
    pub(super) fn at(base: &str) -> Self {
        Self { base: base.to_owned(), ..Self::default() }
    }

    /// What there is to tell of an order; none when there is no such order.
    pub(super) fn notice(&mut self, mch_id: &str, out_trade_no: &str) -> Option<Notice> {
        let told = Told::Payment(Box::new(self.told(mch_id, out_trade_no)?));
        let url = self.order(mch_id, out_trade_no)?.notify_url.clone();
        Some(Notice { mch_id: mch_id.to_owned(), url, told })
    }

    pub(super) fn order(&mut self, mch_id: &str, out_trade_no: &str) -> Option<&mut Order> {
        self.orders.get_mut(&(mch_id.to_owned(), out_trade_no.to_owned()))
    }

    /// The orders of a merchant, by number.
    pub(super) fn orders_of(&self, mch_id: &str) -> Vec<(&str, &Order)> {
        let own = self.orders.iter().filter(|((owner, _), _)| owner == mch_id);
        let mut own: Vec<_> = own.map(|((_, number), order)| (&**number, order)).collect();
        own.sort_unstable_by_key(|(number, _)| *number);
        own
    }

    /// Takes an order, or the same one again.
    pub(super) fn prepay(&mut self, out_trade_no: &str, order: Order) -> Result<String, No> {
        let key = (order.party.mch_id.clone(), out_trade_no.to_owned());
        let content = order.content.clone();
        let known = self.orders.entry(key).or_insert(order);
        match known.state {
            _ if known.content != content => Err(USED),
            TradeState::Success | TradeState::Refund => Err(PAID),
            TradeState::Closed | TradeState::Revoked => Err(CLOSED),
            _ => Ok(format!("wx{out_trade_no}")),
        }
    }

    /// How much was paid with WeChat's number of an order.
    pub(super) fn paid_total(&self, mch_id: &str, transaction_id: &str) -> Option<u64> {
        let mut own = self.orders.iter().filter(|((owner, _), _)| owner == mch_id).map(|(_, order)| order);
        own.find(|order| order.transaction_id.as_deref() == Some(transaction_id)).map(|order| order.total.0)
    }

    pub(super) fn pay(&mut self, mch_id: &str, out_trade_no: &str, now: u64) -> Option<()> {
        let payment = self.payments + 1;
        let order = self.order(mch_id, out_trade_no)?;
        if !matches!(order.state, TradeState::Notpay | TradeState::Userpaying) {
            return None;
        }
        order.state = TradeState::Success;
        order.transaction_id = Some(format!("4200000000{payment:018}"));
        order.paid_at = Some(now);
        self.payments = payment;
        Some(())
    }

    pub(super) fn close(&mut self, mch_id: &str, out_trade_no: &str) -> Result<(), No> {
        let order = self.order(mch_id, out_trade_no).ok_or(NOT_FOUND)?;
        match order.state {
            TradeState::Success | TradeState::Refund => Err(PAID),
            TradeState::Closed | TradeState::Revoked => Err(CLOSED),
            _ => {
                order.state = TradeState::Closed;
                Ok(())
            }
        }
    }

    /// Takes a refund, or the same one again. When it is done it is told at `notify_url` if there is one.
    pub(super) fn refund_and_tell(
        &mut self,
        (mch_id, notify_url): (&str, Option<&str>),
        (out_trade_no, out_refund_no): (&str, &str),
        refund: Fen,
        now: u64,
    ) -> Result<Refund, No> {
        let is_new = self.find_refund(mch_id, out_refund_no).is_err();
        let refund = self.refund(mch_id, out_trade_no, out_refund_no, refund, now)?;
        if let Some(url) = notify_url.filter(|_| is_new) {
            let told = Told::Refund(Box::new(refund.clone()));
            let notice = Notice { mch_id: mch_id.to_owned(), url: url.to_owned(), told };
            if self.holds_refunds { &mut self.waiting } else { &mut self.happened }.push(notice);
        }
        Ok(refund)
    }

    /// Takes a refund, or the same one again. It is done at once, unless refunds are held.
    pub(super) fn refund(
        &mut self,
        mch_id: &str,
        out_trade_no: &str,
        out_refund_no: &str,
        refund: Fen,
        now: u64,
    ) -> Result<Refund, No> {
        let is_done = !self.holds_refunds;
        let order = self.order(mch_id, out_trade_no).ok_or(NOT_FOUND)?;
        if let Some(known) = order.refunds.iter().find(|known| known.out_refund_no == out_refund_no) {
            return if known.refund == refund { Ok(known.clone()) } else { Err(INVALID) };
        }
        let given = order.given_back();
        let is_paid = matches!(order.state, TradeState::Success | TradeState::Refund);
        if !is_paid || refund.0 == 0 || given + refund.0 > order.total.0 {
            return Err(INVALID);
        }
        let refund = Refund {
            out_refund_no: out_refund_no.to_owned(),
            refund_id: Some(format!("503{out_refund_no}")),
            out_trade_no: Some(out_trade_no.to_owned()),
            transaction_id: order.transaction_id.clone(),
            status: if is_done { RefundStatus::Success } else { RefundStatus::Processing },
            refund,
            total: Some(order.total),
            success_at: is_done.then_some(now),
            received_account: Some("支付用户零钱".to_owned()),
        };
        order.state = TradeState::Refund;
        order.refunds.push(refund.clone());
        Ok(refund)
    }

    /// Sets what became of a refund, and gives what there is to tell of it.
    pub(super) fn settle_refund(
        &mut self,
        mch_id: &str,
        out_refund_no: &str,
        status: RefundStatus,
        now: u64,
    ) -> Result<Option<Notice>, No> {
        let own = self.orders.iter_mut().filter(|((owner, _), _)| owner == mch_id);
        let mut refunds = own.flat_map(|(_, order)| &mut order.refunds);
        let refund = refunds.find(|refund| refund.out_refund_no == out_refund_no).ok_or(NO_REFUND)?;
        refund.status = status;
        refund.success_at = (status == RefundStatus::Success).then_some(now);
        let notice = self.waiting.iter().find(|notice| {
            let is_told = matches!(&notice.told, Told::Refund(told) if told.out_refund_no == out_refund_no);
            is_told && notice.mch_id == mch_id
        });
        Ok(notice.map(|notice| Notice { told: Told::Refund(Box::new(refund.clone())), ..notice.clone() }))
    }

    pub(super) fn find_refund(&self, mch_id: &str, out_refund_no: &str) -> Result<Refund, No> {
        let own = self.orders.iter().filter(|((owner, _), _)| owner == mch_id).flat_map(|(_, order)| &order.refunds);
        own.clone().find(|refund| refund.out_refund_no == out_refund_no).cloned().ok_or(NO_REFUND)
    }

    /// What WeChat tells of an order.
    pub(super) fn told(&mut self, mch_id: &str, out_trade_no: &str) -> Option<Transaction> {
        let order = self.order(mch_id, out_trade_no)?.clone();
        let is_paid = order.transaction_id.is_some();
        Some(Transaction {
            appid: Some(order.party.appid),
            mch_id: order.party.mch_id,
            sub_appid: order.party.sub_appid,
            sub_mch_id: order.party.sub_mch_id,
            out_trade_no: out_trade_no.to_owned(),
            transaction_id: order.transaction_id,
            state: order.state,
            trade_type: is_paid.then(|| order.trade_type.to_owned()),
            total: is_paid.then_some(order.total),
            currency: is_paid.then(|| "CNY".to_owned()),
            paid_at: order.paid_at,
            openid: order.openid.filter(|_| is_paid),
            sub_openid: None,
            attach: order.attach,
            other: if is_paid { vec![("bank_type".to_owned(), "OTHERS".to_owned())] } else { Vec::new() },
        })
    }
}
