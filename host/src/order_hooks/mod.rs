//! Tells the apps' hooks and webhooks of orders that changed: at least once, the changes of one order in their order.
//!
//! A change and its event are written together (`storage/orders`); what is told here is what is written there, so that
//! neither a crash nor a plugin that fails loses one. Whoever tells an event claims it for a while first, so that only
//! one of several processes does; if that one dies, the claim runs out. Each target of an app is told by itself.

mod webhook;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{
    accounts::{Account, Accounts},
    clock::Clock,
    model::{App, EventTarget, PluginTarget},
    plugins::{CallError, EntryKind, OrderChange, Plugins, RefundChange, Subject},
    shares::Room,
    storage::{DueEvent, HookOutcome, Store, StoreError, with_causes},
    upstream::{WebhookError, Webhooks},
};

/// How often events are looked for: a hook hears of a change within a second.
const LOOK: Duration = Duration::from_millis(500);

/// How many calls run at once to one kind of target, of one app and in all: one that hangs must not keep other apps'
/// from hearing, nor a server plugins.
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

/// For how much longer than a call may take its event is claimed.
const MARGIN: Duration = Duration::from_secs(10);

/// Characters of a failure that are kept with the event.
const ERROR_CHARACTERS: usize = 1000;

/// Tells hooks and webhooks. Clones share what runs.
#[derive(Clone)]
pub struct OrderHooks {
    store: Store,
    accounts: Accounts,
    plugins: Plugins,
    webhooks: Webhooks,
    clock: Clock,
    hook_room: Room,
    webhook_room: Room,
    /// A call has ended: there is room for another.
    ended: Arc<Notify>,
    tasks: TaskTracker,
}

/// What came of a message that tries an app's webhook.
#[derive(Debug)]
pub struct WebhookTrial {
    /// The id that was sent with it.
    pub id: String,
    /// The status of the answer, or why there is none that is good.
    pub answer: Result<u16, WebhookError>,
    /// How long it took.
    pub took: Duration,
}

/// Whom an event is for.
enum Listener {
    Hook(PluginTarget),
    Webhook,
}

/// Why somebody has not heard of an event.
#[derive(Debug, thiserror::Error)]
enum TellError {
    #[error(transparent)]
    Hook(#[from] CallError),
    #[error(transparent)]
    Webhook(#[from] WebhookError),
}

impl TellError {
    /// Where a plugin failed.
    fn backtrace(&self) -> Option<&str> {
        match self {
            Self::Hook(error) => error.backtrace(),
            Self::Webhook(_) => None,
        }
    }

    /// Whether telling it again makes sense.
    fn may_pass(&self) -> bool {
        !matches!(self, Self::Webhook(WebhookError::Gone))
    }
}

impl Listener {
    /// What the app has for that target.
    fn of(app: &App, target: EventTarget) -> Option<Self> {
        match target {
            EventTarget::Hook => app.order_hook.clone().map(Self::Hook),
            EventTarget::Webhook => app.settings.order_webhook_url.as_ref().map(|_| Self::Webhook),
        }
    }
}

impl OrderHooks {
    /// Tells the hooks and webhooks that `accounts` name.
    ///
    /// # Errors
    /// When the system has no TLS roots.
    pub fn new(store: Store, accounts: Accounts, plugins: Plugins, clock: Clock) -> reqwest::Result<Self> {
        let room = || Room::new(IN_ALL as usize, OF_ONE_APP as usize);
        Ok(Self {
            store,
            accounts,
            plugins,
            webhooks: Webhooks::new()?,
            clock,
            hook_room: room(),
            webhook_room: room(),
            ended: Arc::default(),
            tasks: TaskTracker::new(),
        })
    }

    /// Looks for what somebody has not heard of, for as long as it is polled.
    pub async fn tell(self) {
        loop {
            if let Err(error) = self.tell_what_is_due().await {
                let error = with_causes(&error);
                tracing::warn!(%error, "events of orders could not be read: their hooks hear of them later");
                tokio::time::sleep(LOOK).await;
            }
            // Or time has passed, which is the other reason to look.
            drop(tokio::time::timeout(LOOK, self.ended.notified()).await);
        }
    }

    /// Waits for the calls that run.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Sends the webhook of an app a message that is about no order; none when the app has no webhook.
    pub async fn try_webhook(&self, app: &App) -> Option<WebhookTrial> {
        app.settings.order_webhook_url.as_ref()?;
        let id = format!("test-{}", Uuid::now_v7());
        let began = Instant::now();
        let answer = webhook::test(&self.webhooks, app, &id, self.clock.now()).await;
        Some(WebhookTrial { id, answer, took: began.elapsed() })
    }

    async fn tell_what_is_due(&self) -> Result<(), StoreError> {
        let orders = self.store.orders();
        let mut skipped = Vec::new();
        for event in orders.due_events(OF_ONE_APP, IN_ALL * 2).await? {
            // An app that is not known here yet, or not any more.
            let Some(account) = self.accounts.find(&event.order.app) else { continue };
            let Some(listener) = Listener::of(&account.app, event.target) else {
                skipped.push(event);
                continue;
            };
            let room = match event.target {
                EventTarget::Hook => &self.hook_room,
                EventTarget::Webhook => &self.webhook_room,
            };
            let Some(place) = room.place(&event.order.app) else { continue };
            let hooks = self.clone();
            self.tasks.spawn(async move {
                let was_taken_on = hooks.tell_of(event, &account, &listener).await;
                drop(place);
                // What could not be taken on is still due, and must not be tried again without a pause.
                if was_taken_on {
                    hooks.ended.notify_one();
                }
            });
        }
        if !skipped.is_empty() {
            orders.skip_events(&skipped).await?;
        }
        Ok(())
    }

    /// False when the event could not be taken on.
    async fn tell_of(&self, event: DueEvent, account: &Account, listener: &Listener) -> bool {
        let orders = self.store.orders();
        let may_take = match listener {
            Listener::Hook(hook) => {
                let set = account.plugins.get(&hook.plugin).map(AsRef::as_ref);
                Duration::from_millis(self.plugins.limits_of(&hook.plugin, set).hook_timeout_ms)
            }
            Listener::Webhook => Webhooks::TIMEOUT,
        };
        match orders.take_event(&event, self.after(may_take + MARGIN)).await {
            Ok(true) => {}
            Ok(false) => return false,
            Err(error) => {
                let error = with_causes(&error);
                tracing::warn!(event = event.id, %error, "the event of an order could not be taken on");
                return false;
            }
        }
        let told = self.call(&event, account, listener).await;
        let failure = told.as_ref().err().map(|error| short(&error.to_string()));
        let again = usize::try_from(event.attempts).ok().and_then(|attempts| PAUSES.get(attempts));
        let again = again.filter(|_| told.as_ref().err().is_none_or(TellError::may_pass));
        let backtrace = told.as_ref().err().and_then(TellError::backtrace).map(str::to_owned);
        let outcome = match (&failure, told) {
            (Some(failure), _) => HookOutcome::Failed(failure, again.map(|pause| self.after(longer(*pause)))),
            (None, Ok(false)) => HookOutcome::Skipped,
            (None, _) => HookOutcome::Delivered,
        };
        self.report(&event, listener, &outcome, backtrace.as_deref());
        if let Err(error) = orders.settle_event(&event, outcome).await {
            let error = with_causes(&error);
            tracing::warn!(event = event.id, %error, "what a hook said could not be written: it will hear of it again");
        }
        true
    }

    /// False when the listener does not want to hear of such events.
    async fn call(&self, event: &DueEvent, account: &Account, listener: &Listener) -> Result<bool, TellError> {
        match listener {
            Listener::Hook(hook) => Ok(self.call_hook(event, account, hook).await?),
            Listener::Webhook => {
                webhook::tell(&self.webhooks, &account.app, event, self.clock.now()).await?;
                Ok(true)
            }
        }
    }

    async fn call_hook(&self, event: &DueEvent, account: &Account, hook: &PluginTarget) -> Result<bool, CallError> {
        let subject = Subject {
            app: Arc::clone(&account.app),
            granted: account.plugins.get(&hook.plugin).map(Arc::clone),
            delivery_id: event.id.as_str().into(),
            raw: "".into(),
        };
        let DueEvent { id, order, previous_state, source, .. } = event;
        let attempt = u32::try_from(event.attempts + 1).unwrap_or(u32::MAX);
        if let Some(step) = &event.refund {
            let change = RefundChange { id, order, step, source: *source, attempt };
            return self.plugins.refund_updated(hook, subject, change).await;
        }
        let change = OrderChange { id, order, previous_state: *previous_state, source: *source, attempt };
        self.plugins.order_updated(hook, subject, change).await?;
        Ok(true)
    }

    /// Tells the log of a failure.
    fn report(&self, event: &DueEvent, listener: &Listener, outcome: &HookOutcome<'_>, backtrace: Option<&str>) {
        let HookOutcome::Failed(error, again) = outcome else { return };
        let (order, target, attempt) = (&event.order, event.target, event.attempts + 1);
        let (app, merchant, number) = (&order.app, &order.merchant, &order.out_trade_no);
        let (plugin, hook) = match listener {
            Listener::Hook(hook) => (Some(&*hook.plugin), self.plugins.entry_name(EntryKind::Hook, hook)),
            Listener::Webhook => (None, None),
        };
        if again.is_some() {
            tracing::warn!(
                app, merchant, out_trade_no = number, event = event.id, %target, plugin, hook, attempt, error, backtrace,
                "the event of an order was not taken and is delivered again later"
            );
        } else {
            tracing::error!(
                app, merchant, out_trade_no = number, event = event.id, %target, plugin, hook, attempt, error, backtrace,
                "the event of an order was not taken for the last time and is parked; have it delivered again when the \
                 other side is mended"
            );
        }
    }

    fn after(&self, time: Duration) -> u64 {
        self.clock.now_ms() + u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2)
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
