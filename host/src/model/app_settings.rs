//! Settings of an app that nothing is looked up by: a new one needs no migration, only a default.

use serde::{Deserialize, Serialize};

use super::words::words;
use super::{FieldError, PluginTarget, ReplyContent, ReplyTemplate};
use crate::plugin_limits::MOST_APP_CONCURRENCY;

/// Hosts that one app may list.
const HOSTS: usize = 100;
/// Observers that one app may name.
const OBSERVERS: usize = 16;
/// Longest URL of a server, in bytes.
const URL_LENGTH: usize = 2048;

/// How an app's messages are answered and kept, and how it speaks to WeChat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AppSettings {
    /// What becomes of an answer that takes longer than WeChat waits.
    pub late_reply: LateReply,
    /// Whether what users send is kept in the message log.
    pub log_messages: bool,
    /// Whether answers are kept in the message log.
    pub log_replies: bool,
    /// Whether the log also keeps the decrypted XML or JSON as it came.
    pub log_raw: bool,
    /// The plugins that hear of every message without answering it.
    pub message_observers: Vec<PluginTarget>,
    /// What is answered when the plugin that should answer fails.
    pub fallback_reply: Option<ReplyTemplate>,
    /// Hosts that replies of type `forward` and the order webhook may reach although their addresses are not public:
    /// `host` or `host:port`.
    pub forward_hosts: Vec<String>,
    /// The server that hears of changed orders.
    pub order_webhook_url: Option<String>,
    /// Where the access token comes from.
    pub access_token_source: AccessTokenSource,
    /// The address that hands the token out; for the source `url`.
    pub access_token_url: Option<String>,
    /// Calls at once, over all plugins, where that is not what other apps may have.
    pub max_plugin_concurrency: Option<u64>,
}

impl Default for AppSettings {
    fn default() -> Self {
        Self {
            late_reply: LateReply::Join,
            log_messages: false,
            log_replies: false,
            log_raw: false,
            message_observers: Vec::new(),
            fallback_reply: None,
            forward_hosts: Vec::new(),
            order_webhook_url: None,
            access_token_source: AccessTokenSource::Stable,
            access_token_url: None,
            max_plugin_concurrency: None,
        }
    }
}

/// What becomes of an answer that takes longer than WeChat waits (5 seconds, three tries).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateReply {
    /// WeChat's next try joins the handler that runs; what comes after the last try goes out as a
    /// customer-service message if the account may send one.
    #[default]
    Join,
    /// The first try is answered `success` in time, the answer goes out as a customer-service message.
    CustomerService,
    /// The first try is answered `success` in time, a later answer is logged and goes nowhere.
    Drop,
}

/// Nothing of this name becomes of a late answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one of join, customer_service, drop · 可选 join、customer_service、drop")]
pub struct UnknownLateReply;

words!(LateReply { Join: "join", CustomerService: "customer_service", Drop: "drop" }, UnknownLateReply);

/// Where an app's access token comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenSource {
    /// `/cgi-bin/stable_token`: leaves tokens that other systems fetched alone.
    #[default]
    Stable,
    /// `/cgi-bin/token`: every fetch ends the token before it.
    Classic,
    /// An address of the operator's, which answers like `/cgi-bin/token`.
    Url,
}

impl AppSettings {
    /// The fields that break their rules.
    pub(super) fn check(&self) -> impl Iterator<Item = FieldError> {
        [
            self.check_message_observers(),
            self.check_fallback_reply(),
            self.check_forward_hosts(),
            self.check_order_webhook_url(),
            self.check_access_token_url(),
            self.check_max_plugin_concurrency(),
        ]
        .into_iter()
        .flatten()
    }

    /// Nothing is asked for it: who asks may fail, too.
    fn check_fallback_reply(&self) -> Option<FieldError> {
        let reply = &self.fallback_reply.as_ref()?.content;
        if !matches!(reply, ReplyContent::Static(_)) {
            let text = "a reply that stands as it is: not custom, forward, or news of a media_id · 须是固定的回复，不能是 custom、forward 或引用 media_id 的 news";
            return Some(FieldError::new("fallback_reply", text));
        }
        let wrong = reply.check().into_iter().next();
        wrong.map(|(field, text)| FieldError::new(format!("fallback_reply.{field}"), text))
    }

    fn check_message_observers(&self) -> Option<FieldError> {
        let right = self.message_observers.len() <= OBSERVERS;
        (!right).then(|| {
            FieldError::new("message_observers", format!("at most {OBSERVERS} plugins · 最多 {OBSERVERS} 个插件"))
        })
    }

    fn check_forward_hosts(&self) -> Option<FieldError> {
        let is_host = |host: &String| {
            let graphic = host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/@?#\\".contains(&byte));
            (1..=255).contains(&host.len()) && graphic
        };
        let right = self.forward_hosts.len() <= HOSTS && self.forward_hosts.iter().all(is_host);
        let text = format!(
            "at most {HOSTS} hosts, such as replies.example.com or 10.0.0.7:8080 · 最多 {HOSTS} 个主机，如 replies.example.com 或 10.0.0.7:8080"
        );
        (!right).then(|| FieldError::new("forward_hosts", text))
    }

    fn check_order_webhook_url(&self) -> Option<FieldError> {
        let url = self.order_webhook_url.as_ref()?;
        let right = url.len() <= URL_LENGTH
            && url.parse::<reqwest::Url>().is_ok_and(|url| {
                let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
                matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && is_bare
            });
        let text = format!(
            "an http or https URL without a user, a password or `#`, at most {URL_LENGTH} characters · http 或 https 网址，不带用户名、密码和 `#`，最多 {URL_LENGTH} 个字符"
        );
        (!right).then(|| FieldError::new("order_webhook_url", text))
    }

    fn check_max_plugin_concurrency(&self) -> Option<FieldError> {
        let right =
            self.max_plugin_concurrency.is_none_or(|calls| (1..=u64::from(MOST_APP_CONCURRENCY)).contains(&calls));
        let text = format!(
            "from 1 to {MOST_APP_CONCURRENCY}; null for plugins.max_app_concurrency · 1 到 {MOST_APP_CONCURRENCY}；null 表示用 plugins.max_app_concurrency"
        );
        (!right).then(|| FieldError::new("max_plugin_concurrency", text))
    }

    fn check_access_token_url(&self) -> Option<FieldError> {
        let Some(url) = &self.access_token_url else {
            let needed = self.access_token_source == AccessTokenSource::Url;
            return needed.then(|| {
                FieldError::new("access_token_url", "the source `url` needs it · access_token_source 为 `url` 时必填")
            });
        };
        let right = url
            .parse::<reqwest::Url>()
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
        (!right).then(|| FieldError::new("access_token_url", "an http or https URL · http 或 https 网址"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_late_answers_has_one_text_everywhere() {
        for late_reply in [LateReply::Join, LateReply::CustomerService, LateReply::Drop] {
            assert_eq!(late_reply.as_str().parse(), Ok(late_reply));
            assert_eq!(serde_json::to_value(late_reply).unwrap(), late_reply.as_str());
        }
        assert_eq!("later".parse::<LateReply>(), Err(UnknownLateReply));
    }
}
