//! `hooks`: hear of orders that changed.

use std::time::Duration;

use super::{Kind, exported};
use crate::{
    model::{ObservationSource, Order, OrderState, PluginTarget},
    plugins::{CallError, Plugins, Subject, convert_order},
};

/// A changed order, as the hook hears of it.
#[derive(Debug, Clone, Copy)]
pub struct OrderUpdate<'a> {
    /// The same each time that this change is told of.
    pub id: &'a str,
    /// The order as it was just after the change.
    pub order: &'a Order,
    /// Where it was before.
    pub previous_state: OrderState,
    /// Who saw the change.
    pub source: ObservationSource,
    /// 1 for the first try.
    pub attempt: u32,
}

impl Plugins {
    /// How long a hook may take.
    pub fn hook_timeout(&self) -> Duration {
        self.limits().hook_timeout
    }

    /// Tells the hook that `target` names of a changed order, within the operator's limits.
    ///
    /// # Errors
    /// When there is no such hook, or it fails: it is to be told again.
    pub async fn order_updated(
        &self,
        target: &PluginTarget,
        subject: Subject,
        update: OrderUpdate<'_>,
    ) -> Result<(), CallError> {
        let kind = Kind {
            name: "hook",
            entries: |plugin| &plugin.hooks,
            timeout: self.limits().hook_timeout,
            setting: "plugins.hook_timeout_ms",
        };
        let told = self.ask(&kind, target, subject, async |store, instance, exports, hook| {
            let hooks = exported(exports.hooks.as_ref())?.load(&mut *store, instance)?;
            hooks.call_order_updated(store, hook, &convert_order::order_event(update)).await
        });
        told.await
    }
}
