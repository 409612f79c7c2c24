//! `rules`: say whether a message is meant.

use serde::{Deserialize, Serialize};
use weft_wechat::message::Message;

use super::{Call, Inside, Outcome, exported};
use crate::{
    model::PluginTarget,
    plugins::{CallError, EntryKind, Plugins, Subject, bindings::imported::message as wit, convert},
};

/// Asks a rule about a message.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Match {
    pub(super) message: wit::Message,
}

impl Call for Match {
    type Answer = bool;
    const KIND: EntryKind = EntryKind::Rule;

    fn openid(&self) -> Option<&str> {
        Some(&self.message.sender)
    }

    async fn call(&self, Inside { store, instance, exports, entry }: Inside<'_>) -> Outcome<Self::Answer> {
        let rules = exported(exports.rules.as_ref())?.load(&mut *store, instance)?;
        rules.call_matches(store, entry, &self.message).await
    }
}

impl Plugins {
    /// Asks the rule that `target` names whether a message is meant, within the operator's limits.
    ///
    /// # Errors
    /// When there is no such rule, or it fails: that is no match, and the caller logs it.
    pub async fn matches(&self, target: &PluginTarget, subject: Subject, message: &Message) -> Result<bool, CallError> {
        self.ask(target, subject, Match { message: convert::message(message) }).await
    }
}
