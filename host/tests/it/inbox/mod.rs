//! What becomes of a message, from WeChat's request to its answer: rules, plugins, replies and log together.

mod hostile;
mod log;
mod matching;
mod plugin_rules;
mod replies;

use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    config::{Config, LogDurability},
    simulator::{Exchange, Incoming, Sender, wechat::Wechat},
};
use weft_wechat::account::EncodingMode;

use crate::support::{self, AES_KEY, TOKEN, TestApp, guests, with};

const OPENID: &str = "oUser";
const SECRET: &str = "0c79e1fa963cd80cc0be99b20a18faeb";
const CUSTOM_SEND: &str = "/cgi-bin/message/custom/send";

/// A server, and the WeChat that it talks to.
struct Inbox {
    app: TestApp,
    wechat: Wechat,
}

impl Inbox {
    async fn open() -> Self {
        Self::open_with(|_| ()).await
    }

    /// With a changed configuration. What is logged of a message is there when its answer is.
    async fn open_with(change: impl FnOnce(&mut Config)) -> Self {
        let support::Inbox { app, wechat } = support::Inbox::start_with(|config| {
            config.webhook.log_durability = LogDurability::Commit;
            change(config);
        })
        .await;
        Self { app, wechat }
    }

    /// Drops the guest that does what texts say, as the plugin `guest`.
    async fn with_guest(self) -> Self {
        self.app.drop_plugin("guest", guests::misbehave().await).await;
        self
    }

    /// A verified service account with these settings, which has a follower and which no plugin answers.
    async fn account(&self, name: &str, mode: EncodingMode, settings: Value) -> Sender {
        let usual = json!({"appsecret": SECRET, "token": TOKEN, "encoding_mode": mode, "encoding_aes_key": AES_KEY});
        self.app.create_app(name, with(usual, settings)).await;
        self.wechat.add_account(&format!("wx{name}"), SECRET);
        self.wechat.follow(&format!("wx{name}"), OPENID);
        self.app.sender(name, mode)
    }

    async fn shop(&self, settings: Value) -> Sender {
        self.account("shop", EncodingMode::Plain, settings).await
    }

    async fn handler(&self, app: &str, handler: Value) -> Value {
        let (status, body) = self.app.api(Method::POST, &format!("/apps/{app}/handlers"), Some(handler)).await;
        assert_eq!(status, 201, "{body}");
        body
    }

    /// Everything that is logged of an app, oldest first.
    async fn log(&self, app: &str) -> Vec<Value> {
        let (status, page) = self.app.api(Method::GET, &format!("/apps/{app}/message-logs?limit=200"), None).await;
        assert_eq!(status, 200, "{page}");
        let mut items = page["items"].as_array().unwrap().clone();
        items.reverse();
        items
    }
}

/// A handler with one rule that answers a text.
fn answers(name: &str, rule: Value, text: &str) -> Value {
    json!({"name": name, "rules": Value::Array(vec![rule]), "replies": [{"type": "text", "content": text}]})
}

async fn say(account: &Sender, text: &str) -> Exchange {
    account.send(&Incoming::text(OPENID, text)).await.unwrap()
}
