//! What a database says when it fails is for operators, from the command and in the log, and for nobody else.

use std::{path::Path, process::Stdio, time::Duration};

use serde_json::Value;
use sqlx::{Connection, SqliteConnection};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};

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
            let line = timeout(Duration::from_secs(30), lines.next_line()).await.expect("a line").unwrap().unwrap();
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

        let client = weft::simulator::http_client().unwrap();
        let request = client.get(format!("http://127.0.0.1:{port}/api/v1/jobs"));
        let response = request.bearer_auth(created["token"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 500);
        let problem = response.text().await.unwrap();
        assert!(problem.contains("the log says why") && !problem.contains("table"), "{problem}");
        let line = line_with("a request failed").await;
        assert!(line.contains("no such table: jobs"), "{line}");
    }
}
