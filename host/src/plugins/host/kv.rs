//! `kv`: the plugin's own store for each app.

use std::sync::Arc;

use crate::{
    model::App,
    plugins::{
        bindings::imported::{
            kv::{self, Entry},
            types::Error,
        },
        instance::State,
        limits::{KV_CALLS, KV_KEYS, KV_TOTAL_BYTES, KV_VALUE_BYTES},
    },
    storage::{KvError, KvQuota, KvWrite, PluginKv, Store},
};

const QUOTA: KvQuota = KvQuota { max_value_bytes: KV_VALUE_BYTES, max_keys: KV_KEYS, max_total_bytes: KV_TOTAL_BYTES };

/// A store that the operator has granted, with whose it is.
struct Granted {
    database: Store,
    app: Arc<App>,
    plugin: Arc<str>,
}

impl Granted {
    fn kv(&self) -> PluginKv<'_> {
        self.database.plugin_kv()
    }
}

impl State {
    /// Counts what it grants.
    fn granted_kv(&mut self) -> wasmtime::Result<Result<Granted, Error>> {
        let subject = self.subject()?;
        let app = Arc::clone(&subject.app);
        if !subject.granted.as_ref().is_some_and(|granted| granted.kv) {
            let text = "the operator has not granted `kv` to this plugin for this app";
            return Ok(Err(Error::Denied(text.to_owned())));
        }
        if self.kv_calls >= KV_CALLS {
            let text = format!("one call of a plugin may use the key-value store {KV_CALLS} times");
            return Ok(Err(Error::Limited(text)));
        }
        self.kv_calls += 1;
        Ok(Ok(Granted { database: self.database.clone(), app, plugin: Arc::clone(&self.plugin) }))
    }
}

/// The granted store; where there is none, the host function answers why.
macro_rules! granted {
    ($state:expr) => {
        match $state.granted_kv()? {
            Ok(granted) => granted,
            Err(denied) => return Ok(Err(denied)),
        }
    };
}

fn error(error: KvError) -> Error {
    match error {
        KvError::InvalidKey => Error::Invalid(error.to_string()),
        KvError::Conflict => Error::Conflict(error.to_string()),
        KvError::ValueTooLong(_) | KvError::TooManyKeys(_) | KvError::TotalTooLong(_) => {
            Error::Limited(error.to_string())
        }
        KvError::Store(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the key-value store failed");
            Error::Unavailable("the database does not answer".to_owned())
        }
    }
}

impl kv::Host for State {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Entry>, Error>> {
        let granted = granted!(self);
        let entry = granted.kv().get(&granted.app.name, &granted.plugin, &key).await;
        Ok(entry.map(|entry| entry.map(|entry| Entry { value: entry.value, version: entry.version })).map_err(error))
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_seconds: Option<u32>,
    ) -> wasmtime::Result<Result<u64, Error>> {
        let granted = granted!(self);
        let write = KvWrite { key: &key, value: &value, ttl_seconds };
        Ok(granted.kv().set(&granted.app.name, &granted.plugin, write, &QUOTA).await.map_err(error))
    }

    async fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<u64>,
        value: Vec<u8>,
        ttl_seconds: Option<u32>,
    ) -> wasmtime::Result<Result<u64, Error>> {
        let granted = granted!(self);
        let write = KvWrite { key: &key, value: &value, ttl_seconds };
        let version = granted.kv().compare_and_set(&granted.app.name, &granted.plugin, expected, write, &QUOTA).await;
        Ok(version.map_err(error))
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<bool, Error>> {
        let granted = granted!(self);
        Ok(granted.kv().delete(&granted.app.name, &granted.plugin, &key).await.map_err(error))
    }

    async fn keys(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        let granted = granted!(self);
        let keys = granted.kv().keys(&granted.app.name, &granted.plugin, &prefix, after.as_deref(), limit).await;
        Ok(keys.map_err(error))
    }
}
