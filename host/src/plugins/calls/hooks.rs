//! `hooks` and `refund-hooks`: hear of orders and refunds that changed.

use super::{Entry, Kind, entry, exported};
use crate::{
    model::{ObservationSource, Order, OrderState, PluginTarget, RefundStep},
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

/// An accepted change of a refund.
#[derive(Debug, Clone, Copy)]
pub struct RefundChange<'a> {
    /// The same each time this change is told.
    pub id: &'a str,
    /// The order as it was then.
    pub order: &'a Order,
    /// What changed.
    pub step: &'a RefundStep,
    /// Who saw it.
    pub source: ObservationSource,
    /// 1 for the first try.
    pub attempt: u32,
}

/// Whether a hook says of itself that it hears of refunds.
fn hears_of_refunds(hook: &Entry) -> bool {
    hook.options.iter().any(|(name, value)| name == "refunds" && value == "true")
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
        let kind = self.hook();
        let told = self.ask(&kind, target, subject, async |store, instance, exports, hook| {
            let hooks = exported(exports.hooks.as_ref())?.load(&mut *store, instance)?;
            hooks.call_order_updated(store, hook, &convert_orders::event(change)).await
        });
        told.await
    }
    /// Tells the hook that `target` names of a refund, as [`order_updated`](Self::order_updated) does of an order; false
    /// when it does not hear of refunds.
    ///
    /// # Errors
    /// When there is no such hook, or it fails; the caller tells it again.
    pub async fn refund_updated(
        &self,
        target: &PluginTarget,
        subject: Subject,
        change: RefundChange<'_>,
    ) -> Result<bool, CallError> {
        let kind = self.hook();
        let (_, loaded) = self.running(&target.plugin, kind.timeout).await?;
        if loaded.exports.refund_hooks.is_none() || !hears_of_refunds(entry(&kind, &loaded, target, &subject)?) {
            return Ok(false);
        }
        let told = self.ask(&kind, target, subject, async |store, instance, exports, hook| {
            let hooks = exported(exports.refund_hooks.as_ref())?.load(&mut *store, instance)?;
            hooks.call_refund_updated(store, hook, &convert_orders::refund_event(change)).await
        });
        told.await?;
        Ok(true)
    }

    fn hook(&self) -> Kind {
        Kind {
            name: "hook",
            entries: |plugin| &plugin.hooks,
            timeout: self.limits().hook_timeout,
            setting: "plugins.hook_timeout_ms",
        }
    }
}
