//! `hooks`: hear of orders that changed.

use std::time::Duration;

use wasmtime::{Store, component::Instance};

use super::{Call, exported};
use crate::{
    model::{ObservationSource, Order, OrderState, PluginTarget},
    plugin_limits::PluginLimits,
    plugins::{
        CallError, EntryKind, Plugins, Subject,
        bindings::{exported::hooks as wit, imported::types},
        component::Exports,
        convert_orders,
        instance::State,
    },
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

/// Tells a hook of an order.
pub(super) struct Tell {
    event: wit::OrderEvent,
}

impl Call for Tell {
    type Answer = ();
    const KIND: EntryKind = EntryKind::Hook;
    const SETTING: &'static str = "plugins.hook_timeout_ms";
    // An event is told again after pauses of its own; a breaker would only use its tries up.
    const HAS_BREAKER: bool = false;

    fn timeout(limits: &PluginLimits) -> Duration {
        Duration::from_millis(limits.hook_timeout_ms)
    }

    fn openid(&self) -> Option<&str> {
        self.event.order.openid.as_deref()
    }

    async fn call(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
        exports: &Exports,
        entry: &str,
    ) -> wasmtime::Result<Result<Self::Answer, types::Error>> {
        let hooks = exported(exports.hooks.as_ref())?.load(&mut *store, instance)?;
        hooks.call_order_updated(store, entry, &self.event).await
    }
}

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
        self.ask(target, subject, Tell { event: convert_orders::event(change) }).await
    }
}
