//! What one plugin may do for one app. Nothing is granted by default.

use super::FieldError;
use super::plugin_target::is_plugin_name;

/// The operator's word on a plugin in an app: its configuration and its grants.
#[derive(Debug, Clone, PartialEq)]
pub struct AppPlugin {
    /// The app's name.
    pub app: String,
    /// The plugin's name; its file may not be there yet.
    pub plugin: String,
    /// Handed to the plugin as it is.
    pub config: serde_json::Value,
    /// May keep values in the key-value store.
    pub kv: bool,
    /// Hosts it may send HTTP requests to.
    pub http_hosts: Vec<String>,
    /// WeChat API paths it may call with the app's token.
    pub wechat_apis: Vec<String>,
    /// May find and change the app's users.
    pub users: bool,
    /// What it may do with orders.
    pub orders: Vec<String>,
    /// Seconds since 1970.
    pub updated_at: u64,
}

impl AppPlugin {
    /// No configuration and no grants; the storage fills in the time.
    pub fn new(app: impl Into<String>, plugin: impl Into<String>) -> Self {
        Self {
            app: app.into(),
            plugin: plugin.into(),
            config: serde_json::Value::Object(serde_json::Map::new()),
            kv: false,
            http_hosts: Vec::new(),
            wechat_apis: Vec::new(),
            users: false,
            orders: Vec::new(),
            updated_at: 0,
        }
    }

    /// The fields that break their rules; empty when the record may be stored.
    pub fn check(&self) -> Vec<FieldError> {
        if is_plugin_name(&self.plugin) {
            return Vec::new();
        }
        vec![FieldError::new("plugin", "1 to 64 letters, digits, `_` or `-`: the file's name without .wasm")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_record_grants_nothing_and_its_plugin_needs_a_name() {
        let record = AppPlugin::new("shop", "greeter");
        assert!(!record.kv && !record.users);
        assert!(record.http_hosts.is_empty() && record.wechat_apis.is_empty() && record.orders.is_empty());
        assert_eq!(record.check(), []);
        assert_eq!(AppPlugin::new("shop", "../greeter").check()[0].field, "plugin");
    }
}
