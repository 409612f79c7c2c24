//! Calls that compute for long go on where messages do not wait for them.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::{Client, Method};
use serde_json::json;
use weft::simulator::Sender;
use weft_wechat::account::EncodingMode;

use super::ask;
use crate::support::{Folders, guests, process::Process, sender_to, until};

/// CPU time of the threads that long calls go on in, as the system has counted it, and how nice they are to others.
fn background(process: &Process) -> (Duration, Vec<String>) {
    let threads = process.threads("plugin-backgrou");
    (threads.iter().map(|thread| thread.cpu).sum(), threads.into_iter().map(|thread| thread.nice).collect())
}

/// A server with these apps, all with a plugin that may compute for so long in a call, and what writes to each of them.
async fn server<const APPS: usize>(names: [&str; APPS], cpu_ms: &str) -> (Folders, Process, [Sender; APPS]) {
    let folders = Folders::new();
    let app = folders.server().await;
    for name in names {
        app.account(name, EncodingMode::Plain, "guest").await;
    }
    app.stop().await;
    std::fs::write(folders.plugins.join("guest.wasm"), guests::misbehave().await).unwrap();
    let process = folders.process(&[("WEFT_PLUGINS__CPU_MS", cpu_ms)]);
    let accounts = names.map(|name| sender_to(&process.base, name, EncodingMode::Plain));
    (folders, process, accounts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_computes_for_long_does_so_in_the_background_and_the_next_one_begins_there() {
    let (_folders, process, [account]) = server(["app"], "300").await;

    assert_eq!(ask(&account, "loop").await, None);
    let (first, nice) = background(&process);
    assert!(first > Duration::from_millis(250), "{first:?} of the 300 ms that a call may compute");
    assert!(nice.iter().all(|nice| nice == "5"), "{nice:?}");

    assert_eq!(ask(&account, "loop").await, None);
    let second = background(&process).0.saturating_sub(first);
    assert!(second > Duration::from_millis(298), "{second:?} of 300 ms: all, from the beginning");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_with_much_memory_is_in_the_background_before_it_writes_it() {
    let (_folders, process, [account]) = server(["app"], "300").await;
    let foreground = || process.threads("tokio-rt-worker").iter().map(|thread| thread.cpu).sum::<Duration>();
    assert_eq!(ask(&account, "ok").await.as_deref(), Some("ok"), "what only the first message costs is over");

    // One instruction, in which nothing interrupts it.
    let before = (foreground(), background(&process).0);
    assert_eq!(ask(&account, "hold 56 MiB for 1 ms").await.as_deref(), Some("held 56 MiB"));
    let (here, there) = (foreground().saturating_sub(before.0), background(&process).0.saturating_sub(before.1));
    assert!(there > here, "{there:?} in the background, and {here:?} where messages are answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_with_many_long_calls_holds_up_its_own() {
    let (_folders, process, [many, one]) = server(["many", "one"], "150").await;

    let (began, before) = (Instant::now(), background(&process).0);
    let crowd = async {
        join_all((0..12).map(|_| ask(&many, "loop"))).await;
        began.elapsed()
    };
    let single = async {
        until("the crowd computes", async || {
            let spent = background(&process).0.saturating_sub(before);
            (spent > Duration::from_millis(20)).then_some(())
        })
        .await;
        ask(&one, "loop").await;
        began.elapsed()
    };
    let (crowd, single) = tokio::join!(crowd, single);
    // Each of the thirteen computes for as long. Tick by tick in one line, they would end together.
    assert!(single < crowd * 7 / 10, "{single:?} beside a crowd that took {crowd:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_in_which_secrets_are_looked_for_at_length_is_written_in_the_background() {
    let folders = Folders::new();
    let app = folders.server().await;
    app.account("shop", EncodingMode::Plain, "guest").await;
    let pages = Some(json!({"pages": true}));
    assert_eq!(app.api(Method::PUT, "/apps/shop/plugins/guest", pages).await.0, 200);
    app.stop().await;
    std::fs::write(folders.plugins.join("guest.wasm"), guests::pages().await).unwrap();
    let process = folders.process(&[]);
    let client = Client::builder().no_proxy().build().unwrap();
    // The call itself gives up at once, and that leaves a receipt each time.
    let fail = async |parameters: usize| {
        let request = client.post(format!("{}/wechat/shop/pages/guest/fail/error", process.base));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(request.body("a=&".repeat(parameters)).send().await.unwrap().status(), 500);
    };

    fail(1).await;
    let (before, _) = background(&process);
    until("it is searched there", async || {
        fail(10_000).await;
        let spent = background(&process).0.saturating_sub(before);
        (spent > Duration::from_millis(15)).then_some(())
    })
    .await;
}
