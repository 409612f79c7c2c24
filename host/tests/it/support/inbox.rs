//! A server between users and a WeChat that is simulated in both directions.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    clock::Clock,
    config::Config,
    simulator::{Sender, wechat::Wechat},
};
use weft_wechat::account::EncodingMode;

use super::{AES_KEY, PATIENCE, TOKEN, TestApp, with};

/// Follows every account of an [`Inbox`].
pub(crate) const FAN: &str = "oFan";

const SECRET: &str = "0c79e1fa963cd80cc0be99b20a18faeb";

/// A server, and the WeChat that it calls.
pub(crate) struct Inbox {
    pub app: TestApp,
    pub wechat: Wechat,
}

impl Inbox {
    /// Starts with the defaults.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// Starts with a changed configuration.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_at(Clock::system(), change).await
    }

    /// Starts with a clock that the test moves, for the server and for WeChat, and a changed configuration.
    pub(crate) async fn start_at(clock: Clock, change: impl FnOnce(&mut Config)) -> Self {
        let wechat = Wechat::start_at(clock.clone()).await.unwrap();
        let app = TestApp::start_at(clock, |config| {
            config.wechat.api_base.clone_from(&wechat.base);
            change(config);
        })
        .await;
        Self { app, wechat }
    }

    /// Creates an app that may send customer-service messages, unless `fields` say otherwise.
    pub(crate) async fn account(&self, name: &str, fields: Value) -> Sender {
        let appid = format!("wx{name}");
        self.wechat.add_account(&appid, SECRET);
        self.wechat.follow(&appid, FAN);
        let usual = json!({"token": TOKEN, "appsecret": SECRET, "encoding_aes_key": AES_KEY, "log_replies": true});
        let created = self.app.create_app(name, with(usual, fields)).await;
        let mode: EncodingMode = serde_json::from_value(created["encoding_mode"].clone()).unwrap();
        self.app.sender(name, mode)
    }

    /// Creates a handler for texts that equal `keyword`, with what `fields` say.
    pub(crate) async fn handler(&self, name: &str, keyword: &str, fields: Value) {
        let new = with(json!({"name": keyword, "rules": [{"type": "equal", "pattern": keyword}]}), fields);
        let (status, created) = self.app.api(Method::POST, &format!("/apps/{name}/handlers"), Some(new)).await;
        assert_eq!(status, 201, "{created}");
    }

    /// The customer-service messages of an account.
    pub(crate) fn sent(&self, name: &str) -> Vec<Value> {
        self.wechat.sent(&format!("wx{name}"))
    }

    /// What the message log has of replies to a user, oldest first: `via`, `outcome` and text of each, when there are
    /// `count`.
    pub(crate) async fn logged(&self, name: &str, openid: &str, count: usize) -> Vec<(String, String, String)> {
        let path = format!("/apps/{name}/message-logs?direction=out&openid={openid}&limit=200");
        let field = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        until("the replies are logged", async || {
            let (_, page) = self.app.api(Method::GET, &path, None).await;
            let items = page["items"].as_array().unwrap();
            let entries = items.iter().rev();
            let entries = entries.map(|entry| (field(entry, "via"), field(entry, "outcome"), field(entry, "content")));
            let entries: Vec<_> = entries.collect();
            assert!(entries.len() <= count, "{entries:?}");
            (entries.len() == count).then_some(entries)
        })
        .await
    }
}

/// What a customer-service message says.
pub(crate) fn said(message: &Value) -> &str {
    message["text"]["content"].as_str().unwrap_or_default()
}

/// Waits until `look` finds something.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "it never happens that {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
