//! `config`: what the operator set for this plugin and app.

use crate::plugins::{bindings::imported::config, instance::State};

impl config::Host for State {
    async fn json(&mut self) -> wasmtime::Result<String> {
        let granted = &self.subject()?.granted;
        Ok(granted.as_ref().map_or_else(|| "{}".to_owned(), |granted| granted.config.as_str().to_owned()))
    }
}
