//! Reads rules and replies, which are flat JSON objects: their `type` says which of the other fields they have.

use super::{FieldError, MalformedPluginTarget, PluginTarget};

/// One such object while it is read; what is wrong is collected.
pub(super) struct Flat<'a> {
    /// Where the object stands, such as `rules[2]`.
    pub path: &'a str,
    /// Its `type`, as it is written.
    pub kind: &'static str,
    pub errors: &'a mut Vec<FieldError>,
}

impl Flat<'_> {
    /// The value of a field that the type needs.
    pub(super) fn needed<T: Default>(&mut self, name: &str, value: Option<T>) -> T {
        value.unwrap_or_else(|| {
            self.error(name, format!("type `{0}` needs it · 类型 `{0}` 需要它", self.kind));
            T::default()
        })
    }

    /// Refuses a field that the type does not have.
    pub(super) fn unknown(&mut self, name: &str, is_set: bool) {
        if is_set {
            self.error(name, format!("type `{0}` has no such field · 类型 `{0}` 没有这个字段", self.kind));
        }
    }

    /// Refuses a field that stands beside one that excludes it.
    pub(super) fn unknown_beside(&mut self, name: &str, is_set: bool, other: &str) {
        if is_set {
            self.error(name, format!("either this or `{other}` · 不能与 `{other}` 同时使用"));
        }
    }

    /// The plugin that `handler` names.
    pub(super) fn target(&mut self, handler: Option<String>) -> PluginTarget {
        let is_there = handler.is_some();
        let text = self.needed("handler", handler);
        text.parse().unwrap_or_else(|error: MalformedPluginTarget| {
            if is_there {
                self.error("handler", error.to_string());
            }
            PluginTarget { plugin: String::new(), entry: None }
        })
    }

    fn error(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(FieldError::new(format!("{}.{name}", self.path), message));
    }
}

/// The rule for an address that others are sent to, or that we call.
pub(super) const URL_RULE: &str = "an http or https URL of at most 2048 bytes, without user and password · http 或 https 网址，最多 2048 字节，不带用户名和密码";

/// Whether `text` keeps to [`URL_RULE`].
pub(super) fn is_url(text: &str) -> bool {
    let Ok(url) = text.parse::<reqwest::Url>() else { return false };
    // The parser drops line breaks and white space at the ends; what is stored is written out as it is.
    let is_plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let is_open = url.username().is_empty() && url.password().is_none();
    text.len() <= 2048 && is_plain && is_open && matches!(url.scheme(), "http" | "https") && url.host_str().is_some()
}

/// Whether `text` has at most `limit` characters, and none that XML cannot carry or that has no place in a text.
pub(super) fn is_text(text: &str, limit: usize) -> bool {
    text.chars().count() <= limit && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}
