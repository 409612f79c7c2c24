//! `hooks` and `refund-hooks`: hear of orders and refunds that changed.

use serde::{Deserialize, Serialize};

use super::{Call, Inside, Outcome, entry, exported};
use crate::{
    model::{ObservationSource, Order, OrderState, PluginTarget, RefundStep},
    plugins::{
        CallError, EntryKind, Plugins, Subject,
        bindings::exported::{hooks as wit, refund_hooks},
        component::hears_of_refunds,
        convert_orders,
    },
};

/// An accepted change of an order.
#[derive(Debug, Clone, Copy)]
pub struct OrderChange<'a> {
    /// Names the change: the same each time it is told.
    pub id: &'a str,
    /// The order as it was just after the change.
    pub order: &'a Order,
    /// The order's state before the change.
    pub previous_state: OrderState,
    /// Who saw the change.
    pub source: ObservationSource,
    /// The number of the try to tell the change, from 1.
    pub attempt: u32,
}

/// An accepted change of a refund.
#[derive(Debug, Clone, Copy)]
pub struct RefundChange<'a> {
    /// Names the change: the same each time it is told.
    pub id: &'a str,
    /// The order as it was when the refund changed.
    pub order: &'a Order,
    /// What changed in the refund.
    pub step: &'a RefundStep,
    /// Who saw the change.
    pub source: ObservationSource,
    /// The number of the try to tell the change, from 1.
    pub attempt: u32,
}

/// Tells a hook of an order.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Tell {
    pub(super) event: wit::OrderEvent,
}

impl Call for Tell {
    type Answer = ();
    const KIND: EntryKind = EntryKind::Hook;

    fn openid(&self) -> Option<&str> {
        self.event.order.openid.as_deref()
    }

    async fn call(&self, Inside { store, instance, exports, entry }: Inside<'_>) -> Outcome<Self::Answer> {
        let hooks = exported(exports.hooks.as_ref())?.load(&mut *store, instance)?;
        hooks.call_order_updated(store, entry, &self.event).await
    }
}

/// Tells a hook of a refund.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct TellOfRefund {
    pub(super) event: refund_hooks::RefundEvent,
}

impl Call for TellOfRefund {
    type Answer = ();
    const KIND: EntryKind = EntryKind::Hook;

    fn openid(&self) -> Option<&str> {
        self.event.order.openid.as_deref()
    }

    async fn call(&self, Inside { store, instance, exports, entry }: Inside<'_>) -> Outcome<Self::Answer> {
        let hooks = exported(exports.refund_hooks.as_ref())?.load(&mut *store, instance)?;
        hooks.call_refund_updated(store, entry, &self.event).await
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

    /// Tells the hook that `target` names of a refund, as [`order_updated`](Self::order_updated) does of an order; false
    /// when it does not hear of refunds in the version that the user gets.
    ///
    /// # Errors
    /// When there is no such hook, or it fails; the caller tells it again.
    pub async fn refund_updated(
        &self,
        target: &PluginTarget,
        subject: Subject,
        change: RefundChange<'_>,
    ) -> Result<bool, CallError> {
        let call = TellOfRefund { event: convert_orders::refund_event(change) };
        let version = self.version_for(&target.plugin, &subject, &call).await?;
        // One that has no such hook is asked in vain, as it is of orders: what that says of a canary is counted.
        if let Ok(hook) = entry(EntryKind::Hook, &version.loaded, target, &subject.app.name)
            && (version.loaded.linked.anywhere().exports.refund_hooks.is_none() || !hears_of_refunds(hook))
        {
            return Ok(false);
        }
        self.ask_of(&version, target, subject, call).await?;
        Ok(true)
    }
}
