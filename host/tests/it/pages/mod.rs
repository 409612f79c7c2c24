//! Pages of plugins, through the door.

mod answers;
mod failures;
mod grants;
mod receipts;
mod requests;

use reqwest::{Client, Method, RequestBuilder, Response, redirect::Policy};
use serde_json::{Value, json};
use weft::config::Config;

use crate::support::{TestApp, guests};

/// A server with the apps `shop`, which lets the plugin `guest` serve pages, and `blog`, which does not.
struct Site {
    app: TestApp,
    client: Client,
}

impl Site {
    async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let app = TestApp::start_with(|config| {
            "https://shop.example".clone_into(&mut config.public_url);
            config.plugins.limits.cpu_ms = 200;
            change(config);
        })
        .await;
        app.drop_plugin("guest", guests::pages().await).await;
        for name in ["shop", "blog"] {
            app.create_app(name, json!({})).await;
        }
        let site = Self { app, client: client() };
        site.grant("shop", json!({"pages": true, "kv": true})).await;
        site
    }

    /// Sets what the plugin may do for an app.
    async fn grant(&self, app: &str, settings: Value) -> Value {
        let (status, set) = self.app.api(Method::PUT, &format!("/apps/{app}/plugins/guest"), Some(settings)).await;
        assert_eq!(status, 200, "{set}");
        set
    }

    /// A request to a page of `shop`; `path` stands behind the plugin's name.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/wechat/shop/pages/guest{path}", self.app.base))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// What the page `told` says that it was asked.
    async fn told(&self, request: RequestBuilder) -> Value {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }
}

/// A browser that goes nowhere by itself.
fn client() -> Client {
    Client::builder().no_proxy().redirect(Policy::none()).build().unwrap()
}

fn header<'r>(response: &'r Response, name: &str) -> Vec<&'r str> {
    response.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}
