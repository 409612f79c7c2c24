//! The apps' hooks hear of orders that changed: at least once, in order, whatever fails.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use weft::{
    clock::Clock,
    config::{Config, DatabaseUrl},
    model::{Observation, ObservationSource},
    time::rfc3339_of_ms,
};
use weft_wechat::pay::{Fen, TradeState};

use super::{
    merchants::{MERCHANTS, v2},
    told,
};
use crate::support::{
    Folders, PATIENCE, TestApp,
    database::{START, on_postgres},
    guests,
    process::Process,
    time_it_had, until,
};

pub(super) const ORDERS: &str = "/apps/shop/merchants/default/orders";

/// How long a hook is left alone after each try that failed, in seconds, as `docs/pay.md` has it; up to a tenth longer.
const PAUSES: [u64; 9] = [5, 30, 120, 600, 1800, 3600, 10_800, 21_600, 43_200];

/// A server with a merchant, whose app's hook is `hook` of the guest.
pub(crate) async fn shop(hook: &str, change: impl FnOnce(&mut Config)) -> TestApp {
    shop_at(Clock::system(), hook, change).await
}

/// The same with a clock that the test moves.
async fn shop_at(clock: Clock, hook: &str, change: impl FnOnce(&mut Config)) -> TestApp {
    let app = TestApp::start_at(clock, change).await;
    app.drop_plugin("ear", guests::listener().await).await;
    app.create_app("shop", json!({"appid": "wx1", "order_hook": hook})).await;
    assert_eq!(app.api(Method::PUT, "/apps/shop/plugins/ear", Some(json!({"kv": true}))).await.0, 200);
    assert_eq!(app.api(Method::POST, MERCHANTS, Some(v2())).await.0, 201);
    app
}

pub(crate) async fn create(app: &TestApp, number: &str, total_fee: u64) {
    let order = json!({"out_trade_no": number, "body": "a pear", "total_fee": total_fee, "openid": "oTEST"});
    let (status, order) = app.api(Method::POST, ORDERS, Some(order)).await;
    assert_eq!(status, 201, "{order}");
}

/// WeChat tells of an order; `at` tells later from earlier.
pub(crate) async fn see(app: &TestApp, number: &str, state: TradeState, at: u64) {
    let (_, order) = app.api(Method::GET, &format!("{ORDERS}/{number}"), None).await;
    let mut transaction = told(state);
    number.clone_into(&mut transaction.out_trade_no);
    if transaction.total.is_some() {
        transaction.total = Some(Fen(order["total_fee"].as_u64().unwrap()));
        transaction.transaction_id = Some(format!("4200{number}"));
    }
    let seen = Observation::told(ObservationSource::Notify, transaction, at, &format!("EV-{at}"));
    let outcome = app.state.store.orders().apply("shop", "default", number, &seen).await.unwrap().unwrap();
    assert!(!outcome.refused && !outcome.steps.is_empty(), "{outcome:?}");
}

async fn events(app: &TestApp, number: &str) -> Vec<Value> {
    let (status, events) = app.api(Method::GET, &format!("{ORDERS}/{number}/events"), None).await;
    assert_eq!(status, 200, "{events}");
    events["items"].as_array().unwrap().clone()
}

/// Waits until the events of an order are as they should be.
pub(crate) async fn events_become(app: &TestApp, number: &str, are: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let events = events(app, number).await;
        if are(&events) {
            return events;
        }
        assert!(Instant::now() < deadline, "the events of {number} stay {events:#?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn all(delivery: &str) -> impl Fn(&[Value]) -> bool {
    move |events| events.iter().all(|event| event["delivery"] == delivery)
}

pub(super) async fn heard(app: &TestApp, number: &str) -> String {
    let key = format!("order/{number}");
    let entry = app.state.store.plugin_kv().get("shop", "ear", &key).await.unwrap();
    entry
        .map(|entry| {
            String::from_utf8(entry.value)
                .unwrap()
                .replace("RefundState::", "")
                .replace("RefundSource::", "")
                .replace("State::", "")
                .replace("Source::", "")
        })
        .unwrap_or_default()
}

/// Has an event told again, as an operator does.
pub(crate) async fn redeliver(app: &TestApp, number: &str, event: &Value) {
    let path = format!("{ORDERS}/{number}/events/{}/redeliver", event["id"].as_str().unwrap());
    assert_eq!(app.api(Method::POST, &path, None).await.0, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_hears_of_every_change_once_and_in_order() {
    let app = shop("ear/fulfil", |_| ()).await;
    create(&app, "T000001", 101).await;
    see(&app, "T000001", TradeState::Notpay, 1).await;
    see(&app, "T000001", TradeState::Success, 2).await;
    let events = events_become(&app, "T000001", all("delivered")).await;
    see(&app, "T000001", TradeState::Refund, 3).await;
    let later = events_become(&app, "T000001", |now| now.len() > events.len() && all("delivered")(now)).await;
    assert_eq!(heard(&app, "T000001").await, "1:New>Notpay@Notify 2:Notpay>Success@Notify 3:Success>Refund@Notify ");
    for event in &later {
        let deliveries = event["deliveries"].as_array().unwrap();
        assert_eq!(deliveries.len(), 1, "{event}");
        assert_eq!((&deliveries[0]["attempt"], &deliveries[0]["outcome"]), (&json!(1), &json!("ok")), "{event}");
    }
    // Once more when an operator says so; a hook that looks at the event's id does nothing twice.
    redeliver(&app, "T000001", &later[1]).await;
    events_become(&app, "T000001", |now| now[1]["deliveries"].as_array().unwrap().len() == 2).await;
    assert_eq!(heard(&app, "T000001").await.matches("Success@").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hook_refuses_it_is_told_again_and_later_changes_wait_for_it() {
    let app = shop("ear/stumbles", |_| ()).await;
    create(&app, "T000002", 101).await;
    see(&app, "T000002", TradeState::Notpay, 1).await;
    see(&app, "T000002", TradeState::Success, 2).await;
    for attempt in 1..=2 {
        let tried = |events: &[Value]| events[0]["deliveries"].as_array().unwrap().len() == attempt;
        let events = events_become(&app, "T000002", tried).await;
        let last = &events[0]["deliveries"][attempt - 1];
        assert_eq!((&events[0]["delivery"], &last["outcome"]), (&json!("pending"), &json!("failed")), "{last}");
        assert!(last["error"].as_str().unwrap().contains(&format!("try {attempt} is too early")), "{last}");
        assert_eq!(events[1]["deliveries"], json!([]), "the second change waits");
        // Not to wait for the pause.
        redeliver(&app, "T000002", &events[0]).await;
    }
    events_become(&app, "T000002", |events| events[0]["delivery"] == "delivered").await;
    assert!(heard(&app, "T000002").await.starts_with("1:New>Notpay"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hook_never_takes_is_parked_after_the_last_pause_and_holds_up_its_own_order_until_then() {
    let clock = Clock::manual(START);
    let change = |config: &mut Config| {
        // A day passes here, and nobody listens there.
        config.pay.reconcile_daily = false;
        "http://127.0.0.1:9".clone_into(&mut config.pay.api_base);
    };
    let app = shop_at(clock.clone(), "ear/chokes", change).await;
    create(&app, "T000041", 13).await;
    see(&app, "T000041", TradeState::Notpay, 1).await;
    see(&app, "T000041", TradeState::Success, 2).await;
    // That the hook has heard of one shows that whatever was due has been looked for.
    let another_order_is_heard_of = async |number: &str| {
        create(&app, number, 101).await;
        see(&app, number, TradeState::Success, 1).await;
        events_become(&app, number, all("delivered")).await;
    };
    let tries = |events: &[Value]| events[0]["deliveries"].as_array().unwrap().len();

    for (before, pause) in PAUSES.into_iter().enumerate() {
        let told = events_become(&app, "T000041", |events| tries(events) > before).await;
        assert_eq!((tries(&told), &told[0]["delivery"]), (before + 1, &json!("pending")), "{told:?}");
        let last = &told[0]["deliveries"][before];
        assert_eq!(last["at"], rfc3339_of_ms(clock.now_ms()), "too early: {last}");
        assert!(last["error"].as_str().unwrap().contains("the hook chokes on it"), "{last}");
        assert_eq!((&told[1]["delivery"], &told[1]["deliveries"]), (&json!("pending"), &json!([])), "{told:?}");

        clock.advance(Duration::from_secs(pause - 1));
        another_order_is_heard_of(&format!("T0001{before:02}")).await;
        assert_eq!(tries(&events(&app, "T000041").await), before + 1, "a pause of {pause} seconds is not over");
        clock.advance(Duration::from_secs(pause / 10 + 2));
    }
    let settled = |events: &[Value]| events[0]["delivery"] == "parked" && events[1]["delivery"] == "delivered";
    let told = events_become(&app, "T000041", settled).await;
    assert_eq!(told[0]["deliveries"][9]["at"], rfc3339_of_ms(clock.now_ms()), "{told:?}");
    assert_eq!(heard(&app, "T000041").await, "2:Notpay>Success@Notify ");

    clock.advance(Duration::from_hours(24));
    another_order_is_heard_of("T000199").await;
    let told = events(&app, "T000041").await;
    assert_eq!((tries(&told), &told[0]["delivery"]), (10, &json!("parked")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_fails_is_named_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (data, plugins) = (folder.path().join("data"), folder.path().join("plugins"));
    let app = shop("ear", |config| config.data_dir.clone_from(&data)).await;
    // Its first hook needs the grant.
    assert_eq!(app.api(Method::DELETE, "/apps/shop/plugins/ear", None).await.0, 204);
    create(&app, "T000009", 101).await;
    see(&app, "T000009", TradeState::Notpay, 1).await;
    app.stop().await;
    std::fs::create_dir_all(&plugins).unwrap();
    std::fs::write(plugins.join("ear.wasm"), guests::listener().await).unwrap();
    let process = tokio::task::block_in_place(|| Process::serve_with(&data, &plugins, &[]));
    let told = ["is delivered again later", "app=\"shop\"", "plugin=\"ear\"", "hook=\"fulfil\""];
    until("it is logged", async || process.lines_with(&told).pop()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_cannot_be_taken_on_waits_for_the_next_look() {
    let folders = Folders::new();
    let app = folders.server().await;
    app.create_app("shop", json!({"appid": "wx1", "order_hook": "ear"})).await;
    assert_eq!(app.api(Method::POST, MERCHANTS, Some(v2())).await.0, 201);
    create(&app, "T000018", 101).await;
    let url = DatabaseUrl::Sqlite(folders.data.join("weft.db")).to_string();
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let full = "CREATE TRIGGER full BEFORE UPDATE ON order_deliveries BEGIN SELECT RAISE(ABORT, 'disk is full'); END";
    sqlx::query(full).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    see(&app, "T000018", TradeState::Success, 1).await;
    app.stop().await;

    let began = Instant::now();
    let process = folders.process(&[]);
    let tried = || process.lines_with(&["could not be taken on", "disk is full"]).len();
    until("it is tried", async || (tried() > 0).then_some(())).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (tried, seconds) = (tried(), began.elapsed().as_secs() + 1);
    assert!(tried <= usize::try_from(2 * seconds).unwrap() + 1, "{tried} times in {seconds} seconds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_hook_hangs_or_traps_holds_up_no_other() {
    let app = shop("ear/hangs", |config| config.plugins.limits.hook_timeout_ms = 10_000).await;
    create(&app, "T000013", 13).await;
    see(&app, "T000013", TradeState::Success, 1).await;
    let began = Instant::now();
    for number in ["T000014", "T000015", "T000016"] {
        create(&app, number, 101).await;
        see(&app, number, TradeState::Success, 1).await;
        events_become(&app, number, all("delivered")).await;
    }
    assert!(began.elapsed() < Duration::from_millis(9900), "{:?}", began.elapsed());
    let tried = |events: &[Value]| !events[0]["deliveries"].as_array().unwrap().is_empty();
    let events = events_become(&app, "T000013", tried).await;
    assert!(events[0]["deliveries"][0]["error"].as_str().unwrap().contains("plugins.hook_timeout_ms"), "{events:?}");

    let change = json!({"order_hook": "ear/falls"});
    assert_eq!(app.api(Method::PATCH, "/apps/shop", Some(change)).await.0, 200);
    create(&app, "T000017", 101).await;
    see(&app, "T000017", TradeState::Success, 1).await;
    let events = events_become(&app, "T000017", tried).await;
    assert!(events[0]["deliveries"][0]["error"].as_str().unwrap().contains("hook bug"), "{events:?}");
    let (_, order) = app.api(Method::GET, &format!("{ORDERS}/T000017"), None).await;
    assert_eq!(order["state"], "SUCCESS", "the order does not depend on its hook");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_has_the_time_that_is_set_for_its_plugin_or_for_that_in_its_app() {
    // For all it is half a minute.
    let app = shop("ear/hangs", |_| ()).await;
    let tried = |events: &[Value]| !events[0]["deliveries"].as_array().unwrap().is_empty();
    for (number, path, method, most) in
        [("T000051", "/plugins/ear", Method::PATCH, 400_u64), ("T000052", "/apps/shop/plugins/ear", Method::PUT, 200)]
    {
        let limits = json!({"limits": {"hook_timeout_ms": most}});
        assert_eq!(app.api(method, path, Some(limits)).await.0, 200);
        create(&app, number, 13).await;
        see(&app, number, TradeState::Success, 1).await;
        let events = events_become(&app, number, tried).await;
        let error = events[0]["deliveries"][0]["error"].as_str().unwrap();
        assert!(error.contains("(plugins.hook_timeout_ms)"), "{error}");
        // Rounded down twice.
        assert!((most - 1..=most).contains(&time_it_had(error)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_keeps_failing_is_told_of_every_change_all_the_same() {
    let app = shop("ear/falls", |config| config.plugins.limits.breaker_failures = 1).await;
    for number in ["T000021", "T000022", "T000023"] {
        create(&app, number, 101).await;
        see(&app, number, TradeState::Success, 1).await;
        let tried = |events: &[Value]| !events[0]["deliveries"].as_array().unwrap().is_empty();
        let events = events_become(&app, number, tried).await;
        assert!(events[0]["deliveries"][0]["error"].as_str().unwrap().contains("hook bug"), "{events:?}");
    }
    let (_, plugin) = app.api(Method::GET, "/plugins/ear", None).await;
    assert_eq!(plugin["breakers"], json!([]), "its events have pauses of their own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_wait_for_a_hook_whose_plugin_is_switched_off() {
    let app = shop("ear/fulfil", |_| ()).await;
    let switch = async |state: &str| {
        assert_eq!(app.api(Method::PATCH, "/plugins/ear", Some(json!({"state": state}))).await.0, 200);
    };
    switch("disabled").await;
    create(&app, "T000031", 101).await;
    see(&app, "T000031", TradeState::Success, 1).await;
    let tried = |events: &[Value]| !events[0]["deliveries"].as_array().unwrap().is_empty();
    let events = events_become(&app, "T000031", tried).await;
    assert_eq!(events[0]["delivery"], "pending", "{events:?}");
    let error = events[0]["deliveries"][0]["error"].as_str().unwrap();
    assert!(error.contains("plugin `ear` is switched off"), "{error}");
    assert_eq!(heard(&app, "T000031").await, "");

    switch("ready").await;
    // Not to wait for the pause.
    redeliver(&app, "T000031", &events[0]).await;
    events_become(&app, "T000031", all("delivered")).await;
    assert_eq!(heard(&app, "T000031").await, "1:New>Success@Notify ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_is_to_be_told_events_are_left_out_until_an_operator_asks() {
    let app = shop("ear/fulfil", |_| ()).await;
    assert_eq!(app.api(Method::PATCH, "/apps/shop", Some(json!({"order_hook": null}))).await.0, 200);
    create(&app, "T000003", 101).await;
    see(&app, "T000003", TradeState::Success, 1).await;
    let events = events_become(&app, "T000003", all("skipped")).await;
    assert_eq!(events[0]["deliveries"], json!([]));
    assert_eq!(app.api(Method::PATCH, "/apps/shop", Some(json!({"order_hook": "ear"}))).await.0, 200);
    redeliver(&app, "T000003", &events[0]).await;
    events_become(&app, "T000003", all("delivered")).await;
    assert_eq!(heard(&app, "T000003").await, "1:New>Success@Notify ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_one_tells_the_hook() {
    on_postgres(async |database| {
        let url = Some(database.url.clone());
        let one = shop("ear/fulfil", |config| config.database_url.clone_from(&url)).await;
        let two = one.beside().await;
        two.drop_plugin("ear", guests::listener().await).await;
        let numbers: Vec<String> = (0..40).map(|number| format!("T{number:06}")).collect();
        for number in &numbers {
            create(&one, number, 101).await;
            see(&two, number, TradeState::Success, 1).await;
        }
        for number in &numbers {
            let events = events_become(&one, number, all("delivered")).await;
            assert_eq!(events[0]["deliveries"].as_array().unwrap().len(), 1, "{events:?}");
            assert_eq!(heard(&one, number).await, "1:New>Success@Notify ");
        }
        one.stop().await;
        two.stop().await;
    })
    .await;
}
