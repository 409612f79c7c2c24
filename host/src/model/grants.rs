//! What a plugin may do for an app, or would like to do. Nothing is granted by default.

use reqwest::Url;

use super::FieldError;
use super::http_host::HttpHost;
use crate::bilingual::languages;

/// The most entries of one list of grants.
const LIST_LENGTH: usize = 100;
/// The most characters of one entry.
const TEXT_LENGTH: usize = 256;
/// What may be granted on orders.
const ORDERS: [&str; 3] = ["read", "create", "refund"];

/// Granted by the operator, or asked for by a plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
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
    /// Beginnings of the paths of WeChat Pay that it may call with the keys of the app's merchants, such as
    /// `/v3/profitsharing/`.
    pub pay_apis: Vec<String>,
    /// May serve pages in the app's name, below `/wechat/{app}/pages/{plugin}/`.
    pub pages: bool,
}

impl Grants {
    /// The fields that break their rules; empty when all can be granted.
    pub fn check(&self) -> Vec<FieldError> {
        let lists = [
            check_reach(&self.http_hosts),
            check_list(
                "http_hosts",
                &self.http_hosts,
                |host| host.parse::<HttpHost>().is_ok(),
                "scheme, host and maybe port, such as https://api.example.com or https://*.example.com:8443 · 协议、主机，可带端口，如 https://api.example.com 或 https://*.example.com:8443",
            ),
            check_list(
                "wechat_apis",
                &self.wechat_apis,
                is_path,
                "the beginning of a path, such as /cgi-bin/message/, without `..` or `?` · 路径的开头，如 /cgi-bin/message/，不含 `..` 和 `?`",
            ),
            check_list(
                "orders",
                &self.orders,
                |order| ORDERS.contains(&order),
                "read, create or refund · 可选 read、create、refund",
            ),
            check_list(
                "pay_apis",
                &self.pay_apis,
                is_path,
                "the beginning of a path, such as /v3/profitsharing/, without `..` or `?` · 路径的开头，如 /v3/profitsharing/，不含 `..` 和 `?`",
            ),
        ];
        lists.into_iter().flatten().collect()
    }

    /// The entry by which requests may go to `url`; rather one of the host itself than one of many.
    pub fn http_host(&self, url: &Url) -> Option<HttpHost> {
        let hosts = self.http_hosts.iter().filter_map(|text| text.parse::<HttpHost>().ok());
        hosts.filter(|host| host.covers(url)).min_by_key(HttpHost::is_many)
    }

    /// Whether WeChat's API at `path` may be called.
    pub fn has_wechat_api(&self, path: &str) -> bool {
        self.wechat_apis.iter().any(|beginning| begins(path, beginning))
    }

    /// Whether WeChat Pay at `path` may be called.
    pub fn has_pay_api(&self, path: &str) -> bool {
        self.pay_apis.iter().any(|beginning| begins(path, beginning))
    }

    /// What of these is not within `granted`.
    #[must_use]
    pub fn beyond(&self, granted: &Self) -> Self {
        let hosts: Vec<HttpHost> = granted.http_hosts.iter().filter_map(|text| text.parse().ok()).collect();
        let has_host =
            |asked: &str| asked.parse().is_ok_and(|asked| hosts.iter().any(|granted| granted.includes(&asked)));
        let without = |asked: &[String], has: &dyn Fn(&str) -> bool| -> Vec<String> {
            asked.iter().filter(|asked| !has(asked)).cloned().collect()
        };
        Self {
            kv: self.kv && !granted.kv,
            http_hosts: without(&self.http_hosts, &has_host),
            wechat_apis: without(&self.wechat_apis, &|path| granted.has_wechat_api(path)),
            users: self.users && !granted.users,
            orders: without(&self.orders, &|right| granted.orders.iter().any(|granted| granted == right)),
            pay_apis: without(&self.pay_apis, &|path| granted.has_pay_api(path)),
            pages: self.pages && !granted.pages,
        }
    }

    /// Each grant by itself, as people read it: `kv`, `http_hosts https://api.example.com`.
    pub fn each(&self) -> Vec<String> {
        let flags = [("kv", self.kv), ("users", self.users), ("pages", self.pages)];
        let flags = flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| name.to_owned());
        let lists = [
            ("http_hosts", &self.http_hosts),
            ("wechat_apis", &self.wechat_apis),
            ("orders", &self.orders),
            ("pay_apis", &self.pay_apis),
        ];
        let lists = lists.into_iter().flat_map(|(name, texts)| texts.iter().map(move |text| format!("{name} {text}")));
        flags.chain(lists).collect()
    }
}

/// `rule` says what is right, and comes with the number of the first entry that is not.
fn check_list(field: &'static str, texts: &[String], is_right: fn(&str) -> bool, rule: &str) -> Option<FieldError> {
    if texts.len() > LIST_LENGTH {
        return Some(FieldError::new(field, format!("at most {LIST_LENGTH} entries · 最多 {LIST_LENGTH} 项")));
    }
    let index = texts.iter().position(|text| !is_right(text) || text.chars().count() > TEXT_LENGTH)?;
    let ((rule, in_chinese), number) = (languages(rule), index + 1);
    let text = format!(
        "entry {number}: {rule}; at most {TEXT_LENGTH} characters · 第 {number} 项：{in_chinese}；最多 {TEXT_LENGTH} 个字符"
    );
    Some(FieldError::new(field, text))
}

/// Where no plugin is sent, whoever would grant it.
fn check_reach(hosts: &[String]) -> Option<FieldError> {
    let is_off_limits = |host: &String| host.parse::<HttpHost>().is_ok_and(|host| host.is_off_limits());
    let number = hosts.iter().position(is_off_limits)? + 1;
    let text = format!(
        "entry {number}: not a link-local address, nor one where a cloud tells its machines their secrets: nobody can grant these · 第 {number} 项：不能是链路本地地址或云主机元数据地址，任何人都不能授权"
    );
    Some(FieldError::new("http_hosts", text))
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.contains("..") && !text.contains('?') && !text.chars().any(char::is_control)
}

/// Whether `path` begins with the segments of `beginning`: with all of each, so that `/cgi-bin/user/info` is no
/// beginning of `/cgi-bin/user/info_updatable`.
fn begins(path: &str, beginning: &str) -> bool {
    let rest = path.strip_prefix(beginning.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn fields(grants: &Grants) -> Vec<Cow<'static, str>> {
        grants.check().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_wechat_api_is_the_beginning_of_a_path() {
        for right in ["/", "/cgi-bin/message/", "/cgi-bin/user/info"] {
            assert_eq!(fields(&Grants { wechat_apis: texts(&[right]), ..Grants::default() }), [""; 0], "{right}");
        }
        for wrong in ["", "cgi-bin/", "https://api.weixin.qq.com/", "/a/../b", "/a?b", "/a\r\nb", "/a\0", "/a\u{85}"] {
            let grants = Grants { wechat_apis: texts(&[wrong]), ..Grants::default() };
            assert_eq!(fields(&grants), ["wechat_apis"], "{wrong:?}");
        }
    }

    #[test]
    fn orders_are_read_created_and_refunded() {
        let orders = |orders: &[&str]| fields(&Grants { orders: texts(orders), ..Grants::default() });
        assert_eq!(orders(&["read", "create", "refund"]), [""; 0]);
        for wrong in ["", "Read", "find", "delete", "*"] {
            assert_eq!(orders(&["read", wrong]), ["orders"], "{wrong:?}");
        }
    }

    #[test]
    fn grants_have_a_size() {
        let apis = |paths: Vec<String>| fields(&Grants { wechat_apis: paths, ..Grants::default() });
        let path = |length: usize| format!("/{}", "页".repeat(length - 1));
        assert_eq!(apis(vec![path(256); 100]), [""; 0]);
        assert_eq!(apis(vec![path(257)]), ["wechat_apis"]);
        assert_eq!(apis(vec![path(1); 101]), ["wechat_apis"]);
        let host = format!("https://{}", "a.".repeat(150));
        assert_eq!(fields(&Grants { http_hosts: vec![host], ..Grants::default() }), ["http_hosts"]);
        assert_eq!(fields(&Grants { orders: vec!["read".to_owned(); 101], ..Grants::default() }), ["orders"]);
    }

    #[test]
    fn a_path_is_granted_by_whole_segments() {
        for (granted, path, has) in [
            ("/cgi-bin/user/info", "/cgi-bin/user/info", true),
            ("/cgi-bin/user/info", "/cgi-bin/user/info/batchget", true),
            ("/cgi-bin/user/info", "/cgi-bin/user/info_updatable", false),
            ("/cgi-bin/user/info", "/cgi-bin/user", false),
            ("/cgi-bin/message/", "/cgi-bin/message/custom/send", true),
            ("/cgi-bin/message/", "/cgi-bin/message", true),
            ("/cgi-bin/mess", "/cgi-bin/message/custom/send", false),
            ("/cgi-bin/message/", "/CGI-BIN/message/custom/send", false),
            ("/", "/cgi-bin/user/info", true),
            ("/", "cgi-bin/user/info", false),
        ] {
            let grants = Grants { wechat_apis: texts(&[granted]), ..Grants::default() };
            assert_eq!(grants.has_wechat_api(path), has, "{granted} {path}");
        }
        assert!(!Grants::default().has_wechat_api("/cgi-bin/user/info"));
        // Neither brings the other along.
        let wechat = Grants { wechat_apis: texts(&["/"]), ..Grants::default() };
        let pay = Grants { pay_apis: texts(&["/v3/profitsharing"]), ..Grants::default() };
        assert!(!wechat.has_pay_api("/v3/profitsharing/orders") && pay.has_pay_api("/v3/profitsharing/orders"));
        assert!(!pay.has_wechat_api("/v3/profitsharing/orders") && !pay.has_pay_api("/v3/profitsharingx"));
    }

    #[test]
    fn what_is_asked_beyond_the_grants_is_what_they_do_not_cover() {
        let asked = Grants {
            kv: true,
            http_hosts: texts(&["https://a.example.com", "https://*.example.org", "nonsense"]),
            wechat_apis: texts(&["/cgi-bin/message/", "/cgi-bin/user/info"]),
            users: true,
            orders: texts(&["read", "refund"]),
            pay_apis: texts(&["/v3/profitsharing/orders", "/v3/fund-app/"]),
            pages: true,
        };
        assert_eq!(asked.beyond(&asked.clone()).each(), ["http_hosts nonsense"]);
        assert_eq!(asked.beyond(&Grants::default()), asked);
        let granted = Grants {
            kv: true,
            http_hosts: texts(&["https://*.example.com"]),
            wechat_apis: texts(&["/cgi-bin/message/custom/send", "/cgi-bin/user"]),
            users: false,
            orders: texts(&["read", "create"]),
            pay_apis: texts(&["/v3/profitsharing/"]),
            pages: false,
        };
        assert_eq!(
            asked.beyond(&granted).each(),
            [
                "users",
                "pages",
                "http_hosts https://*.example.org",
                "http_hosts nonsense",
                "wechat_apis /cgi-bin/message/",
                "orders refund",
                "pay_apis /v3/fund-app/"
            ]
        );
    }
}
