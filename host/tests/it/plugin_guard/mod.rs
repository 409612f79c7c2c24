//! What plugins may use, whose turn it is, and what becomes of those that fail.

mod adversaries;
#[cfg(target_os = "linux")]
mod background;
mod breaker;
mod elsewhere;
mod failures;
mod fairness;
mod leftovers;
mod limits;
mod logged;
mod neighbours;

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::{Exchange, Incoming, Sender};

use crate::support::{HandMade, TestApp};

/// Takes memory until it gets no more, and tells how many pages of 64 KiB it has then.
const GROWS_MEMORY: HandMade = HandMade {
    handle: "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (call $tell (memory.size))",
    ..HandMade::PLAIN
};

/// The same for the elements of its table: a thousand at a time.
const GROWS_TABLES: HandMade = HandMade {
    handle: "(loop $more (br_if $more (i32.ne (table.grow $a (ref.null func) (i32.const 1000)) (i32.const -1))))
         (call $tell (table.size $a))",
    more: "(table $a 1 funcref)",
    ..HandMade::PLAIN
};

async fn send(account: &Sender, text: &str) -> Exchange {
    account.send(&Incoming::text("oUser", text)).await.unwrap()
}

/// What a message is answered with.
async fn ask(account: &Sender, text: &str) -> Option<String> {
    let exchange = send(account, text).await;
    assert_eq!(exchange.status, 200);
    exchange.text()
}

async fn plugin(app: &TestApp, name: &str) -> Value {
    let (status, plugin) = app.api(Method::GET, &format!("/plugins/{name}"), None).await;
    assert_eq!(status, 200, "{plugin}");
    plugin
}

/// Why the last call of the plugin `guest` failed.
async fn last_error(app: &TestApp) -> String {
    plugin(app, "guest").await["calls"]["last_error"].as_str().unwrap_or_default().to_owned()
}

/// Sets limits of the plugin `guest`.
async fn limit(app: &TestApp, limits: Value) {
    let (status, answer) = app.api(Method::PATCH, "/plugins/guest", Some(json!({"limits": limits}))).await;
    assert_eq!(status, 200, "{answer}");
}
