//! Bills that are cut off, long, or half compared when a process ends.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use weft::clock::Clock;

use super::{NOON, Shop, TEN};
use crate::orders::gateway::Till;
use crate::support::{TestApp, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bill_that_is_not_whole_is_fetched_again() {
    for version in ["v2", "v3"] {
        let shop = Shop::open(version).await;
        shop.paid("T1-missed", false).await;
        shop.advance_to(TEN);
        shop.till.pay.cut_bills(1);
        let job = shop.start().await;
        let waiting = until("it waits", async || {
            let job = shop.wait(&job, &["queued", "done", "failed"]).await;
            job["error"].is_string().then_some(job)
        });
        let waiting = waiting.await;
        let error = waiting["error"].as_str().unwrap();
        assert!(error.contains("bill"), "{version} {waiting}");
        assert_eq!(shop.get("/reconciliations").await["items"][0]["error"], error);
        assert_eq!(shop.state("T1-missed").await, "NOTPAY");
        shop.clock.advance(Duration::from_secs(20));
        let done = shop.wait(&job, &["done", "failed"]).await;
        assert_eq!((&done["state"], &done["result"]["payments"]), (&json!("done"), &json!(1)), "{version} {done}");
        assert_eq!(shop.state("T1-missed").await, "SUCCESS");
        assert_eq!(shop.get("/reconciliations").await["items"][0]["error"], Value::Null);

        // Of v2 only the line of totals says that a bill is whole.
        shop.paid("T2-paid", true).await;
        shop.till.pay.change_bills(|text| text[..text.len() - 40].to_owned());
        let job = shop.start().await;
        until("it waits", async || {
            shop.wait(&job, &["queued", "done", "failed"]).await["error"].as_str().map(|error| {
                assert!(error.contains("cut off") || error.contains("cannot be read"), "{error}");
            })
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bill_of_a_hundred_thousand_lines_is_compared_in_batches() {
    let shop = Shop::open("v2").await;
    shop.paid("T1-missed", false).await;
    shop.advance_to(TEN);
    shop.till.pay.change_bills(|text| {
        if text.contains("资金流水单号") {
            return text;
        }
        let own = text.lines().find(|line| line.contains("T1-missed")).unwrap_or_default();
        // Of another account, and of this one from where nobody knows.
        let other = own.replace("`wx1,", "`wx2,");
        let row = |number: u32| {
            let row = if number < 100_000 { &other } else { own };
            format!("{}\n", row.replace("T1-missed", &format!("X{number}")))
        };
        let (head, rest) = text.split_once('\n').unwrap_or_default();
        format!("{head}\n{}{rest}", (0..101_500).map(row).collect::<String>())
    });
    let job = shop.wait(&shop.start().await, &["done", "failed"]).await;
    let figures = &job["result"];
    assert_eq!(job["progress"], json!({"done": 101_501, "total": 101_501}));
    assert_eq!((&figures["others"], &figures["left_out"]), (&json!(100_000), &json!(501)), "{figures}");
    assert_eq!(figures["payments"], 1_501);
    assert_eq!(shop.state("T1-missed").await, "SUCCESS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_goes_on_in_the_next_process_from_where_it_was() {
    const LINES: u64 = 40_000;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let shop = Shop::open_with("v2", Clock::manual(NOON), |config| config.data_dir.clone_from(&data)).await;
    shop.paid("T1-missed", false).await;
    shop.advance_to(TEN);
    shop.till.pay.change_bills(|text| {
        if text.contains("资金流水单号") {
            return text;
        }
        let own = text.lines().find(|line| line.contains("T1-missed")).unwrap_or_default();
        let other = own.replace("`wx1,", "`wx2,");
        let (head, rest) = text.split_once('\n').unwrap_or_default();
        let others = (0..LINES).map(|number| format!("{}\n", other.replace("T1-missed", &format!("X{number}"))));
        format!("{head}\n{}{rest}", others.collect::<String>())
    });
    let job = shop.start().await;
    until("it has begun", async || {
        let (_, job) = shop.till.app.api(Method::GET, &format!("/jobs/{}", job["id"].as_str().unwrap()), None).await;
        (job["progress"]["done"].as_u64().unwrap() > 0).then_some(())
    })
    .await;
    let Shop { till: Till { app, pay, version }, clock } = shop;
    app.stop().await;
    let base = pay.base.clone();
    let next = TestApp::start_at(clock.clone(), |config| {
        config.pay.api_base = base;
        config.data_dir = data;
    });
    let shop = Shop { till: Till { app: next.await, pay, version }, clock };
    let job = shop.wait(&job, &["done", "failed"]).await;
    assert_eq!(job["progress"], json!({"done": LINES + 1, "total": LINES + 1}), "{job}");
    assert_eq!((&job["result"]["others"], &job["result"]["payments"]), (&json!(LINES), &json!(1)), "{job}");
    assert_eq!(shop.state("T1-missed").await, "SUCCESS");
    let fetched = shop.till.pay.calls().iter().filter(|call| call.target == "/pay/downloadbill").count();
    assert_eq!(fetched, 2, "by each process once");
}
