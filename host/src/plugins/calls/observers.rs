//! `observers`: hear of messages without answering them.

use serde::{Deserialize, Serialize};
use weft_wechat::{message::Message, reply::Reply};

use super::{Call, Inside, Outcome, exported};
use crate::{
    model::PluginTarget,
    plugins::{CallError, EntryKind, Plugins, Subject, bindings::exported::observers as wit, convert},
};

/// What observers hear of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Observation<'a> {
    /// The message was verified; nothing has run for it yet.
    Received(&'a Message),
    /// The message was answered with this reply, or with nothing.
    Handled(&'a Message, Option<&'a Reply>),
    /// The message has no answer; the text tells people why.
    Failed(&'a Message, &'a str),
}

/// Tells an observer of a message.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Observe {
    pub(super) observation: wit::Observation,
}

impl Call for Observe {
    type Answer = ();
    const KIND: EntryKind = EntryKind::Observer;

    fn openid(&self) -> Option<&str> {
        let (wit::Observation::Received(message)
        | wit::Observation::Handled(wit::Handled { message, .. })
        | wit::Observation::Failed(wit::Failed { message, .. })) = &self.observation;
        Some(&message.sender)
    }

    async fn call(&self, Inside { store, instance, exports, entry }: Inside<'_>) -> Outcome<Self::Answer> {
        let observers = exported(exports.observers.as_ref())?.load(&mut *store, instance)?;
        observers.call_observe(store, entry, &self.observation).await
    }
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
        self.ask(target, subject, Observe { observation: convert::observation(observation) }).await
    }
}
