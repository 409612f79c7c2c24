//! `rules`: say whether a message is meant.

use weft_wechat::message::Message;

use super::{Kind, exported};
use crate::{
    model::PluginTarget,
    plugins::{CallError, Plugins, Subject, convert},
};

const RULE: Kind = Kind {
    name: "rule",
    entries: |plugin| &plugin.rules,
    timeout: |limits| limits.rule_timeout_ms,
    setting: "plugins.rule_timeout_ms",
    has_breaker: true,
};

impl Plugins {
    /// Asks the rule that `target` names whether a message is meant, within the operator's limits.
    ///
    /// # Errors
    /// When there is no such rule, or it fails: that is no match, and the caller logs it.
    pub async fn matches(&self, target: &PluginTarget, subject: Subject, message: &Message) -> Result<bool, CallError> {
        let matches = self.ask(&RULE, target, subject, async |store, instance, exports, rule| {
            let rules = exported(exports.rules.as_ref())?.load(&mut *store, instance)?;
            rules.call_matches(store, rule, &convert::message(message)).await
        });
        matches.await
    }
}
