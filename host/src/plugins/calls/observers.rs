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

const OBSERVER: Kind = Kind {
    name: "observer",
    entries: |plugin| &plugin.observers,
    timeout: |limits| limits.observer_timeout_ms,
    setting: "plugins.observer_timeout_ms",
    has_breaker: true,
};

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
        let told = self.ask(&OBSERVER, target, subject, async |store, instance, exports, observer| {
            let observers = exported(exports.observers.as_ref())?.load(&mut *store, instance)?;
            observers.call_observe(store, observer, &convert::observation(observation)).await
        });
        told.await
    }
}
