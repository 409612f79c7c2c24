//! Order hooks: hear of orders that changed, and of their refunds.
//!
//! An event comes at least once, in order for each order, and again after an error. Its id is the same
//! every time, so that a plugin does a thing once:
//!
//! ```
//! use weft_plugin::{prelude::*, testing::{self, TestHost}};
//!
//! #[order_hook]
//! fn fulfil_once(event: OrderEvent) -> Result<()> {
//!     if event.state != OrderState::Success || kv::get(&event.id)?.is_some() {
//!         return Ok(());
//!     }
//!     log::info!(order = event.order.out_trade_no; "{} fen were paid", event.order.total_fee);
//!     kv::set(&event.id, "done")?;
//!     Ok(())
//! }
//!
//! let host = TestHost::new().grant_kv();
//! let paid = Order { state: OrderState::Success, ..testing::order("A1", 100) };
//! for _ in 0..2 {
//!     host.order_updated("fulfil_once", testing::order_event(paid.clone(), OrderState::Notpay)).unwrap();
//! }
//! assert_eq!(host.logs().len(), 1);
//! ```

use std::fmt;

use crate::{
    bindings::{
        Component,
        exported::{hooks, manifest, refund_hooks},
    },
    entry::{self, Entry, Export, Subject},
    error::Error,
};

/// Weft's own record of a refund. What [`create_refund`](crate::orders::create_refund) gives is another thing, a
/// [`RefundAnswer`](crate::orders::RefundAnswer).
///
pub use crate::bindings::exported::refund_hooks::Refund;
pub use crate::bindings::exported::{
    hooks::{OrderEvent, Source},
    refund_hooks::{RefundEvent, RefundSource, RefundState},
};

impl RefundState {
    /// WeChat's word for it, such as `PROCESSING`; `NEW` where it is not known whether WeChat has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Processing => "PROCESSING",
            Self::Success => "SUCCESS",
            Self::Closed => "CLOSED",
            Self::Abnormal => "ABNORMAL",
        }
    }
}

impl fmt::Display for RefundState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A function under `#[order_hook]`.
#[doc(hidden)]
pub type Hook = Export<OrderEvent, ()>;

/// A function under `#[refund_hook]`.
#[doc(hidden)]
pub type RefundHook = Export<RefundEvent, ()>;

inventory::collect!(Hook);
inventory::collect!(RefundHook);

impl Subject for OrderEvent {
    fn openid(&self) -> Option<&str> {
        self.order.openid.as_deref()
    }
}

impl Subject for RefundEvent {
    fn openid(&self) -> Option<&str> {
        self.order.openid.as_deref()
    }
}

impl hooks::Guest for Component {
    fn order_updated(hook: String, event: OrderEvent) -> Result<(), Error> {
        let (orders, refunds) = functions();
        let is_one = |entries: &[&Entry]| entries.iter().any(|entry| entry.name == hook);
        // A hook may hear of refunds alone.
        if !is_one(&orders) && is_one(&refunds) {
            return Ok(());
        }
        entry::call("order hook", &hook, event)
    }
}

impl refund_hooks::Guest for Component {
    fn refund_updated(hook: String, event: RefundEvent) -> Result<(), Error> {
        entry::call("refund hook", &hook, event)
    }
}

/// Each hook once, as the manifest names it: the functions of one name are one hook, which its order hook describes.
///
/// Where they do not fit is the author's mistake, which the host shows them.
pub(crate) fn entries() -> Vec<&'static Entry> {
    let (orders, refunds) = functions();
    entry::assert_distinct("refund hook", &refunds);
    for refund in &refunds {
        let name = refund.name;
        let order = orders.iter().find(|order| order.name == name);
        assert!(
            order.is_none_or(|order| refund.apps.is_empty() || refund.apps == order.apps),
            "hook `{name}` is for the apps that its order hook names: its refund hook names the same ones, or none"
        );
    }
    let alone = refunds.into_iter().filter(|refund| orders.iter().all(|order| order.name != refund.name));
    let mut hooks: Vec<_> = orders.iter().copied().chain(alone).collect();
    hooks.sort_by_key(|hook| hook.place);
    hooks
}

/// All hooks, with whether they hear of refunds.
pub(crate) fn described() -> Vec<manifest::Entry> {
    let (orders, refunds) = functions();
    entry::assert_distinct("order hook", &orders);
    let described = entries().into_iter().map(|hook| {
        let hears = refunds.iter().any(|refund| refund.name == hook.name);
        let options = hears.then(|| ("refunds".to_owned(), "true".to_owned()));
        manifest::Entry { options: options.into_iter().collect(), ..hook.describe() }
    });
    described.collect()
}

/// The functions under both attributes.
fn functions() -> (Vec<&'static Entry>, Vec<&'static Entry>) {
    (entry::entries::<OrderEvent, ()>(), entry::entries::<RefundEvent, ()>())
}
