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
use wasmtime::{Store, component::Instance};

use super::{
    bindings::imported::types,
    component::{Description, Entry, Exports, Loaded},
    convert,
    error::CallError,
    host::log::printable,
    instance::{State, Subject},
    registry::{Plugin, Plugins},
};
use crate::model::PluginTarget;

pub use hooks::{OrderChange, RefundChange};
pub use observers::Observation;

/// What sets the calls of one kind of export apart.
struct Kind {
    /// handler, rule, hook or observer.
    name: &'static str,
    /// Where the plugin names what it has of the kind.
    entries: fn(&Description) -> &[Entry],
    /// Wall clock of a call.
    timeout: Duration,
    /// The setting that says so.
    setting: &'static str,
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
        let (plugin, loaded) = self.running(&target.plugin, kind.timeout).await?;
        let entry = entry(kind, &loaded, target, &subject)?;
        let began = Instant::now();
        let call = async |store: &mut Store<State>, instance: &Instance| {
            call(store, instance, &loaded.exports, &entry.name).await
        };
        let result = match self.call(&plugin, &loaded, subject, kind, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(CallError::Failed(printable(&convert::error(&error)).into_owned())),
            Err(error) => Err(error),
        };
        plugin.statistics.count(began, &result);
        result
    }

    /// Waits for a turn and runs `call`, both within the kind's time.
    async fn call<T>(
        &self,
        plugin: &Plugin,
        loaded: &Loaded,
        subject: Subject,
        kind: &Kind,
        call: impl AsyncFnOnce(&mut Store<State>, &Instance) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let began = Instant::now();
        let (_own, _shared) = self.turn(plugin, kind.timeout).await?;
        let waited = began.elapsed();
        let left = kind.timeout.saturating_sub(waited);
        let result = self.0.loader.sandbox().run(loaded, Some(subject), left, call).await;
        result.map_err(|error| match error {
            CallError::TimedOut { after, .. } => CallError::TimedOut { after, waited, setting: Some(kind.setting) },
            error => error,
        })
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
