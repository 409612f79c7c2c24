//! Requests to webhooks that are refused, in the log. From outside they all look the same, and at WeChat's console a
//! wrong token does, too: the log is where an operator finds out. What exactly is wrong with a forged request is worked
//! out only for lines that are written, so that nobody can cause more work than the log has room for.

use std::{fmt, sync::Arc};

use axum::body::Bytes;
use weft_wechat::account::{Mismatch, Query, Refusal};

use super::webhook::Rejected;
use crate::{accounts::Account, bilingual::because, failure_lines::FailureLines};

/// How much of a name that no app has, or of an appid that somebody sent, stands in a line.
const SHOWN: usize = 32;

/// How each line begins.
const REFUSED: &str = "a webhook request is refused · 拒绝了 webhook 请求";

const NOWHERE: &str =
    "there is no such app, or it has no token (`weft app list`) · 没有这个账号，或它没有令牌（`weft app list`）";

/// A request whose signature or envelope does not fit, with what it takes to see why.
pub(super) struct Forged {
    pub(super) account: Arc<Account>,
    pub(super) query: Query,
    /// None where the address is not signed with the app's token: then it was not read.
    pub(super) body: Option<Bytes>,
}

impl fmt::Debug for Forged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forged(…)")
    }
}

impl Forged {
    /// Finds out what does not fit, and tells it.
    fn tell(&self) {
        if let Some(webhook) = &self.account.webhook {
            let app = &self.account.app;
            let mismatch = webhook.mismatch(&self.query, self.body.as_deref().unwrap_or_default());
            warn(&app.name, code(&mismatch), &told(&mismatch, &app.appid));
        }
    }
}

/// Tells of a request to the webhook of `app` that was refused.
pub(super) fn rejected(failures: &FailureLines, app: &str, rejected: Rejected) {
    match rejected {
        Rejected::Forged(forged) => {
            // Anybody can send a wrong signature; only who has the token sends a wrong envelope with a right one. Each has
            // its own lines, so that neither hides the other.
            let code = if forged.body.is_some() { "envelope" } else { "token" };
            failures.tell(app, format_args!("webhook"), code, || {
                // The answer waits for none of it, so that it takes the same time whatever does not fit.
                tokio::spawn(async move { forged.tell() });
            });
        }
        rejected => {
            if let Some((code, remedy)) = remedy(&rejected) {
                failures.tell(app, format_args!("webhook"), code, || {
                    warn(app, code, &because(&rejected.to_string(), remedy));
                });
            } else {
                tracing::debug!(app, reason = %rejected, "a webhook request is refused");
            }
        }
    }
}

/// Tells of a request for an app that does not exist, or has no token.
pub(super) fn nowhere(failures: &FailureLines, app: &str, query: Option<&str>) {
    let app: String = app.chars().take(SHOWN).collect();
    let line = || tracing::warn!(app, "{}", because(REFUSED, NOWHERE));
    if query.is_some_and(|query| query.contains("signature=")) {
        // Anybody can make names up: all of them are one failure.
        failures.tell("unknown", format_args!("webhook"), "no_app", line);
    } else {
        tracing::debug!(app, "{}", because(REFUSED, NOWHERE));
    }
}

/// Why a request is refused that WeChat itself may have sent: a stable word, and what it is and what an operator does about
/// it.
fn warn(app: &str, code: &str, text: &str) {
    tracing::warn!(app, reason = code, "{}", because(REFUSED, text));
}

fn code(mismatch: &Mismatch) -> &'static str {
    match mismatch {
        Mismatch::Token => "token",
        Mismatch::Body => "body",
        Mismatch::Key => "encoding_aes_key",
        Mismatch::AppId(_) => "appid",
    }
}

fn told(mismatch: &Mismatch, appid: &str) -> String {
    match mismatch {
        Mismatch::Token => {
            "it is not signed with the app's token: if WeChat sent it, WeChat's console has another one · \
             签名与账号的令牌（Token）不符：如果是微信发来的，说明微信后台填的是另一个令牌"
                .to_owned()
        }
        Mismatch::Body => {
            "the address is signed with the app's token and the body is not: something on the way changes it · \
             网址的签名正确，消息体的签名不符：消息在途中被改动"
                .to_owned()
        }
        Mismatch::Key => {
            "the token is right, and the app's encoding_aes_key does not open the message: WeChat's console has another \
             one · 令牌正确，但账号的消息加解密密钥（encoding_aes_key）解不开消息：微信后台填的是另一个密钥"
                .to_owned()
        }
        Mismatch::AppId(other) => {
            let other: String = other.chars().take(SHOWN).collect();
            format!(
                "token and encoding_aes_key are right, and the message is for the appid {other:?} where the app has \
                 {appid}: remove the app and add it again with that one · 令牌和消息加解密密钥正确，但消息是发给 appid \
                 {other:?} 的，账号的是 {appid}：请删除账号，用正确的 appid 重新添加"
            )
        }
    }
}

/// A stable word for it, and what an operator does about it, where it may be theirs to mend.
fn remedy(rejected: &Rejected) -> Option<(&'static str, &'static str)> {
    match rejected {
        Rejected::Encrypted | Rejected::Refused(Refusal::NotEncrypted | Refusal::NoKey) => Some((
            "encoding_mode",
            "the app's encoding_mode has to be that of WeChat's console · 账号的 encoding_mode 要与微信后台的「消息加解密方式」一致",
        )),
        Rejected::Stale(_) => Some(("clock", "set this machine's clock right (NTP) · 请校准这台机器的时间（NTP）")),
        Rejected::Forged(_)
        | Rejected::Parameter(_)
        | Rejected::Timestamp
        | Rejected::Refused(_)
        | Rejected::Replayed(_)
        | Rejected::Body => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_wrong_console_causes_has_a_remedy_and_what_strangers_try_has_none() {
        let code = |rejected: Rejected| remedy(&rejected).map(|(code, _)| code);
        assert_eq!(code(Rejected::Refused(Refusal::NotEncrypted)), Some("encoding_mode"));
        assert_eq!(code(Rejected::Encrypted), Some("encoding_mode"));
        assert_eq!(code(Rejected::Stale(300)), Some("clock"));
        for strange in [Rejected::Timestamp, Rejected::Body, Rejected::Refused(Refusal::NotUtf8)] {
            assert_eq!(code(strange), None);
        }
    }
}
