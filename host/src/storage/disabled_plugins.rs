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
}
