//! What plugins may ask of the host: one file per interface, with the same name as in `wit/`.

mod config;
mod context;
mod kv;
pub(super) mod log;

use super::{
    bindings::imported::{message, order, reply, types},
    instance::{State, Subject},
};

impl types::Host for State {}
impl message::Host for State {}
impl reply::Host for State {}
impl order::Host for State {}

impl State {
    /// What the call is about. While a plugin describes itself it is about nothing, and asking is
    /// the plugin's mistake.
    fn subject(&self) -> wasmtime::Result<&Subject> {
        self.subject.as_ref().ok_or_else(|| wasmtime::Error::msg("a plugin that describes itself may only log"))
    }
}
