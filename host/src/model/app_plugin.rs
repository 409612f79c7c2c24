//! What one plugin is set to and may do for one app.

use super::FieldError;
use super::grants::Grants;
use super::plugin_target::is_plugin_name;
use crate::{
    json_object::{JsonObject, parts},
    plugin_limits::LimitChanges,
};

/// The longest configuration, in bytes of JSON.
const CONFIG_BYTES: usize = 64 << 10;

/// The most [parts](crate::json_object::parts) that it may have: it is read as a whole where it is shown.
const CONFIG_PARTS: usize = 10_000;

/// How many plugins something may be set for in one app, whether they are there or not: all of it is kept in memory.
pub const APP_PLUGINS: u64 = 200;

/// The operator's word on a plugin in an app: its configuration, its grants and its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct AppPlugin {
    /// The app's name.
    pub app: String,
    /// The plugin's name; its file may not be there yet.
    pub plugin: String,
    /// Handed to the plugin as it is; at most 64 KiB of JSON.
    pub config: JsonObject,
    /// What it may do.
    pub grants: Grants,
    /// What its calls for this app may use, where that is not what they may use elsewhere.
    pub limits: LimitChanges,
    /// Seconds since 1970.
    pub updated_at: u64,
}

impl AppPlugin {
    /// No configuration, no grants and no limits of its own; the storage fills in the time.
    pub fn new(app: impl Into<String>, plugin: impl Into<String>) -> Self {
        Self {
            app: app.into(),
            plugin: plugin.into(),
            config: JsonObject::default(),
            grants: Grants::default(),
            limits: LimitChanges::default(),
            updated_at: 0,
        }
    }

    /// The fields that break their rules; empty when the record may be stored.
    pub fn check(&self) -> Vec<FieldError> {
        let name = (!is_plugin_name(&self.plugin))
            .then(|| FieldError::new("plugin", "1 to 64 letters, digits, `_` or `-`: the file's name without .wasm · 1 到 64 个字母、数字、`_` 或 `-`，即不带 .wasm 的文件名"));
        let json = self.config.as_str();
        let config = (json.len() > CONFIG_BYTES || parts(json.as_bytes()) > CONFIG_PARTS).then(|| {
            let (kib, parts) = (CONFIG_BYTES >> 10, CONFIG_PARTS);
            let rule = format!("at most {kib} KiB as JSON, with {parts} values · JSON 最多 {kib} KiB、{parts} 个值");
            FieldError::new("config", rule)
        });
        name.into_iter().chain(config).chain(self.grants.check()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_record_grants_nothing_and_its_plugin_needs_a_name() {
        let record = AppPlugin::new("shop", "greeter");
        assert!(record.grants.each().is_empty());
        assert_eq!(record.check(), []);
        assert_eq!(AppPlugin::new("shop", "../greeter").check()[0].field, "plugin");
    }

    #[test]
    fn a_configuration_has_a_size() {
        let errors = |length: usize| {
            let config = format!(r#"{{"a":"{}"}}"#, "x".repeat(length - r#"{"a":""}"#.len()));
            AppPlugin { config: config.parse().unwrap(), ..AppPlugin::new("shop", "greeter") }.check().len()
        };
        assert_eq!((errors(64 << 10), errors((64 << 10) + 1)), (0, 1));
        // Short as text, and long in memory.
        let config = format!(r#"{{"a":[{}0]}}"#, r#"{"":0},"#.repeat(5000)).parse().unwrap();
        assert_eq!(AppPlugin { config, ..AppPlugin::new("shop", "greeter") }.check().len(), 1);
    }

    #[test]
    fn every_field_that_is_wrong_is_named_and_which_entry_of_it() {
        let record = AppPlugin {
            config: format!(r#"{{"a":"{}"}}"#, "x".repeat(1 << 20)).parse().unwrap(),
            grants: Grants {
                http_hosts: vec!["https://example.com".to_owned(), "secret".to_owned()],
                wechat_apis: vec!["secret".to_owned()],
                orders: vec!["secret".to_owned()],
                ..Grants::default()
            },
            ..AppPlugin::new("shop", "a b")
        };
        let errors = record.check();
        let fields: Vec<_> = errors.iter().map(|error| &*error.field).collect();
        assert_eq!(fields, ["plugin", "config", "http_hosts", "wechat_apis", "orders"]);
        assert!(errors[2].message.starts_with("entry 2: scheme, host"), "{errors:?}");
        assert!(errors.iter().all(|error| !error.message.contains("secret")), "{errors:?}");
    }
}
