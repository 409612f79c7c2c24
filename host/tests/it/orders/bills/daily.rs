//! Which days are compared when, and that no notification is needed for anything.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use weft_wechat::pay::Fen;

use super::{DAY, HOUR, NOON, Shop, TEN};
use crate::support::{till::MCH_ID, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_day_is_compared_once_and_days_that_were_missed_are_caught_up_with() {
    let shop = Shop::open("v3").await;
    shop.paid("T1-missed", false).await;
    let state = &shop.till.app.state;
    let due = async || state.pay.begin_due_reconciliations(&state.jobs).await.unwrap();
    let days = async || {
        let done = shop.get("/reconciliations").await;
        let done = done["items"].as_array().unwrap().clone();
        done.iter().map(|day| (day["date"].as_str().unwrap().to_owned(), day["runs"].clone())).collect::<Vec<_>>()
    };
    let all_done = async |count: usize| {
        until("the days are done", async || {
            let (_, jobs) = shop.till.app.api(Method::GET, "/jobs?kind=reconcile&state=done", None).await;
            (jobs["items"].as_array().unwrap().len() == count).then_some(())
        })
        .await;
    };
    shop.advance_to(TEN - 1);
    assert_eq!(due().await, 0);
    shop.advance_to(TEN);
    // As of several processes that look at the same moment.
    join_all((0..4).map(|_| due())).await;
    all_done(1).await;
    assert_eq!(days().await, [(DAY.to_owned(), json!(1))]);
    assert_eq!(shop.state("T1-missed").await, "SUCCESS");
    assert_eq!(due().await, 0, "it is done");

    // Days without a trade have no bill, and are compared nevertheless.
    shop.advance_to(TEN + 3 * 24 * HOUR);
    assert_eq!(due().await, 3);
    all_done(4).await;
    assert_eq!(due().await, 0);
    let dates: Vec<_> = days().await.into_iter().map(|(date, _)| date).collect();
    assert_eq!(dates, ["2026-01-04", "2026-01-03", "2026-01-02", "2026-01-01"]);

    // What cannot be had is begun again on the next day, not every minute.
    shop.till.pay.change_bills(|_| "no bill".to_owned());
    shop.paid("T2-paid", true).await;
    shop.advance_to(TEN + 4 * 24 * HOUR);
    assert_eq!(due().await, 1);
    until("it came to nothing", async || {
        shop.get("/reconciliations").await["items"][0]["error"].is_string().then_some(())
    })
    .await;
    let (_, jobs) = shop.till.app.api(Method::GET, "/jobs?kind=reconcile", None).await;
    let job = jobs["items"][0]["id"].as_str().unwrap().to_owned();
    shop.till.app.api(Method::POST, &format!("/jobs/{job}/cancel"), None).await;
    assert_eq!(due().await, 0);
    shop.advance_to(TEN + 5 * 24 * HOUR);
    assert_eq!(due().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_are_those_of_china() {
    let shop = Shop::open("v2").await;
    shop.advance_to(NOON + 12 * HOUR - 1);
    shop.paid("T1-before-midnight", true).await;
    shop.clock.advance(Duration::from_secs(1));
    shop.paid("T2-at-midnight", true).await;
    // It is open over midnight, and closed in the small hours.
    shop.order("T3-open").await;
    shop.advance_to(NOON + 14 * HOUR);
    shop.ask_about_open().await;
    assert_eq!(shop.state("T3-open").await, "NOTPAY");
    shop.clock.advance(Duration::from_mins(6));
    shop.ask_about_open().await;
    shop.becomes("T3-open", "CLOSED").await;
    shop.advance_to(TEN);
    let figures = shop.reconcile().await;
    assert_eq!((&figures["payments"], &figures["asked"]), (&json!(1), &json!(0)), "{figures}");
    shop.advance_to(TEN + 24 * HOUR);
    let (_, job) = shop.call(Method::POST, "/reconcile", Some(json!({"date": "2026-01-02"}))).await;
    assert_eq!(shop.wait(&job, &["done", "failed"]).await["result"]["payments"], 1);
    assert_eq!(shop.open_differences().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_single_notification_every_order_comes_to_its_right_state() {
    for version in ["v2", "v3"] {
        let shop = Shop::open(version).await;
        let numbers = |kind: &str| (0..5).map(|number| format!("{kind}-{number}")).collect::<Vec<_>>();
        let (paid, closed, refunded) = (numbers("paid"), numbers("closed"), numbers("refunded"));
        for number in [&paid, &closed, &refunded].into_iter().flatten() {
            shop.order(number).await;
        }
        for number in paid.iter().chain(&refunded) {
            shop.till.pay.pay(MCH_ID, number).unwrap();
        }
        // Within one interval, the first of which is half a minute.
        shop.clock.advance(Duration::from_secs(31));
        shop.ask_about_open().await;
        for number in paid.iter().chain(&refunded) {
            shop.becomes(number, "SUCCESS").await;
        }
        // Money is given back at WeChat's console, and of that, too, nobody tells.
        for number in &refunded {
            shop.till.pay.refund_elsewhere(MCH_ID, number, &format!("R-{number}"), Fen(101)).unwrap();
        }
        // What is paid at the last moment is found when its time is over.
        shop.clock.advance(Duration::from_secs(2 * HOUR));
        shop.till.pay.pay(MCH_ID, "closed-0").unwrap();
        shop.clock.advance(Duration::from_mins(6));
        shop.ask_about_open().await;
        shop.becomes("closed-0", "SUCCESS").await;
        for number in &closed[1..] {
            shop.becomes(number, "CLOSED").await;
        }
        shop.advance_to(TEN);
        let state = &shop.till.app.state;
        assert_eq!(state.pay.begin_due_reconciliations(&state.jobs).await.unwrap(), 1);
        until("the day is compared", async || {
            shop.get("/reconciliations").await["items"][0]["done_at"].is_string().then_some(())
        })
        .await;
        for number in &paid {
            assert_eq!(shop.state(number).await, "SUCCESS", "{version} {number}");
        }
        for number in &refunded {
            assert_eq!(shop.state(number).await, "REFUND", "{version} {number}");
            let events = shop.get(&format!("/orders/{number}/events")).await;
            let became: Vec<_> =
                events["items"].as_array().unwrap().iter().map(|event| event["state"].clone()).collect();
            assert_eq!(became, ["NOTPAY", "SUCCESS", "REFUND"], "each once");
        }
    }
}
