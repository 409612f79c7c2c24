//! `hooks`: hear of orders that changed.

use super::{Kind, exported};
use crate::{
    model::{ObservationSource, Order, OrderState, PluginTarget},
    plugins::{CallError, Plugins, Subject, convert_orders},
};

/// An accepted change of an order.
#[derive(Debug, Clone, Copy)]
pub struct OrderChange<'a> {
    /// The same each time this change is told.
    pub id: &'a str,
    /// The order as it was just after it.
    pub order: &'a Order,
    /// Where it was before.
    pub previous_state: OrderState,
    /// Who saw it.
    pub source: ObservationSource,
    /// 1 for the first try.
    pub attempt: u32,
}

const HOOK: Kind = Kind {
    name: "hook",
    entries: |plugin| &plugin.hooks,
    timeout: |limits| limits.hook_timeout_ms,
    setting: "plugins.hook_timeout_ms",
    // An event is told again after pauses of its own; a breaker would only use its tries up.
    has_breaker: false,
};

impl Plugins {
    /// Tells the hook that `target` names of an order, within the operator's limits. Once it has returned without an
    /// error it has heard of it.
    ///
    /// # Errors
    /// When there is no such hook, or it fails; the caller tells it again.
    pub async fn order_updated(
        &self,
        target: &PluginTarget,
        subject: Subject,
        change: OrderChange<'_>,
    ) -> Result<(), CallError> {
        let told = self.ask(&HOOK, target, subject, async |store, instance, exports, hook| {
            let hooks = exported(exports.hooks.as_ref())?.load(&mut *store, instance)?;
            hooks.call_order_updated(store, hook, &convert_orders::event(change)).await
        });
        told.await
    }
}
