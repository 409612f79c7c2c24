//! What one plugin may do for one app. Nothing is granted by default.

use reqwest::Url;

use super::FieldError;
use super::plugin_target::is_plugin_name;

/// The longest configuration, in bytes of JSON.
const CONFIG_BYTES: usize = 64 << 10;
/// The most entries of one list of grants.
const LIST_LENGTH: usize = 100;
/// The most characters of one entry.
const TEXT_LENGTH: usize = 256;
/// What may be granted on orders.
const ORDERS: [&str; 3] = ["read", "create", "refund"];

/// The operator's word on a plugin in an app: its configuration and its grants.
#[derive(Debug, Clone, PartialEq)]
pub struct AppPlugin {
    /// The app's name.
    pub app: String,
    /// The plugin's name; its file may not be there yet.
    pub plugin: String,
    /// Handed to the plugin as it is; at most 64 KiB of JSON.
    pub config: serde_json::Value,
    /// May keep values in the key-value store.
    pub kv: bool,
    /// Where it may send HTTP requests: scheme, host and maybe port, such as `https://*.example.com`.
    pub http_hosts: Vec<String>,
    /// Beginnings of the WeChat API paths it may call with the app's token, such as `/cgi-bin/message/`.
    pub wechat_apis: Vec<String>,
    /// May find and change the app's users.
    pub users: bool,
    /// What it may do with orders: read, create, refund.
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
        let name = (!is_plugin_name(&self.plugin))
            .then(|| FieldError::new("plugin", "1 to 64 letters, digits, `_` or `-`: the file's name without .wasm"));
        let config = (self.config.to_string().len() > CONFIG_BYTES)
            .then(|| FieldError::new("config", format!("at most {} KiB as JSON", CONFIG_BYTES >> 10)));
        let lists = [
            check_list(
                "http_hosts",
                &self.http_hosts,
                is_http_host,
                "scheme, host and maybe port, such as https://api.example.com or https://*.example.com:8443",
            ),
            check_list(
                "wechat_apis",
                &self.wechat_apis,
                is_wechat_api,
                "the beginning of a path, such as /cgi-bin/message/, without `..` or `?`",
            ),
            check_list("orders", &self.orders, |order| ORDERS.contains(&order), "read, create or refund"),
        ];
        [name, config].into_iter().chain(lists).flatten().collect()
    }
}

/// `rule` says what is right, and comes with the number of the first entry that is not.
fn check_list(field: &'static str, texts: &[String], is_right: fn(&str) -> bool, rule: &str) -> Option<FieldError> {
    if texts.len() > LIST_LENGTH {
        return Some(FieldError::new(field, format!("at most {LIST_LENGTH} entries")));
    }
    let index = texts.iter().position(|text| !is_right(text) || text.chars().count() > TEXT_LENGTH)?;
    Some(FieldError::new(field, format!("entry {}: {rule}; at most {TEXT_LENGTH} characters", index + 1)))
}

/// Whether it is `http://` or `https://`, a host as URLs have it in their normal form, and maybe a port; `*.` before a
/// domain stands for all below it.
fn is_http_host(text: &str) -> bool {
    let Some((scheme @ ("http" | "https"), rest)) = text.split_once("://") else { return false };
    let below = rest.strip_prefix("*.");
    let authority = below.unwrap_or(rest);
    let Ok(url) = Url::parse(&format!("{scheme}://{authority}")) else { return false };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
    // What the parser left out or wrote in another way, such as a path or a user, is not in these.
    let is_all = authority.eq_ignore_ascii_case(host) || authority.eq_ignore_ascii_case(&format!("{host}:{port}"));
    is_all && !host.contains('*') && (below.is_none() || url.domain().is_some())
}

fn is_wechat_api(text: &str) -> bool {
    text.starts_with('/') && !text.contains("..") && !text.contains('?') && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn a_new_record_grants_nothing_and_its_plugin_needs_a_name() {
        let record = AppPlugin::new("shop", "greeter");
        assert!(!record.kv && !record.users);
        assert!(record.http_hosts.is_empty() && record.wechat_apis.is_empty() && record.orders.is_empty());
        assert_eq!(record.check(), []);
        assert_eq!(AppPlugin::new("shop", "../greeter").check()[0].field, "plugin");
    }

    fn fields(change: impl FnOnce(&mut AppPlugin)) -> Vec<Cow<'static, str>> {
        let mut record = AppPlugin::new("shop", "greeter");
        change(&mut record);
        record.check().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn an_http_host_is_scheme_host_and_maybe_port() {
        for right in [
            "https://api.example.com",
            "http://api.example.com:8080",
            "https://api.example.com:443",
            "https://*.example.com",
            "https://*.example.com:8443",
            "https://API.Example.com",
            "http://127.0.0.1:9000",
            "http://[::1]:9000",
            "https://xn--fsqu00a.xn--0zwm56d",
        ] {
            assert_eq!(fields(|record| record.http_hosts = vec![right.to_owned()]), [""; 0], "{right}");
        }
        for wrong in [
            "",
            "*",
            "api.example.com",
            "https://",
            "https://*",
            "https://*.",
            "https://*.*.example.com",
            "https://a.*.example.com",
            "https://*.127.0.0.1",
            "ftp://example.com",
            "javascript://example.com",
            "https://example.com/",
            "https://example.com/path",
            "https://example.com?query",
            "https://example.com#part",
            "https://example.com\\path",
            "https://user@example.com",
            "https://user:pass@example.com",
            "https://example.com:",
            "https://example.com:99999",
            "https://example.com:080",
            "https://exa mple.com",
            "https://exam\nple.com",
            "https://example.com\t",
            " https://example.com",
            "https://ex%61mple.com",
            "https://例子.测试",
            "http://2130706433",
        ] {
            assert_eq!(fields(|record| record.http_hosts = vec![wrong.to_owned()]), ["http_hosts"], "{wrong:?}");
        }
    }

    #[test]
    fn a_wechat_api_is_the_beginning_of_a_path() {
        for right in ["/", "/cgi-bin/message/", "/cgi-bin/user/info"] {
            assert_eq!(fields(|record| record.wechat_apis = vec![right.to_owned()]), [""; 0], "{right}");
        }
        for wrong in ["", "cgi-bin/", "https://api.weixin.qq.com/", "/a/../b", "/a?b", "/a\r\nb", "/a\0", "/a\u{85}"] {
            assert_eq!(fields(|record| record.wechat_apis = vec![wrong.to_owned()]), ["wechat_apis"], "{wrong:?}");
        }
    }

    #[test]
    fn orders_are_read_created_and_refunded() {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        assert_eq!(fields(|record| record.orders = texts(&["read", "create", "refund"])), [""; 0]);
        for wrong in ["", "Read", "find", "delete", "*"] {
            assert_eq!(fields(|record| record.orders = texts(&["read", wrong])), ["orders"], "{wrong:?}");
        }
    }

    #[test]
    fn grants_and_configuration_have_a_size() {
        let path = |length: usize| format!("/{}", "页".repeat(length - 1));
        assert_eq!(fields(|record| record.wechat_apis = vec![path(256); 100]), [""; 0]);
        assert_eq!(fields(|record| record.wechat_apis = vec![path(257)]), ["wechat_apis"]);
        assert_eq!(fields(|record| record.wechat_apis = vec![path(1); 101]), ["wechat_apis"]);
        let host = |length: usize| format!("https://{}", "a.".repeat(length / 2));
        assert_eq!(fields(|record| record.http_hosts = vec![host(300)]), ["http_hosts"]);
        assert_eq!(fields(|record| record.orders = vec!["read".to_owned(); 101]), ["orders"]);
        let config = |length: usize| serde_json::json!({"a": "x".repeat(length - r#"{"a":""}"#.len())});
        assert_eq!(fields(|record| record.config = config(64 << 10)), [""; 0]);
        assert_eq!(fields(|record| record.config = config((64 << 10) + 1)), ["config"]);
    }

    #[test]
    fn every_field_that_is_wrong_is_named_and_which_entry_of_it() {
        let record = AppPlugin {
            config: serde_json::Value::String("x".repeat(1 << 20)),
            http_hosts: vec!["https://example.com".to_owned(), "secret".to_owned()],
            wechat_apis: vec!["secret".to_owned()],
            orders: vec!["secret".to_owned()],
            ..AppPlugin::new("shop", "a b")
        };
        let errors = record.check();
        let fields: Vec<_> = errors.iter().map(|error| &*error.field).collect();
        assert_eq!(fields, ["plugin", "config", "http_hosts", "wechat_apis", "orders"]);
        assert!(errors[2].message.starts_with("entry 2: scheme, host"), "{errors:?}");
        assert!(errors.iter().all(|error| !error.message.contains("secret")), "{errors:?}");
    }
}
