//! Requests to webhooks that are refused, in the log. From outside they all look the same, and at WeChat's console a
//! wrong token does, too: the log is where an operator finds out.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use weft_wechat::account::Refusal;

use super::webhook::Rejected;

/// For how long one warning about an app is enough, in seconds: anybody can send what is refused.
const PAUSE: u64 = 60;

/// When something was last warned of, by app: those that there are, and one entry for all others.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<HashMap<String, u64>>);

impl Refusals {
    /// A request to the webhook of `app` was refused. What WeChat itself would send is a warning once a minute.
    pub(super) fn rejected(&self, app: &str, rejected: &Rejected, now: u64) {
        if let Some(remedy) = remedy(rejected).filter(|_| self.is_due(app, now)) {
            tracing::warn!(app, reason = %rejected, "a webhook request is refused: {remedy}");
        } else {
            tracing::debug!(app, reason = %rejected, "a webhook request is refused");
        }
    }

    /// A request came for an app that there is not, or that has no token.
    pub(super) fn nowhere(&self, app: &str, query: Option<&str>, now: u64) {
        let is_signed = query.is_some_and(|query| query.contains("signature="));
        if is_signed && self.is_due("", now) {
            tracing::warn!(
                app,
                "a webhook request is refused: there is no such app, or it has no token (`weft app list`)"
            );
        } else {
            tracing::debug!(app, "a webhook request is refused: there is no such app, or it has no token");
        }
    }

    fn is_due(&self, app: &str, now: u64) -> bool {
        let mut warned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match warned.get_mut(app) {
            Some(last) if now.saturating_sub(*last) < PAUSE => false,
            Some(last) => {
                *last = now;
                true
            }
            None => {
                warned.insert(app.to_owned(), now);
                true
            }
        }
    }
}

/// What an operator does about it, where it may be theirs to mend.
fn remedy(rejected: &Rejected) -> Option<&'static str> {
    match rejected {
        Rejected::Refused(Refusal::Forged) => Some(
            "if WeChat sent it, the app's token (令牌), encoding_aes_key or appid differs from what WeChat's console has",
        ),
        Rejected::Refused(Refusal::NotEncrypted | Refusal::NoKey) => {
            Some("the app's encoding_mode has to be that of WeChat's console (消息加解密方式)")
        }
        Rejected::Stale(_) => Some("set this machine's clock right (NTP)"),
        Rejected::Parameter(_)
        | Rejected::Timestamp
        | Rejected::Refused(Refusal::NotUtf8 | Refusal::Unreadable(_))
        | Rejected::Replayed(_)
        | Rejected::Body => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_warned_of_once_a_minute_and_none_for_another() {
        let refusals = Refusals::default();
        let due: Vec<_> = [("a", 100), ("a", 159), ("b", 159), ("a", 160), ("a", 161)]
            .map(|(app, now)| refusals.is_due(app, now))
            .into();
        assert_eq!(due, [true, false, true, true, false]);
    }

    #[test]
    fn what_a_wrong_console_causes_has_a_remedy_and_what_strangers_try_has_none() {
        let remedies = [Rejected::Refused(Refusal::Forged), Rejected::Stale(300), Rejected::Timestamp, Rejected::Body]
            .map(|rejected| remedy(&rejected).is_some());
        assert_eq!(remedies, [true, true, false, false]);
    }
}
