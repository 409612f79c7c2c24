//! Asks WeChat about orders that are still open: notifications get lost, and a payment must not.

use std::collections::HashSet;
use std::time::Duration;

use futures::{StreamExt, stream};
use weft_wechat::pay::TradeType;

use super::{Pay, PayActionError, Shop};
use crate::model::Order;

/// How often it is looked which orders are due.
const ROUND: Duration = Duration::from_secs(15);

/// How many orders are asked about in one round, and how many at a time.
const ORDERS: usize = 200;
const AT_A_TIME: usize = 8;

/// How long after its time has run out an order is closed, in seconds: a payment may just be on its way.
const GRACE: u64 = 300;

impl Pay {
    /// Asks about open orders again and again, for as long as it is polled.
    pub async fn follow(self) {
        loop {
            tokio::time::sleep(ROUND).await;
            if let Err(error) = self.ask_about_open(self.0.clock.now_ms()).await {
                tracing::warn!(%error, "open orders are not asked about");
            }
        }
    }

    /// Asks WeChat about the orders that are due at that time, in milliseconds since 1970: at growing intervals, and
    /// once more when their time has run out, when they are closed. Gives how many were asked about.
    ///
    /// # Errors
    /// When the database fails. What WeChat does not answer is asked again.
    pub async fn ask_about_open(&self, now_ms: u64) -> Result<usize, PayActionError> {
        let due = self.0.store.orders().due(now_ms, ORDERS).await?;
        let count = due.len();
        let merchants: HashSet<_> = due.iter().map(|order| (order.app.clone(), order.merchant.clone())).collect();
        let mut shops = Vec::new();
        for (app, merchant) in merchants {
            shops.extend(self.shop(&app, &merchant).await?);
        }
        let asking = due.into_iter().filter_map(|order| {
            let shop = shops.iter().find(|shop| shop.app.name == order.app && shop.merchant.name == order.merchant)?;
            Some(self.ask_about(shop, order, now_ms / 1000))
        });
        stream::iter(asking).buffer_unordered(AT_A_TIME).collect::<()>().await;
        Ok(count)
    }

    async fn ask_about(&self, shop: &Shop, order: Order, now: u64) {
        let asked = async {
            let known = self.query(shop, &order).await?;
            let is_over = order.terms.time_expire + GRACE < now;
            match known.terms.trade_type {
                _ if !known.state.is_open() => Ok(known),
                // Nobody stands at the till for so long.
                TradeType::Micropay => self.reverse(shop, &known).await,
                _ if is_over => self.close(shop, &known).await,
                _ => Ok(known),
            }
        };
        if let Err(error) = asked.await {
            let Order { app, merchant, out_trade_no, .. } = &order;
            tracing::warn!(app, merchant, out_trade_no, %error, "an open order cannot be asked about");
        }
    }
}
