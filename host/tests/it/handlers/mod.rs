//! `/apps/{app}/handlers`, through the real listener.

mod crud;
mod sync;
mod transfer;
mod trial;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::TestApp;

const HANDLERS: &str = "/apps/shop/handlers";

/// A server with one app.
async fn shop() -> TestApp {
    let app = TestApp::start().await;
    app.create_app("shop", json!({"token": "sometoken", "message_handler": "greeter"})).await;
    app
}

/// A handler that answers a text that contains `pattern`.
fn keyword(name: &str, pattern: &str) -> Value {
    json!({
        "name": name,
        "rules": [{"type": "contain", "pattern": pattern}],
        "replies": [{"type": "text", "content": format!("about {pattern}")}],
    })
}

async fn add(app: &TestApp, handler: Value) -> Value {
    let (status, created) = app.api(Method::POST, HANDLERS, Some(handler)).await;
    assert_eq!(status, 201, "{created}");
    created
}

async fn list(app: &TestApp) -> Vec<Value> {
    let (status, page) = app.api(Method::GET, &format!("{HANDLERS}?limit=200"), None).await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().unwrap().clone()
}

fn fields(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
}
