//! What apps have granted of what a plugin asks for.

use std::collections::BTreeMap;

use crate::{
    model::Grants,
    storage::{Store, StoreError},
};

/// By app, what of `asked` is not granted to a plugin: in the apps that name it, in their settings or in a handler that is
/// switched on, and in those in which something is set for it.
///
/// # Errors
/// When the database does not answer.
pub async fn not_granted(
    store: &Store,
    plugin: &str,
    asked: &Grants,
) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
    if asked.each().is_empty() {
        return Ok(BTreeMap::new());
    }
    let records = store.app_plugins().of(plugin).await?;
    let mut granted: BTreeMap<_, _> = records.into_iter().map(|record| (record.app, record.grants)).collect();
    for app in store.apps().list().await? {
        if app.plugin_targets().any(|target| target.plugin == plugin) {
            granted.entry(app.name).or_default();
        }
    }
    for handler in store.handlers().naming(plugin).await? {
        granted.entry(handler.app).or_default();
    }
    let missing = granted.into_iter().map(|(app, granted)| (app, asked.beyond(&granted).each()));
    Ok(missing.filter(|(_, grants)| !grants.is_empty()).collect())
}
