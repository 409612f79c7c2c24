//! Order hooks: hear of orders that changed.

use crate::{
    bindings::{Component, exported::hooks::Guest},
    entry::{self, Export},
    error::Error,
};

pub use crate::bindings::exported::hooks::{OrderEvent, Source};

/// A function under `#[order_hook]`.
pub type Hook = Export<OrderEvent, ()>;

inventory::collect!(Hook);

impl Guest for Component {
    fn order_updated(hook: String, event: OrderEvent) -> Result<(), Error> {
        entry::call("order hook", &hook, event)
    }
}
