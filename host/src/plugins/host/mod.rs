//! What plugins may ask of the host: one file per interface, with the same name as in `wit/`. `recorded` is what all
//! questions go through, `outbound` what calls to the outside have in common, `database` what questions to the database
//! have, `api_request` what requests have that plugins write themselves; `denial` refuses what is not granted, `asker`
//! tells of a database that fails.

mod api_request;
mod asker;
mod config;
mod context;
mod database;
mod denial;
mod http;
mod kv;
mod log;
mod messages;
mod orders;
mod outbound;
mod pay;
mod recorded;
mod users;
mod wechat;

pub use database::DatabaseTurns;
use denial::Grant;
pub use outbound::GoingOn;
pub use recorded::Function;
pub(super) use recorded::{Recording, recorded};

use super::{
    bindings::imported::{message, order, reply, types},
    instance::{State, Subject},
};

/// Why a host function does not do what it was asked for.
#[derive(Debug)]
pub(super) enum HostError {
    /// The guest hears of it.
    Told(types::Error),
    /// The guest ends.
    Trap(wasmtime::Error),
}

impl From<types::Error> for HostError {
    fn from(error: types::Error) -> Self {
        Self::Told(error)
    }
}

impl From<wasmtime::Error> for HostError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

impl types::Host for State {
    fn convert_error(&mut self, error: HostError) -> wasmtime::Result<types::Error> {
        match error {
            HostError::Told(error) => Ok(error),
            HostError::Trap(error) => Err(error),
        }
    }
}
impl message::Host for State {}
impl reply::Host for State {}
impl order::Host for State {}

impl State {
    /// What the call is about. While a plugin describes itself there is no such thing, and asking is the plugin's
    /// mistake.
    fn subject(&self) -> wasmtime::Result<&Subject> {
        self.subject.as_ref().ok_or_else(|| wasmtime::Error::msg("a plugin that describes itself may only log"))
    }
}
