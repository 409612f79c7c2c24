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
    /// What the admin API calls it; of a list, what is missing there and what it has.
    fn field(self, granted: &'g Grants) -> (&'static str, Option<(&'g str, &'g [String])>) {
        match self {
            Self::Kv => ("kv", None),
            Self::Users => ("users", None),
            Self::HttpHost(host) => ("http_hosts", Some((host, granted.http_hosts.as_slice()))),
            Self::WechatApi(path) => ("wechat_apis", Some((path, granted.wechat_apis.as_slice()))),
            Self::Order(right) => ("orders", Some((right, granted.orders.as_slice()))),
            Self::PayApi(path) => ("pay_apis", Some((path, granted.pay_apis.as_slice()))),
        }
    }
}

impl State {
    /// Refuses the guest for want of `grant`. The log says so too, as the guest may keep it to itself. That is the host's
    /// line and none of the call's: a replay, which is answered from the receipt, does not come here.
    pub(super) fn denied(&mut self, grant: Grant<'_>) -> HostError {
        let granted = self.subject.as_ref().and_then(|subject| subject.granted.as_ref());
        let granted = granted.map(|granted| granted.grants.clone()).unwrap_or_default();
        let (grant, body) = match grant.field(&granted) {
            (field, None) => (field.to_owned(), json!({ field: true })),
            (field, Some((missing, has))) => {
                // What is sent takes the place of the whole list.
                let all: Vec<&str> = has.iter().map(String::as_str).chain([missing]).collect();
                (format!("{field}: {missing}"), json!({ field: all }))
            }
        };
        let text = format!("the operator has not granted `{grant}` to this plugin for this app");
        if !self.told_of_denial {
            self.told_of_denial = true;
            let app = self.subject.as_ref().map_or("<app>", |subject| subject.app.name.as_str());
            let line = format!("{text}; PATCH /api/v1/apps/{app}/plugins/{} with {body} grants it", self.plugin());
            self.tell_line(LineLevel::Warn, &line);
        }
        HostError::Told(types::Error::Denied(text))
    }
}
