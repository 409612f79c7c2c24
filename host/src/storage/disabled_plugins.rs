//! Table `disabled_plugins`: what the operator has switched off.

use std::collections::HashSet;

use super::{Store, StoreError, on_db};

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
        self.0.change_plugin(plugin, None, Some(disabled)).await
    }
}
