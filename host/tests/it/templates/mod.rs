//! `/apps/{app}/templates` and the messages made of them, through the real listener and against a simulated WeChat.

mod crash;
mod lists;
mod many;
mod one;
mod subscribe;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{FAN, Inbox, until, with};
use weft::simulator::Sender;

const TEMPLATES: &str = "/apps/shop/templates";
const APPID: &str = "wxshop";
const ORDER: &str = "{{first.DATA}}\n订单：{{order.DATA}}";

/// A server with one account, whose follower is [`FAN`].
struct Shop {
    inbox: Inbox,
    sender: Sender,
}

impl Shop {
    async fn open() -> Self {
        Self::of(json!({})).await
    }

    async fn of(fields: Value) -> Self {
        let inbox = Inbox::start().await;
        let sender = inbox.account("shop", fields).await;
        Self { inbox, sender }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.inbox.app.api(method, path, body).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Takes the templates over; gives what has changed.
    async fn sync(&self) -> Value {
        let (status, body) = self.call(Method::POST, &format!("{TEMPLATES}/sync"), None).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Adds a template of template messages, and takes it over under the alias `order`.
    async fn order(&self) -> String {
        let id = self.inbox.wechat.add_template(APPID, "订单通知", ORDER);
        self.sync().await;
        let (status, body) =
            self.call(Method::PATCH, &format!("{TEMPLATES}/{id}"), Some(json!({"alias": "order"}))).await;
        assert_eq!(status, 200, "{body}");
        id
    }

    /// Sends to the follower; the answer.
    async fn send(&self, template: &str, more: Value) -> (u16, Value) {
        let usual = json!({"openid": FAN, "data": {"first": "你好", "order": {"value": "42", "color": "#173177"}}});
        self.post(&format!("{TEMPLATES}/{template}/send"), with(usual, more)).await
    }

    /// The messages that WeChat has sent.
    fn sent(&self) -> Vec<Value> {
        self.inbox.wechat.template_messages(APPID)
    }

    /// Who gets a message, when the first of them has that outcome.
    async fn recipients_until(&self, send: &str, outcome: &str) -> Vec<Value> {
        let path = format!("/apps/shop/sends/{send}/recipients");
        until(&format!("{send} is {outcome}"), async || {
            let items = self.get(&path).await["items"].as_array().unwrap().clone();
            (items.first()?["outcome"] == outcome).then_some(items)
        })
        .await
    }
}
