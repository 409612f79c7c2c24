//! What a database says when it fails is for operators, from the command and in the log, and for nobody else.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use reqwest::Url;
use serde_json::Value;
use sqlx::{Connection, SqliteConnection};
use tokio::{
    io::{AsyncBufReadExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
    process::Command,
    task::JoinSet,
    time::timeout,
};
use weft::{clock::Clock, config::DatabaseUrl, secret::SecretKey, storage::Store};

use crate::support::{Folders, PATIENCE, client, database::on_postgres, until};

/// Runs `weft` in a folder of its own, away from the settings of this process.
fn weft(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weft"));
    command.args(arguments).current_dir(folder).env_clear().kill_on_drop(true);
    command
}

async fn change_tables(folder: &Path, sql: &'static str) {
    let url = format!("sqlite://{}", folder.join("data/weft.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn the_command_tells_once_what_the_database_says() {
    let folder = tempfile::tempdir().unwrap();
    assert!(weft(folder.path(), &["migrate"]).output().await.unwrap().status.success());
    change_tables(folder.path(), "ALTER TABLE apps RENAME TO gone").await;
    let check = weft(folder.path(), &["check"]).output().await.unwrap();
    let list = weft(folder.path(), &["app", "list"]).output().await.unwrap();
    for (text, begin) in
        [(check.stdout, "database: the database failed: "), (list.stderr, "weft: the database failed: ")]
    {
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(begin), "{text}");
        assert_eq!(text.matches("no such table: apps").count(), 1, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_what_the_database_says_and_the_api_does_not() {
    for format in ["text", "json"] {
        let folder = tempfile::tempdir().unwrap();
        let created = weft(folder.path(), &["token", "create", "--name", "test", "--json"]).output().await.unwrap();
        let created: Value = serde_json::from_slice(&created.stdout).unwrap();
        change_tables(folder.path(), "ALTER TABLE jobs RENAME TO gone").await;

        let mut serving = weft(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
        let mut serving = serving.env("WEFT_LOG_FORMAT", format).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(serving.stderr.take().unwrap()).lines();
        let mut line_with = async |message: &str| loop {
            let line = timeout(PATIENCE, lines.next_line()).await.expect("a line").unwrap().unwrap();
            assert!(!line.contains("response failed"), "it is told why, and not again: {line}");
            if line.contains(message) {
                return line;
            }
        };
        let serves = line_with("serves").await;
        let port = serves.split("127.0.0.1:").nth(1).unwrap();
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        for message in ["jobs cannot be looked after", "old jobs could not be deleted"] {
            let line = line_with(message).await;
            assert!(line.contains("the database failed: ") && line.contains("no such table: jobs"), "{line}");
        }

        let client = client();
        // What stands behind the line of the first is seen with the second.
        for _ in 0..2 {
            let request = client.get(format!("http://127.0.0.1:{port}/api/v1/jobs"));
            let response = request.bearer_auth(created["token"].as_str().unwrap()).send().await.unwrap();
            assert_eq!(response.status().as_u16(), 500);
            let problem = response.text().await.unwrap();
            assert!(problem.contains("the log says why") && !problem.contains("table"), "{problem}");
            let line = line_with("a request failed").await;
            assert!(line.contains("no such table: jobs"), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_once_why_a_process_is_not_ready_however_often_it_is_asked() {
    let folders = Folders::new();
    let process = folders.process(&[]);
    let client = client();
    let ask = async |patience: u64| {
        let request = client.get(format!("{}/readyz", process.base)).timeout(Duration::from_secs(patience));
        request.send().await.map(|response| response.status().as_u16()).ok()
    };
    assert_eq!(ask(30).await, Some(200));

    let url = format!("sqlite://{}", folders.data.join("weft.db").display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    assert_eq!(ask(1).await, None, "who asks waits for less long than the process for its database");
    let told = || process.lines_with(&["not ready", "database is locked"]).len();
    until("the log tells why", async || (told() > 0).then_some(())).await;
    assert_eq!(ask(30).await, Some(503));
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(ask(30).await, Some(200));
    until("the log tells that it is over", async || (process.lines_with(&["ready again"]).len() == 1).then_some(()))
        .await;
    assert_eq!(told(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_cannot_be_made_are_told_of_with_the_reason() {
    on_postgres(async |database| {
        let DatabaseUrl::Postgres(url) = &database.url else { panic!("not PostgreSQL") };
        let mut url: Url = url.expose().parse().unwrap();
        let server = (url.host_str().unwrap().to_owned(), url.port().unwrap_or(5432));
        let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(between.local_addr().unwrap().port())).unwrap();
        let forwarding = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut here, _) = between.accept().await.unwrap();
                let mut there = TcpStream::connect(&server).await.unwrap();
                connections.spawn(async move { copy_bidirectional(&mut here, &mut there).await });
            }
        });
        let (url, key) = (url.as_str().parse().unwrap(), Arc::new(SecretKey::generate()));
        let store = Store::open(&url, key, Clock::system()).await.unwrap();
        store.ping().await.unwrap();

        forwarding.abort();
        assert!(forwarding.await.is_err_and(|error| error.is_cancelled()));
        let why = until("connections are refused", async || {
            let why = store.why(&store.ping().await.err()?).await;
            why.contains("Connection refused").then_some(why)
        })
        .await;
        assert!(why.starts_with("the database failed: "), "{why}");
        store.close().await;
    })
    .await;
}
