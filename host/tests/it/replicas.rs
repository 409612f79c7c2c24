//! One delivery is handled once, also when the process that had its first try is not the one that gets its next.

use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{Router, routing::post};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use sqlx::{Connection, PgConnection, Postgres, Transaction};
use tempfile::TempDir;
use weft::{
    config::{Config, DatabaseUrl},
    simulator::{Exchange, Incoming, Sender},
};
use weft_wechat::account::EncodingMode;

use crate::support::{
    ORIGINAL_ID, TestApp,
    database::{TestDatabase, on_postgres},
    guests,
    process::Process,
    sender_to, until,
};

const OPENID: &str = "oUser";

/// Where the data of servers is that follow each other, or stand side by side.
struct Home {
    folder: TempDir,
    database: Option<DatabaseUrl>,
}

impl Home {
    fn new(database: Option<&TestDatabase>) -> Self {
        let database = database.map(|database| database.url.clone());
        Self { folder: tempfile::tempdir().unwrap(), database }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn configure(&self, config: &mut Config) {
        config.data_dir = self.data();
        config.database_url.clone_from(&self.database);
    }

    /// The first server, with an app that the guest answers.
    async fn first(&self, mode: EncodingMode) -> (TestApp, Sender) {
        let app = TestApp::start_with(|config| self.configure(config)).await;
        app.drop_plugin("guest", guests::misbehave().await).await;
        let account = app.account("shop", mode, "guest").await;
        let (status, _) = app.api(Method::PUT, "/apps/shop/plugins/guest", Some(json!({"kv": true}))).await;
        assert_eq!(status, 200);
        (app, account)
    }

    /// Another server of the same app.
    async fn next(&self, mode: EncodingMode) -> (TestApp, Sender) {
        let app = TestApp::start_with(|config| self.configure(config)).await;
        app.drop_plugin("guest", guests::misbehave().await).await;
        let account = app.sender("shop", mode);
        (app, account)
    }

    /// Another server of the same app, as a process of its own.
    async fn process(&self, mode: EncodingMode) -> (Process, Sender) {
        let plugins = self.folder.path().join("plugins");
        std::fs::create_dir_all(&plugins).unwrap();
        std::fs::write(plugins.join("guest.wasm"), guests::misbehave().await).unwrap();
        let Some(DatabaseUrl::Postgres(url)) = &self.database else { panic!("not PostgreSQL") };
        let process = Process::serve(&self.data(), &plugins, url.expose());
        let account = sender_to(&process.base, "shop", mode);
        (process, account)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn message(text: &str, id: u64) -> String {
    Incoming::text(OPENID, text).xml(ORIGINAL_ID, now(), id)
}

async fn deliver(account: &Sender, message: &str) -> Exchange {
    let signed = account.sign(message);
    account.deliver(message.to_owned(), &signed).await.unwrap()
}

/// As WeChat, when it gives a try up, or the process dies: as soon as the guest has counted so far.
async fn give_up_at(count: &str, app: &TestApp, account: &Sender, message: &str) {
    let signed = account.sign(message);
    let counted = async || {
        let entry = app.state.store.plugin_kv().get("shop", "guest", "count").await.unwrap();
        entry.is_some_and(|entry| entry.value == count.as_bytes()).then_some(())
    };
    tokio::select! {
        exchange = account.deliver(message.to_owned(), &signed) => panic!("it is answered: {exchange:?}"),
        () = until("it is counted", counted) => {}
    }
}

async fn calls(app: &TestApp) -> u64 {
    app.api(Method::GET, "/plugins/guest", None).await.1["calls"]["total"].as_u64().unwrap()
}

/// Nobody else can use what deliveries need.
async fn lock(admin: &mut PgConnection) -> Transaction<'_, Postgres> {
    let mut locked = admin.begin().await.unwrap();
    sqlx::query("LOCK TABLE deliveries, processes IN ACCESS EXCLUSIVE MODE").execute(&mut *locked).await.unwrap();
    locked
}

async fn a_restart_between(home: Home, mode: EncodingMode) {
    let (app, account) = home.first(mode).await;
    let counted = message("kv-count", 1);
    let failed = message("error", 2);
    let slow = message("kv-count, sleep 2", 3);
    let (counted_body, failed_body) = (deliver(&account, &counted).await.body, deliver(&account, &failed).await.body);
    assert!(counted_body.starts_with("<xml>") && failed_body.is_empty(), "{counted_body} {failed_body}");
    give_up_at("2", &app, &account, &slow).await;
    app.stop().await;

    let (app, account) = home.next(mode).await;
    for _ in 0..2 {
        assert_eq!(deliver(&account, &counted).await.body, counted_body, "{mode}");
        assert_eq!(deliver(&account, &failed).await.body, "", "{mode}");
        assert_eq!(deliver(&account, &slow).await.text().as_deref(), Some("2"), "a stop lets handlers end");
    }
    assert_eq!(calls(&app).await, 0, "{mode}");
    assert_eq!(deliver(&account, &message("kv-count", 4)).await.text().as_deref(), Some("3"), "another message");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_a_restart_gets_the_answer_of_before() {
    for mode in [EncodingMode::Plain, EncodingMode::Safe] {
        a_restart_between(Home::new(None), mode).await;
    }
    on_postgres(async |database| {
        a_restart_between(Home::new(Some(&database)), EncodingMode::Safe).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_at_two_servers_are_one_run_and_one_answer() {
    on_postgres(async |database| {
        let home = Home::new(Some(&database));
        let (one, to_one) = home.first(EncodingMode::Safe).await;
        let (two, to_two) = home.next(EncodingMode::Safe).await;
        let slow = message("kv-count, sleep 1", 1);
        let at_once = (0..50).map(|number| deliver(if number % 2 == 0 { &to_one } else { &to_two }, &slow));
        let answers = join_all(at_once).await;
        assert_eq!(answers[0].text().as_deref(), Some("1"));
        assert!(answers.iter().all(|answer| answer.body == answers[0].body));

        let quick = message("kv-count", 2);
        let mut bodies = Vec::new();
        for account in [&to_two, &to_one, &to_two, &to_one] {
            bodies.push(deliver(account, &quick).await.body);
        }
        assert!(bodies.iter().all(|body| *body == bodies[0] && body.contains("Encrypt")), "{bodies:?}");

        let at = now();
        let click = |key| Incoming::click(OPENID, key).xml(ORIGINAL_ID, at, 0);
        for event in [click("a"), click("b"), click("a"), click("b")] {
            for account in [&to_one, &to_two] {
                assert_eq!(deliver(account, &event).await.status, 200);
            }
        }
        assert_eq!(calls(&one).await + calls(&two).await, 4, "two messages and two events of one second");
        one.stop().await;
        two.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_process_was_killed_is_handled_by_the_next() {
    on_postgres(async |database| {
        let home = Home::new(Some(&database));
        let (app, _) = home.first(EncodingMode::Plain).await;
        let (one, to_one) = home.process(EncodingMode::Plain).await;
        let (_two, to_two) = home.process(EncodingMode::Plain).await;

        let quick = message("kv-count", 1);
        let bodies = [deliver(&to_one, &quick).await.body, deliver(&to_two, &quick).await.body];
        assert_eq!(bodies[0], bodies[1]);

        let slow = message("kv-count, sleep 2", 2);
        give_up_at("2", &app, &to_one, &slow).await;
        one.kill();
        // The second try, which may run out while it waits for the one that was killed; and the last one.
        let signed = to_two.sign(&slow);
        let second = to_two.deliver(slow.clone(), &signed).await;
        let last = deliver(&to_two, &slow).await;
        assert_eq!(last.text().as_deref(), Some("3"), "the killed run counted 2; {second:?}");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_the_database_did_not_let_show_life_keeps_what_it_handles() {
    on_postgres(async |database| {
        let home = Home::new(Some(&database));
        let (one, to_one) = home.first(EncodingMode::Plain).await;
        let (two, to_two) = home.next(EncodingMode::Plain).await;
        let mut admin = database.postgres().await;
        let slow = message("kv-count, sleep 8", 1);
        give_up_at("1", &one, &to_one, &slow).await;
        let mut locked = admin.begin().await.unwrap();
        // Everybody can read who is alive, and nobody can say so; for longer than who does not is believed to be.
        sqlx::query("LOCK TABLE processes IN EXCLUSIVE MODE").execute(&mut *locked).await.unwrap();
        let signed = to_two.sign(&slow);
        let second = to_two.deliver(slow.clone(), &signed).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        locked.rollback().await.unwrap();
        let last = deliver(&to_two, &slow).await;
        assert_eq!(last.text().as_deref(), Some("1"), "{second:?}");
        assert_eq!(calls(&one).await + calls(&two).await, 1);
        one.stop().await;
        two.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_answered_while_the_database_is_in_trouble() {
    on_postgres(async |database| {
        let home = Home::new(Some(&database));
        let (app, account) = home.first(EncodingMode::Plain).await;
        let mut admin = database.postgres().await;
        let mut id = 0;
        let mut answered = async || {
            id += 1;
            let (message, began) = (message("ok", id), Instant::now());
            let first = deliver(&account, &message).await;
            assert_eq!(first.text().as_deref(), Some("ok"), "{}", first.body);
            assert_eq!(deliver(&account, &message).await.body, first.body);
            assert!(began.elapsed() < Duration::from_millis(4500), "{:?}", began.elapsed());
        };

        // Connections that end while they are used.
        for _ in 0..3 {
            let mut locked = lock(&mut admin).await;
            let mut ended = 0;
            while ended == 0 {
                const END: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks \
                     WHERE relation = 'processes'::regclass AND pid <> pg_backend_pid()";
                ended = sqlx::query_scalar::<_, i64>(END).fetch_one(&mut *locked).await.unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            locked.rollback().await.unwrap();
            answered().await;
        }
        // A table that nobody can use.
        let locked = lock(&mut admin).await;
        for _ in 0..3 {
            answered().await;
        }
        locked.rollback().await.unwrap();
        answered().await;
        // No table.
        sqlx::query("DROP TABLE deliveries").execute(&mut admin).await.unwrap();
        for _ in 0..3 {
            answered().await;
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_being_kept_at_the_deadline_reaches_the_try_that_waits() {
    on_postgres(async |database| {
        let home = Home::new(Some(&database));
        let (app, account) = home.first(EncodingMode::Plain).await;
        // The first try is the last one.
        let (status, _) = app.api(Method::PATCH, "/apps/shop", Some(json!({"late_reply": "drop"}))).await;
        assert_eq!(status, 200);
        let mut admin = database.postgres().await;
        let (slow, began) = (message("sleep 4", 1), Instant::now());
        // Nobody else can write to the row from its claim on, until the deadline of 4.5 s is over: the answer is there
        // before it and kept after it.
        let lock_row = async {
            const LOCK: &str = "SELECT key FROM deliveries FOR UPDATE";
            let mut locked = admin.begin().await.unwrap();
            while sqlx::query(LOCK).fetch_optional(&mut *locked).await.unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            tokio::time::sleep(Duration::from_millis(4650).saturating_sub(began.elapsed())).await;
            locked.rollback().await.unwrap();
        };
        let (exchange, ()) = futures::future::join(deliver(&account, &slow), lock_row).await;
        assert_eq!(exchange.text().as_deref(), Some("slept 4 s"), "{}", exchange.body);
        app.stop().await;
    })
    .await;
}

/// A server of the operator's that takes its time for the longest of answers; gives its host.
async fn lengthy() -> String {
    let part = "x".repeat(2048);
    let item: String =
        ["Title", "Description", "PicUrl", "Url"].map(|name| format!("<{name}>{part}</{name}>")).concat();
    let items = format!("<item>{item}</item>").repeat(8);
    let news = format!("<xml><MsgType>news</MsgType><ArticleCount>8</ArticleCount><Articles>{items}</Articles></xml>");
    let answer = async move || {
        tokio::time::sleep(Duration::from_millis(150)).await;
        news.clone()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(axum::serve(listener, Router::new().route("/", post(answer))).into_future());
    host
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_long_answers_that_may_be_late_an_app_has_no_more_kept_than_of_others() {
    on_postgres(async |database| {
        const KEPT: &str = "SELECT COALESCE(SUM(OCTET_LENGTH(answer)), 0)::BIGINT FROM deliveries";
        let home = Home::new(Some(&database));
        let app = TestApp::start_with(|config| {
            home.configure(config);
            // Whoever takes longer may have been given up by another server.
            config.webhook.reply_deadline_ms = 100;
        })
        .await;
        let account = app.account("shop", EncodingMode::Plain, "guest").await;
        let host = lengthy().await;
        let (status, _) = app.api(Method::PATCH, "/apps/shop", Some(json!({"forward_hosts": [host]}))).await;
        assert_eq!(status, 200);
        let replies = json!([{"type": "forward", "url": format!("http://{host}/")}]);
        let handler = json!({"name": "all", "rules": [{"type": "all"}], "replies": replies});
        assert_eq!(app.api(Method::POST, "/apps/shop/handlers", Some(handler)).await.0, 201);

        let at = now();
        let click = async |number: u64| {
            // Articles that answer a text would be cut to one.
            let click = Incoming::click(&format!("oUser{number}"), "news").xml(ORIGINAL_ID, at, 0);
            let answer = deliver(&account, &click).await;
            assert!(answer.body.len() > 64 << 10, "the first try always has it: {}", answer.body);
        };
        for some in (0..550).collect::<Vec<_>>().chunks(25) {
            join_all(some.iter().map(|number| click(*number))).await;
        }
        let kept: i64 = sqlx::query_scalar(KEPT).fetch_one(&mut database.postgres().await).await.unwrap();
        assert!((24 << 20..=32 << 20).contains(&kept), "{kept} bytes");
        app.stop().await;
    })
    .await;
}
