//! What the plugin says of itself.

use crate::{
    bindings::{Component, exported::manifest::Guest},
    entry, hooks,
    message::Message,
    observers::Observation,
    pages::{PageRequest, PageResponse},
    reply::Reply,
};

pub use crate::bindings::exported::manifest::{Asks, Description, Entry};

/// The option that names a path of `pay_apis`.
pub(crate) const PAY_APIS: &str = "asks-pay-apis";

/// What the plugin would like to be granted, as [`asks!`](crate::asks!) collects it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Asked {
    http_hosts: &'static [&'static str],
    wechat_apis: &'static [&'static str],
    kv: bool,
    users: bool,
    orders: &'static [&'static str],
    pay_apis: &'static [&'static str],
    config_schema: Option<&'static str>,
}

inventory::collect!(Asked);

/// Says what the plugin would like to be granted, and what its configuration looks like. Every key
/// may be left out; it stands in a plugin once. Asking grants nothing: the operator does.
///
/// ```
/// weft_plugin::asks! {
///     http_hosts: ["https://*.example.com"],
///     wechat_apis: ["/cgi-bin/message/"],
///     kv: true,
///     users: true,
///     orders: ["read", "create", "refund"],
///     pay_apis: ["/v3/profitsharing/"],
///     config_schema: r#"{"type": "object", "properties": {"greeting": {"type": "string"}}}"#,
/// }
/// ```
///
/// `config_schema` is a JSON Schema, which the host shows to the operator. It compares no configuration with
/// it: one that does not fit comes to the plugin all the same, whose own type says what is wrong, in
/// [`Context::config`](crate::Context::config).
///
/// What is no right, host or path does not compile, and no key stands there twice. How a host is spelled is looked at
/// more closely when the plugin is loaded.
///
/// ```compile_fail
/// weft_plugin::asks! { orders: ["cancel"] }
/// ```
///
/// ```compile_fail
/// weft_plugin::asks! { http_hosts: ["https://api.example.com/"] }
/// ```
///
/// ```compile_fail
/// weft_plugin::asks! { http_hosts: ["httpsx"] }
/// ```
///
/// ```compile_fail
/// weft_plugin::asks! { wechat_apis: ["/cgi-bin/user/info?lang=zh_CN"] }
/// ```
///
/// ```compile_fail
/// weft_plugin::asks! { pay_apis: ["/v3/../v2/"] }
/// ```
///
/// ```compile_fail,E0124
/// weft_plugin::asks! { kv: true, kv: false }
/// ```
#[macro_export]
macro_rules! asks {
    ($($key:ident : $value:expr),* $(,)?) => {
        const _: () = {
            struct _EachOnce {
                $($key: (),)*
            }
        };
        $crate::__private::inventory::submit! {
            $crate::__private::Asked::NOTHING $(.$key(&$value))*
        }
    };
}

// `asks!` calls the function of each key.
impl Asked {
    /// What a plugin without `asks!` would like.
    pub const NOTHING: Self = Self {
        http_hosts: &[],
        wechat_apis: &[],
        kv: false,
        users: false,
        orders: &[],
        pay_apis: &[],
        config_schema: None,
    };

    /// Hosts, such as `https://*.example.com`.
    #[must_use]
    pub const fn http_hosts(mut self, hosts: &'static [&'static str]) -> Self {
        let mut rest = hosts;
        while let [host, others @ ..] = rest {
            assert!(is_host(host), "http_hosts lists scheme, host and maybe port, such as https://*.example.com");
            rest = others;
        }
        self.http_hosts = hosts;
        self
    }

    /// Beginnings of paths of WeChat's API.
    #[must_use]
    pub const fn wechat_apis(mut self, paths: &'static [&'static str]) -> Self {
        let mut rest = paths;
        while let [path, others @ ..] = rest {
            assert!(
                is_path(path),
                "wechat_apis lists beginnings of paths, such as /cgi-bin/message/, without `..` or `?`"
            );
            rest = others;
        }
        self.wechat_apis = paths;
        self
    }

    /// Whether it has keys.
    #[must_use]
    pub const fn kv(mut self, asked: &bool) -> Self {
        self.kv = *asked;
        self
    }

    /// Whether it asks about users.
    #[must_use]
    pub const fn users(mut self, asked: &bool) -> Self {
        self.users = *asked;
        self
    }

    /// Rights to orders: `read`, `create`, `refund`.
    #[must_use]
    pub const fn orders(mut self, rights: &'static [&'static str]) -> Self {
        let mut rest = rights;
        while let [right, others @ ..] = rest {
            assert!(
                matches!(right.as_bytes(), b"read" | b"create" | b"refund"),
                "orders lists read, create and refund"
            );
            rest = others;
        }
        self.orders = rights;
        self
    }

    /// Beginnings of paths of WeChat Pay.
    #[must_use]
    pub const fn pay_apis(mut self, paths: &'static [&'static str]) -> Self {
        let mut rest = paths;
        while let [path, others @ ..] = rest {
            assert!(
                is_path(path),
                "pay_apis lists beginnings of paths, such as /v3/profitsharing/, without `..` or `?`"
            );
            rest = others;
        }
        self.pay_apis = paths;
        self
    }

    /// The JSON Schema of its configuration.
    #[must_use]
    pub const fn config_schema(mut self, json_schema: &&'static str) -> Self {
        self.config_schema = Some(*json_schema);
        self
    }

    /// What the record of what is asked for has no room for.
    fn options(&self) -> Vec<(String, String)> {
        self.pay_apis.iter().map(|&path| (PAY_APIS.to_owned(), path.to_owned())).collect()
    }

    fn describe(&self) -> Asks {
        Asks {
            http_hosts: owned(self.http_hosts),
            wechat_apis: owned(self.wechat_apis),
            kv: self.kv,
            users: self.users,
            orders: owned(self.orders),
        }
    }
}

/// Whether there is nothing but a scheme and what hosts and ports are spelled with.
const fn is_host(text: &str) -> bool {
    let ([b'h', b't', b't', b'p', b':', b'/', b'/', host @ ..]
    | [b'h', b't', b't', b'p', b's', b':', b'/', b'/', host @ ..]) = text.as_bytes()
    else {
        return false;
    };
    let mut rest = host;
    while let [byte, others @ ..] = rest {
        if !matches!(*byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'.' | b'-' | b'_' | b':' | b'[' | b']') {
            return false;
        }
        rest = others;
    }
    !host.is_empty()
}

/// Whether paths can begin so.
const fn is_path(text: &str) -> bool {
    let mut rest = text.as_bytes();
    let begins = matches!(rest, [b'/', ..]);
    while let [byte, others @ ..] = rest {
        if matches!(rest, [b'.', b'.', ..]) || *byte == b'?' || byte.is_ascii_control() {
            return false;
        }
        rest = others;
    }
    begins
}

impl Guest for Component {
    fn describe() -> Description {
        entry::prepare();
        let asks = asks();
        let handlers = entry::entries::<Message, Option<Reply>>();
        let rules = entry::entries::<Message, bool>();
        let observers = entry::entries::<Observation, ()>();
        let pages = entry::entries::<PageRequest, PageResponse>();
        for (kind, entries) in [
            ("message handler", &handlers),
            ("message rule", &rules),
            ("message observer", &observers),
            ("page", &pages),
        ] {
            entry::assert_distinct(kind, entries);
        }
        let package = entry::all().next().map(|entry| entry.package);
        Description {
            name: package.map_or("", |package| package.name).to_owned(),
            version: package.map_or("", |package| package.version).to_owned(),
            description: package.map_or("", |package| package.description).to_owned(),
            handlers: described(&handlers),
            rules: described(&rules),
            hooks: hooks::described(),
            observers: described(&observers),
            pages: described(&pages),
            asks: asks.describe(),
            config_schema: asks.config_schema.map(str::to_owned),
            sdk: concat!("weft-plugin ", env!("CARGO_PKG_VERSION")).to_owned(),
            options: asks.options(),
        }
    }
}

/// What the plugin asks for; twice is the author's mistake, which the host shows them.
fn asks() -> &'static Asked {
    let mut all = inventory::iter::<Asked>.into_iter();
    let asks = all.next().unwrap_or(&Asked::NOTHING);
    assert!(all.next().is_none(), "`weft_plugin::asks!` may stand in a plugin once");
    asks
}

fn described(entries: &[&'static entry::Entry]) -> Vec<Entry> {
    entries.iter().map(|entry| entry.describe()).collect()
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
