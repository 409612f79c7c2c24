//! What a file that is let in is to the apps that use it: no reason to refuse it, as that is up to each of them and changes.

use std::{future::Future, time::Duration};

use super::Loader;
use crate::{
    model::Grants,
    plugins::{grants::not_granted, host::log::printable},
    storage::{StoreError, with_causes},
};

/// How many apps a remark names.
const NAMED: usize = 5;

/// How long a file waits for what the database knows; it is let in without.
const PATIENCE: Duration = Duration::from_secs(1);

impl Loader {
    /// What a plugin asks for, and what of it the apps that use it have not granted.
    pub(super) async fn asked(&self, plugin: &str, asks: &Grants) -> String {
        let each = asks.each();
        if each.is_empty() {
            return "asks for nothing".to_owned();
        }
        let missing = known(plugin, not_granted(self.database(), plugin, asks)).await.unwrap_or_default();
        let missing: Vec<_> = missing.iter().map(|(app, grants)| format!("{app} ({})", grants.join(", "))).collect();
        let mut text = format!("asks for {}", each.join(", "));
        if !missing.is_empty() {
            text = format!("{text}; not granted when it was loaded, by {}", named(&missing));
        }
        printable(&text).into_owned()
    }
}

/// What the database knows, if it says so soon. Whoever checks a file without a server has no apps in it.
async fn known<T>(plugin: &str, looking: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(Ok(known)) => Some(known),
        Ok(Err(error)) => {
            tracing::debug!(plugin, error = %with_causes(&error), "the apps that use the plugin are not known");
            None
        }
        Err(_) => {
            tracing::debug!(plugin, "the database does not say in time which apps use the plugin");
            None
        }
    }
}

/// The first few.
fn named(apps: &[String]) -> String {
    let named = apps.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match apps.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more apps"),
    }
}
