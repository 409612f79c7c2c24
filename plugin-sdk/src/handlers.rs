//! Message handlers: answer a message.

use crate::{
    bindings::{Component, exported::handlers::Guest},
    entry::{self, Export},
    error::Error,
    message::Message,
    reply::Reply,
};

/// A function under `#[message_handler]`.
pub type Handler = Export<Message, Option<Reply>>;

inventory::collect!(Handler);

impl Guest for Component {
    fn handle(handler: String, message: Message) -> Result<Option<Reply>, Error> {
        entry::call("message handler", &handler, message)
    }
}
