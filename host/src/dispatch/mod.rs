//! One message in, at most one answer out, within the time that WeChat waits.
//!
//! `deliveries` sees to it that a delivery is handled once, whatever WeChat's retries do; `handling` takes one through
//! users, rules, replies and log; `replies` makes replies of what an operator wrote down, `observers` tells plugins of it.

mod claims;
mod deliveries;
mod failure;
mod handling;
mod long_answers;
mod observers;
mod replays;
mod replies;

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, TryFutureExt, future::BoxFuture};
use weft_wechat::{
    account::{Delivery, Query},
    message::Message,
};

use crate::{
    accounts::Account,
    clock::Clock,
    config::WebhookConfig,
    failure_lines::FailureLines,
    message_log::MessageLog,
    model::{LateReply, PluginTarget},
    outcomes::Outcomes,
    plugins::{Plugins, Subject},
    rules::{self, Ask, Explanation},
    storage::{DeliveryKey, Store, StoreError},
    upstream::{CustomerService, Forward, Wechat},
    users::Users,
};

pub use deliveries::Outcome;

use deliveries::Deliveries;
use handling::Handling;
use observers::Observers;
use replays::Replays;
use replies::Replies;

/// Finds who answers a message. Clones share what they know.
#[derive(Clone)]
pub struct Dispatcher {
    parts: Arc<Parts>,
    deliveries: Deliveries,
    /// None when the operator does not want replays refused.
    replays: Option<Replays>,
}

/// What handling a message takes.
struct Parts {
    plugins: Plugins,
    clock: Clock,
    users: Users,
    outcomes: Outcomes,
    message_log: MessageLog,
    failures: FailureLines,
    observers: Observers,
    replies: Replies,
    customer_service: CustomerService,
}

/// What a dispatcher is made of.
pub struct Surroundings {
    /// The plugin platform.
    pub plugins: Plugins,
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Who writes.
    pub users: Users,
    /// What became of what was sent.
    pub outcomes: Outcomes,
    /// Where messages are kept.
    pub message_log: MessageLog,
    /// WeChat's API.
    pub wechat: Wechat,
    /// Operators' own servers.
    pub forward: Forward,
    /// What fails, in the log.
    pub failures: FailureLines,
}

/// The nonce has come with another message before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the nonce was used with another message (webhook.reject_replays)")]
pub struct Replayed;

impl Dispatcher {
    /// A dispatcher with the settings of `config`.
    pub fn new(surroundings: Surroundings, config: &WebhookConfig) -> Self {
        let Surroundings { plugins, store, clock, users, outcomes, message_log, wechat, forward, failures } =
            surroundings;
        let window = Duration::from_secs(config.message_time_offset.saturating_mul(2));
        let reply_deadline = Duration::from_millis(config.reply_deadline_ms);
        Self {
            replays: config.reject_replays.then(|| Replays::new(window)),
            deliveries: Deliveries::new(store.clone(), reply_deadline, failures.clone()),
            parts: Arc::new(Parts {
                observers: Observers::new(plugins.clone(), failures.clone()),
                failures,
                replies: Replies::new(plugins.clone(), store, wechat.clone(), forward),
                customer_service: CustomerService::new(wechat),
                plugins,
                clock,
                users,
                outcomes,
                message_log,
            }),
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
        let app = &account.app;
        let id: Arc<str> = format!("{}/{}", app.name, delivery.key()).into();
        let key = DeliveryKey::of(&id);
        if let Some(replays) = &self.replays
            && !replays.is_first_or_same(&account, &query.nonce, key)
        {
            return Err(Replayed);
        }
        if handling::is_nobodys(&account) {
            // Noting them twice changes nothing, so WeChat's tries need not be told apart.
            self.parts.users.note(app, &delivery.message).await;
            self.parts.outcomes.note(app, &delivery.message);
            return Ok(Outcome::Answered(None));
        }
        let age = self.parts.clock.now().saturating_sub(delivery.message.created_at);
        let patience = app.settings.late_reply == LateReply::Join;
        let handling = Handling::new(Arc::clone(&self.parts), account, query, delivery, id);
        Ok(self.deliveries.answer(key, age, patience, handling).await)
    }

    /// Which handler would answer `message`, whose XML is `raw`, if it came at `now`, in seconds since 1970; and why.
    /// The plugins' rules are asked; nothing is sent, logged or noted.
    pub async fn explain(&self, account: &Account, message: &Message, raw: &str, now: u64) -> Explanation {
        let plugins = TrialRules { plugins: &self.parts.plugins, account, message, raw: raw.into() };
        account.rules.explain(message, now, &plugins).await
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

    /// Waits for the handlers that still run, also those whose connection has ended, and for who observes them.
    pub async fn finish(&self) {
        self.deliveries.finish().await;
        self.parts.observers.finish().await;
    }
}

/// The plugins' rules, asked about a message that did not come.
struct TrialRules<'a> {
    plugins: &'a Plugins,
    account: &'a Account,
    message: &'a Message,
    raw: Arc<str>,
}

impl Ask for TrialRules<'_> {
    fn ask<'a>(&'a self, target: &'a PluginTarget) -> BoxFuture<'a, rules::Answer> {
        let subject = subject(self.account, target, "test".into(), Arc::clone(&self.raw));
        let asked = self.plugins.matches(target, subject, self.message);
        asked.map_err(|error| error.to_string()).boxed()
    }
}

/// What a call of `target` is about.
fn subject(account: &Account, target: &PluginTarget, delivery_id: Arc<str>, raw: Arc<str>) -> Subject {
    Subject {
        app: Arc::clone(&account.app),
        granted: account.plugins.get(&target.plugin).map(Arc::clone),
        delivery_id,
        raw,
    }
}
