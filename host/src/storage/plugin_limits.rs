//! Table `plugin_limits`: what the calls of single plugins may use, for all apps.

use std::collections::HashMap;

use sqlx::FromRow;

use super::{Store, StoreError, on_db};
use crate::plugin_limits::{LIMITS, LimitChanges};

/// The limits that are set for single plugins.
#[derive(Debug, Clone, Copy)]
pub struct PluginLimits<'a>(pub(super) &'a Store);

impl PluginLimits<'_> {
    /// By plugin; those for which nothing is set are not there.
    pub async fn all(&self) -> Result<HashMap<String, LimitChanges>, StoreError> {
        const SQL: &str = "SELECT plugin, limits FROM plugin_limits";
        let rows: Vec<Row> = on_db!(&self.0.db, pool => sqlx::query_as(SQL).fetch_all(pool).await)?;
        let opened = rows.into_iter().map(|Row { plugin, limits }| match from_json(&limits) {
            Some(limits) => Ok((plugin, limits)),
            None => Err(StoreError::Corrupt { what: format!("plugin_limits.limits/{plugin}") }),
        });
        opened.collect()
    }
}

#[derive(FromRow)]
struct Row {
    plugin: String,
    limits: String,
}

pub(super) fn to_json(limits: &LimitChanges) -> String {
    serde_json::json!(limits).to_string()
}

/// None when it is not what [`to_json`] makes. Limits that a newer Weft has set are passed over.
pub(super) fn from_json(json: &str) -> Option<LimitChanges> {
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).ok()?;
    fields.retain(|name, _| LIMITS.iter().any(|limit| limit.name == name));
    serde_json::from_value(fields.into()).ok()
}
