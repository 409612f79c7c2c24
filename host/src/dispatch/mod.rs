//! One message in, at most one answer out, within the time that WeChat waits.

mod claims;
mod deliveries;
mod replays;

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use weft_wechat::account::{Delivery, Query};

use crate::{
    accounts::Account,
    clock::Clock,
    config::WebhookConfig,
    plugins::{CallError, Plugins, Subject},
    storage::{Store, StoreError},
};

pub use deliveries::Outcome;

use deliveries::{Answer, Deliveries};
use replays::Replays;

/// Finds who answers a message. Clones share what they know.
#[derive(Clone)]
pub struct Dispatcher {
    plugins: Plugins,
    clock: Clock,
    deliveries: Deliveries,
    /// None when the operator does not want replays refused.
    replays: Option<Replays>,
}

/// The nonce has come with another message before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the nonce was used with another message (webhook.reject_replays)")]
pub struct Replayed;

impl Dispatcher {
    /// Plays by the rules of `config`.
    pub fn new(plugins: Plugins, store: Store, clock: Clock, config: &WebhookConfig) -> Self {
        let window = Duration::from_secs(config.message_time_offset.saturating_mul(2));
        Self {
            plugins,
            clock,
            deliveries: Deliveries::new(store, Duration::from_millis(config.reply_deadline_ms)),
            replays: config.reject_replays.then(|| Replays::new(window)),
        }
    }

    /// Remembers the answers that were given before a restart; to be called before the first delivery.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn restore(&self) -> Result<(), StoreError> {
        self.deliveries.restore().await
    }

    /// Answers a delivery that was verified. One that was seen before is not handled again: it gets
    /// the answer of the first, to the byte.
    ///
    /// # Errors
    /// When its nonce belongs to another message.
    pub async fn deliver(&self, account: Arc<Account>, query: Query, delivery: Delivery) -> Result<Outcome, Replayed> {
        if account.app.message_handler.is_none() {
            return Ok(Outcome::Answered(None));
        }
        let key: Arc<str> = format!("{}/{}", account.app.name, delivery.key()).into();
        if let Some(replays) = &self.replays
            && !replays.is_first_or_same(&account.app.name, &query.nonce, &key)
        {
            return Err(Replayed);
        }
        let age = self.clock.now().saturating_sub(delivery.message.created_at);
        let (plugins, clock, delivery_id) = (self.plugins.clone(), self.clock.clone(), Arc::clone(&key));
        let handle = || handle(plugins, clock, account, query, delivery, delivery_id).boxed();
        Ok(self.deliveries.answer(key, age, handle).await)
    }

    /// Forgets what is old, for as long as it is polled.
    pub async fn forget(self) {
        let replays = async {
            match self.replays {
                Some(replays) => replays.forget().await,
                None => std::future::pending().await,
            }
        };
        futures::future::join(self.deliveries.forget(), replays).await;
    }

    /// Keeps the database up to date, until it is [closed](Self::close).
    pub async fn write(self) {
        self.deliveries.write().await;
    }

    /// Writes what is not written yet; to be called when no handler runs any more.
    pub async fn close(&self) {
        self.deliveries.close().await;
    }

    /// Waits for the handlers that still run, also those whose connection has ended.
    pub async fn finish(&self) {
        self.deliveries.finish().await;
    }
}

/// Lets the app's plugin answer and writes what WeChat reads. Failures are logged here, with all
/// that an operator needs to find them; there is no answer then.
async fn handle(
    plugins: Plugins,
    clock: Clock,
    account: Arc<Account>,
    query: Query,
    delivery: Delivery,
    delivery_id: Arc<str>,
) -> Answer {
    let target = account.app.message_handler.as_ref()?;
    let message = &delivery.message;
    let subject = Subject {
        app: Arc::clone(&account.app),
        granted: account.plugins.get(&target.plugin).map(Arc::clone),
        delivery_id: Arc::clone(&delivery_id),
        raw: delivery.raw.into(),
    };
    let reply = plugins.handle(target, subject, message).await.and_then(|reply| {
        let Some(mut reply) = reply else { return Ok(None) };
        reply.check(&message.content).map_err(|error| CallError::BadReply(error.to_string()))?;
        reply.fit(&message.content);
        Ok(Some(reply))
    });
    match reply {
        Ok(reply) => {
            let now = clock.now();
            let xml = reply?.to_xml(&message.sender, &message.receiver, now);
            Some(match &account.webhook {
                Some(webhook) if delivery.encrypted => {
                    webhook.seal_reply(&xml, now, &query.nonce, rand::random()).into()
                }
                _ => xml.into(),
            })
        }
        Err(error) => {
            let backtrace = if let CallError::Crashed(crash) = &error { crash.backtrace.as_str() } else { "" };
            tracing::error!(
                app = account.app.name,
                plugin = target.plugin,
                handler = target.entry.as_deref().unwrap_or_default(),
                delivery = &*delivery_id,
                kind = message.msg_type(),
                event = message.event_name().unwrap_or_default(),
                backtrace,
                "no answer: {error}"
            );
            None
        }
    }
}
