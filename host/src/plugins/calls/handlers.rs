//! `handlers`: answer a message.

use weft_wechat::{message::Message, reply::Reply};

use super::{Kind, exported};
use crate::{
    model::PluginTarget,
    plugins::{CallError, Plugins, Subject, convert},
};

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
        let kind = Kind {
            name: "handler",
            entries: |plugin| &plugin.handlers,
            timeout: self.limits().call_timeout,
            setting: "plugins.call_timeout_ms",
        };
        let reply = self.ask(&kind, target, subject, async |store, instance, exports, handler| {
            let handlers = exported(exports.handlers.as_ref())?.load(&mut *store, instance)?;
            handlers.call_handle(store, handler, &convert::message(message)).await
        });
        Ok(reply.await?.map(convert::reply))
    }
}
