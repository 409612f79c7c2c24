//! A call of a plugin: who is meant, when it is its turn, what it answers. One file for each kind of call.

mod handlers;
mod hooks;
mod observers;
mod rules;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::SemaphorePermit;
use tracing::Instrument as _;
use wasmtime::{Store, component::Instance};

use super::{
    bindings::imported::types,
    component::{Entry, Exports, Loaded},
    convert,
    entry_kind::EntryKind,
    error::CallError,
    host::log::printable,
    instance::{Ran, State, Subject, Used},
    limits::Limits,
    registry::{Plugin, Plugins},
};
use crate::model::PluginTarget;

pub use hooks::OrderChange;
pub use observers::Observation;

/// One call of one kind: what it is given, and what it answers.
trait Call {
    /// What is answered, as the WIT has it.
    type Answer;
    /// Which of a plugin's entries are called so.
    const KIND: EntryKind;
    /// The setting that limits the wall clock of such calls.
    const SETTING: &'static str;

    /// How long such a call may take, by the wall clock.
    fn timeout(limits: &Limits) -> Duration;

    /// The user that it is about.
    fn openid(&self) -> Option<&str>;

    /// Calls `entry` in an instance.
    async fn call(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
        exports: &Exports,
        entry: &str,
    ) -> wasmtime::Result<Result<Self::Answer, types::Error>>;
}

impl Plugins {
    /// Makes a call of the entry that `target` names, of the version that the user gets.
    ///
    /// # Errors
    /// When there is no such entry, or it fails; the caller logs it.
    async fn ask<C: Call>(&self, target: &PluginTarget, subject: Subject, call: C) -> Result<C::Answer, CallError> {
        let (plugin, running) = self.running(&target.plugin, C::timeout(self.limits())).await?;
        let Some(canary) = &plugin.canary else {
            return self.ask_version(&plugin, &running, target, subject, call).await;
        };
        let gets_canary = call.openid().is_some_and(|openid| canary.is_for(openid));
        let version = if gets_canary { &canary.loaded } else { &running };
        let result = self.ask_version(&plugin, version, target, subject, call).await;
        canary.count(gets_canary, &result);
        result
    }

    /// Makes a call of one version, within the operator's limits, and counts it.
    async fn ask_version<C: Call>(
        &self,
        plugin: &Plugin,
        loaded: &Loaded,
        target: &PluginTarget,
        subject: Subject,
        call: C,
    ) -> Result<C::Answer, CallError> {
        let timeout = C::timeout(self.limits());
        let entry = entry(C::KIND, loaded, target, &subject)?;
        let span = tracing::debug_span!(
            "plugin_call",
            plugin = &*plugin.name,
            kind = C::KIND.name(),
            entry = entry.name,
            app = subject.app.name,
            delivery = &*subject.delivery_id,
            outcome = tracing::field::Empty,
        );
        async {
            let Ran { result, used } = self.run(plugin, loaded, subject, timeout, &entry.name, &call).await;
            let result = match result {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(error)) => Err(CallError::Failed(printable(&convert::error(&error)).into_owned())),
                Err(error) => Err(error),
            };
            let error = result.as_ref().err();
            plugin.statistics.count(C::KIND, &entry.name, &used, error);
            tracing::Span::current().record("outcome", error.map_or("ok", CallError::code));
            result
        }
        .instrument(span)
        .await
    }

    /// Waits for a turn and makes the call, both within its time.
    async fn run<C: Call>(
        &self,
        plugin: &Plugin,
        loaded: &Loaded,
        subject: Subject,
        timeout: Duration,
        entry: &str,
        call: &C,
    ) -> Ran<Result<C::Answer, types::Error>> {
        let began = Instant::now();
        let (_own, _shared) = match self.turn(plugin, timeout).await {
            Ok(turns) => turns,
            Err(error) => return Ran::not(error, began.elapsed()),
        };
        let waited = began.elapsed();
        let left = timeout.saturating_sub(waited);
        let call = async |store: &mut Store<State>, instance: &Instance| {
            call.call(store, instance, &loaded.exports, entry).await
        };
        let Ran { result, used } = self.0.loader.sandbox().run(loaded, Some(subject), left, call).await;
        let result = result.map_err(|error| match error {
            CallError::TimedOut { after, .. } => CallError::TimedOut { after, waited, setting: Some(C::SETTING) },
            error => error,
        });
        Ran { result, used: Used { queued: waited, ..used } }
    }

    /// A turn of the plugin's own, and one of the pool's.
    async fn turn<'a>(
        &'a self,
        plugin: &'a Plugin,
        timeout: Duration,
    ) -> Result<(SemaphorePermit<'a>, SemaphorePermit<'a>), CallError> {
        let busy = || CallError::Busy { plugin: plugin.name.to_string(), waited: timeout };
        let began = Instant::now();
        let own = match plugin.permits.try_acquire() {
            Ok(own) => own,
            Err(_) => match tokio::time::timeout(timeout, plugin.permits.acquire()).await {
                Ok(Ok(own)) => own,
                _ => return Err(busy()),
            },
        };
        if let Ok(shared) = self.0.instances.try_acquire() {
            return Ok((own, shared));
        }
        // The first call of a plugin may take what is kept for such, so that no number of busy
        // plugins keeps another from answering.
        let first = plugin.permits.available_permits() + 1 == self.concurrency();
        if first && let Ok(reserved) = self.0.reserved.try_acquire() {
            return Ok((own, reserved));
        }
        match tokio::time::timeout(timeout.saturating_sub(began.elapsed()), self.0.instances.acquire()).await {
            Ok(Ok(shared)) => Ok((own, shared)),
            _ => Err(CallError::PoolBusy { waited: timeout }),
        }
    }

    /// The version of a plugin that runs. While the folder is read for the first time it may be
    /// about to come, so a start loses no message.
    async fn running(&self, name: &str, timeout: Duration) -> Result<(Arc<Plugin>, Arc<Loaded>), CallError> {
        let running = || {
            let plugin = self.find(name)?;
            let loaded = plugin.loaded.clone()?;
            Some((plugin, loaded))
        };
        if let Some(running) = running() {
            return Ok(running);
        }
        // Time that runs out is time in which it did not come.
        drop(tokio::time::timeout(timeout, self.0.first_pass.wait()).await);
        running().ok_or_else(|| CallError::NotLoaded(name.to_owned()))
    }
}

/// The entry that a target names: by its name, or the plugin's first one.
fn entry<'a>(
    kind: EntryKind,
    loaded: &'a Loaded,
    target: &PluginTarget,
    subject: &Subject,
) -> Result<&'a Entry, CallError> {
    let entries = kind.entries(&loaded.description);
    let found = match &target.entry {
        Some(name) => entries.iter().find(|entry| entry.name == *name),
        None => entries.first(),
    };
    let entry = found.ok_or_else(|| CallError::NoSuchEntry {
        plugin: loaded.name.to_string(),
        kind: kind.name(),
        name: target.entry.clone().unwrap_or_default(),
        has: entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", "),
    })?;
    if entry.apps.is_empty() || entry.apps.contains(&subject.app.name) {
        Ok(entry)
    } else {
        Err(CallError::NotForApp { plugin: loaded.name.to_string(), kind: kind.name(), name: entry.name.clone() })
    }
}

/// The interface that an entry stands in. A plugin that names one and does not export it is refused when it is loaded.
fn exported<T>(interface: Option<&T>) -> wasmtime::Result<&T> {
    interface.ok_or_else(|| wasmtime::Error::msg("the interface is not exported"))
}
