//! A call of a plugin: who is meant, when it is its turn, what it answers. One file for each kind of call.
//!
//! ```text
//! handle, matches, order_updated, observe, serve    in the file of the kind: a `Call` is made of what is asked
//! └ ask
//!   ├ version_for                                   the version that the user gets, once one runs (running)
//!   └ ask_of                                        counts how it ends for the canary
//!     └ ask_version                                 finds the entry and what the call may use
//!       ├ guarded                                   refuses it while the breaker of the entry is open
//!       │ └ run                                     waits for a turn, then looks again at what is set (begin)
//!       │   └ Sandbox::run                          makes an instance, and bounds what it takes
//!       │     └ Named::visit → Call::call           calls the guest's function
//!       └ Done::of, Statistics::count, leave_receipt  what came of it
//! ```
//!
//! A call that is tried or made again (`again`) waits for no turn and is not counted: `examine` calls `Sandbox::run`.

mod again;
mod done;
mod draft;
mod handlers;
mod hooks;
mod observers;
mod pages;
mod rules;
mod version;

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Serialize, de::DeserializeOwned};
use tracing::Instrument as _;
use wasmtime::{Store, component::Instance};

use super::{
    bindings::imported::types,
    component::{Description, Entry, Exports, Loaded},
    entry_kind::EntryKind,
    error::CallError,
    guard::{Bounds, CallLimits, NoTurn, Turn, Whose},
    instance::{State, Subject},
    limits::count,
    live_log::LogPlace,
    receipts::json,
    registry::{Plugin, Plugins},
    sandbox::{Ran, Task, Terms, Visit},
};
use crate::{model::PluginTarget, printable::printable_up_to};

use done::{Done, failed};
use draft::Kept;
use version::Version;

pub use again::{ReplayError, Tried};
pub use hooks::{OrderChange, RefundChange};
pub use observers::Observation;
pub use pages::{Page, PageRequest, PageUser};

/// The most apps that an error names of those that an entry is for: a plugin says what it likes there.
const APPS_NAMED: usize = 8;
/// The most bytes of an app's name in an error that names several.
const APP_BYTES: usize = 32;

/// A call of one kind: what it is given, and what it answers.
trait Call: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The answer, as the WIT has it.
    type Answer: Serialize + Clone + Send + 'static;
    /// The kind of entry that is called.
    const KIND: EntryKind;

    /// The user that the call is about.
    fn openid(&self) -> Option<&str>;

    /// What a receipt keeps of the call's input: all of it, so that the call can be made again.
    fn kept(&self) -> Kept {
        let call = self.clone();
        Box::new(move || json::value(&call))
    }

    /// What a receipt keeps of an answer.
    fn kept_answer(answer: &Self::Answer) -> Kept {
        let answer = answer.clone();
        Box::new(move || json::value(&answer))
    }

    /// Bytes of the call's input in which secrets are looked for.
    fn searched(&self) -> usize {
        0
    }

    /// Bytes of an answer in which secrets are looked for.
    fn searched_answer(_: &Self::Answer) -> usize {
        0
    }

    /// Makes the call in an instance.
    fn call(&self, inside: Inside<'_>) -> impl Future<Output = Outcome<Self::Answer>> + Send;
}

/// What comes of a call: a trap, an error that the plugin answers, or its answer.
type Outcome<T> = wasmtime::Result<Result<T, types::Error>>;

/// Where a call is made.
struct Inside<'a> {
    store: &'a mut Store<State>,
    instance: &'a Instance,
    exports: &'a Exports,
    entry: &'a str,
}

/// A call of the entry `entry`.
struct Named<C> {
    entry: String,
    call: C,
}

impl<C: Call> Visit for Named<C> {
    type Answer = Result<C::Answer, types::Error>;

    async fn visit(&self, store: &mut Store<State>, instance: &Instance, exports: &Exports) -> Outcome<C::Answer> {
        self.call.call(Inside { store, instance, exports, entry: &self.entry }).await
    }
}

/// A call that has ended, and its turn, unless it never had one.
type Called<'q, T> = (Ran<Result<T, types::Error>>, Option<Turn<'q>>);

/// The entry that is called, and the app that it is called for.
#[derive(Clone, Copy)]
struct Place<'a> {
    plugin: &'a Plugin,
    loaded: &'a Loaded,
    app: &'a str,
    entry: &'a str,
    /// How long the call waited for the plugin to be loaded.
    waited: Duration,
}

impl Plugins {
    /// Makes a call of the entry that `target` names, in the version of the plugin that the user gets.
    ///
    /// # Errors
    /// When there is no such entry, or it fails; the caller logs it.
    async fn ask<C: Call>(&self, target: &PluginTarget, subject: Subject, call: C) -> Result<C::Answer, CallError> {
        let version = self.version_for(&target.plugin, &subject, &call).await?;
        self.ask_of(&version, target, subject, call).await
    }

    /// Makes a call in one version of the plugin, within the operator's limits, and counts it.
    async fn ask_version<C: Call>(
        &self,
        Version { plugin, loaded, waited, .. }: &Version,
        target: &PluginTarget,
        subject: Subject,
        call: C,
    ) -> Result<C::Answer, CallError> {
        let entry = entry(C::KIND, loaded, target, &subject.app.name)?;
        let span = tracing::debug_span!(
            "plugin_call",
            plugin = &*plugin.name,
            kind = C::KIND.name(),
            entry = entry.name,
            app = subject.app.name,
            delivery = &*subject.delivery_id,
            outcome = tracing::field::Empty,
        );
        let recorded = span.clone();
        // Where it is, and not moved into the span.
        let asking = pin!(async {
            let counts = plugin.statistics.counts(C::KIND, &entry.name);
            let log_place = || {
                let (log, allowances) = (Arc::clone(&plugin.log), Arc::clone(&plugin.guard.log));
                LogPlace { log, allowances, counts: Arc::clone(&counts) }
            };
            let of_app = subject.app.settings.max_plugin_concurrency.map_or(self.limits().app_concurrency, count);
            let allowed = plugin.guard.limits_for(subject.granted.as_deref(), &self.limits().ceilings, of_app);
            let (app, task) = (Arc::clone(&subject.app), Task::new(Some(subject), Some(log_place())));
            let place = Place { plugin, loaded, app: &app.name, entry: &entry.name, waited: *waited };
            let named = Arc::new(Named { entry: entry.name.clone(), call });
            let (ran, turn) = self.guarded(place, task, &allowed, &named).await;
            let done = Done::of(ran);
            let error = done.error();
            plugin.statistics.count(&counts, &done.used, &done.trace, error);
            recorded.record("outcome", error.map_or("ok", CallError::code));
            let used = &done.used;
            tracing::debug!(queued = ?used.queued, took = ?used.took.unwrap_or_default(), cpu = ?used.cpu, "call ended");
            // What never ran has nothing to tell.
            let tells = done.used.ran() && (error.is_some() || plugin.receipts.take_slot(done.circumstances.at));
            if let (true, Some(error), Some(subject)) = (tells, error, &done.subject) {
                log_place().tell_failure(&plugin.name, subject, &allowed.limits, error);
            }
            let result = if tells {
                self.leave_receipt(&plugin.receipts, loaded, &allowed.limits, &named, done)
            } else {
                done.result
            };
            // No more receipts are written here at a time than calls may run.
            drop(turn);
            result
        });
        asking.instrument(span).await
    }

    /// Makes the call unless the breaker of its entry is open, and tells the breaker how it ended.
    async fn guarded<C: Call>(
        &self,
        place: Place<'_>,
        task: Task,
        allowed: &CallLimits,
        named: &Arc<Named<C>>,
    ) -> Called<'_, C::Answer> {
        if !C::KIND.has_breaker() {
            return self.run(place, task, allowed, named).await;
        }
        let whose = Whose { plugin: &place.plugin.name, app: place.app, kind: C::KIND, entry: place.entry };
        let admission = match place.loaded.breakers.admit(whose) {
            Ok(admission) => admission,
            Err(error) => {
                place.plugin.guard.openings.count_refused(whose);
                return (Ran::not(task, error, Duration::ZERO), None);
            }
        };
        let failures = allowed.limits.breaker_failures;
        let (ran, turn) = self.run(place, task, allowed, named).await;
        let opened = match &ran.result {
            // As long as the grant is missing, the next call ends the same way.
            Ok(Err(error @ types::Error::Denied(_))) if ran.trace.lacks_grant => {
                admission.finish(Some(&failed(error)), failures, self.limits().pauses)
            }
            // What cannot be sent for what it says is an answer, too: it ran to its end within its limits, and another
            // message may be answered well.
            Ok(_) | Err(CallError::BadReply(_)) => admission.finish(None, failures, self.limits().pauses),
            Err(fault) if fault.is_fault() => admission.finish(Some(fault), failures, self.limits().pauses),
            // It says nothing of the plugin.
            Err(_) => false,
        };
        if opened {
            place.plugin.guard.openings.count_opened(whose);
        }
        (ran, turn)
    }

    /// Waits for a turn and makes the call, both within what is left of the call's time.
    async fn run<C: Call>(
        &self,
        place: Place<'_>,
        mut task: Task,
        &CallLimits { limits, bounds }: &CallLimits,
        named: &Arc<Named<C>>,
    ) -> Called<'_, C::Answer> {
        let (timeout, setting) = C::KIND.timeout(&limits);
        let turn = match self.turn::<C>(place, bounds, timeout.saturating_sub(place.waited)).await {
            Ok(turn) => turn,
            Err((error, waited)) => return (Ran::not(task, error, place.waited + waited), None),
        };
        let waited = place.waited + turn.waited();
        if let Err(error) = self.begin::<C>(place, &mut task, waited) {
            return (Ran::not(task, error, waited), None);
        }
        let (app, heavy) = (Some(place.app), turn.weight().is_heavy());
        let terms = Terms { app, limits, timeout: timeout.saturating_sub(waited), heavy };
        let mut ran = self.0.loader.sandbox().run(&place.loaded.linked, task, terms, Arc::clone(named)).await;
        turn.weight().count(ran.used.work(), ran.result.as_ref().is_err_and(CallError::is_fault));
        ran.used.queued = waited;
        ran.result = ran.result.map_err(|error| match error {
            CallError::TimedOut { after, .. } => CallError::TimedOut { after, waited, setting: Some(setting) },
            error => error,
        });
        (ran, Some(turn))
    }

    /// Looks again at what the operator has set when the call begins, as it may have waited: whether the plugin is
    /// switched off, and what it is granted.
    fn begin<C: Call>(&self, place: Place<'_>, task: &mut Task, waited: Duration) -> Result<(), CallError> {
        let Place { plugin, app, .. } = place;
        // One that did not wait has just looked.
        if !waited.is_zero() {
            let name = || plugin.name.to_string();
            if self.is_disabled(&plugin.name).ok_or_else(|| CallError::NotLoaded(name()))? {
                return Err(CallError::Disabled(name()));
            }
        }
        let granted = self.0.loader.sandbox().granted(app, &plugin.name);
        if C::KIND == EntryKind::Page {
            pages::check_grant(granted.as_deref(), &plugin.name, app)?;
        }
        if let Some(subject) = &mut task.subject {
            subject.granted = granted;
        }
        Ok(())
    }

    /// Waits for the right to run one call of the plugin for the app. The error comes with how long the call waited in
    /// vain.
    async fn turn<C: Call>(
        &self,
        Place { plugin, app, .. }: Place<'_>,
        bounds: Bounds,
        timeout: Duration,
    ) -> Result<Turn<'_>, (CallError, Duration)> {
        let (queue, lanes) = (&self.0.queue, &plugin.guard.lanes);
        let turn = if C::KIND == EntryKind::Page {
            queue.turn(lanes.of_pages(app, queue), bounds.of_pages(), timeout).await
        } else {
            queue.turn(lanes.of(app, queue), bounds, timeout).await
        };
        turn.map_err(|reason| {
            let (plugin, waited) = (plugin.name.to_string(), timeout);
            let error = match reason {
                NoTurn::Shed(waiting) => return (CallError::Shed { plugin, waiting }, Duration::ZERO),
                NoTurn::AppInPlugin => CallError::Busy { plugin, waited, setting: "limits.max_concurrency of the app" },
                NoTurn::App if bounds.app == self.limits().app_concurrency => {
                    CallError::Busy { plugin, waited, setting: "plugins.max_app_concurrency" }
                }
                NoTurn::App => CallError::Busy { plugin, waited, setting: "max_plugin_concurrency of the app" },
                NoTurn::Plugin => CallError::Busy { plugin, waited, setting: "plugins.max_concurrency" },
                NoTurn::Pool => CallError::PoolBusy { waited },
            };
            (error, waited)
        })
    }

    /// The version of a plugin that runs, unless the plugin is switched off, and how long it took to be loaded. While
    /// the folder is read for the first time a plugin is waited for, so that a start loses no message.
    async fn running(
        &self,
        name: &str,
        kind: EntryKind,
        subject: &Subject,
    ) -> Result<(Arc<Plugin>, Arc<Loaded>, Duration), CallError> {
        let running = |waited| {
            let plugin = self.find(name)?;
            if plugin.is_disabled {
                return Some(Err(CallError::Disabled(name.to_owned())));
            }
            let loaded = plugin.loaded.clone()?;
            Some(Ok((plugin, loaded, waited)))
        };
        if let Some(running) = running(Duration::ZERO) {
            return running;
        }
        let (timeout, _) = kind.timeout(&self.limits_of(name, subject.granted.as_deref()));
        let began = Instant::now();
        // Time that runs out is time in which it did not come.
        drop(tokio::time::timeout(timeout, self.0.first_pass.wait()).await);
        running(began.elapsed()).unwrap_or_else(|| Err(CallError::NotLoaded(name.to_owned())))
    }
}

/// The entry of a kind that a target names: by its name, or the plugin's first one.
pub(super) fn found<'a>(kind: EntryKind, plugin: &'a Description, target: &PluginTarget) -> Option<&'a Entry> {
    let entries = kind.entries(plugin);
    let named = target.entry.as_ref().map(|name| entries.iter().find(|entry| entry.name == *name));
    named.filter(|found| found.is_some() || !kind.falls_back()).unwrap_or_else(|| entries.first())
}

/// The entry of a kind that a target names, if it may be called for the app.
///
/// # Errors
/// When there is no such entry, or it is for other apps only.
pub(super) fn entry<'a>(
    kind: EntryKind,
    loaded: &'a Loaded,
    target: &PluginTarget,
    app: &str,
) -> Result<&'a Entry, CallError> {
    let entry = found(kind, &loaded.description, target).ok_or_else(|| {
        let has = kind.entries(&loaded.description).iter().map(|entry| entry.name.as_str());
        CallError::NoSuchEntry {
            plugin: loaded.name.to_string(),
            kind,
            name: target.entry.clone().unwrap_or_default(),
            has: has.collect::<Vec<_>>().join(", "),
        }
    })?;
    if entry.apps.is_empty() || entry.apps.iter().any(|served| served == app) {
        Ok(entry)
    } else {
        let apps = entry.apps.iter().take(APPS_NAMED).map(|app| printable_up_to(app, APP_BYTES).into_owned()).collect();
        Err(CallError::NotForApp { plugin: loaded.name.to_string(), kind, name: entry.name.clone(), apps })
    }
}

/// The interface that an entry stands in. A plugin that names one and does not export it is refused when it is loaded.
fn exported<T>(interface: Option<&T>) -> wasmtime::Result<&T> {
    interface.ok_or_else(|| wasmtime::Error::msg("the interface is not exported"))
}
