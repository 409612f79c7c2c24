//! Tells the plugin that an app names as its `order_hook` of changed orders: what was written with the change is
//! delivered at least once, the events of one order in their order, whatever ends in between.
//!
//! A try that fails is made again after growing pauses, for a day. An order whose hook fails holds up no other.

use std::time::Duration;

use futures::{StreamExt, stream};

use crate::{
    accounts::Accounts,
    clock::Clock,
    plugins::{OrderUpdate, Plugins, Subject},
    storage::{DueEvent, EventOutcome, Store, StoreError},
};

/// How often it is looked whether there is something to tell.
const ROUND: Duration = Duration::from_millis(300);

/// How many events are taken at once, and how many are told of at a time.
const EVENTS: usize = 64;
const AT_A_TIME: usize = 16;

/// The pause after the first failure, and the longest, in milliseconds; each is twice the one before.
const FIRST_PAUSE: u64 = 2_000;
const LONGEST_PAUSE: u64 = 3_600_000;

/// For how long a hook that fails is told again, in milliseconds: a day.
const PATIENCE: u64 = 86_400_000;

/// How much longer than a call may take an event is kept from others.
const LEASE_BEYOND_CALL: Duration = Duration::from_secs(30);

/// The most characters that are kept of why a try failed.
const ERROR_CHARACTERS: usize = 500;

/// Tells hooks. Clones do the same.
#[derive(Clone)]
pub struct OrderHooks {
    store: Store,
    accounts: Accounts,
    plugins: Plugins,
    clock: Clock,
}

impl OrderHooks {
    /// Reads events from `store`.
    pub fn new(store: Store, accounts: Accounts, plugins: Plugins, clock: Clock) -> Self {
        Self { store, accounts, plugins, clock }
    }

    /// Tells hooks of what happens, for as long as it is polled.
    pub async fn run(self) {
        loop {
            let told = self.tell_due().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the hooks of orders are not told");
                0
            });
            // There may be more.
            if told == 0 {
                tokio::time::sleep(ROUND).await;
            }
        }
    }

    /// Tells hooks of the events that are due, each once; gives how many there were.
    async fn tell_due(&self) -> Result<usize, StoreError> {
        let lease = self.plugins.hook_timeout() + LEASE_BEYOND_CALL;
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        let due = self.store.orders().take_due_events(EVENTS, lease_ms).await?;
        let count = due.len();
        let telling = due.into_iter().map(async |event| {
            let outcome = self.tell(&event).await;
            if let Err(error) = self.store.orders().settle_event(&event, &outcome).await {
                tracing::warn!(event = event.id, %error, "what became of an order's event is not written: it comes again");
            }
        });
        stream::iter(telling).buffer_unordered(AT_A_TIME).collect::<()>().await;
        Ok(count)
    }

    async fn tell(&self, event: &DueEvent) -> EventOutcome {
        let Some(account) = self.accounts.find(&event.order.app) else { return EventOutcome::NoHook };
        let Some(target) = &account.app.order_hook else { return EventOutcome::NoHook };
        let subject = Subject {
            app: account.app.clone(),
            granted: account.plugins.get(&target.plugin).cloned(),
            delivery_id: event.id.as_str().into(),
            raw: "".into(),
        };
        let update = OrderUpdate {
            id: &event.id,
            order: &event.order,
            previous_state: event.previous_state,
            source: event.source,
            attempt: u32::try_from(event.attempt).unwrap_or(u32::MAX),
        };
        let Err(error) = self.plugins.order_updated(target, subject, update).await else { return EventOutcome::Told };
        let (app, out_trade_no) = (&event.order.app, &event.order.out_trade_no);
        tracing::warn!(app, out_trade_no, hook = %target, event = event.id, %error, "an order's hook failed");
        let error: String = error.to_string().chars().take(ERROR_CHARACTERS).collect();
        let now = self.clock.now_ms();
        if now.saturating_sub(event.created_at_ms) >= PATIENCE {
            EventOutcome::Parked { error }
        } else {
            EventOutcome::Again { error, at_ms: now + pause(event.attempt, rand::random()) }
        }
    }
}

/// The pause after that try, in milliseconds: up to a quarter longer than it would be, by chance, so that what failed
/// together does not come again together.
fn pause(attempt: u64, chance: u64) -> u64 {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    let pause = 1_u64.checked_shl(doublings).and_then(|factor| FIRST_PAUSE.checked_mul(factor));
    let pause = pause.unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
    pause + chance % (pause / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour_and_are_not_all_the_same() {
        assert_eq!([1, 2, 3, 10].map(|attempt| pause(attempt, 0)), [2_000, 4_000, 8_000, 1_024_000]);
        for attempt in [12, 40, 64, 100, u64::MAX] {
            assert_eq!(pause(attempt, 0), LONGEST_PAUSE);
        }
        assert_eq!(pause(1, 499), 2_499);
        assert_eq!(pause(1, 500), 2_000);
    }
}
