//! What a key expects, and whether a value is that.

use std::net::SocketAddr;

use axum::http::Uri;
use toml::Value;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use super::DatabaseUrl;
use crate::secret::SecretKey;

/// One key and what belongs there.
#[derive(Debug)]
pub(super) struct Key {
    /// Dotted: `plugins.cpu_ms`.
    pub(super) name: &'static str,
    pub(super) expects: Expects,
}

#[derive(Debug)]
pub(super) enum Expects {
    /// A whole number from … to.
    Number(i64, i64),
    /// true or false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    Address,
    BaseUrl,
    Folder,
    DatabaseUrl,
    RedisUrl,
    ProxyUrl,
    SecretKey,
    /// What of the log is written.
    LogFilter,
}

impl Key {
    pub(super) const fn new(name: &'static str, expects: Expects) -> Self {
        Self { name, expects }
    }

    /// The environment variable that sets it: `WEFT_PLUGINS__CPU_MS`.
    pub(super) fn variable(&self) -> String {
        format!("WEFT_{}", self.name.replace('.', "__").to_uppercase())
    }
}

impl Expects {
    /// Whether `value` is right.
    pub(super) fn accepts(&self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Number(from, to) => value.as_integer().is_some_and(|number| (*from..=*to).contains(&number)),
            Self::Flag => value.is_bool(),
            Self::Word(words) => text.is_some_and(|text| words.contains(&text)),
            Self::Address => text.is_some_and(|text| text.parse::<SocketAddr>().is_ok()),
            Self::BaseUrl => text.is_some_and(is_base_url),
            Self::Folder => text.is_some_and(|text| !text.is_empty() && !text.contains('\0')),
            Self::DatabaseUrl => text.is_some_and(|text| text.parse::<DatabaseUrl>().is_ok()),
            Self::RedisUrl => text.is_some_and(is_redis_url),
            Self::ProxyUrl => text.is_some_and(is_proxy_url),
            Self::SecretKey => text.is_some_and(|text| SecretKey::parse(text).is_ok()),
            Self::LogFilter => text.is_some_and(is_log_filter),
        }
    }

    /// A value from its text in a variable or flag; the text itself where it is not of the right kind.
    pub(super) fn read(&self, text: &str) -> Value {
        let value = match self {
            Self::Number(..) => text.parse().ok().map(Value::Integer),
            Self::Flag => text.parse().ok().map(Value::Boolean),
            _ => None,
        };
        value.unwrap_or_else(|| Value::String(text.to_owned()))
    }

    /// What would be right, in words of both languages, or in signs of both.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Number(from, to) => return format!("a whole number from {from} to {to} · {from} 到 {to} 之间的整数"),
            Self::Word(words) => {
                return words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ");
            }
            Self::Flag => "true or false · true 或 false",
            Self::Address => {
                "an IP address and a port, such as \"127.0.0.1:8000\" or \"[::]:8000\" · IP 地址和端口，如 \"127.0.0.1:8000\" 或 \"[::]:8000\""
            }
            Self::BaseUrl => {
                "an http or https URL without a slash at the end, such as \"https://example.com\" · http 或 https 网址，末尾不带斜杠，如 \"https://example.com\""
            }
            Self::Folder => "the path of a folder · 目录的路径",
            Self::DatabaseUrl => "\"sqlite://path/to/file.db\" or \"postgres://user:password@host:5432/database\"",
            Self::RedisUrl => "\"redis://host:6379\" or \"rediss://user:password@host:6379/0\"",
            Self::ProxyUrl => "\"http://host:3128\", \"https://user:password@host:3128\" or \"socks5://host:1080\"",
            Self::SecretKey => {
                "64 hexadecimal digits; `openssl rand -hex 32` prints a new key · 64 位十六进制数，可用 `openssl rand -hex 32` 生成"
            }
            Self::LogFilter => {
                "a level (error, warn, info, debug, trace, off), or filters such as \"weft=debug,sqlx=info\" · 一个级别（error、warn、info、debug、trace、off），或 \"weft=debug,sqlx=info\" 这样的过滤条件"
            }
        }
        .to_owned()
    }

    /// Whether values may hold a password: then no message repeats them.
    pub(super) fn is_secret(&self) -> bool {
        // So are URLs that need no password: somebody will put one there.
        matches!(self, Self::DatabaseUrl | Self::RedisUrl | Self::ProxyUrl | Self::SecretKey | Self::BaseUrl)
    }
}

fn is_base_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else { return false };
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let host_is_there = uri.host().is_some_and(|host| !host.is_empty());
    host_is_there && !rest.ends_with('/') && !rest.contains(['?', '#', '@'])
}

/// A word alone is a level: the filter would take any other for the name of a module, and leave out all the rest.
fn is_log_filter(text: &str) -> bool {
    let is_one = |part: &str| part.contains(['=', '[']) || part.parse::<LevelFilter>().is_ok();
    EnvFilter::try_new(text).is_ok() && text.split(',').all(|part| part.is_empty() || is_one(part))
}

fn is_redis_url(text: &str) -> bool {
    is_host_url(text, &["redis://", "rediss://"])
}

fn is_proxy_url(text: &str) -> bool {
    is_host_url(text, &["http://", "https://", "socks5://", "socks5h://"])
}

fn is_host_url(text: &str, schemes: &[&str]) -> bool {
    let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    rest.is_some_and(|rest| !rest.is_empty()) && text.parse::<Uri>().is_ok_and(|uri| uri.host().is_some())
}
