//! Whether the operator has granted something. Where not, the guest is told, and so is the operator, with what to send.

use std::fmt;

use reqwest::Url;
use serde_json::{Value, json};

use super::{HostError, log::Voice};
use crate::{
    model::{Grants, HttpHost},
    plugins::{bindings::imported::types, instance::State, receipts::LineLevel},
};

/// A grant that a call needs, or an entry of a grant that is a list.
#[derive(Clone, Copy)]
pub(super) enum Grant<'g> {
    Kv,
    Users,
    HttpHost(&'g str),
    WechatApi(&'g str),
    Order(&'g str),
    PayApi(&'g str),
}

impl<'g> Grant<'g> {
    /// The name of the grant in the admin API, and the entry that is needed where the grant is a list.
    fn field(self) -> (&'static str, Option<&'g str>) {
        match self {
            Self::Kv => ("kv", None),
            Self::Users => ("users", None),
            Self::HttpHost(host) => ("http_hosts", Some(host)),
            Self::WechatApi(path) => ("wechat_apis", Some(path)),
            Self::Order(right) => ("orders", Some(right)),
            Self::PayApi(path) => ("pay_apis", Some(path)),
        }
    }

    /// Whether the operator has granted it, as `grants` say.
    fn is_in(self, grants: &Grants) -> bool {
        match self {
            Self::Kv => grants.kv,
            Self::Users => grants.users,
            Self::HttpHost(host) => host.parse().is_ok_and(|url: Url| grants.http_host(&url).is_some()),
            Self::WechatApi(path) => grants.has_wechat_api(path),
            Self::Order(right) => grants.orders.iter().any(|granted| granted == right),
            Self::PayApi(path) => grants.has_pay_api(path),
        }
    }

    /// The entries that are granted where the grant is a list.
    fn has(self, granted: Option<&Grants>) -> &[String] {
        match (self, granted) {
            (Self::HttpHost(_), Some(granted)) => &granted.http_hosts,
            (Self::WechatApi(_), Some(granted)) => &granted.wechat_apis,
            (Self::Order(_), Some(granted)) => &granted.orders,
            (Self::PayApi(_), Some(granted)) => &granted.pay_apis,
            _ => &[],
        }
    }

    /// The JSON body that grants it through the admin API beside what is granted already.
    fn body(self, granted: Option<&Grants>) -> Value {
        let (field, missing) = self.field();
        let Some(missing) = missing else { return json!({ field: true }) };
        // A patch replaces the whole list.
        let all: Vec<&str> = self.has(granted).iter().map(String::as_str).chain([missing]).collect();
        json!({ field: all })
    }

    /// Whether the admin API would refuse it as an entry of the list, whoever asks.
    fn is_for_nobody(self) -> bool {
        matches!(self, Self::HttpHost(host) if host.parse().map_or(true, |host: HttpHost| host.is_off_limits()))
    }

    /// How the operator grants it to `plugin` in `app`, in words.
    fn advice(self, granted: Option<&Grants>, app: &str, plugin: &str) -> String {
        if self.is_for_nobody() {
            return format!(
                "nobody can grant it: only hosts of http and https, and none that is link-local or where a cloud tells its \
                 machines their secrets · 插件请求了 `{self}`，任何人都不能授权：只能是 http 或 https 的主机，且不能是链路本地地址或云主机元数据地址"
            );
        }
        let body = self.body(granted);
        format!(
            "PATCH /api/v1/apps/{app}/plugins/{plugin} with {body} grants it · 部署者没有在这个账号下给插件授权 `{self}`：\
             PATCH /api/v1/apps/{app}/plugins/{plugin}，发送 {body} 即可授权"
        )
    }

    /// Whether every call that needs a grant of this kind is refused. It is not where other entries of the list are
    /// granted: whoever writes to the app may have chosen this one.
    fn is_missing_as_a_whole(self, granted: Option<&Grants>) -> bool {
        matches!(self, Self::Kv | Self::Users | Self::Order(_)) || self.has(granted).is_empty()
    }
}

impl fmt::Display for Grant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field() {
            (field, None) => f.write_str(field),
            (field, Some(missing)) => write!(f, "{field}: {missing}"),
        }
    }
}

impl State {
    /// Refuses the guest where the operator has not granted `grant`.
    pub(super) fn require(&mut self, grant: Grant<'_>) -> Result<(), HostError> {
        let granted = self.subject()?.granted.as_ref();
        if granted.is_some_and(|granted| grant.is_in(&granted.grants)) { Ok(()) } else { Err(self.denied(grant)) }
    }

    /// Refuses the guest for want of `grant`. The log says so too, as the guest may keep it to itself. That is the host's
    /// line and none of the call's: a replay, which is answered from the receipt, does not come here.
    pub(super) fn denied(&mut self, grant: Grant<'_>) -> HostError {
        let text = format!("the operator has not granted `{grant}` to this plugin for this app");
        let granted = self.subject.as_ref().and_then(|subject| subject.granted.as_ref());
        let granted = granted.map(|granted| &granted.grants);
        self.trace.lacks_grant |= grant.is_missing_as_a_whole(granted);
        // A guest may ask again and again: the operator is told once for each call.
        if !self.trace.denied {
            self.trace.denied = true;
            let app = self.subject.as_ref().map_or("<app>", |subject| subject.app.name.as_str());
            let line = format!("{text}; {}", grant.advice(granted, app, self.plugin()));
            self.tell_line(Voice::Host, LineLevel::Warn, &line);
        }
        HostError::Told(types::Error::Denied(text))
    }
}
