//! `/apps/{app}/wechat/{path}` and what belongs to it, through the real listener.

mod access_token;
mod any_call;
mod paths;
mod proxy;
mod quota;
mod tickets;
mod uploads;

use std::sync::{Arc, Mutex};

use axum::{
    body::{Bytes, to_bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::json;
use tokio::net::TcpListener;
use weft::{config::Config, simulator::wechat::Wechat};

use crate::support::{Inbox, TestApp, client, with};

const APPID: &str = "wx0123456789abcdef";
const SECRET: &str = "0c79e1fa963cd80cc0be99b20a18faeb";
const USER_INFO: &str = "cgi-bin/user/info";
const CUSTOM_SEND: &str = "cgi-bin/message/custom/send";

/// A server with one app.
struct Shop {
    app: TestApp,
    client: Client,
}

impl Shop {
    /// With a simulated WeChat, where the account has a follower.
    async fn open() -> (Self, Wechat) {
        let Inbox { app, wechat } = Inbox::start().await;
        wechat.add_account(APPID, SECRET);
        wechat.follow(APPID, "oU");
        (Self::of(app).await, wechat)
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::of(TestApp::start_with(change).await).await
    }

    async fn of(app: TestApp) -> Self {
        let shop = Self { app, client: client() };
        shop.create("shop", json!({})).await;
        shop
    }

    /// Creates an app of the account, with what `fields` say.
    async fn create(&self, name: &str, fields: serde_json::Value) {
        self.app.create_app(name, with(json!({"appid": APPID, "appsecret": SECRET}), fields)).await;
    }

    /// A request for a path of WeChat's API, query and all.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1/apps/shop/wechat/{path}", self.app.base);
        self.client.request(method, url).bearer_auth(&self.app.token)
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
        self.request(Method::POST, path).body(body).send().await.unwrap()
    }
}

/// How often the call was sent again.
fn retried(response: &reqwest::Response) -> &str {
    response.headers()["x-weft-retried"].to_str().unwrap()
}

/// A WeChat that remembers requests as they were on the wire, and answers all with the same.
struct Recorder {
    base: String,
    requests: Requests,
}

type Requests = Arc<Mutex<Vec<Recorded>>>;

#[derive(Debug, Clone)]
struct Recorded {
    method: String,
    uri: String,
    content_type: String,
    content_length: String,
    body: Bytes,
}

/// What a [`Recorder`] hands out as the access token.
const TOKEN: &str = "80_the-token-of-the-recorder";

impl Recorder {
    async fn start(answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let requests = Requests::default();
        let routes = axum::Router::new().fallback(record).with_state((Arc::clone(&requests), answer));
        tokio::spawn(axum::serve(listener, routes).into_future());
        Self { base, requests }
    }

    /// The requests that were not for a token.
    fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }
}

async fn record(State((requests, answer)): State<(Requests, &'static [u8])>, request: Request) -> Response {
    if request.uri().path() == "/cgi-bin/stable_token" {
        return axum::Json(json!({"access_token": TOKEN, "expires_in": 7200})).into_response();
    }
    let (head, body) = request.into_parts();
    let header = |name: &str| head.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let recorded = Recorded {
        method: head.method.to_string(),
        uri: head.uri.to_string(),
        content_type: header("content-type"),
        content_length: header("content-length"),
        body: to_bytes(body, usize::MAX).await.unwrap(),
    };
    requests.lock().unwrap().push(recorded);
    ([("content-type", "text/plain"), ("x-secret", "hidden"), ("set-cookie", "a=b")], answer).into_response()
}
