//! The admin API, called as a program of the operator's would.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use weft_wechat::account::EncodingMode;

use super::{AES_KEY, APPSECRET, ORIGINAL_ID, TOKEN};
use crate::{
    bilingual::because,
    simulator::{Sender, Settings, http_client},
};

/// How long something may take that is done in the background.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often to look whether it is done.
const LOOK: Duration = Duration::from_millis(10);

pub(super) struct Api {
    client: Client,
    base: String,
    token: String,
}

impl Api {
    pub(super) fn new(base: &str, token: &str) -> anyhow::Result<Self> {
        Ok(Self { client: http_client()?, base: base.to_owned(), token: token.to_owned() })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Creates an app that the greeter answers, and the account at the simulated WeChat that belongs to it.
    pub(super) async fn create(&self, name: &str, mode: EncodingMode) -> anyhow::Result<Sender> {
        let appid = format!("wx{name}");
        let app = json!({
            "name": name, "title": "演示 Demo", "type": "service", "appid": appid, "appsecret": APPSECRET,
            "token": TOKEN, "encoding_mode": mode, "encoding_aes_key": AES_KEY, "message_handler": "greeter",
            "log_messages": true, "log_replies": true,
        });
        self.call(Method::POST, "/apps", Some(&app)).await?;
        let settings = Settings {
            url: format!("{}/wechat/{name}/", self.base),
            token: TOKEN.to_owned(),
            appid,
            original_id: ORIGINAL_ID.to_owned(),
            mode,
            key: Some(AES_KEY.parse()?),
        };
        Ok(Sender::new(settings)?)
    }

    /// Calls the API; an answer that is not good is an error with all that it says.
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let text = self.answer(method, path, body).await?;
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }

    /// Reads something that is no JSON.
    pub(super) async fn text(&self, path: &str) -> anyhow::Result<String> {
        self.answer(Method::GET, path, None).await
    }

    async fn answer(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<String> {
        let mut request =
            self.client.request(method.clone(), format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, text) = (response.status(), response.text().await?);
        ensure!(status.is_success(), "{method} {path} was answered {status}: {text} · {method} {path} 返回 {status}");
        Ok(text)
    }

    /// Reads `path` until `is` holds of what it answers.
    pub(super) async fn until(&self, path: &str, is: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                // What is not there yet is a reason to wait, too.
                if let Ok(answer) = self.call(Method::GET, path, None).await
                    && is(&answer)
                {
                    return answer;
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        waited.await.with_context(|| {
            format!("{path} was not as it should be within {PATIENCE:?} · {path} 在 {PATIENCE:?} 内没有变成预期的样子")
        })
    }
}

/// Waits until `look` finds something.
pub(super) async fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> anyhow::Result<T> {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    waited
        .await
        .with_context(|| because(what, &format!("it did not come within {PATIENCE:?} · 没有在 {PATIENCE:?} 内送达")))
}
