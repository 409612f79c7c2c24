//! `observers`: hear of messages without answering them.

use weft_wechat::{message::Message, reply::Reply};

use super::{Kind, exported};
use crate::{
    model::PluginTarget,
    plugins::{CallError, Plugins, Subject, convert},
};

/// What there is to hear of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Observation<'a> {
    /// It was verified; nothing has run for it yet.
    Received(&'a Message),
    /// It was answered with this, or with nothing.
    Handled(&'a Message, Option<&'a Reply>),
    /// Something failed, and here is why, for people.
    Failed(&'a Message, &'a str),
}

impl Plugins {
    /// Tells the observer that `target` names of a message, within the operator's limits. Nobody should wait for it.
    ///
    /// # Errors
    /// When there is no such observer, or it fails; the caller logs it.
    pub async fn observe(
        &self,
        target: &PluginTarget,
        subject: Subject,
        observation: Observation<'_>,
    ) -> Result<(), CallError> {
        let kind = Kind {
            name: "observer",
            entries: |plugin| &plugin.observers,
            timeout: self.limits().call_timeout,
            setting: "plugins.call_timeout_ms",
        };
        let told = self.ask(&kind, target, subject, async |store, instance, exports, observer| {
            let observers = exported(exports.observers.as_ref())?.load(&mut *store, instance)?;
            observers.call_observe(store, observer, &convert::observation(observation)).await
        });
        told.await
    }
}
