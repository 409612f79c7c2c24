//! What the operator could allow and has not: the guest is told, and so is the operator, with what to send.

use serde_json::json;

use super::HostError;
use crate::{
    model::Grants,
    plugins::{bindings::imported::types, instance::State, receipts::LineLevel},
};

/// What is missing: a grant, or an entry of one that is a list.
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
    /// What the admin API calls it, and of a list what is missing there.
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

    /// What its list has.
    fn listed(self, granted: &Grants) -> &[String] {
        match self {
            Self::Kv | Self::Users => &[],
            Self::HttpHost(_) => &granted.http_hosts,
            Self::WechatApi(_) => &granted.wechat_apis,
            Self::Order(_) => &granted.orders,
            Self::PayApi(_) => &granted.pay_apis,
        }
    }
}

impl State {
    /// Refuses the guest for want of `grant`. The log says so too, as the guest may keep it to itself. That is the host's
    /// line and none of the call's: a replay, which is answered from the receipt, does not come here.
    pub(super) fn denied(&mut self, grant: Grant<'_>) -> HostError {
        let (field, missing) = grant.field();
        let named = missing.map_or_else(|| field.to_owned(), |missing| format!("{field}: {missing}"));
        let text = format!("the operator has not granted `{named}` to this plugin for this app");
        if !self.told_of_denial {
            self.told_of_denial = true;
            let granted = self.subject.as_ref().and_then(|subject| subject.granted.as_ref());
            let listed = granted.map(|granted| grant.listed(&granted.grants)).unwrap_or_default();
            let body = missing.map_or_else(
                || json!({ field: true }),
                // What is sent takes the place of the whole list.
                |missing| json!({ field: listed.iter().map(String::as_str).chain([missing]).collect::<Vec<_>>() }),
            );
            let app = self.subject.as_ref().map_or("<app>", |subject| subject.app.name.as_str());
            let line = format!("{text}; PATCH /api/v1/apps/{app}/plugins/{} with {body} grants it", self.plugin());
            self.tell_line(LineLevel::Warn, &line);
        }
        HostError::Told(types::Error::Denied(text))
    }
}
