//! The plugin that an app names, and the entry in it: `greeter` or `greeter/vip`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A plugin, or one named entry in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PluginTarget {
    /// The file's name without `.wasm`.
    pub plugin: String,
    /// The named handler, rule or hook inside; none for the plugin's only or default one.
    pub entry: Option<String>,
}

/// The text names no plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write `plugin` or `plugin/entry`, each 1 to 64 letters, digits, `_` or `-` · 请写 `插件` 或 `插件/函数`，各由 1 到 64 个字母、数字、`_` 或 `-` 组成"
)]
pub struct MalformedPluginTarget;

/// Whether `text` may name a plugin or an entry: 1 to 64 of `A-Z a-z 0-9 _ -`.
pub fn is_plugin_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

impl FromStr for PluginTarget {
    type Err = MalformedPluginTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (plugin, entry) = match text.split_once('/') {
            Some((plugin, entry)) => (plugin, Some(entry)),
            None => (text, None),
        };
        if !is_plugin_name(plugin) || !entry.is_none_or(is_plugin_name) {
            return Err(MalformedPluginTarget);
        }
        Ok(Self { plugin: plugin.to_owned(), entry: entry.map(str::to_owned) })
    }
}

impl fmt::Display for PluginTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entry {
            Some(entry) => write!(f, "{}/{entry}", self.plugin),
            None => f.write_str(&self.plugin),
        }
    }
}

impl TryFrom<String> for PluginTarget {
    type Error = MalformedPluginTarget;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PluginTarget> for String {
    fn from(target: PluginTarget) -> Self {
        target.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_plugin_or_an_entry_in_it_and_reads_back_as_written() {
        let whole: PluginTarget = "greeter".parse().unwrap();
        assert_eq!((whole.plugin.as_str(), whole.entry.as_deref()), ("greeter", None));
        let entry: PluginTarget = serde_json::from_str("\"greeter/vip_2\"").unwrap();
        assert_eq!((entry.plugin.as_str(), entry.entry.as_deref()), ("greeter", Some("vip_2")));
        assert_eq!(serde_json::to_string(&entry).unwrap(), "\"greeter/vip_2\"");
        assert_eq!(whole.to_string(), "greeter");
    }

    #[test]
    fn anything_else_is_refused() {
        let long = "p".repeat(65);
        for text in ["", "/", "a/", "/a", "a/b/c", "../a", "a b", "a.wasm", "店", &long] {
            assert_eq!(text.parse::<PluginTarget>(), Err(MalformedPluginTarget), "{text:?}");
        }
    }
}
