//! A server with one app, whose account is at a simulated WeChat.

use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use weft::simulator::wechat::Wechat;

use super::{Inbox, TestApp, until};

/// A server with the app `shop`, and its account.
pub(crate) struct Shop {
    pub(crate) app: TestApp,
    pub(crate) wechat: Wechat,
}

impl Shop {
    /// The account's appid.
    pub(crate) const APPID: &str = "wxshop";

    pub(crate) async fn open() -> Self {
        let inbox = Inbox::start().await;
        inbox.account("shop", json!({})).await;
        let Inbox { app, wechat } = inbox;
        Self { app, wechat }
    }

    /// Reads something that is there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.app.api(Method::GET, path, None).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Calls the admin API below the app.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.app.api(method, &format!("/apps/shop{path}"), body).await
    }

    /// Starts a job below the app, and waits until it is over; gives it.
    pub(crate) async fn job(&self, path: &str, body: Option<Value>) -> Value {
        let (status, started) = self.call(Method::POST, path, body).await;
        assert_eq!(status, 202, "{started}");
        let path = format!("/jobs/{}", started["id"].as_str().unwrap());
        until("the job is over", async || {
            let job = self.get(&path).await;
            ["done", "failed"].contains(&job["state"].as_str().unwrap()).then_some(job)
        })
        .await
    }

    /// Sends a form with a file below the app.
    pub(crate) async fn send_file(
        &self,
        path: &str,
        fields: &[(&'static str, &str)],
        filename: &str,
        bytes: &[u8],
    ) -> (u16, Value) {
        let file = Part::bytes(bytes.to_vec()).file_name(filename.to_owned());
        let form = Form::new().part("media", file);
        let form = fields.iter().fold(form, |form, (name, text)| form.text(*name, (*text).to_owned()));
        self.app.form(&format!("/apps/shop{path}"), form).await
    }
}
