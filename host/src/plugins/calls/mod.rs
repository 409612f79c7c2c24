//! A call of a plugin: who is meant, when it is its turn, what it answers. One file for each kind of call.

mod handlers;
mod hooks;
mod observers;
mod rules;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::{Store, component::Instance};

use super::{
    bindings::imported::types,
    component::{Description, Entry, Exports, Loaded},
    convert,
    error::CallError,
    guard::{Bounds, NoTurn, Turn, Whose},
    host::log::printable,
    instance::{State, Subject, Terms},
    registry::{Plugin, Plugins},
};
use crate::{model::PluginTarget, plugin_limits::PluginLimits};

pub use hooks::OrderChange;
pub use observers::Observation;

/// What sets the calls of one kind of export apart.
struct Kind {
    /// handler, rule, hook or observer.
    name: &'static str,
    /// Where the plugin names what it has of the kind.
    entries: fn(&Description) -> &[Entry],
    /// Wall clock of a call, in milliseconds.
    timeout: fn(&PluginLimits) -> u64,
    /// The setting that says so.
    setting: &'static str,
    /// Whether calls of an entry that keeps failing are refused for a while.
    has_breaker: bool,
}

impl Plugins {
    /// Lets the entry of that kind that `target` names do `call`, within the operator's limits, and counts it.
    ///
    /// # Errors
    /// When there is no such entry, or it fails; the caller logs it.
    async fn ask<T>(
        &self,
        kind: &Kind,
        target: &PluginTarget,
        subject: Subject,
        call: impl AsyncFnOnce(&mut Store<State>, &Instance, &Exports, &str) -> wasmtime::Result<Result<T, types::Error>>,
    ) -> Result<T, CallError> {
        let began = Instant::now();
        let (plugin, loaded) = self.running(&target.plugin, kind).await?;
        let entry = entry(kind, &loaded, target, &subject)?;
        let call = async |store: &mut Store<State>, instance: &Instance| {
            call(store, instance, &loaded.exports, &entry.name).await
        };
        let result = match self.guarded(&plugin, &loaded, entry, subject, kind, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(CallError::Failed(printable(&convert::error(&error)).into_owned())),
            Err(error) => Err(error),
        };
        plugin.statistics.count(began, &result);
        result
    }

    /// Lets `call` run unless it keeps failing.
    async fn guarded<T>(
        &self,
        plugin: &Plugin,
        loaded: &Loaded,
        entry: &Entry,
        subject: Subject,
        kind: &Kind,
        call: impl AsyncFnOnce(&mut Store<State>, &Instance) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let (limits, bounds) = plugin.guard.limits_for(subject.granted.as_deref(), &self.limits().ceilings);
        if !kind.has_breaker {
            return self.call(plugin, loaded, subject, kind, (limits, bounds), call).await;
        }
        let app = Arc::clone(&subject.app);
        let whose = Whose { plugin: &plugin.name, app: &app.name, kind: kind.name, entry: &entry.name };
        let admission = loaded.breakers.admit(whose)?;
        let result = self.call(plugin, loaded, subject, kind, (limits, bounds), call).await;
        match &result {
            Ok(_) => admission.ends(None, limits.breaker_failures, self.limits().pauses),
            Err(fault) if fault.is_fault() => {
                admission.ends(Some(fault), limits.breaker_failures, self.limits().pauses);
            }
            // It says nothing of the plugin.
            Err(_) => {}
        }
        result
    }

    /// Waits for a turn and runs `call`, both within the kind's time.
    async fn call<T>(
        &self,
        plugin: &Plugin,
        loaded: &Loaded,
        subject: Subject,
        kind: &Kind,
        (limits, bounds): (PluginLimits, Bounds),
        call: impl AsyncFnOnce(&mut Store<State>, &Instance) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let began = Instant::now();
        let timeout = Duration::from_millis((kind.timeout)(&limits));
        let _turn = self.turn(plugin, &subject.app.name, bounds, timeout).await?;
        let waited = began.elapsed();
        let terms = Terms { limits, timeout: timeout.saturating_sub(waited), log: Arc::clone(&plugin.guard.log) };
        let result = self.0.loader.sandbox().run(loaded, Some(subject), terms, call).await;
        result.map_err(|error| match error {
            CallError::TimedOut { after, .. } => CallError::TimedOut { after, waited, setting: Some(kind.setting) },
            error => error,
        })
    }

    /// The right to run one call of the plugin for the app.
    async fn turn(&self, plugin: &Plugin, app: &str, bounds: Bounds, timeout: Duration) -> Result<Turn<'_>, CallError> {
        let queue = &self.0.queue;
        let lane = plugin.guard.lanes.of(app, queue);
        let turn = queue.turn(lane, bounds, timeout).await;
        turn.map_err(|reason| {
            let (plugin, waited) = (plugin.name.to_string(), timeout);
            match reason {
                NoTurn::Shed(waiting) => CallError::Shed { plugin, waiting },
                NoTurn::AppInPlugin => CallError::Busy { plugin, waited, setting: "limits.max_concurrency of the app" },
                NoTurn::App => CallError::Busy { plugin, waited, setting: "plugins.max_app_concurrency" },
                NoTurn::Plugin => CallError::Busy { plugin, waited, setting: "plugins.max_concurrency" },
                NoTurn::Pool => CallError::PoolBusy { waited },
            }
        })
    }

    /// The version of a plugin that runs. While the folder is read for the first time it may be
    /// about to come, so a start loses no message.
    async fn running(&self, name: &str, kind: &Kind) -> Result<(Arc<Plugin>, Arc<Loaded>), CallError> {
        let running = || {
            let plugin = self.find(name)?;
            let loaded = plugin.loaded.clone()?;
            Some((plugin, loaded))
        };
        if let Some(running) = running() {
            return Ok(running);
        }
        let timeout = Duration::from_millis((kind.timeout)(&self.limits().defaults));
        // Time that runs out is time in which it did not come.
        drop(tokio::time::timeout(timeout, self.0.first_pass.wait()).await);
        running().ok_or_else(|| CallError::NotLoaded(name.to_owned()))
    }
}

/// The entry that a target names: by its name, or the plugin's first one.
fn entry<'a>(
    kind: &Kind,
    loaded: &'a Loaded,
    target: &PluginTarget,
    subject: &Subject,
) -> Result<&'a Entry, CallError> {
    let entries = (kind.entries)(&loaded.description);
    let found = match &target.entry {
        Some(name) => entries.iter().find(|entry| entry.name == *name),
        None => entries.first(),
    };
    let entry = found.ok_or_else(|| CallError::NoSuchEntry {
        plugin: loaded.name.to_string(),
        kind: kind.name,
        name: target.entry.clone().unwrap_or_default(),
        has: entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", "),
    })?;
    if entry.apps.is_empty() || entry.apps.contains(&subject.app.name) {
        Ok(entry)
    } else {
        Err(CallError::NotForApp { plugin: loaded.name.to_string(), kind: kind.name, name: entry.name.clone() })
    }
}

/// The interface that an entry stands in. A plugin that names one and does not export it is refused when it is loaded.
fn exported<T>(interface: Option<&T>) -> wasmtime::Result<&T> {
    interface.ok_or_else(|| wasmtime::Error::msg("the interface is not exported"))
}
