//! Message observers: hear of messages without answering them.
//!
//! ```
//! use weft_plugin::{prelude::*, testing::{self, TestHost}};
//!
//! #[message_observer]
//! fn complain(observation: Observation) {
//!     if let Observation::Failed(failed) = observation {
//!         log::error!(openid = failed.message.sender; "somebody got no answer: {}", failed.reason);
//!     }
//! }
//!
//! let host = TestHost::new();
//! host.observe("complain", Observation::Received(testing::text("o1", "hi"))).unwrap();
//! assert!(host.logs().is_empty());
//! ```

use crate::{
    bindings::{Component, exported::observers::Guest},
    entry::{self, Export, Subject},
    error::Error,
    message::Message,
};

pub use crate::bindings::exported::observers::{Failed, Handled, Observation};

/// A function under `#[message_observer]`.
#[doc(hidden)]
pub type Observer = Export<Observation, ()>;

inventory::collect!(Observer);

impl Subject for Observation {
    fn openid(&self) -> Option<&str> {
        Some(&self.message().sender)
    }
}

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
