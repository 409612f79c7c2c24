//! Tables `message_logs` and `message_log_owners`.

use std::collections::HashSet;

use uuid::Uuid;
use weft::{
    config::WebhookConfig,
    message_log::MessageLog,
    model::{Direction, LoggedHandler, LoggedMessage, MessageLogEntry, Outcome, Via},
    storage::{BatchRow, MessageLogQuery, MessageLogRow, Store},
};
use weft_wechat::{message::Message, reply::Reply};

use super::add_app;
use crate::support::database::{START, TestDatabase, on_every_database};

const START_MS: u64 = START * 1000;

/// A log that is written.
fn log(store: &Store, database: &TestDatabase) -> MessageLog {
    let log = MessageLog::new(store.clone(), database.clock.clone(), &WebhookConfig::default());
    tokio::spawn(log.clone().run());
    log
}

fn text(app: &str, at: u64, openid: &str, content: &str) -> MessageLogEntry {
    let reply = Reply::Text(content.to_owned());
    MessageLogEntry::outgoing(app, at, openid, &reply, Via::Passive, Outcome::Sent)
}

fn received(app: &str, at: u64, fields: &str) -> MessageLogEntry {
    let xml = format!(
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>fan</FromUserName><CreateTime>1</CreateTime>{fields}</xml>"
    );
    MessageLogEntry::incoming(app, at, &Message::parse(&xml).unwrap())
}

async fn write(log: &MessageLog, entries: impl IntoIterator<Item = MessageLogEntry>) {
    let written = entries.into_iter().map(|entry| log.record_durably(entry));
    futures::future::try_join_all(written).await.unwrap();
}

/// Writes without a log, which would purge too.
async fn write_rows(store: &Store, entries: impl IntoIterator<Item = MessageLogEntry>) {
    let row = |entry| MessageLogRow { message: LoggedMessage { id: Uuid::now_v7(), entry }, room: None };
    let rows: Vec<_> = entries.into_iter().map(row).collect();
    MessageLogRow::write(store, &rows).await.unwrap();
}

async fn search(store: &Store, app: &str, query: &MessageLogQuery) -> Vec<LoggedMessage> {
    store.message_logs().search(app, query, None, 1000).await.unwrap()
}

async fn contents(store: &Store, app: &str, query: &MessageLogQuery) -> Vec<String> {
    search(store, app, query).await.into_iter().map(|found| found.entry.content).collect()
}

/// Purges until nothing is left; how many there were.
async fn purge_all(store: &Store, time: Option<u64>, limit: u32) -> u64 {
    let mut all = 0;
    loop {
        let deleted = store.message_logs().purge(time, limit).await.unwrap();
        assert!(deleted <= u64::from(limit));
        if deleted == 0 {
            return all;
        }
        all += deleted;
    }
}

#[tokio::test]
async fn an_entry_is_read_as_it_was_written() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let log = log(&store, &database);
        let incoming = MessageLogEntry {
            handler: Some(LoggedHandler { id: Some("h1".to_owned()), name: "欢迎".to_owned() }),
            delivery_id: Some("shop/fan/1".to_owned()),
            raw: Some("<xml>原文</xml>".to_owned()),
            ..received(
                "shop",
                START_MS + 1,
                "<MsgType>text</MsgType><Content>你好</Content><MsgId>18446744073709551615</MsgId>",
            )
        };
        let event =
            received("shop", START_MS + 2, "<MsgType>event</MsgType><Event>CLICK</Event><EventKey>M1</EventKey>");
        let failed = MessageLogEntry {
            via: Some(Via::CustomerService),
            outcome: Some(Outcome::Failed("45015: 回复时间超过限制".to_owned())),
            handler: Some(LoggedHandler { id: None, name: "greeter/vip".to_owned() }),
            ..text("shop", START_MS + 3, "fan", "a\0b")
        };
        write(&log, [incoming.clone(), event.clone(), failed.clone()]).await;

        let found = search(&store, "shop", &MessageLogQuery::default()).await;
        let entries: Vec<_> = found.iter().map(|found| found.entry.clone()).collect();
        let listed = MessageLogEntry { raw: None, ..incoming.clone() };
        assert_eq!(incoming.msg_id, Some(u64::MAX));
        assert_eq!(entries, [failed.fitted(), event, listed], "newest first, without raw texts");
        assert_eq!(entries[0].content, "a\u{fffd}b", "PostgreSQL keeps no U+0000");

        let logs = store.message_logs();
        assert_eq!(logs.find("shop", found[2].id).await.unwrap().unwrap().entry, incoming);
        add_app(&store, "blog").await;
        for (app, id) in [("shop", Uuid::now_v7()), ("blog", found[2].id), ("n\0ne", found[2].id)] {
            assert_eq!(logs.find(app, id).await.unwrap(), None);
        }
        log.close().await;
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn entries_are_found_by_all_that_is_known_of_them() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        add_app(&store, "blog").await;
        let log = log(&store, &database);
        let by = |id: Option<&str>, name: &str, entry: MessageLogEntry| MessageLogEntry {
            handler: Some(LoggedHandler { id: id.map(str::to_owned), name: name.to_owned() }),
            ..entry
        };
        write(
            &log,
            [
                by(Some("h1"), "prices", text("shop", START_MS, "one", "Only 100% today")),
                by(None, "greeter", text("shop", START_MS + 10, "two", "only 100_x")),
                received("shop", START_MS + 20, "<MsgType>event</MsgType><Event>CLICK</Event><EventKey>M1</EventKey>"),
                received("shop", START_MS + 30, "<MsgType>image</MsgType><PicUrl>p</PicUrl><MediaId>m1</MediaId>"),
                text("shop", START_MS + 40, "one", r"c:\100"),
                text("blog", START_MS + 50, "one", "elsewhere"),
            ],
        )
        .await;
        let none = MessageLogQuery::default;
        let some = |text: &str| Some(text.to_owned());
        for (query, found) in [
            (none(), &[r"c:\100", "m1", "", "only 100_x", "Only 100% today"][..]),
            (MessageLogQuery { openid: some("one"), ..none() }, &[r"c:\100", "Only 100% today"]),
            (MessageLogQuery { openid: some("three"), ..none() }, &[]),
            (MessageLogQuery { openid: some("o\0e"), ..none() }, &[]),
            (MessageLogQuery { direction: Some(Direction::In), ..none() }, &["m1", ""]),
            (MessageLogQuery { msg_type: some("image"), ..none() }, &["m1"]),
            (MessageLogQuery { event: some("click"), ..none() }, &[""]),
            (MessageLogQuery { event: some("VIEW"), ..none() }, &[]),
            (MessageLogQuery { handler: some("h1"), ..none() }, &["Only 100% today"]),
            (MessageLogQuery { handler: some("greeter"), ..none() }, &["only 100_x"]),
            (MessageLogQuery { text: some("ONLY 100"), ..none() }, &["only 100_x", "Only 100% today"]),
            (MessageLogQuery { text: some("0%"), ..none() }, &["Only 100% today"]),
            (MessageLogQuery { text: some("0_"), ..none() }, &["only 100_x"]),
            (MessageLogQuery { text: some(r":\1"), ..none() }, &[r"c:\100"]),
            (MessageLogQuery { text: some("' OR 1=1 --"), ..none() }, &[]),
            (MessageLogQuery { since: Some(START_MS + 30), ..none() }, &[r"c:\100", "m1"]),
            (MessageLogQuery { until: Some(START_MS + 10), ..none() }, &["Only 100% today"]),
            (MessageLogQuery { since: Some(START_MS + 10), until: Some(START_MS + 20), ..none() }, &["only 100_x"]),
            (MessageLogQuery { since: Some(u64::MAX), ..none() }, &[]),
            (
                MessageLogQuery { openid: some("one"), text: some("only"), since: Some(0), ..none() },
                &["Only 100% today"],
            ),
        ] {
            assert_eq!(contents(&store, "shop", &query).await, found, "{query:?}");
        }
        assert_eq!(contents(&store, "blog", &none()).await, ["elsewhere"]);
        assert_eq!(contents(&store, "none", &none()).await, [""; 0]);
        log.close().await;
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn pages_neither_repeat_nor_skip_while_entries_are_added() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let log = log(&store, &database);
        // All in one millisecond: their order is the order in which they came.
        write(&log, (0..100).map(|number| text("shop", START_MS, "fan", &number.to_string()))).await;
        for query in
            [MessageLogQuery::default(), MessageLogQuery { openid: Some("fan".to_owned()), ..Default::default() }]
        {
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let page = store.message_logs().search("shop", &query, after, 7).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                seen.extend(page.into_iter().map(|found| found.entry.content));
                write(&log, [text("shop", START_MS + 5, "fan", "new")]).await;
            }
            seen.retain(|content| content != "new");
            let expected: Vec<_> = (0..100).rev().map(|number| number.to_string()).collect();
            assert_eq!(seen, expected);
        }
        log.close().await;
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_old_is_deleted_a_little_at_a_time() {
    on_every_database(async |database| {
        let store = database.open().await;
        let log = log(&store, &database);
        for app in ["shop", "blog"] {
            add_app(&store, app).await;
            write(&log, (0..25).map(|number| text(app, START_MS + number, "fan", &number.to_string()))).await;
        }
        assert_eq!(store.message_logs().purge(None, 10).await.unwrap(), 0, "without a time all is kept");
        assert_eq!(store.message_logs().purge(Some(START_MS), 10).await.unwrap(), 0, "nothing is that old");
        assert_eq!(store.message_logs().purge(Some(START_MS + 20), 10).await.unwrap(), 10);
        assert_eq!(purge_all(&store, Some(START_MS + 20), 7).await, 30);
        for app in ["shop", "blog"] {
            assert_eq!(contents(&store, app, &MessageLogQuery::default()).await, ["24", "23", "22", "21", "20"]);
        }
        log.close().await;
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_app_leaves_nothing_to_one_of_its_name() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        write_rows(&store, (0..25).map(|number| text("shop", START_MS, "fan", &number.to_string()))).await;
        let id = search(&store, "shop", &MessageLogQuery::default()).await[0].id;

        assert!(store.apps().delete("shop").await.unwrap());
        write_rows(&store, [text("shop", START_MS, "fan", "to nobody")]).await;
        add_app(&store, "shop").await;
        assert_eq!(contents(&store, "shop", &MessageLogQuery::default()).await, [""; 0]);
        assert_eq!(store.message_logs().find("shop", id).await.unwrap(), None);
        write_rows(&store, [text("shop", START_MS, "fan", "of the new one")]).await;

        assert_eq!(purge_all(&store, None, 10).await, 25);
        assert_eq!(contents(&store, "shop", &MessageLogQuery::default()).await, ["of the new one"]);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_write_and_purge_at_once_lose_nothing() {
    on_every_database(async |database| {
        let stores = futures::future::join_all((0..3).map(|_| database.open())).await;
        let apps: Vec<_> = (0..8).map(|number| format!("app{number}")).collect();
        for app in &apps {
            add_app(&stores[0], app).await;
        }
        let logs: Vec<_> = stores.iter().map(|store| log(store, &database)).collect();
        let old = START_MS - 60 * 60 * 1000;
        // Each begins with another app, and all of them are new to the log.
        let entries = |process: usize| {
            let apps = apps.iter().cycle().skip(process * 3).take(400).enumerate();
            apps.map(move |(number, app)| {
                text(app, if number % 2 == 0 { old } else { START_MS }, "fan", &format!("{process}/{number}"))
            })
        };
        let writes = logs.iter().enumerate().map(|(process, log)| write(log, entries(process)));
        futures::future::join_all(writes).await;
        let purges = stores.iter().map(|store| purge_all(store, Some(START_MS), 20));
        let deleted: u64 = futures::future::join_all(purges).await.into_iter().sum();
        assert_eq!(deleted, 600);
        let mut kept = HashSet::new();
        for app in &apps {
            kept.extend(contents(&stores[1], app, &MessageLogQuery::default()).await);
        }
        assert_eq!(kept.len(), 600);
        for (log, store) in logs.into_iter().zip(stores) {
            log.close().await;
            store.close().await;
        }
    })
    .await;
}
