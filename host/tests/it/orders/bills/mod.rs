//! Daily bills of a simulated WeChat Pay, compared with what is here; the same for v2 and v3.

mod command;
mod daily;
mod differences;
mod files;

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use weft::{clock::Clock, config::Config};
use weft_wechat::pay::Party;

use super::gateway::Till;
use super::merchants::MERCHANTS;
use crate::support::{till::MCH_ID, until};

/// Noon of the first day in China, and ten o'clock of the second.
const NOON: u64 = 1_767_196_800 + 12 * HOUR;
const TEN: u64 = NOON + 22 * HOUR;
const HOUR: u64 = 3600;
const DAY: &str = "2026-01-01";

fn party(appid: &str) -> Party {
    Party { appid: appid.into(), mch_id: MCH_ID.into(), sub_appid: None, sub_mch_id: None }
}

/// A till in the first day, whose clock the test moves.
struct Shop {
    till: Till,
    clock: Clock,
}

impl Shop {
    async fn open(version: &'static str) -> Self {
        Self::open_with(version, Clock::manual(NOON), |_| ()).await
    }

    async fn open_with(version: &'static str, clock: Clock, change: impl FnOnce(&mut Config)) -> Self {
        Self { till: Till::open_with(version, clock.clone(), change).await, clock }
    }

    fn advance_to(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds - self.clock.now()));
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.till.app.api(method, &format!("{MERCHANTS}/default{path}"), body).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// An order of one yuan and a fen, of which WeChat knows.
    async fn order(&self, number: &str) {
        let new = json!({
            "out_trade_no": number, "body": "一个梨", "total_fee": 101, "openid": "oTEST", "trade_type": "JSAPI",
        });
        let (status, order) = self.call(Method::POST, "/orders", Some(new)).await;
        assert_eq!(status, 201, "{order}");
        let (status, prepaid) = self.call(Method::POST, &format!("/orders/{number}/prepay"), Some(json!({}))).await;
        assert_eq!(status, 200, "{prepaid}");
    }

    /// One that is paid; the host knows of it when it is `told`.
    async fn paid(&self, number: &str, told: bool) {
        self.order(number).await;
        self.till.pay.pay(MCH_ID, number).unwrap();
        if told {
            let (status, order) = self.call(Method::POST, &format!("/orders/{number}/sync"), Some(json!({}))).await;
            assert_eq!((status, &order["state"]), (200, &json!("SUCCESS")), "{order}");
        }
    }

    async fn refund(&self, number: &str, refund: &str) {
        let new = json!({"out_refund_no": refund, "refund_fee": 60});
        let (status, refund) = self.call(Method::POST, &format!("/orders/{number}/refunds"), Some(new)).await;
        assert_eq!(status, 200, "{refund}");
    }

    async fn state(&self, number: &str) -> Value {
        self.get(&format!("/orders/{number}")).await["state"].clone()
    }

    /// Waits until an order is there: the server looks after open orders by itself, too.
    async fn becomes(&self, number: &str, state: &str) {
        until(&format!("{number} is {state}"), async || (self.state(number).await == state).then_some(())).await;
    }

    /// What the server does from time to time.
    async fn ask_about_open(&self) {
        self.till.app.state.pay.ask_about_open(self.clock.now_ms()).await.unwrap();
    }

    async fn start(&self) -> Value {
        let (status, job) = self.call(Method::POST, "/reconcile", Some(json!({"date": DAY}))).await;
        assert_eq!(status, 202, "{job}");
        job
    }

    /// Waits until a job is in one of these states, and gives it; for a long bill that takes a while.
    async fn wait(&self, job: &Value, states: &[&str]) -> Value {
        let path = format!("/jobs/{}", job["id"].as_str().unwrap());
        let deadline = Instant::now() + Duration::from_mins(5);
        loop {
            let (_, job) = self.till.app.api(Method::GET, &path, None).await;
            if states.contains(&job["state"].as_str().unwrap()) {
                return job;
            }
            assert!(Instant::now() < deadline, "{job}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Compares the first day, and gives what was found.
    async fn reconcile(&self) -> Value {
        let job = self.wait(&self.start().await, &["done", "failed"]).await;
        assert_eq!(job["state"], "done", "{job}");
        job["result"].clone()
    }

    async fn differences(&self, query: &str) -> Vec<Value> {
        self.get(&format!("/differences{query}")).await["items"].as_array().unwrap().clone()
    }

    /// Kind and number of what is open.
    async fn open_differences(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let number = |found: &Value| {
            if found["out_refund_no"].is_null() { text(&found["out_trade_no"]) } else { text(&found["out_refund_no"]) }
        };
        let found = self.differences("?resolved=false&limit=200").await;
        let mut found: Vec<_> = found.iter().map(|found| (text(&found["kind"]), number(found))).collect();
        found.sort_unstable();
        found
    }
}

fn is(kind: &str, number: &str) -> (String, String) {
    (kind.to_owned(), number.to_owned())
}
