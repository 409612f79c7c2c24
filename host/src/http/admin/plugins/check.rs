//! What `weft plugin check` shows: the same as `GET /plugins/{plugin}`, of a file that no server has taken up.

use serde::Serialize;

use super::{Exports, GrantsView};
use crate::{
    http::admission::{AdmissionView, RefusedView},
    model::Grants,
    plugins::{Loaded, Refused},
};

/// What `weft plugin check` found out about a file.
#[derive(Debug, Serialize)]
pub struct CheckView {
    /// The plugin that the file would be.
    name: String,
    /// ready, or failed when it is refused.
    state: &'static str,
    /// As the plugin says.
    title: Option<String>,
    version: Option<String>,
    description: Option<String>,
    /// What it was built with.
    sdk: Option<String>,
    exports: Exports,
    /// What it would like to be granted.
    asks: GrantsView,
    /// The JSON Schema of its configuration, where it has one.
    config_schema: Option<serde_json::Value>,
    /// How it was let in, or how far it came.
    admission: AdmissionView,
    error: Option<RefusedView>,
}

impl CheckView {
    /// The view of a check of `name`.
    pub fn new(name: &str, checked: &Result<Loaded, Refused>) -> Self {
        let (loaded, error) = (checked.as_ref().ok(), checked.as_ref().err());
        let report = match checked {
            Ok(loaded) => &loaded.report,
            Err(refused) => &refused.report,
        };
        let said = loaded.map(|loaded| loaded.description.clone());
        Self {
            name: name.to_owned(),
            state: if loaded.is_some() { "ready" } else { "failed" },
            exports: loaded.map(Exports::from).unwrap_or_default(),
            asks: loaded.map(|loaded| Grants::from(&loaded.description).into()).unwrap_or_default(),
            config_schema: loaded.and_then(Loaded::config_schema),
            title: said.as_ref().map(|said| said.name.clone()),
            version: said.as_ref().map(|said| said.version.clone()),
            description: said.as_ref().map(|said| said.description.clone()),
            sdk: said.map(|said| said.sdk),
            admission: report.into(),
            error: error.map(RefusedView::from),
        }
    }
}
