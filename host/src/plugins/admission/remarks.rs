//! What a file that is let in is to the apps that use it: no reason to refuse it, as that is up to each of them and changes.

use std::{future::Future, sync::Arc, time::Duration};

use super::Loader;
use crate::{
    model::Grants,
    plugins::{
        config_schema::{ConfigSchema, STEPS},
        grants::not_granted,
        host::log::printable,
    },
    storage::{StoreError, with_causes},
};

/// How many apps a remark names.
const NAMED: usize = 5;

/// How long a file waits for what the database knows; it is let in without.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many times as much as one configuration may cost all of them together may.
const OF_ALL_APPS: usize = 10;

impl Loader {
    /// Whose configuration does not fit the schema that this version gives for it.
    pub(super) async fn unfit(&self, plugin: &str, schema: Arc<ConfigSchema>) -> Option<String> {
        let records = known(plugin, self.database().app_plugins().of(plugin)).await?;
        let looking = tokio::task::spawn_blocking(move || {
            let mut steps = OF_ALL_APPS * STEPS;
            let unfit = records.iter().filter_map(|record| {
                let misfit = schema.misfits(&record.config, &mut steps).into_iter().next()?;
                Some(format!("{} ({}: {})", record.app, misfit.field, misfit.message))
            });
            unfit.collect::<Vec<_>>()
        });
        let unfit = looking.await.unwrap_or_default();
        let remark = || format!("the configuration does not fit config_schema in {}", named(&unfit));
        (!unfit.is_empty()).then(|| printable(&remark()).into_owned())
    }

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
