//! What the operator sets for one plugin and all apps, in tables `plugin_limits` and `disabled_plugins`: all or nothing.

use super::{Store, StoreError, in_transaction, may_be_stored, plugin_limits, settings_revision, to_sql};
use crate::plugin_limits::LimitChanges;

impl Store {
    /// Sets the limits of a plugin, in the place of what was set before, and switches it off, or on again; what is None
    /// stays.
    pub async fn change_plugin(
        &self,
        plugin: &str,
        limits: Option<&LimitChanges>,
        disabled: Option<bool>,
    ) -> Result<(), StoreError> {
        const LIMIT: &str = "INSERT INTO plugin_limits (plugin, limits, updated_at) VALUES ($1, $2, $3) \
             ON CONFLICT (plugin) DO UPDATE SET limits = excluded.limits, updated_at = excluded.updated_at";
        const UNLIMIT: &str = "DELETE FROM plugin_limits WHERE plugin = $1";
        const DISABLE: &str =
            "INSERT INTO disabled_plugins (plugin, disabled_at) VALUES ($1, $2) ON CONFLICT (plugin) DO NOTHING";
        const ENABLE: &str = "DELETE FROM disabled_plugins WHERE plugin = $1";
        if !may_be_stored(&[plugin]) {
            return Err(StoreError::NotFound { kind: "plugin", name: plugin.to_owned() });
        }
        let now = to_sql(self.clock.now());
        in_transaction!(&self.db, connection => {
            sqlx::query(settings_revision::BUMP).execute(&mut *connection).await?;
            if let Some(limits) = limits {
                if limits.is_empty() {
                    sqlx::query(UNLIMIT).bind(plugin).execute(&mut *connection).await?;
                } else {
                    let limits = plugin_limits::to_json(limits);
                    sqlx::query(LIMIT).bind(plugin).bind(limits).bind(now).execute(&mut *connection).await?;
                }
            }
            match disabled {
                Some(true) => {
                    sqlx::query(DISABLE).bind(plugin).bind(now).execute(&mut *connection).await?;
                }
                Some(false) => {
                    sqlx::query(ENABLE).bind(plugin).execute(&mut *connection).await?;
                }
                None => {}
            }
        });
        Ok(())
    }
}
