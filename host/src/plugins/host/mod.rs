//! What plugins may ask of the host: one file per interface, with the same name as in `wit/`.

mod config;
mod context;
mod http;
mod kv;
pub(super) mod log;
mod messages;
mod orders;
mod outbound;
mod pay;
mod recorded;
mod users;
mod wechat;

pub use recorded::Function;
pub(super) use recorded::{Recording, recorded};

use super::{
    bindings::imported::{message, order, reply, types},
    instance::{State, Subject},
    receipts::LineLevel,
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
    /// The operator could allow it: `grant` says by what. The log says so too, as the guest may keep it to itself.
    fn denied(&mut self, grant: &str) -> HostError {
        let text = format!("the operator has not granted `{grant}` to this plugin for this app");
        if !self.told_of_denial {
            self.told_of_denial = true;
            let app = self.subject.as_ref().map_or("<app>", |subject| subject.app.name.as_str());
            let line = format!("{text}; PUT /api/v1/apps/{app}/plugins/{} grants it", self.plugin());
            self.log_line(LineLevel::Warn, &line);
        }
        HostError::Told(types::Error::Denied(text))
    }

    /// What the call is about. While a plugin describes itself it is about nothing, and asking is
    /// the plugin's mistake.
    fn subject(&self) -> wasmtime::Result<&Subject> {
        self.subject.as_ref().ok_or_else(|| wasmtime::Error::msg("a plugin that describes itself may only log"))
    }

    /// Counts a use of the database.
    fn count_database_call(&mut self) -> Result<(), HostError> {
        let most = self.limits.database_calls;
        if self.database_calls >= most {
            let text = format!("one call of a plugin may use the database {most} times");
            return Err(types::Error::Limited(text).into());
        }
        self.database_calls += 1;
        Ok(())
    }
}
