//! Asks WeChat about orders and refunds that are still open: notifications get lost, payments and refunds must not.
//!
//! When to ask stands in the row of each, so several processes share the work (`storage/questions.rs`). Merchants
//! are asked about in turn and side by side. One for which WeChat Pay does not answer is left alone for a while, longer
//! each time, and holds up nobody else's orders.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::{StreamExt, stream};
use weft_wechat::pay::TradeType;

use super::refunds::is_unknown_refund;
use super::{Pay, PayActionError, Shop};
use crate::model::{Order, Refund, RefundState};
use crate::storage::{Question, with_causes};
use crate::upstream::PayError;

/// How often it is looked what is due.
const ROUND: Duration = Duration::from_secs(15);

/// How many orders and refunds are taken in one round, of one merchant and in all.
const OF_ONE_MERCHANT: u32 = 50;
const IN_ALL: u32 = 400;

/// How many merchants are asked about at a time, and how many orders and refunds of one.
const MERCHANTS_AT_A_TIME: usize = 16;
const AT_A_TIME: usize = 4;

/// How long one merchant may take in one round: what is left is taken again in the next one.
const BUDGET: Duration = Duration::from_secs(30);

/// For how long they are taken, in milliseconds: longer than a round, and the calls that end it, may take.
const TAKEN: u64 = 120_000;

/// After so many questions in a row that came to nothing the rest of a merchant's waits.
const FAILURES: u32 = 3;

/// When something is asked about again for which WeChat Pay did not answer, in milliseconds.
const AGAIN: u64 = 120_000;

/// The pauses between questions about the same, in milliseconds, after the first, which comes half a minute after it
/// changed. The last pause stays.
const PAUSES: [u64; 6] = [120_000, 600_000, 3_600_000, 4 * 3_600_000, 12 * 3_600_000, 24 * 3_600_000];

/// How long after its time has run out an order is closed, in seconds: a payment may just be on its way.
const GRACE: u64 = 300;

/// How long after the last word of it a payment by code is taken back, in milliseconds.
const AT_THE_TILL: u64 = 60_000;

/// How long after its creation a refund is asked about that is not done, in seconds: WeChat gives money back within a
/// year of the payment, and banks take weeks at most.
const REFUND_ASKED: u64 = 365 * 24 * 3600;

/// The time of what is not asked about any more, in milliseconds since 1970.
const NEVER: u64 = i64::MAX.cast_unsigned();

/// What is asked about.
struct Open {
    question: Question,
    order: Order,
    /// The refund of the order; none when the order itself is asked about.
    refund: Option<Refund>,
}

/// What became of a question.
enum Outcome {
    /// WeChat answered, if only with a no to this one.
    Answered,
    /// WeChat Pay does not answer for this merchant.
    Failed,
    /// It was not asked.
    Left,
}

impl Pay {
    /// Asks about open orders and refunds again and again, for as long as it is polled.
    pub async fn follow(self) {
        loop {
            match self.ask_about_open(self.0.clock.now_ms()).await {
                // There may be more than one round takes.
                Ok(asked) if asked > 0 => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = %with_causes(&error), "open orders and refunds are not asked about");
                }
            }
            tokio::time::sleep(ROUND).await;
        }
    }

    /// Asks WeChat about the orders and refunds that are due at that time, in milliseconds since 1970: at growing
    /// intervals, and about an order once more when its time has run out, when it is closed. Gives how many were asked
    /// about.
    ///
    /// # Errors
    /// When the database fails. What WeChat does not answer is asked again.
    pub async fn ask_about_open(&self, now_ms: u64) -> Result<usize, PayActionError> {
        let questions = self.0.store.questions();
        let taken = questions.take_due(now_ms, now_ms + TAKEN, OF_ONE_MERCHANT, IN_ALL).await?;
        let mut by_merchant: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for question in taken {
            by_merchant.entry((question.app.clone(), question.merchant.clone())).or_default().push(question);
        }
        let asking = by_merchant.into_values().map(|questions| self.ask_about_merchant(questions, now_ms));
        let asked: Vec<_> = stream::iter(asking).buffer_unordered(MERCHANTS_AT_A_TIME).collect().await;
        asked.into_iter().sum()
    }

    /// Asks about what is open of one merchant until too many questions came to nothing, or time has run out.
    async fn ask_about_merchant(&self, questions: Vec<Question>, now_ms: u64) -> Result<usize, PayActionError> {
        let Some(Question { app, merchant, is_failing, .. }) = questions.first().cloned() else { return Ok(0) };
        // Deleted meanwhile, and its orders with it.
        let Some(shop) = self.shop(&app, &merchant).await? else { return Ok(0) };
        let open = self.open(&shop, questions).await?;
        let began = Instant::now();
        let (mut failures, mut failure, mut is_answered, mut asked) = (0, None, false, 0);
        let mut outcomes = Vec::new();
        for chunk in open.chunks(AT_A_TIME) {
            if failures >= FAILURES || began.elapsed() >= BUDGET {
                outcomes.extend(chunk.iter().map(|open| open.next_question(&Outcome::Left, now_ms)));
                continue;
            }
            let asking = chunk.iter().map(|open| self.ask_about(&shop, open, now_ms));
            for (open, answer) in chunk.iter().zip(join_all(asking).await) {
                asked += 1;
                match answer {
                    // Those that were taken are not given back: they come up again when their time is over.
                    Err(error @ PayActionError::Store(_)) => return Err(error),
                    Err(error) if error.is_of_the_merchant() => {
                        failures += 1;
                        failure = Some(error);
                        outcomes.push(open.next_question(&Outcome::Failed, now_ms));
                        continue;
                    }
                    Err(error) => {
                        let Question { out_trade_no, out_refund_no, .. } = &open.question;
                        let refund = out_refund_no.as_deref();
                        tracing::warn!(app, merchant, out_trade_no, refund, %error, "it cannot be asked about");
                    }
                    Ok(()) => {}
                }
                (failures, is_answered) = (0, true);
                outcomes.push(open.next_question(&Outcome::Answered, now_ms));
            }
        }
        self.0.store.questions().give_back(outcomes).await?;
        let pauses = self.0.store.merchant_pauses();
        match failure {
            Some(error) if !is_answered => {
                tracing::warn!(app, merchant, %error, "WeChat Pay does not answer for a merchant: what is open waits");
                pauses.lengthen(&app, &merchant, now_ms).await?;
            }
            Some(error) => tracing::warn!(app, merchant, %error, "some of what is open cannot be asked about"),
            None if is_failing => pauses.end(&app, &merchant).await?,
            None => {}
        }
        Ok(asked)
    }

    /// What the questions are about, without what was deleted meanwhile.
    async fn open(&self, shop: &Shop, questions: Vec<Question>) -> Result<Vec<Open>, PayActionError> {
        let (app, merchant, store) = (&shop.app.name, &shop.merchant.name, &self.0.store);
        let orders: Vec<_> = questions.iter().map(|question| &*question.out_trade_no).collect();
        let refunds: Vec<_> = questions.iter().filter_map(|question| question.out_refund_no.as_deref()).collect();
        let orders = store.orders().find_all(app, merchant, &orders).await?;
        let refunds = store.refunds().find_all(app, merchant, &refunds).await?;
        let orders: HashMap<_, _> = orders.into_iter().map(|order| (order.out_trade_no.clone(), order)).collect();
        let refunds: HashMap<_, _> = refunds.into_iter().map(|refund| (refund.out_refund_no.clone(), refund)).collect();
        let found = questions.into_iter().filter_map(|question| {
            let order = orders.get(&question.out_trade_no)?.clone();
            let refund = match &question.out_refund_no {
                Some(number) => Some(refunds.get(number)?.clone()),
                None => None,
            };
            Some(Open { question, order, refund })
        });
        Ok(found.collect())
    }

    async fn ask_about(&self, shop: &Shop, open: &Open, now_ms: u64) -> Result<(), PayActionError> {
        match &open.refund {
            Some(refund) => self.ask_about_open_refund(shop, &open.order, refund).await,
            None => self.ask_about_open_order(shop, &open.order, now_ms).await,
        }
    }

    async fn ask_about_open_order(&self, shop: &Shop, order: &Order, now_ms: u64) -> Result<(), PayActionError> {
        let known = self.query(shop, order).await?;
        let is_over = order.terms.time_expire.saturating_add(GRACE) < now_ms / 1000;
        match known.terms.trade_type {
            _ if !known.state.is_open() => {}
            // Nobody is still at the till by then.
            TradeType::Micropay if order.seen_at_ms + AT_THE_TILL <= now_ms => drop(self.reverse(shop, &known).await?),
            TradeType::Micropay => {}
            _ if is_over => drop(self.close(shop, &known).await?),
            _ => {}
        }
        Ok(())
    }

    async fn ask_about_open_refund(&self, shop: &Shop, order: &Order, refund: &Refund) -> Result<(), PayActionError> {
        match self.query_refund(shop, order, refund).await {
            // It waits for somebody who sends it again, or gives it up.
            Err(PayActionError::Gateway(error))
                if refund.state == RefundState::New && is_unknown_refund(shop, &error) =>
            {
                Ok(())
            }
            answer => answer.map(drop),
        }
    }
}

impl PayActionError {
    /// Whether the same is to be expected of any other question of the merchant: WeChat Pay is out of reach, or does
    /// not take, or does not sign, what is said in its name.
    pub(super) fn is_of_the_merchant(&self) -> bool {
        match self {
            Self::Gateway(PayError::Refused { code, unknown, .. }) => {
                // `FAIL` stands where v2 did not look at the request.
                let codes = ["FAIL", "SIGNERROR", "MCHIDNOTEXIST", "APPIDNOTEXIST", "NOAUTH", "FREQUENCYLIMITED"];
                *unknown || codes.contains(&&*code.replace('_', "")) || code == "401"
            }
            Self::Gateway(_) => true,
            Self::State(_) | Self::Invalid(_) | Self::Conflict(_) | Self::Full(_) | Self::Store(_) => false,
        }
    }
}

impl Open {
    /// The question with how often it was asked by now, and when it is asked next.
    fn next_question(&self, outcome: &Outcome, now_ms: u64) -> (Question, u64, u64) {
        let asks = self.question.asks;
        let (asks, next) = match outcome {
            Outcome::Left => (asks, now_ms),
            Outcome::Failed => (asks, now_ms + AGAIN),
            Outcome::Answered => {
                let place = usize::try_from(asks).unwrap_or(usize::MAX).min(PAUSES.len() - 1);
                (asks + 1, self.bounded(now_ms + PAUSES[place], now_ms))
            }
        };
        (self.question.clone(), asks, next)
    }

    fn bounded(&self, next: u64, now_ms: u64) -> u64 {
        match &self.refund {
            Some(refund) if (refund.created_at + REFUND_ASKED) * 1000 < now_ms => NEVER,
            Some(_) => next,
            None => {
                // Its time running out is a turn of its own: it is closed then.
                let over = self.order.terms.time_expire.saturating_add(GRACE + 1).saturating_mul(1000);
                if over > now_ms { next.min(over) } else { next }
            }
        }
    }
}
