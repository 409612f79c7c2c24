//! New orders, which WeChat does not know yet.

use super::{Pay, PayActionError, Shop};
use crate::model::{Order, OrderTerms};
use crate::storage::StoreError;

/// What became of the wish for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// It is new.
    Created(Order),
    /// There was one of that number with the same content: it is that one.
    Known(Order),
}

impl Creation {
    /// The order, whoever made it.
    pub fn into_order(self) -> Order {
        match self {
            Self::Created(order) | Self::Known(order) => order,
        }
    }
}

impl Pay {
    /// The time that orders begin at, in seconds since 1970.
    pub fn now(&self) -> u64 {
        self.0.clock.now()
    }

    /// Creates an order. The same number with the same content is the same order; `expires` says whether the end of
    /// its time was asked for, and so belongs to the content. With `most` there is no new one where the app has as many
    /// of the last week that WeChat has not been told of.
    ///
    /// # Errors
    /// When the order cannot be, there is another one of that number, or there are too many.
    pub async fn create(
        &self,
        shop: &Shop,
        out_trade_no: &str,
        terms: OrderTerms,
        expires: bool,
        most: Option<u64>,
    ) -> Result<Creation, PayActionError> {
        let errors = terms.check(out_trade_no);
        if !errors.is_empty() {
            return Err(PayActionError::Invalid(errors));
        }
        let (app, merchant) = (&shop.app, &shop.merchant);
        let now = self.0.clock.now();
        let order = Order::new(&app.name, &merchant.name, out_trade_no, merchant.party(app), terms, now);
        let created = match self.1.ask(self.0.store.orders().insert_within(&order, most)).await {
            Err(StoreError::AlreadyExists { .. }) => false,
            created => created?,
        };
        if created {
            return Ok(Creation::Created(order));
        }
        match (self.find(shop, out_trade_no).await?, most) {
            (Some(known), _) if known.terms.is_same(&order.terms, expires) => Ok(Creation::Known(known)),
            (None, Some(most)) => Err(PayActionError::Full(most)),
            _ => Err(PayActionError::Conflict(format!(
                "there is another order {out_trade_no} with another content: take another number · 订单 {out_trade_no} 已存在，内容不同，请换一个单号"
            ))),
        }
    }

    /// The order of that number, as it is known here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, shop: &Shop, out_trade_no: &str) -> Result<Option<Order>, PayActionError> {
        let orders = self.0.store.orders();
        Ok(self.1.ask(orders.find(&shop.app.name, &shop.merchant.name, out_trade_no)).await?)
    }
}
