//! Table `disabled_plugins`: what the operator has switched off.

use std::collections::HashSet;

use super::{Store, StoreError, in_transaction, may_be_stored, on_db, settings_revision, to_sql};

/// The plugins that are switched off.
#[derive(Debug, Clone, Copy)]
pub struct DisabledPlugins<'a>(pub(super) &'a Store);

impl DisabledPlugins<'_> {
    /// Their names; their files need not be there.
    pub async fn all(&self) -> Result<HashSet<String>, StoreError> {
        const SQL: &str = "SELECT plugin FROM disabled_plugins";
        let names: Vec<String> = on_db!(&self.0.db, pool => sqlx::query_scalar(SQL).fetch_all(pool).await)?;
        Ok(names.into_iter().collect())
    }

    /// Switches a plugin off, or on again; harmless where it is so already.
    pub async fn set(&self, plugin: &str, disabled: bool) -> Result<(), StoreError> {
        const DISABLE: &str =
            "INSERT INTO disabled_plugins (plugin, disabled_at) VALUES ($1, $2) ON CONFLICT (plugin) DO NOTHING";
        const ENABLE: &str = "DELETE FROM disabled_plugins WHERE plugin = $1";
        if !may_be_stored(&[plugin]) {
            return Err(StoreError::NotFound { kind: "plugin", name: plugin.to_owned() });
        }
        in_transaction!(&self.0.db, connection => {
            sqlx::query(settings_revision::BUMP).execute(&mut *connection).await?;
            if disabled {
                let now = to_sql(self.0.clock.now());
                sqlx::query(DISABLE).bind(plugin).bind(now).execute(&mut *connection).await?;
            } else {
                sqlx::query(ENABLE).bind(plugin).execute(&mut *connection).await?;
            }
        });
        Ok(())
    }
}
