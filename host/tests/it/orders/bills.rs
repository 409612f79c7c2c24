//! Daily bills of a simulated WeChat Pay, compared with what is here; the same for v2 and v3.

use std::process::Command;
use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use weft::{clock::Clock, model::BillDate};
use weft_wechat::pay::{Fen, Party};

use super::gateway::{MCH_ID, Till};
use super::merchants::MERCHANTS;
use crate::support::until;

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
        let clock = Clock::manual(NOON);
        Self { till: Till::open_at(version, clock.clone()).await, clock }
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

    /// Waits until a job is in one of these states, and gives it.
    async fn wait(&self, job: &Value, states: &[&str]) -> Value {
        let path = format!("/jobs/{}", job["id"].as_str().unwrap());
        until("the job is there", async || {
            let job = self.till.app.api(Method::GET, &path, None).await.1;
            states.contains(&job["state"].as_str().unwrap()).then_some(job)
        })
        .await
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_missed_is_put_right_and_what_differs_is_listed() {
    for version in ["v2", "v3"] {
        let shop = Shop::open(version).await;
        shop.paid("T1-told", true).await;
        shop.paid("T2-missed", false).await;
        shop.order("T3-unpaid").await;
        shop.paid("T4-refunded", true).await;
        shop.refund("T4-refunded", "R4").await;
        shop.paid("T5-console", true).await;
        shop.till.pay.refund_elsewhere(MCH_ID, "T5-console", "R5-console", Fen(1)).unwrap();
        shop.till.pay.pay_elsewhere(party("wx1"), "T6-elsewhere", Fen(7));
        shop.till.pay.pay_elsewhere(party("wx2"), "T7-other", Fen(8));

        let (status, problem) = shop.call(Method::POST, "/reconcile", Some(json!({"date": DAY}))).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("date")), "it is not over: {problem}");
        shop.advance_to(TEN - 1);
        assert_eq!(shop.call(Method::POST, "/reconcile", Some(json!({"date": DAY}))).await.0, 422);
        shop.advance_to(TEN);
        for wrong in ["2026-1-1", "2025-06-01", "2026-01-02", ""] {
            assert_eq!(shop.call(Method::POST, "/reconcile", Some(json!({"date": wrong}))).await.0, 422, "{wrong}");
        }
        let figures = shop.reconcile().await;
        assert_eq!((&figures["payments"], &figures["payments_total"]), (&json!(5), &json!(4 * 101 + 7)), "{figures}");
        assert_eq!((&figures["refunds"], &figures["refunds_total"]), (&json!(2), &json!(61)), "{figures}");
        assert_eq!((&figures["others"], &figures["fund_flow_error"]), (&json!(1), &Value::Null), "{figures}");
        // The payment and the refund that nobody told of; of v2 also how far the other refund is.
        let asked = if version == "v2" { 3 } else { 2 };
        assert_eq!((&figures["asked"], &figures["mended"]), (&json!(asked), &json!(asked)), "{version} {figures}");
        assert_eq!(shop.state("T2-missed").await, "SUCCESS");
        assert_eq!(shop.state("T3-unpaid").await, "NOTPAY");
        assert_eq!(shop.state("T5-console").await, "REFUND");
        assert_eq!(shop.get("/orders/T4-refunded/refunds").await["items"][0]["state"], "SUCCESS");
        let open = [is("unknown_order", "T6-elsewhere"), is("unknown_refund", "R5-console")];
        assert_eq!(shop.open_differences().await, open, "{version}");

        let first = shop.get("/differences?limit=1").await;
        let second = shop.get(&format!("/differences?limit=1&cursor={}", first["next_cursor"].as_str().unwrap())).await;
        assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
        assert_eq!(second["next_cursor"], Value::Null);
        let unknown = &shop.differences("?kind=unknown_order&date=2026-01-01").await[0];
        assert_eq!((&unknown["at_wechat"], &unknown["date"]), (&json!("SUCCESS, 7 fen"), &json!(DAY)));
        assert!(unknown["wechat_number"].as_str().unwrap().starts_with("42") && unknown["what_to_do"].is_string());
        assert_eq!(shop.differences("?date=2026-01-02").await, [Value::Null; 0]);

        let path = format!("/differences/{}/resolve", unknown["id"].as_str().unwrap());
        let (status, resolved) = shop.call(Method::POST, &path, Some(json!({"note": "an old program's"}))).await;
        assert_eq!((status, &resolved["resolved"]["note"]), (200, &json!("an old program's")));
        assert_eq!(resolved["resolved"]["by"], "test");
        let (_, log) = shop.till.app.api(Method::GET, "/audit-log?action=resolve_difference", None).await;
        let entry = &log["items"][0];
        assert_eq!((&entry["before"]["resolved"], &entry["after"]["resolved"]["by"]), (&Value::Null, &json!("test")));
        let gone = "/differences/nothing/resolve";
        assert_eq!(shop.call(Method::POST, gone, Some(json!({}))).await.0, 404);

        // What somebody has resolved stays so; nothing is counted twice.
        shop.reconcile().await;
        assert_eq!(shop.open_differences().await, [is("unknown_refund", "R5-console")]);
        assert_eq!(shop.differences("?kind=unknown_refund").await[0]["times"], 2);
        let day = &shop.get("/reconciliations").await["items"][0];
        assert_eq!((&day["date"], &day["runs"], &day["error"]), (&json!(DAY), &json!(2), &Value::Null));
        assert_eq!(day["figures"]["payments"], 5);
        assert_eq!(shop.get("/orders/T2-missed/events").await["items"].as_array().unwrap().len(), 2, "paid once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bill_alone_pays_nothing_and_what_it_lacks_is_told() {
    for version in ["v2", "v3"] {
        let shop = Shop::open(version).await;
        for number in ["T1-paid", "T2-paid", "T3-paid", "T4-paid"] {
            shop.paid(number, true).await;
        }
        shop.paid("T5-told", true).await;
        shop.refund("T5-told", "R5").await;
        shop.order("T6-unpaid").await;
        shop.advance_to(TEN);
        // WeChat counts what it does not say when it is asked.
        shop.till.pay.change_bills(|text| {
            let paid = |number: &str| text.lines().find(|line| line.contains(number)).unwrap_or_default().to_owned();
            let without: Vec<_> =
                text.lines().filter(|line| !line.contains("T1-paid") && !line.contains("R5")).collect();
            let mut text = format!("\u{feff}{}\n", without.join("\n"));
            text = text.replacen(&paid("T2-paid"), &paid("T2-paid").replace("1.01", "1.02"), 1);
            text = text.replacen(&paid("T3-paid"), &paid("T3-paid").replace("`42", "`43"), 1);
            text = text.replacen(&paid("T4-paid"), &paid("T4-paid").replace("`wx1,", "`wx2,"), 1);
            let (head, rest) = text.split_once('\n').unwrap();
            format!("{head}\n{}\n{rest}", paid("T4-paid").replace("T4-paid", "T6-unpaid"))
        });
        shop.reconcile().await;
        let expected = [
            is("missing_order", "T1-paid"),
            is("missing_refund", "R5"),
            is("order_amount", "T2-paid"),
            is("order_state", "T6-unpaid"),
            is("other_party", "T4-paid"),
            is("transaction_id", "T3-paid"),
        ];
        assert_eq!(shop.open_differences().await, expected, "{version}");
        assert_eq!(shop.state("T6-unpaid").await, "NOTPAY", "nothing is paid by a bill");
        for number in ["T1-paid", "T2-paid", "T3-paid", "T4-paid"] {
            let order = shop.get(&format!("/orders/{number}")).await;
            assert_eq!((&order["state"], &order["version"]), (&json!("SUCCESS"), &json!(2)), "{order}");
        }

        // What the account got is another sum than the trades have.
        shop.till.pay.change_bills(|text| match text.contains("资金流水单号") {
            true => text.replacen("1.01", "1.00", 1).replacen("0.60", "0.61", 1),
            false => text,
        });
        shop.reconcile().await;
        assert_eq!(shop.open_differences().await, [is("fund_flow_payments", ""), is("fund_flow_refunds", "")]);

        // With the right bills everything is as it should be, and nobody had to do it by hand.
        shop.till.pay.change_bills(|text| text);
        shop.reconcile().await;
        assert_eq!(shop.open_differences().await, []);
        let resolved = shop.differences("?resolved=true&limit=200").await;
        assert_eq!(resolved.len(), expected.len() + 2);
        assert!(resolved.iter().all(|found| found["resolved"]["by"].is_null()), "{resolved:?}");
    }
}

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
        assert_eq!((&done["state"], &done["result"]["mended"]), (&json!("done"), &json!(1)), "{version} {done}");
        assert_eq!(shop.state("T1-missed").await, "SUCCESS");
        assert_eq!(shop.get("/reconciliations").await["items"][0]["error"], Value::Null);

        // Of v2 only the line of totals says that a bill is whole.
        shop.paid("T2", true).await;
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
    shop.paid("T2", true).await;
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
        let ask = async || shop.ask_about_open().await;
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
        let posted = shop.till.pay.calls().iter().filter(|call| call.target.contains("notify")).count();
        assert_eq!(posted, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bill_of_a_hundred_thousand_lines_is_compared_in_batches() {
    let shop = Shop::open("v2").await;
    shop.paid("T1-missed", false).await;
    shop.advance_to(TEN);
    shop.till.pay.change_bills(|text| {
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
    assert_eq!((&figures["payments"], &figures["mended"]), (&json!(1_501), &json!(1)));
    assert_eq!(shop.state("T1-missed").await, "SUCCESS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_compares_a_day_and_prints_what_differs() {
    let clock = Clock::system();
    let date = BillDate::newest(clock.now());
    let noon = Clock::manual(date.start() + 12 * HOUR);
    let shop = Shop { till: Till::open_at("v2", noon.clone()).await, clock: noon };
    shop.paid("T1-missed", false).await;
    shop.advance_to(clock.now());
    let config = &shop.till.app.state.config;
    let run = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_weft"))
            .args(["pay", "reconcile", "--date", &date.to_string()])
            .args(more)
            .current_dir(&config.data_dir)
            .env_clear()
            .env("WEFT_DATA_DIR", &config.data_dir)
            .env("WEFT_SECRET_KEY", config.secret_key.as_ref().unwrap().expose())
            .env("WEFT_PAY__API_BASE", &config.pay.api_base)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, err) = run(&[]);
    assert_eq!(code, Some(0), "{out} {err}");
    assert!(out.contains("shop/default: 1 payments (101 fen)") && out.contains("asked about 1, 1 mended"), "{out}");
    assert_eq!(shop.state("T1-missed").await, "SUCCESS");

    shop.till.pay.change_bills(|text| text.replace("T1-missed", "T2-unknown"));
    let (code, out, err) = run(&["--app", "shop", "--merchant", "default"]);
    assert_eq!(code, Some(1), "{out} {err}");
    for part in ["DIFFERENCE", "unknown_order   T2-unknown", "missing_order   T1-missed", "not in the bill"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (code, out, _) = run(&["--json"]);
    let outcomes: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, Some(1));
    assert_eq!(outcomes[0]["differences"].as_array().unwrap().len(), 2);
    assert_eq!(outcomes[0]["date"], date.to_string());
    let (code, _, err) = run(&["--merchant", "nobody"]);
    assert!(code == Some(1) && err.contains("no such merchant"), "{err}");
    let (code, _, err) = run(&["--date", "yesterday"]);
    assert!(code == Some(2) && err.contains("2026-01-31"), "{err}");
}
