//! Asks WeChat about orders that are still open: notifications get lost, and a payment must not.
//!
//! Which order is asked about when stands in its row, so several processes share the work (`storage/orders/open.rs`).
//! Merchants are asked about in turn and side by side. One for which WeChat Pay does not answer is left alone for a
//! while, longer each time, and holds up nobody else's orders.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::{StreamExt, stream};
use weft_wechat::pay::TradeType;

use super::{Pay, PayActionError, Shop};
use crate::model::Order;
use crate::storage::TakenOrder;
use crate::upstream::PayError;

/// How often it is looked which orders are due.
const ROUND: Duration = Duration::from_secs(15);

/// How many orders are taken in one round, of one merchant and in all.
const OF_ONE_MERCHANT: u32 = 50;
const IN_ALL: u32 = 400;

/// How many merchants are asked about at a time, and how many orders of one.
const MERCHANTS_AT_A_TIME: usize = 16;
const ORDERS_AT_A_TIME: usize = 4;

/// How long a merchant's orders may take in one round: what is left is taken again in the next one.
const BUDGET: Duration = Duration::from_secs(30);

/// For how long orders are taken, in milliseconds: longer than a round, and the calls that end it, may take.
const TAKEN: u64 = 120_000;

/// After so many questions in a row that came to nothing the rest of a merchant's orders waits.
const FAILURES: u32 = 3;

/// When an order is asked about again for which WeChat Pay did not answer, in milliseconds.
const AGAIN: u64 = 120_000;

/// The pauses between questions about an order, in milliseconds, after the first, which comes half a minute after the
/// order changed. The last pause stays.
const PAUSES: [u64; 6] = [120_000, 600_000, 3_600_000, 4 * 3_600_000, 12 * 3_600_000, 24 * 3_600_000];

/// How long after its time has run out an order is closed, in seconds: a payment may just be on its way.
const GRACE: u64 = 300;

/// How long nobody has heard of a payment by code until it is taken back, in milliseconds.
const AT_THE_TILL: u64 = 60_000;

/// What became of a question.
enum Outcome {
    /// WeChat answered, if only with a no to this order.
    Answered,
    /// WeChat Pay does not answer for this merchant.
    Failed,
    /// It was not asked.
    Left,
}

impl Pay {
    /// Asks about open orders again and again, for as long as it is polled.
    pub async fn follow(self) {
        loop {
            match self.ask_about_open(self.0.clock.now_ms()).await {
                // There may be more than one round takes.
                Ok(asked) if asked > 0 => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "open orders are not asked about"),
            }
            tokio::time::sleep(ROUND).await;
        }
    }

    /// Asks WeChat about the orders that are due at that time, in milliseconds since 1970: at growing intervals, and
    /// once more when their time has run out, when they are closed. Gives how many were asked about.
    ///
    /// # Errors
    /// When the database fails. What WeChat does not answer is asked again.
    pub async fn ask_about_open(&self, now_ms: u64) -> Result<usize, PayActionError> {
        let orders = self.0.store.orders();
        let taken = orders.take_due(now_ms, now_ms + TAKEN, OF_ONE_MERCHANT, IN_ALL).await?;
        let mut by_merchant: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for taken in taken {
            let key = (taken.order.app.clone(), taken.order.merchant.clone());
            by_merchant.entry(key).or_default().push(taken);
        }
        let asking = by_merchant.into_values().map(|taken| self.ask_about_merchant(taken, now_ms));
        let asked: Vec<_> = stream::iter(asking).buffer_unordered(MERCHANTS_AT_A_TIME).collect().await;
        asked.into_iter().sum()
    }

    /// Asks about orders of one merchant until too many questions came to nothing, or time has run out.
    async fn ask_about_merchant(&self, taken: Vec<TakenOrder>, now_ms: u64) -> Result<usize, PayActionError> {
        let Some(TakenOrder { order: Order { app, merchant, .. }, is_failing, .. }) = taken.first().cloned() else {
            return Ok(0);
        };
        // Deleted meanwhile, and its orders with it.
        let Some(shop) = self.shop(&app, &merchant).await? else { return Ok(0) };
        let began = Instant::now();
        let (mut failures, mut failure, mut is_answered, mut asked) = (0, None, false, 0);
        let mut outcomes = Vec::new();
        for chunk in taken.chunks(ORDERS_AT_A_TIME) {
            if failures >= FAILURES || began.elapsed() >= BUDGET {
                outcomes.extend(chunk.iter().map(|taken| next_question(taken, &Outcome::Left, now_ms)));
                continue;
            }
            let asking = chunk.iter().map(|taken| self.ask_about(&shop, &taken.order, now_ms));
            for (taken, answer) in chunk.iter().zip(join_all(asking).await) {
                asked += 1;
                match answer {
                    // Nobody gives the orders back: they are taken again when their time is over.
                    Err(error @ PayActionError::Store(_)) => return Err(error),
                    Err(error) if error.is_of_the_merchant() => {
                        failures += 1;
                        failure = Some(error);
                        outcomes.push(next_question(taken, &Outcome::Failed, now_ms));
                        continue;
                    }
                    Err(error) => {
                        let out_trade_no = &taken.order.out_trade_no;
                        tracing::warn!(app, merchant, out_trade_no, %error, "an open order cannot be asked about");
                    }
                    Ok(_) => {}
                }
                (failures, is_answered) = (0, true);
                outcomes.push(next_question(taken, &Outcome::Answered, now_ms));
            }
        }
        self.0.store.orders().give_back(&outcomes).await?;
        let pauses = self.0.store.merchant_pauses();
        match failure {
            Some(error) if !is_answered => {
                tracing::warn!(app, merchant, %error, "WeChat Pay does not answer for a merchant: its open orders wait");
                pauses.lengthen(&app, &merchant, now_ms).await?;
            }
            Some(error) => tracing::warn!(app, merchant, %error, "some open orders cannot be asked about"),
            None if is_failing => pauses.end(&app, &merchant).await?,
            None => {}
        }
        Ok(asked)
    }

    async fn ask_about(&self, shop: &Shop, order: &Order, now_ms: u64) -> Result<Order, PayActionError> {
        let known = self.query(shop, order).await?;
        let is_over = order.terms.time_expire + GRACE < now_ms / 1000;
        match known.terms.trade_type {
            _ if !known.state.is_open() => Ok(known),
            // Nobody stands at the till for so long.
            TradeType::Micropay if order.seen_at_ms + AT_THE_TILL <= now_ms => self.reverse(shop, &known).await,
            TradeType::Micropay => Ok(known),
            _ if is_over => self.close(shop, &known).await,
            _ => Ok(known),
        }
    }
}

impl PayActionError {
    /// Whether the same is to be expected of any other question of the merchant: WeChat Pay is out of reach, or does
    /// not take, or does not sign, what is said in its name.
    fn is_of_the_merchant(&self) -> bool {
        match self {
            Self::Gateway(PayError::Refused { code, unknown, .. }) => {
                // `FAIL` stands where v2 did not look at the request.
                let codes = ["FAIL", "SIGNERROR", "MCHIDNOTEXIST", "APPIDNOTEXIST", "NOAUTH", "FREQUENCYLIMITED"];
                *unknown || codes.contains(&&*code.replace('_', "")) || code == "401"
            }
            Self::Gateway(_) => true,
            Self::State(_) | Self::Invalid(_) | Self::Conflict(_) | Self::Store(_) => false,
        }
    }
}

/// An order with how often it was asked about by now, and when it is asked about next.
fn next_question(taken: &TakenOrder, outcome: &Outcome, now_ms: u64) -> (TakenOrder, u64, u64) {
    let (asks, next) = match outcome {
        Outcome::Left => (taken.asks, now_ms),
        Outcome::Failed => (taken.asks, now_ms + AGAIN),
        Outcome::Answered => {
            let place = usize::try_from(taken.asks).unwrap_or(usize::MAX).min(PAUSES.len() - 1);
            let next = now_ms + PAUSES[place];
            // It is closed when its time has run out, whenever it would have its turn.
            let over = (taken.order.terms.time_expire + GRACE + 1) * 1000;
            (taken.asks + 1, if over > now_ms { next.min(over) } else { next })
        }
    };
    (taken.clone(), asks, next)
}
