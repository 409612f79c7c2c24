//! What is said to options about plugins. It is read with the command line: what is no such thing is wrong usage.

use crate::{
    bilingual::because,
    json_object::JsonObject,
    model::{Grants, in_words, is_openid},
};

/// A user's openid.
pub(super) fn openid(text: &str) -> Result<String, &'static str> {
    if is_openid(text) { Ok(text.to_owned()) } else { Err("this is no openid · 这不是 openid") }
}

/// A configuration that an operator could set, too.
pub(super) fn plugin_config(text: &str) -> Result<JsonObject, String> {
    text.parse().map_err(|error: serde_json::Error| {
        if error.is_data() {
            "this is no JSON object, and nothing else can be set for a plugin · 这不是 JSON 对象：插件的配置只能是对象"
                .to_owned()
        } else {
            because("this is not JSON · 这不是 JSON", &error.to_string())
        }
    })
}

/// What `--grant` grants.
#[derive(Debug, Clone)]
pub(super) enum Granted {
    /// All that the plugin asks for.
    Asked,
    /// What is named.
    Named(Grants),
}

/// What may be granted.
const GRANTS: &str = "write kv, users, pages, orders=…, http_hosts=…, wechat_apis=…, pay_apis=… or asked · 请写 kv、users、pages、orders=…、http_hosts=…、wechat_apis=…、pay_apis=… 或 asked";

/// A grant as it is written: a word, or a list's name and an entry of it.
pub(super) fn grant(text: &str) -> Result<Granted, String> {
    let mut grants = Grants::default();
    match text.split_once('=').unwrap_or((text, "")) {
        ("asked", "") => return Ok(Granted::Asked),
        ("kv", "") => grants.kv = true,
        ("users", "") => grants.users = true,
        ("pages", "") => grants.pages = true,
        ("http_hosts", host) => grants.http_hosts.push(host.to_owned()),
        ("wechat_apis", path) => grants.wechat_apis.push(path.to_owned()),
        ("orders", right) => grants.orders.push(right.to_owned()),
        ("pay_apis", path) => grants.pay_apis.push(path.to_owned()),
        _ => return Err(GRANTS.to_owned()),
    }
    let wrong = grants.check();
    if wrong.is_empty() { Ok(Granted::Named(grants)) } else { Err(in_words(&wrong)) }
}

/// All that is granted to a plugin that asks for `asked`.
pub(super) fn grants(granted: &[Granted], asked: &Grants) -> Grants {
    let mut all = Grants::default();
    for granted in granted {
        let granted = match granted {
            Granted::Asked => asked,
            Granted::Named(grants) => grants,
        };
        let Grants { kv, http_hosts, wechat_apis, users, orders, pay_apis, pages } = granted.clone();
        all.kv |= kv;
        all.users |= users;
        all.pages |= pages;
        all.http_hosts.extend(http_hosts);
        all.wechat_apis.extend(wechat_apis);
        all.orders.extend(orders);
        all.pay_apis.extend(pay_apis);
    }
    all
}
