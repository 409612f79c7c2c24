//! `handlers`: answer a message.

use std::time::Duration;

use wasmtime::{Store, component::Instance};
use weft_wechat::{message::Message, reply::Reply};

use super::{Call, exported};
use crate::{
    model::PluginTarget,
    plugins::{
        CallError, EntryKind, Limits, Plugins, Subject,
        bindings::imported::{message as wit, reply as wit_reply, types},
        component::Exports,
        convert,
        instance::State,
    },
};

/// Lets a handler answer a message.
pub(super) struct Handle {
    message: wit::Message,
}

impl Call for Handle {
    type Answer = Option<wit_reply::Reply>;
    const KIND: EntryKind = EntryKind::Handler;
    const SETTING: &'static str = "plugins.call_timeout_ms";

    fn timeout(limits: &Limits) -> Duration {
        limits.call_timeout
    }

    fn openid(&self) -> Option<&str> {
        Some(&self.message.sender)
    }

    async fn call(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
        exports: &Exports,
        entry: &str,
    ) -> wasmtime::Result<Result<Self::Answer, types::Error>> {
        let handlers = exported(exports.handlers.as_ref())?.load(&mut *store, instance)?;
        handlers.call_handle(store, entry, &self.message).await
    }
}

impl Plugins {
    /// Lets the handler that `target` names answer a message, within the operator's limits.
    ///
    /// # Errors
    /// When there is no such handler, or it fails; the caller logs it.
    pub async fn handle(
        &self,
        target: &PluginTarget,
        subject: Subject,
        message: &Message,
    ) -> Result<Option<Reply>, CallError> {
        let reply = self.ask(target, subject, Handle { message: convert::message(message) }).await?;
        Ok(reply.map(convert::reply))
    }
}
