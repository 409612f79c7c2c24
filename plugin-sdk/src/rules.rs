//! Message rules: say whether a message is meant.

use crate::{
    bindings::{Component, exported::rules::Guest},
    entry::{self, Export},
    error::Error,
    message::Message,
};

/// A function under `#[message_rule]`.
pub type Rule = Export<Message, bool>;

inventory::collect!(Rule);

impl Guest for Component {
    fn matches(rule: String, message: Message) -> Result<bool, Error> {
        entry::call("message rule", &rule, message)
    }
}
