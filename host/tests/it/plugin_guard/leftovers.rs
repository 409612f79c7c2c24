//! What a call leaves behind is not there for the next one.

use std::sync::Arc;

use serde_json::json;
use weft_wechat::account::EncodingMode;

use crate::support::{HandMade, TestApp};

/// Reads all of a memory that it makes large, stops where anything is left of somebody else, and leaves a mark there.
const CANARY: HandMade = HandMade {
    handle: "(local $at i32) (drop (memory.grow (i32.const 48))) (local.set $at (i32.const 131072)) \
         (loop $look (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable)) \
         (i64.store (local.get $at) (i64.const 0x79726e6163796e61)) \
         (local.set $at (i32.add (local.get $at) (i32.const 8))) \
         (br_if $look (i32.lt_u (local.get $at) (i32.const 4194304)))) i32.const 4096",
    ..HandMade::PLAIN
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_one_call_is_there_in_the_next() {
    let app = TestApp::start().await;
    app.drop_plugin("canary", &CANARY.bytes()).await;
    let accounts = [
        Arc::new(app.account("one", EncodingMode::Plain, "canary").await),
        Arc::new(app.account("two", EncodingMode::Safe, "canary").await),
    ];
    for round in 0..20 {
        let calls = (0..20).map(|n| {
            let account = Arc::clone(&accounts[n % 2]);
            tokio::spawn(async move {
                let message = weft::simulator::Incoming::text(&format!("oUser{}", n % 5), &format!("{round} {n}"));
                account.send(&message).await.unwrap()
            })
        });
        for call in futures::future::join_all(calls).await {
            assert_eq!(call.unwrap().body, "");
        }
    }
    let calls = &app.api(reqwest::Method::GET, "/plugins/canary", None).await.1["calls"];
    assert_eq!((&calls["total"], &calls["failed"]), (&json!(400), &json!(0)), "{calls}");
}
