//! Plugins for rules that need none.

use futures::future::BoxFuture;
use weft::{
    model::PluginTarget,
    rules::{Answer, Ask},
};

/// Plugins that must not be asked.
pub(crate) struct NoPlugins;

impl Ask for NoPlugins {
    fn ask<'a>(&'a self, target: &'a PluginTarget) -> BoxFuture<'a, Answer> {
        panic!("{target} is asked")
    }
}
