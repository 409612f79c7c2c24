//! Order hooks: hear of orders that changed.
//!
//! An event comes at least once, in order for each order, and again after an error. Its id is the same
//! every time, so that a plugin does a thing once:
//!
//! ```
//! use weft_plugin::{prelude::*, testing::{self, Host}};
//!
//! #[order_hook]
//! fn fulfil(event: OrderEvent) -> Result<()> {
//!     if event.state != OrderState::Success || kv::get(&event.id)?.is_some() {
//!         return Ok(());
//!     }
//!     log::info!(order = event.order.out_trade_no; "{} fen were paid", event.order.total_fee);
//!     kv::set(&event.id, "done", None)?;
//!     Ok(())
//! }
//!
//! let host = Host::new().grant_kv();
//! let paid = Order { state: OrderState::Success, ..testing::order("A1", 100) };
//! for _ in 0..2 {
//!     host.order_updated("fulfil", testing::order_event(paid.clone(), OrderState::Notpay)).unwrap();
//! }
//! assert_eq!(host.logs().len(), 1);
//! ```

use crate::{
    bindings::{Component, exported::hooks::Guest},
    entry::{self, Export, Subject},
    error::Error,
};

pub use crate::bindings::exported::hooks::{OrderEvent, Source};

/// A function under `#[order_hook]`.
pub type Hook = Export<OrderEvent, ()>;

inventory::collect!(Hook);

impl Subject for OrderEvent {
    fn openid(&self) -> Option<&str> {
        self.order.openid.as_deref()
    }
}

impl Guest for Component {
    fn order_updated(hook: String, event: OrderEvent) -> Result<(), Error> {
        entry::call("order hook", &hook, event)
    }
}
