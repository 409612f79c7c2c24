//! `/apps/{app}/menus`, through the real listener and against a simulated WeChat.

mod console;
mod draft;
mod publish;
mod transfer;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Shop;

const MENUS: &str = "/apps/shop/menus";
const LIVE: &str = "/apps/shop/menus/live";
const APPID: &str = Shop::APPID;

impl Shop {
    async fn put(&self, menu: &Value) -> Value {
        let (status, body) = self.app.api(Method::PUT, MENUS, Some(menu.clone())).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn post(&self, action: &str) -> (u16, Value) {
        self.app.api(Method::POST, &format!("{MENUS}/{action}"), None).await
    }

    async fn publish(&self) -> Value {
        let (status, body) = self.post("publish").await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// What publishing would change, as field, live and draft.
    async fn differences(&self) -> Vec<(String, Value, Value)> {
        let live = self.get(LIVE).await;
        let one = |difference: &Value| {
            let field = difference["field"].as_str().unwrap().to_owned();
            (field, difference["live"].clone(), difference["draft"].clone())
        };
        live["differences"].as_array().unwrap().iter().map(one).collect()
    }
}

fn click(name: &str, key: &str) -> Value {
    json!({"type": "click", "name": name, "key": key})
}

/// A menu with a conditional one for each tag, whose button has the name of the tag.
fn menu(name: &str, tags: &[u32]) -> Value {
    let conditional =
        tags.iter().map(|tag| json!({"buttons": [click(&format!("{name}-{tag}"), "t")], "matchrule": {"tag_id": tag}}));
    json!({
        "buttons": [
            click(name, "K"),
            {"name": "更多", "sub_buttons": [{"type": "view", "name": "官网", "url": "https://shop.example/"}]},
        ],
        "conditional": conditional.collect::<Vec<_>>(),
    })
}
