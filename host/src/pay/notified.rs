//! What WeChat tells by itself: verified, then stored, and only then answered.

use std::fmt;

use weft_wechat::pay::v2::{self, Notification};
use weft_wechat::pay::v3::{self, Event, NotificationError, SignatureError};
use weft_wechat::pay::{Refund, Transaction};

use super::{Pay, PayActionError, Shop};
use crate::model::{Observation, ObservationSource, Transition};
use crate::storage::with_causes;
use crate::upstream::PayError;

/// Something that was posted, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Notified<'a> {
    /// All headers.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Byte for byte.
    pub body: &'a [u8],
}

/// What WeChat is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is stored, or there is nothing to store.
    Taken,
    /// It is not proven to be WeChat's.
    NotProven,
    /// It is WeChat's, and cannot be taken; WeChat tries again.
    Refused(&'static str),
    /// The fault is ours; WeChat tries again.
    Failed,
}

impl Notified<'_> {
    /// Whether it is XML, and so of v2.
    pub fn is_v2(&self) -> bool {
        self.body.trim_ascii_start().starts_with(b"<")
    }
}

impl Pay {
    /// Takes what was posted about a payment or a refund, of either version: they are told apart by what is in them.
    /// What it says is committed when this returns [`Answer::Taken`].
    pub async fn notified(&self, shop: &Shop, posted: Notified<'_>) -> Answer {
        let answer =
            if posted.is_v2() { self.notified_v2(shop, posted).await } else { self.notified_v3(shop, posted).await };
        answer.unwrap_or_else(|error| {
            let (app, merchant) = (&shop.app.name, &shop.merchant.name);
            tracing::error!(app, merchant, error = %with_causes(&error), "a notification of WeChat Pay is not stored");
            Answer::Failed
        })
    }

    async fn notified_v2(&self, shop: &Shop, posted: Notified<'_>) -> Result<Answer, PayActionError> {
        let Ok(signer) = shop.merchant.v2(shop.merchant.party(&shop.app)) else {
            return Ok(Answer::Refused("the merchant has no API key"));
        };
        match signer.open(posted.body) {
            Ok(Notification::Paid(told)) => self.paid(shop, *told, "notification").await,
            // A payment that came to nothing leaves the order as it is.
            Ok(Notification::Failed { out_trade_no, code }) => {
                tracing::info!(app = shop.app.name, out_trade_no, code, "WeChat Pay tells of a failed payment");
                Ok(Answer::Taken)
            }
            Err(error) => {
                self.warn(shop, "not_proven", &error);
                Ok(Answer::NotProven)
            }
        }
    }

    /// Takes what was posted about a refund of v2. It is not signed: WeChat is asked before anything changes.
    pub async fn refund_notified(&self, shop: &Shop, posted: Notified<'_>) -> Answer {
        if !posted.is_v2() {
            return self.notified(shop, posted).await;
        }
        let Ok(signer) = shop.merchant.v2(shop.merchant.party(&shop.app)) else {
            return Answer::Refused("the merchant has no API key");
        };
        match signer.open_refund(posted.body) {
            Ok(hint) => self.ask_about_refund(shop, &hint).await.unwrap_or_else(|error| {
                self.warn(shop, "refund", &with_causes(&error));
                Answer::Failed
            }),
            Err(error) => {
                self.warn(shop, "not_proven", &error);
                Answer::NotProven
            }
        }
    }

    async fn ask_about_refund(&self, shop: &Shop, hint: &v2::RefundNotification) -> Result<Answer, PayActionError> {
        let Some(order) = self.find(shop, &hint.out_trade_no).await? else { return Ok(unknown_order(shop)) };
        let refunds = self.0.store.refunds();
        let refund = refunds.find(&shop.app.name, &shop.merchant.name, &hint.out_refund_no).await?;
        match refund.filter(|refund| refund.out_trade_no == order.out_trade_no) {
            Some(refund) => {
                self.query_refund(shop, &order, &refund).await?;
            }
            // Made at WeChat's own console: the order tells of it.
            None => {
                self.query(shop, &order).await?;
            }
        }
        Ok(Answer::Taken)
    }

    async fn notified_v3(&self, shop: &Shop, posted: Notified<'_>) -> Result<Answer, PayActionError> {
        let Ok(signer) = shop.merchant.v3(shop.merchant.party(&shop.app)) else {
            return Ok(Answer::Refused("the merchant has no keys of v3"));
        };
        match self.open_v3(shop, &signer, posted).await {
            Ok(v3::Notification { id, event: Event::Transaction(told), .. }) => self.paid(shop, *told, &id).await,
            Ok(v3::Notification { id, event: Event::Refund(told), .. }) => self.refunded(shop, &told, &id).await,
            // Other notifications are WeChat's as well; nothing here waits for them.
            Ok(v3::Notification { id, event_type, event: Event::Other { original_type, .. } }) => {
                tracing::info!(
                    app = shop.app.name,
                    id,
                    event_type,
                    original_type,
                    "WeChat Pay tells of something else"
                );
                Ok(Answer::Taken)
            }
            Err(NotificationError::Signature(error)) => {
                match error {
                    SignatureError::Probe => tracing::debug!(app = shop.app.name, "{error}"),
                    error => self.warn(shop, "not_proven", &error),
                }
                Ok(Answer::NotProven)
            }
            Err(error @ NotificationError::Unreadable(_)) => {
                self.warn(shop, "unreadable", &error);
                Ok(Answer::Refused("it cannot be opened"))
            }
        }
    }

    async fn open_v3(
        &self,
        shop: &Shop,
        signer: &v3::Merchant,
        posted: Notified<'_>,
    ) -> Result<v3::Notification, NotificationError> {
        let now = self.0.clock.now();
        let open = |keys| signer.open(&keys, posted.headers.iter().copied(), posted.body, now);
        let no_key = |error: &dyn fmt::Display| {
            self.warn(shop, "no_key", error);
            SignatureError::UnknownSerial("none".to_owned())
        };
        let keys = self.0.gateway.keys_for_notification(&shop.merchant, signer).await;
        let keys = keys.map_err(|error| no_key(&error))?;
        match open(keys) {
            Err(NotificationError::Signature(SignatureError::UnknownSerial(serial))) => {
                let fetched = self.0.gateway.platform_keys(&shop.merchant, signer, Some(&serial)).await;
                let no_newer =
                    |error: PayError| no_key(&format_args!("there is no key {serial} of WeChat Pay: {error}"));
                open(fetched.map_err(no_newer)?)
            }
            opened => opened,
        }
    }

    async fn paid(&self, shop: &Shop, told: Transaction, reference: &str) -> Result<Answer, PayActionError> {
        let Some(order) = self.find(shop, &told.out_trade_no).await? else { return Ok(unknown_order(shop)) };
        let now = self.0.clock.now_ms();
        let seen = Observation::told(ObservationSource::Notify, told, now, reference);
        let Transition { refused, ask, .. } = self.apply(&order, &seen).await?;
        if refused {
            return Ok(Answer::Refused("it does not fit the order"));
        }
        if ask {
            self.query(shop, &order).await?;
        }
        Ok(Answer::Taken)
    }

    async fn refunded(&self, shop: &Shop, told: &Refund, reference: &str) -> Result<Answer, PayActionError> {
        let out_trade_no = told.out_trade_no.as_deref().unwrap_or_default();
        let Some(order) = self.find(shop, out_trade_no).await? else { return Ok(unknown_order(shop)) };
        match self.refund_told(shop, &order, told, (ObservationSource::Notify, reference)).await? {
            Some(refund) if !refund.is_told_by(told) => Ok(Answer::Refused("it does not fit the refund")),
            Some(_) => Ok(Answer::Taken),
            // Made at WeChat's own console: the order tells of it.
            None => {
                self.query(shop, &order).await?;
                Ok(Answer::Taken)
            }
        }
    }

    /// Tells the log why a notification is not taken. Anybody can post one.
    fn warn(&self, shop: &Shop, code: &str, error: &dyn fmt::Display) {
        let (app, merchant) = (&shop.app.name, &shop.merchant.name);
        self.0.failures.tell(app, format_args!("notification for {merchant}"), code, || {
            tracing::warn!(app, merchant, %error, "a notification of WeChat Pay is refused");
        });
    }
}

fn unknown_order(shop: &Shop) -> Answer {
    let (app, merchant) = (&shop.app.name, &shop.merchant.name);
    tracing::warn!(app, merchant, "WeChat Pay tells of an order that is not here: look for it at WeChat Pay");
    Answer::Refused("there is no such order")
}
