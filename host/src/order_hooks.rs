//! Tells the apps' hooks of orders that changed: at least once, the changes of one order in their order.
//!
//! A change and its event are written together (`storage/orders`); what is told here is what is written there, so that
//! neither a crash nor a plugin that fails loses one. Who tells takes the event on for a while first, so that of several
//! processes one does; if that one dies, the while runs out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::{
    accounts::{Account, Accounts},
    clock::Clock,
    model::PluginTarget,
    plugins::{CallError, OrderChange, Plugins, Subject},
    storage::{DueEvent, HookOutcome, Store, StoreError},
};

/// How often events are looked for: a hook hears of a change within a second.
const LOOK: Duration = Duration::from_millis(500);

/// How many calls run at once, of one app and in all: a hook that hangs must not keep other apps' from hearing.
const OF_ONE_APP: u32 = 16;
/// See [`OF_ONE_APP`].
const IN_ALL: u32 = 64;

/// Pauses after the tries that failed. After the last one the event is parked, a day after the change.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(3),
    Duration::from_hours(6),
    Duration::from_hours(12),
];

/// How much longer than a call may take its event is taken on.
const MARGIN: Duration = Duration::from_secs(10);

/// Characters of a failure that are kept with the event.
const ERROR_CHARACTERS: usize = 1000;

/// Tells hooks. Clones share what runs.
#[derive(Clone)]
pub struct OrderHooks {
    store: Store,
    accounts: Accounts,
    plugins: Plugins,
    clock: Clock,
    running: Arc<Mutex<HashMap<String, u32>>>,
    /// A call has ended: there is room for another.
    ended: Arc<Notify>,
    tasks: TaskTracker,
}

impl OrderHooks {
    /// Tells the hooks that `accounts` name.
    pub fn new(store: Store, accounts: Accounts, plugins: Plugins, clock: Clock) -> Self {
        Self {
            store,
            accounts,
            plugins,
            clock,
            running: Arc::default(),
            ended: Arc::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Looks for what hooks have not heard of, for as long as it is polled.
    pub async fn tell(self) {
        loop {
            if let Err(error) = self.tell_what_is_due().await {
                tracing::warn!(%error, "events of orders could not be read: their hooks hear of them later");
                tokio::time::sleep(LOOK).await;
            }
            // Time that runs out is the other reason to look.
            drop(tokio::time::timeout(LOOK, self.ended.notified()).await);
        }
    }

    /// Waits for the calls that run.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn tell_what_is_due(&self) -> Result<(), StoreError> {
        let orders = self.store.orders();
        let mut skipped = Vec::new();
        for event in orders.due_events(OF_ONE_APP, IN_ALL).await? {
            // An app that is not known here yet, or not any more.
            let Some(account) = self.accounts.find(&event.order.app) else { continue };
            let Some(target) = account.app.order_hook.clone() else {
                skipped.push(event.id);
                continue;
            };
            let Some(turn) = Turn::take(self, &event.order.app) else { continue };
            let hooks = self.clone();
            self.tasks.spawn(async move {
                hooks.tell_of(event, &account, &target).await;
                drop(turn);
            });
        }
        if !skipped.is_empty() {
            orders.skip_events(&skipped).await?;
        }
        Ok(())
    }

    async fn tell_of(&self, event: DueEvent, account: &Account, target: &PluginTarget) {
        let orders = self.store.orders();
        let set = account.plugins.get(&target.plugin).map(AsRef::as_ref);
        let hook_timeout = self.plugins.limits_of(&target.plugin, set).hook_timeout_ms;
        let may_take = Duration::from_millis(hook_timeout) + MARGIN;
        match orders.take_event(&event, self.after(may_take)).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                return tracing::warn!(event = event.id, %error, "the event of an order could not be taken on");
            }
        }
        let told = self.call(&event, account, target).await;
        let failure = told.as_ref().err().map(|error| short(&error.to_string()));
        let again = usize::try_from(event.attempts).ok().and_then(|attempts| PAUSES.get(attempts));
        let outcome = match &failure {
            None => HookOutcome::Delivered,
            Some(failure) => HookOutcome::Failed(failure, again.map(|pause| self.after(longer(*pause)))),
        };
        let backtrace = told.as_ref().err().map(CallError::backtrace).unwrap_or_default();
        Self::report(&event, target, &outcome, backtrace);
        if let Err(error) = orders.settle_event(&event, outcome).await {
            tracing::warn!(event = event.id, %error, "what a hook said could not be written: it will hear of it again");
        }
    }

    async fn call(&self, event: &DueEvent, account: &Account, target: &PluginTarget) -> Result<(), CallError> {
        let subject = Subject {
            app: Arc::clone(&account.app),
            granted: account.plugins.get(&target.plugin).map(Arc::clone),
            delivery_id: event.id.as_str().into(),
            raw: "".into(),
        };
        let change = OrderChange {
            id: &event.id,
            order: &event.order,
            previous_state: event.previous_state,
            source: event.source,
            attempt: u32::try_from(event.attempts + 1).unwrap_or(u32::MAX),
        };
        self.plugins.order_updated(target, subject, change).await
    }

    fn report(event: &DueEvent, target: &PluginTarget, outcome: &HookOutcome<'_>, backtrace: &str) {
        let order = &event.order;
        let (app, merchant, number, attempt) = (&order.app, &order.merchant, &order.out_trade_no, event.attempts + 1);
        match outcome {
            HookOutcome::Delivered => {}
            HookOutcome::Failed(error, Some(_)) => tracing::warn!(
                app, merchant, out_trade_no = number, event = event.id, hook = %target, attempt, error, backtrace,
                "an order hook failed and is called again later"
            ),
            HookOutcome::Failed(error, None) => tracing::error!(
                app, merchant, out_trade_no = number, event = event.id, hook = %target, attempt, error, backtrace,
                "an order hook failed for the last time: the event is parked; have it delivered again when the hook is mended"
            ),
        }
    }

    fn after(&self, time: Duration) -> u64 {
        self.clock.now_ms() + u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2)
    }
}

/// One of the calls that may run at once; given back when it is dropped.
struct Turn {
    running: Arc<Mutex<HashMap<String, u32>>>,
    ended: Arc<Notify>,
    app: String,
}

impl Turn {
    fn take(hooks: &OrderHooks, app: &str) -> Option<Self> {
        let mut running = hooks.running.lock().unwrap_or_else(PoisonError::into_inner);
        let in_all: u32 = running.values().sum();
        let of_app = running.get(app).copied().unwrap_or_default();
        if in_all >= IN_ALL || of_app >= OF_ONE_APP {
            return None;
        }
        running.insert(app.to_owned(), of_app + 1);
        Some(Self { running: Arc::clone(&hooks.running), ended: Arc::clone(&hooks.ended), app: app.to_owned() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match running.get_mut(&self.app) {
            Some(of_app) if *of_app > 1 => *of_app -= 1,
            _ => drop(running.remove(&self.app)),
        }
        drop(running);
        self.ended.notify_one();
    }
}

/// Up to a tenth longer, so that what failed at once is not tried at once again.
fn longer(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + rand::random::<f64>() / 10.0)
}

fn short(text: &str) -> String {
    // No database of ours keeps U+0000.
    text.chars().filter(|c| *c != '\0').take(ERROR_CHARACTERS).collect()
}
