//! Answers that take longer than WeChat waits: each reaches the user once, by the way that the app wants.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use sqlx::{Connection, PgConnection, Postgres, Transaction};
use weft::{
    config::Config,
    simulator::{Incoming, Sender},
};
use weft_wechat::account::EncodingMode;

use crate::support::{
    FAN, Inbox, ORIGINAL_ID, TestApp,
    database::{TestDatabase, on_postgres},
    guests, said, until,
};

/// A server whose apps are answered by a guest that can sleep.
async fn inbox(change: impl FnOnce(&mut Config)) -> Inbox {
    let inbox = Inbox::start_with(change).await;
    inbox.app.drop_plugin("guest", guests::misbehave().await).await;
    inbox
}

async fn calls(app: &TestApp) -> u64 {
    app.api(Method::GET, "/plugins/guest", None).await.1["calls"]["total"].as_u64().unwrap()
}

fn logged(via: &str, outcome: &str, text: &str) -> (String, String, String) {
    (via.to_owned(), outcome.to_owned(), text.to_owned())
}

fn message(openid: &str, text: &str, id: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Incoming::text(openid, text).xml(ORIGINAL_ID, now, id)
}

/// One try, which WeChat lets run out.
async fn deliver(account: &Sender, message: &str) -> String {
    let signed = account.sign(message);
    account.deliver(message.to_owned(), &signed).await.unwrap().body
}

/// One try that ends before there is an answer.
async fn cut(account: &Sender, message: &str) {
    let signed = account.sign(message);
    let tried = tokio::time::timeout(Duration::from_millis(150), account.deliver(message.to_owned(), &signed)).await;
    assert!(tried.is_err(), "{tried:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seven_seconds_wait_for_the_second_try_and_twenty_for_customer_service_or_the_log() {
    let inbox = inbox(|config| config.plugins.limits.call_timeout_ms = 25_000).await;
    let seven = inbox.account("seven", json!({"message_handler": "guest", "encoding_mode": "safe"})).await;
    let twenty = inbox.account("twenty", json!({"message_handler": "guest", "encoding_mode": "safe"})).await;
    let unable = inbox.account("unable", json!({"message_handler": "guest", "verified": false})).await;
    let patient = async {
        let exchange = seven.send(&Incoming::text(FAN, "sleep 7")).await.unwrap();
        assert_eq!((exchange.text().as_deref(), exchange.tries), (Some("slept 7 s"), 2));
        assert_eq!(inbox.logged("seven", FAN, 1).await, [logged("passive", "sent", "slept 7 s")]);
    };
    let told = async |account: &Sender| {
        let exchange = account.send(&Incoming::text(FAN, "sleep 20")).await.unwrap();
        assert_eq!((exchange.status, exchange.body.as_str(), exchange.tries), (200, "success", 3));
        assert!(exchange.took < Duration::from_secs(18), "{:?}", exchange.took);
    };
    futures::join!(patient, told(&twenty), told(&unable));
    let message = until("the answer is sent", async || inbox.sent("twenty").pop()).await;
    assert_eq!((&message["touser"], said(&message)), (&json!(FAN), "slept 20 s"));
    assert_eq!(inbox.logged("twenty", FAN, 1).await, [logged("customer_service", "sent", "slept 20 s")]);
    assert_eq!(inbox.logged("unable", FAN, 1).await, [logged("customer_service", "late", "slept 20 s")]);
    let sent = ["seven", "twenty", "unable"].map(|name| inbox.sent(name).len());
    assert_eq!((sent, calls(&inbox.app).await), ([0, 1, 0], 3), "one run of each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_may_want_late_answers_by_customer_service_or_not_at_all() {
    let inbox = inbox(|config| config.webhook.reply_deadline_ms = 1000).await;
    for (name, fields, sent, outcome) in [
        ("cs", json!({"late_reply": "customer_service"}), 1, "sent"),
        ("unable", json!({"late_reply": "customer_service", "verified": false}), 0, "late"),
        ("nosecret", json!({"late_reply": "customer_service", "appsecret": null}), 0, "late"),
        ("drop", json!({"late_reply": "drop"}), 0, "late"),
    ] {
        let mut fields = fields;
        fields["message_handler"] = json!("guest");
        let account = inbox.account(name, fields).await;
        let before = calls(&inbox.app).await;
        let late = message(FAN, "nap 3000", 1);
        let signed = account.sign(&late);
        let first = account.deliver(late.clone(), &signed).await.unwrap();
        assert_eq!((first.status, first.body.as_str()), (200, "success"), "{name}");
        assert!((1000..2900).contains(&first.took.as_millis()), "{name}: {:?}", first.took);
        assert_eq!(deliver(&account, &late).await, "success", "{name}: while it runs");
        let expected = logged("customer_service", outcome, "napped 3000 ms");
        assert_eq!(inbox.logged(name, FAN, 1).await, [expected], "{name}");
        assert_eq!(deliver(&account, &late).await, "success", "{name}: after it ran");
        assert_eq!(inbox.sent(name).iter().map(said).collect::<Vec<_>>(), vec!["napped 3000 ms"; sent], "{name}");
        assert_eq!(calls(&inbox.app).await, before + 1, "{name}");

        let quick = account.send(&Incoming::text("oQuick", "ok")).await.unwrap();
        assert_eq!(quick.text().as_deref(), Some("ok"), "{name}: an answer in time is the answer");
        assert_eq!(inbox.logged(name, "oQuick", 1).await, [logged("passive", "sent", "ok")]);
        assert_eq!(inbox.sent(name).len(), sent);
    }
}

/// Sends messages whose answers come about when `deadline_ms` is over, and counts how each reached its user.
async fn at_the_deadline(inbox: &Inbox, first: &Sender, last: &Sender, cuts: bool, deadline_ms: u64) {
    const RUNS: u64 = 24;
    let run = async |number: u64| {
        let openid = format!("oFan{number}");
        inbox.wechat.follow("wxshop", &openid);
        // From well before to well after, in small steps.
        let message = message(&openid, &format!("nap {}", deadline_ms - 60 + number * 5), number);
        if cuts {
            cut(first, &message).await;
        }
        let body = deliver(last, &message).await;
        let passive = body.contains("napped");
        assert!(passive || body == "success", "{body}");
        let way = if passive { "passive" } else { "customer_service" };
        let entries = inbox.logged("shop", &openid, 1).await;
        assert_eq!((&*entries[0].0, &*entries[0].1), (way, "sent"), "{number}");
        (openid, passive)
    };
    let mut ends = Vec::new();
    for eight in (0..RUNS).collect::<Vec<_>>().chunks(8) {
        ends.extend(join_all(eight.iter().map(|number| run(*number))).await);
    }
    let sent = inbox.sent("shop");
    for (openid, passive) in &ends {
        let messages = sent.iter().filter(|message| message["touser"] == **openid).count();
        assert_eq!(messages + usize::from(*passive), 1, "{openid}: {passive}");
    }
    let passive = ends.iter().filter(|(_, passive)| *passive).count();
    assert!(passive < ends.len(), "the latest are late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_at_the_deadline_goes_out_once() {
    let inbox = inbox(|config| config.webhook.reply_deadline_ms = 200).await;
    let account = inbox.account("shop", json!({"message_handler": "guest", "late_reply": "customer_service"})).await;
    at_the_deadline(&inbox, &account, &account, false, 200).await;
    assert_eq!(calls(&inbox.app).await, 24);
}

/// Two servers of one app on one database, and the app's account at each.
async fn two_servers(
    database: &TestDatabase,
    late_reply: &str,
    reply_deadline_ms: u64,
) -> (Inbox, TestApp, [Sender; 2]) {
    let configure = |config: &mut Config| {
        config.webhook.reply_deadline_ms = reply_deadline_ms;
        config.database_url = Some(database.url.clone());
    };
    let one = inbox(configure).await;
    let to_one = one.account("shop", json!({"message_handler": "guest", "late_reply": late_reply})).await;
    let api_base = one.wechat.base.clone();
    let two = TestApp::start_with(|config| {
        configure(config);
        config.wechat.api_base = api_base;
    })
    .await;
    two.drop_plugin("guest", guests::misbehave().await).await;
    let to_two = two.sender("shop", EncodingMode::Plain);
    (one, two, [to_one, to_two])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_at_the_deadline_of_another_server_goes_out_once() {
    on_postgres(async |database| {
        let (inbox, two, [to_one, to_two]) = two_servers(&database, "customer_service", 400).await;
        at_the_deadline(&inbox, &to_one, &to_two, true, 550).await;
        inbox.app.stop().await;
        two.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_try_at_another_server_gets_the_answer_or_customer_service_sends_it() {
    on_postgres(async |database| {
        let (inbox, two, [to_one, to_two]) = two_servers(&database, "join", 400).await;
        for (text, said_by, passive) in [("nap 600", "napped 600 ms", true), ("nap 2000", "napped 2000 ms", false)] {
            let openid = format!("oFan{passive}");
            inbox.wechat.follow("wxshop", &openid);
            let message = message(&openid, text, u64::from(passive));
            cut(&to_one, &message).await;
            for _ in 0..2 {
                cut(&to_two, &message).await;
            }
            let last = deliver(&to_two, &message).await;
            assert_eq!((last.contains(said_by), last == "success"), (passive, !passive), "{last}");
            let way = if passive { "passive" } else { "customer_service" };
            assert_eq!(inbox.logged("shop", &openid, 1).await, [logged(way, "sent", said_by)]);
        }
        let sent = inbox.sent("shop");
        assert_eq!(sent.iter().map(said).collect::<Vec<_>>(), ["napped 2000 ms"]);
        assert_eq!(calls(&inbox.app).await + calls(&two).await, 2, "one run of each");
        inbox.app.stop().await;
        two.stop().await;
    })
    .await;
}

/// Holds up whoever reads or writes deliveries, until it is rolled back.
async fn lock_deliveries(admin: &mut PgConnection) -> Transaction<'_, Postgres> {
    let mut locked = admin.begin().await.unwrap();
    sqlx::query("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE").execute(&mut *locked).await.unwrap();
    locked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_try_does_not_wait_for_a_database_that_hangs_and_the_answer_is_not_lost() {
    on_postgres(async |database| {
        let (inbox, two, [to_one, to_two]) = two_servers(&database, "customer_service", 4500).await;
        let mut admin = database.postgres().await;
        let message = message(FAN, "nap 12000", 1);
        cut(&to_one, &message).await;
        cut(&to_two, &message).await;
        let locked = lock_deliveries(&mut admin).await;
        assert_eq!(deliver(&to_two, &message).await, "success", "within WeChat's five seconds");
        // Longer than anybody waits for the database once.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        locked.rollback().await.unwrap();
        let expected = logged("customer_service", "sent", "napped 12000 ms");
        assert_eq!(inbox.logged("shop", FAN, 1).await, [expected]);
        assert_eq!((inbox.sent("shop").len(), calls(&inbox.app).await + calls(&two).await), (1, 1));
        inbox.app.stop().await;
        two.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_answer_that_is_given_while_the_database_hangs_goes_out_when_it_is_back() {
    on_postgres(async |database| {
        let (inbox, two, [to_one, to_two]) = two_servers(&database, "customer_service", 400).await;
        let mut admin = database.postgres().await;
        let message = message(FAN, "nap 2500", 1);
        cut(&to_one, &message).await;
        assert_eq!(deliver(&to_two, &message).await, "success");
        tokio::time::sleep(Duration::from_millis(500)).await;
        let locked = lock_deliveries(&mut admin).await;
        // The handler answers meanwhile, and for longer than anybody waits for the database once nobody can tell it.
        tokio::time::sleep(Duration::from_millis(4500)).await;
        locked.rollback().await.unwrap();
        let expected = logged("customer_service", "sent", "napped 2500 ms");
        assert_eq!(inbox.logged("shop", FAN, 1).await, [expected]);
        assert_eq!((inbox.sent("shop").len(), calls(&inbox.app).await + calls(&two).await), (1, 1));
        inbox.app.stop().await;
        two.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_try_that_comes_while_the_database_hangs_gets_the_answer_at_once() {
    on_postgres(async |database| {
        let (inbox, two, [to_one, _]) = two_servers(&database, "join", 400).await;
        let mut admin = database.postgres().await;
        let message = message(FAN, "nap 1500", 1);
        cut(&to_one, &message).await;
        let locked = lock_deliveries(&mut admin).await;
        // The handler has answered by then, and asks the database whether that was in time.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let began = Instant::now();
        let answer = deliver(&to_one, &message).await;
        assert!(answer.contains("napped 1500 ms"), "{answer}");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        locked.rollback().await.unwrap();
        assert_eq!(inbox.logged("shop", FAN, 1).await, [logged("passive", "sent", "napped 1500 ms")]);
        assert_eq!(inbox.sent("shop").len(), 0);
        inbox.app.stop().await;
        two.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_try_gets_the_answer_of_a_process_that_has_taken_the_message_over() {
    on_postgres(async |database| {
        const ALIVE: &str = "INSERT INTO processes (id, seen_at) VALUES ('another', 9999999999)";
        const TAKES: &str = "UPDATE deliveries SET owner = 'another' WHERE answered_at IS NULL";
        const ANSWERS: &str = "UPDATE deliveries SET answered_at = claimed_at, answer = 'theirs'";
        let (inbox, two, [to_one, _]) = two_servers(&database, "join", 400).await;
        let mut another = database.postgres().await;
        let message = message(FAN, "nap 600", 1);
        cut(&to_one, &message).await;
        sqlx::query(ALIVE).execute(&mut another).await.unwrap();
        while sqlx::query(TAKES).execute(&mut another).await.unwrap().rows_affected() == 0 {}
        tokio::time::sleep(Duration::from_secs(4)).await;
        let (answer, answered) = futures::join!(deliver(&to_one, &message), async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            sqlx::query(ANSWERS).execute(&mut another).await
        });
        answered.unwrap();
        assert_eq!(answer, "theirs");
        assert_eq!((inbox.sent("shop").len(), calls(&inbox.app).await), (0, 1));
        inbox.app.stop().await;
        two.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_given_while_the_database_hangs_is_the_answer_to_the_next_try_too() {
    on_postgres(async |database| {
        let (inbox, two, [to_one, to_two]) = two_servers(&database, "join", 1000).await;
        let mut connection = database.postgres().await;
        let admin = &mut connection;
        let message = message(FAN, "nap 2500", 1);
        let (answer, locked) = futures::join!(deliver(&to_one, &message), async move {
            // The handler is at work by then.
            tokio::time::sleep(Duration::from_secs(1)).await;
            lock_deliveries(admin).await
        });
        assert!(answer.contains("napped 2500 ms"), "{answer}");
        locked.rollback().await.unwrap();
        assert_eq!(inbox.logged("shop", FAN, 1).await, [logged("passive", "sent", "napped 2500 ms")]);
        assert_eq!(deliver(&to_two, &message).await, answer);
        assert_eq!((inbox.sent("shop").len(), calls(&inbox.app).await + calls(&two).await), (0, 1));
        inbox.app.stop().await;
        two.stop().await;
    })
    .await;
}
