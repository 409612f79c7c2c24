//! `kv`: the plugin's own store for each app.

use crate::{
    plugins::{
        bindings::imported::{
            kv::{self, Entry},
            types::Error,
        },
        host::{Grant, HostError, asker::Asker},
        instance::State,
    },
    storage::{KvError, KvQuota, KvWrite, PluginKv, Store},
};

/// The store that the operator has granted, and whose part of it is meant.
struct Granted {
    database: Store,
    asker: Asker,
    quota: KvQuota,
}

impl Granted {
    fn kv(&self) -> PluginKv<'_> {
        self.database.plugin_kv()
    }

    fn app(&self) -> &str {
        &self.asker.app.name
    }

    fn plugin(&self) -> &str {
        &self.asker.plugin
    }

    fn error(&self, error: &KvError) -> HostError {
        let told = match error {
            KvError::InvalidKey => Error::Invalid(error.to_string()),
            KvError::Conflict => Error::Conflict(error.to_string()),
            KvError::ValueTooLong(_) | KvError::TooManyKeys(_) | KvError::TotalTooLong(_) => {
                Error::Limited(error.to_string())
            }
            KvError::Held | KvError::Store(_) | KvError::Batch(_) => self.asker.unavailable("kv", error),
        };
        told.into()
    }
}

impl State {
    /// The store, where it is granted. Counts a use of the database.
    fn granted_kv(&mut self) -> Result<Granted, HostError> {
        if !self.subject()?.granted.as_ref().is_some_and(|granted| granted.grants.kv) {
            return Err(self.denied(Grant::Kv));
        }
        self.count_database_call()?;
        let quota = KvQuota {
            max_value_bytes: self.limits.kv_value_kib << 10,
            max_keys: self.limits.kv_keys,
            max_total_bytes: self.limits.kv_total_mib << 20,
        };
        Ok(Granted { database: self.services.store.clone(), asker: self.asker()?, quota })
    }
}

impl kv::Host for State {
    async fn get(&mut self, key: String) -> Result<Option<Entry>, HostError> {
        let granted = self.granted_kv()?;
        let entry = granted.kv().get(granted.app(), granted.plugin(), &key).await;
        let entry = entry.map_err(|failure| granted.error(&failure))?;
        Ok(entry.map(|entry| Entry { value: entry.value, version: entry.version }))
    }

    async fn set(&mut self, key: String, value: Vec<u8>, ttl_seconds: Option<u32>) -> Result<u64, HostError> {
        let granted = self.granted_kv()?;
        let write = KvWrite { key: &key, value: &value, ttl_seconds };
        let version = granted.kv().set(granted.app(), granted.plugin(), write, &granted.quota).await;
        version.map_err(|failure| granted.error(&failure))
    }

    async fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<u64>,
        value: Vec<u8>,
        ttl_seconds: Option<u32>,
    ) -> Result<u64, HostError> {
        let granted = self.granted_kv()?;
        let write = KvWrite { key: &key, value: &value, ttl_seconds };
        let version =
            granted.kv().compare_and_set(granted.app(), granted.plugin(), expected, write, &granted.quota).await;
        version.map_err(|failure| granted.error(&failure))
    }

    async fn delete(&mut self, key: String) -> Result<bool, HostError> {
        let granted = self.granted_kv()?;
        let deleted = granted.kv().delete(granted.app(), granted.plugin(), &key).await;
        deleted.map_err(|failure| granted.error(&failure))
    }

    async fn keys(&mut self, prefix: String, after: Option<String>, limit: u32) -> Result<Vec<String>, HostError> {
        let granted = self.granted_kv()?;
        let keys = granted.kv().keys(granted.app(), granted.plugin(), &prefix, after.as_deref(), limit).await;
        keys.map_err(|failure| granted.error(&failure))
    }
}
