//! Orders in memory. Their state changes when the test says so, with `Host::order`.

use super::state::{Part, State, denied, with};
use crate::{
    context::Field,
    error::Error,
    order::{self, Order},
    orders::{NewOrder, NewRefund, Refund},
};

#[derive(Default)]
pub(super) struct Orders {
    pub(super) granted: Vec<String>,
    all: Vec<Order>,
    /// Each with its order, as `merchant/out_trade_no`.
    pub(super) refunds: Vec<(String, Refund)>,
}

/// The app has this merchant, and those of the orders that a test adds.
const MERCHANT: &str = "default";

impl Orders {
    pub(super) fn put(&mut self, order: Order) {
        self.all.retain(|known| (&known.merchant, &known.out_trade_no) != (&order.merchant, &order.out_trade_no));
        self.all.push(order);
    }

    fn find(&self, merchant: Option<&str>, out_trade_no: &str) -> Option<&Order> {
        let merchant = merchant.unwrap_or(MERCHANT);
        self.all.iter().find(|order| order.merchant == merchant && order.out_trade_no == out_trade_no)
    }

    fn existing(&self, merchant: Option<&str>, out_trade_no: &str) -> Result<&Order, Error> {
        self.find(merchant, out_trade_no).ok_or_else(|| Error::NotFound(format!("there is no order {out_trade_no}")))
    }
}

fn orders<T>(right: &str, look: impl FnOnce(&mut State) -> Result<T, Error>) -> Result<T, Error> {
    with(|state| {
        if !state.orders.granted.iter().any(|granted| granted == right) {
            return Err(denied(&format!("orders: {right}")));
        }
        state.meets(Part::Orders)?;
        look(state)
    })
}

pub(crate) fn find(merchant: Option<&str>, out_trade_no: &str) -> Result<Option<Order>, Error> {
    orders("read", |state| Ok(state.orders.find(merchant, out_trade_no).cloned()))
}

pub(crate) fn create(new: &NewOrder) -> Result<Order, Error> {
    orders("create", |state| {
        let order = Order {
            merchant: new.merchant.clone().unwrap_or_else(|| MERCHANT.to_owned()),
            out_trade_no: new.out_trade_no.clone(),
            body: new.body.clone(),
            total_fee: new.total_fee,
            fee_type: "CNY".to_owned(),
            trade_type: new.trade_type,
            openid: new.openid.clone(),
            attach: new.attach.clone(),
            created_at: state.now.as_secs(),
            expires_at: new.expires_at,
            state: order::State::New,
            transaction_id: None,
            paid_at: None,
            version: 0,
            result: Vec::new(),
        };
        let content = |order: &Order| {
            (order.body.clone(), order.total_fee, order.trade_type, order.openid.clone(), order.attach.clone())
        };
        match state.orders.find(Some(&order.merchant), &order.out_trade_no) {
            Some(known) if content(known) == content(&order) => Ok(known.clone()),
            Some(_) => Err(Error::Conflict(format!("order {} exists with other content", order.out_trade_no))),
            None => {
                state.orders.all.push(order.clone());
                Ok(order)
            }
        }
    })
}

pub(crate) fn prepay(merchant: Option<&str>, out_trade_no: &str) -> Result<Vec<Field>, Error> {
    orders("create", |state| {
        let order = state.orders.existing(merchant, out_trade_no)?;
        let path = match order.trade_type {
            order::TradeType::Native => "code_url",
            order::TradeType::Mweb => "mweb_url",
            _ => "package",
        };
        Ok(vec![Field { path: path.to_owned(), value: format!("prepay_id={out_trade_no}") }])
    })
}

pub(crate) fn query(merchant: Option<&str>, out_trade_no: &str) -> Result<Order, Error> {
    orders("read", |state| state.orders.existing(merchant, out_trade_no).cloned())
}

pub(crate) fn create_refund(new: &NewRefund) -> Result<Refund, Error> {
    orders("refund", |state| {
        let order = state.orders.existing(new.merchant.as_deref(), &new.out_trade_no)?;
        let of_order = format!("{}/{}", order.merchant, order.out_trade_no);
        let mut refunded = 0;
        for (order, refund) in &state.orders.refunds {
            if *order == of_order && refund.out_refund_no == new.out_refund_no {
                return Ok(refund.clone());
            }
            refunded += if *order == of_order { refund.refund_fee } else { 0 };
        }
        if !order.is_paid() || new.refund_fee > order.total_fee.saturating_sub(refunded) {
            return Err(Error::Invalid(format!("order {} has not that much to refund", order.out_trade_no)));
        }
        let refund = Refund {
            out_refund_no: new.out_refund_no.clone(),
            refund_id: None,
            refund_fee: new.refund_fee,
            status: "PROCESSING".to_owned(),
        };
        state.orders.refunds.push((of_order, refund.clone()));
        Ok(refund)
    })
}
