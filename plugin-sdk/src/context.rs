//! What the running call is about. Needs no grant.

use std::time::Duration;

pub use crate::bindings::imported::{
    context::{App, AppType},
    types::Field,
};
use crate::imports;

/// What the running call is about; every annotated function may take it as its second parameter.
#[derive(Debug, Clone, Copy)]
pub struct Context(());

impl Context {
    pub(crate) const fn of_this_call() -> Self {
        Self(())
    }

    /// A call from a [`testing::Host`](crate::testing::Host) that was made for it and has granted
    /// nothing.
    #[cfg(not(target_family = "wasm"))]
    pub fn test() -> Self {
        crate::testing::Host::new().context()
    }

    /// The WeChat account that the call runs for.
    pub fn app(&self) -> App {
        imports::context::current_app()
    }

    /// The same for every try at the same delivery or event: a key for doing a thing once.
    pub fn delivery_id(&self) -> String {
        imports::context::delivery_id()
    }

    /// How long until the host ends this call.
    pub fn time_left(&self) -> Duration {
        Duration::from_millis(imports::context::time_left_ms())
    }

    /// Every element of the message being handled; empty in calls that handle none.
    pub fn fields(&self) -> Vec<Field> {
        imports::context::fields()
    }

    /// The message as it was sent, decrypted: XML, or JSON where the account is set to it. Empty in
    /// calls that handle none.
    pub fn raw(&self) -> Vec<u8> {
        imports::context::raw()
    }
}
