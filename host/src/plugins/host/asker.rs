//! Who asks: whom the log names where the database fails.

use std::{error::Error as StdError, sync::Arc};

use crate::{
    failure_lines::FailureLines,
    model::App,
    plugins::{bindings::imported::types::Error, instance::State},
    storage::with_causes,
};

/// A plugin that asks something for an app.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) app: Arc<App>,
    pub(super) plugin: Arc<str>,
    failures: FailureLines,
}

impl State {
    /// Names the app and the plugin that ask, for errors of the database.
    pub(super) fn asker(&self) -> wasmtime::Result<Asker> {
        let app = Arc::clone(&self.subject()?.app);
        Ok(Asker { app, plugin: Arc::clone(self.plugin()), failures: self.services.failures.clone() })
    }
}

impl Asker {
    /// What the plugin is told where the database fails what it asked of `interface`. The log is told why, as far as
    /// that is not the same again and again.
    pub(super) fn unavailable(&self, interface: &str, error: &dyn StdError) -> Error {
        let (app, plugin) = (self.app.name.as_str(), &*self.plugin);
        self.failures.tell(app, format_args!("{interface} of plugin {plugin}"), "database", || {
            let error = with_causes(error);
            tracing::error!(app, plugin, interface, %error, "the database failed what a plugin asked");
        });
        Error::Unavailable("the database does not answer".to_owned())
    }
}
