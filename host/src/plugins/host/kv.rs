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
    storage::{KvError, KvKeys, KvQuota, KvWrite, Store},
};

/// What a write to the store needs. One task writes for all plugins, which holds no guest up and waits for none.
struct Writing {
    database: Store,
    asker: Asker,
    quota: KvQuota,
}

impl State {
    /// What a write to the store needs, where `kv` is granted. Counts a use of the database.
    fn writing(&mut self) -> Result<Writing, HostError> {
        self.require(Grant::Kv)?;
        self.count_database_call()?;
        let quota = KvQuota {
            max_value_bytes: self.limits.kv_value_kib << 10,
            max_keys: self.limits.kv_keys,
            max_total_bytes: self.limits.kv_total_mib << 20,
        };
        Ok(Writing { database: self.services.store.clone(), asker: self.asker()?, quota })
    }
}

impl kv::Host for State {
    async fn get(&mut self, key: String) -> Result<Option<Entry>, HostError> {
        self.require(Grant::Kv)?;
        self.ask_database(async move |services, asker| {
            let found = services.store.plugin_kv().get(&asker.app.name, &asker.plugin, &key).await;
            let found = found.map_err(|failure| error(&asker, &failure))?;
            Ok(found.map(|entry| Entry { value: entry.value, version: entry.version }))
        })
        .await
    }

    async fn set(&mut self, key: String, value: Vec<u8>, ttl_seconds: Option<u32>) -> Result<u64, HostError> {
        let Writing { database, asker, quota } = self.writing()?;
        let write = KvWrite { key: &key, value: &value, ttl_seconds };
        let version = database.plugin_kv().set(&asker.app.name, &asker.plugin, write, &quota).await;
        Ok(version.map_err(|failure| error(&asker, &failure))?)
    }

    async fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<u64>,
        value: Vec<u8>,
        ttl_seconds: Option<u32>,
    ) -> Result<u64, HostError> {
        let Writing { database, asker, quota } = self.writing()?;
        let (kv, write) = (database.plugin_kv(), KvWrite { key: &key, value: &value, ttl_seconds });
        let version = kv.compare_and_set(&asker.app.name, &asker.plugin, expected, write, &quota).await;
        Ok(version.map_err(|failure| error(&asker, &failure))?)
    }

    async fn delete(&mut self, key: String) -> Result<bool, HostError> {
        let Writing { database, asker, .. } = self.writing()?;
        let deleted = database.plugin_kv().delete(&asker.app.name, &asker.plugin, &key).await;
        Ok(deleted.map_err(|failure| error(&asker, &failure))?)
    }

    async fn keys(&mut self, prefix: String, after: Option<String>, limit: u32) -> Result<Vec<String>, HostError> {
        self.require(Grant::Kv)?;
        let asking = self.ask_database(async move |services, asker| {
            let (kv, after) = (services.store.plugin_kv(), after.as_deref());
            let keys = kv.keys(&asker.app.name, &asker.plugin, &prefix, after, limit).await;
            keys.map_err(|failure| error(&asker, &failure))
        });
        let KvKeys { keys, took } = asking.await?;
        self.count_database_work(took);
        Ok(keys)
    }
}

fn error(asker: &Asker, error: &KvError) -> Error {
    match error {
        KvError::InvalidKey => Error::Invalid(error.to_string()),
        KvError::Conflict => Error::Conflict(error.to_string()),
        KvError::ValueTooLong(_) | KvError::TooManyKeys(_) | KvError::TotalTooLong(_) => {
            Error::Limited(error.to_string())
        }
        KvError::Held | KvError::Store(_) | KvError::Batch(_) => asker.unavailable("kv", error),
    }
}
