//! Message observers: hear of messages without answering them.

use crate::{
    bindings::{Component, exported::observers::Guest},
    entry::{self, Export},
    error::Error,
    message::Message,
};

pub use crate::bindings::exported::observers::{Failed, Handled, Observation};

/// A function under `#[message_observer]`.
pub type Observer = Export<Observation, ()>;

inventory::collect!(Observer);

impl Guest for Component {
    fn observe(observer: String, observation: Observation) -> Result<(), Error> {
        entry::call("message observer", &observer, observation)
    }
}

impl Observation {
    /// The message that it is about.
    pub fn message(&self) -> &Message {
        match self {
            Self::Received(message) => message,
            Self::Handled(handled) => &handled.message,
            Self::Failed(failed) => &failed.message,
        }
    }
}
