//! Opening, and the tables in both databases.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use sqlx::migrate::Migrator;
use sqlx::{Connection, SqliteConnection};
use weft::clock::Clock;
use weft::config::DatabaseUrl;
use weft::secret::SecretKey;
use weft::storage::{Store, StoreError};

use super::add_app;
use crate::support::database::{TestDatabase, on_every_database, on_postgres, on_sqlite};

#[tokio::test]
async fn migrating_again_is_harmless() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        store.migrate().await.unwrap();
        store.ping().await.unwrap();
        store.close().await;
        let store = database.open().await;
        assert_eq!(store.apps().list().await.unwrap().len(), 1);
        assert_eq!(store.apps().revision().await.unwrap(), 1);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_may_open_and_migrate_at_once() {
    on_every_database(async |database| {
        let opening = (0..8).map(|_| database.open());
        let stores = futures::future::join_all(opening).await;
        for store in &stores {
            assert_eq!(store.apps().revision().await.unwrap(), 0);
        }
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_closed_database_does_not_answer_a_ping() {
    on_every_database(async |database| {
        let store = database.open().await;
        store.close().await;
        assert!(store.ping().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_named_without_its_password() {
    let open = async |url: &str| {
        let url: DatabaseUrl = url.parse().unwrap();
        Store::open(&url, Arc::new(SecretKey::generate()), Clock::system()).await.unwrap_err()
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = open(&format!("sqlite://{}/file/weft.db", folder.path().display())).await;
    assert!(matches!(error, StoreError::File { .. }), "{error:?}");
    fs::write(folder.path().join("text.db"), "this is no database, but long enough to look like one ".repeat(20))
        .unwrap();
    let error = open(&format!("sqlite://{}/text.db", folder.path().display())).await;
    assert!(matches!(error, StoreError::Connect { .. }), "{error:?}");
    let error = open("postgres://weft:hunter2@127.0.0.1:1/weft").await;
    let text = error.to_string();
    assert!(text.starts_with("cannot open the database postgres://weft@127.0.0.1:1/weft: nobody answers"), "{text}");
    assert!(text.contains("Connection refused"), "{text}");
    assert!(!format!("{error:?}").contains("hunter2"));
}

/// Brings an empty database to the migration before `ran_for_all`, and writes versions as they were then.
macro_rules! write_as_before {
    ($folder:literal, $connection:expr) => {{
        const VERSION: &str = "INSERT INTO plugin_versions (plugin, digest, number, version, size, first_at, bytes) \
             VALUES ($1, $2, $3, '1.0', 1, 0, $4)";
        const DECISION: &str = "INSERT INTO plugin_decisions \
             (plugin, revision, digest, source, rolled_back, decided_at) VALUES ($1, 9, $2, 'rollback', $3, 0)";
        const CANARY: &str = "INSERT INTO plugin_canaries (plugin, began, digest, percent, openids, state, began_at, \
             calls, failures, stable_calls, stable_failures) VALUES ($1, 1, $2, 5, '[]', $3, 0, 0, 0, 0, 0)";
        let mut connection = $connection;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join($folder);
        Migrator::new(folder).await.unwrap().run_to(49, &mut connection).await.unwrap();
        for (plugin, rolled_back, state) in [("greeter", Some("taken back"), "promoted"), ("other", None, "taken_back")]
        {
            for (number, digest) in (1_i64..).zip(["unknown", "canary", "decided", "taken back"]) {
                let version = sqlx::query(VERSION).bind(plugin).bind(digest).bind(number).bind(vec![0_u8]);
                version.execute(&mut connection).await.unwrap();
            }
            let decision = sqlx::query(DECISION).bind(plugin).bind("decided").bind(rolled_back);
            decision.execute(&mut connection).await.unwrap();
            let canary = sqlx::query(CANARY).bind(plugin).bind("canary").bind(state);
            canary.execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    }};
}

#[tokio::test]
async fn of_the_versions_of_before_those_ran_for_all_of_which_it_is_known() {
    let check = async |database: TestDatabase| {
        let store = database.open().await;
        let ran = async |plugin: &str| {
            let kept = store.plugin_versions().list(plugin).await.unwrap();
            assert_eq!(kept.len(), 4);
            let ran = kept.into_iter().filter(|version| version.ran_for_all);
            ran.map(|version| version.digest).collect::<Vec<_>>()
        };
        assert_eq!(ran("greeter").await, ["taken back", "decided", "canary"]);
        assert_eq!(ran("other").await, ["decided"]);
        store.close().await;
    };
    on_sqlite(async |database| {
        let url = format!("{}?mode=rwc", database.url);
        write_as_before!("sqlite", SqliteConnection::connect(&url).await.unwrap());
        check(database).await;
    })
    .await;
    on_postgres(async |database| {
        write_as_before!("postgres", database.postgres().await);
        check(database).await;
    })
    .await;
}

#[test]
fn both_folders_hold_files_of_the_same_names() {
    let names = |database: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(database);
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert!(!names("sqlite").is_empty());
    assert_eq!(names("sqlite"), names("postgres"));
}

/// Table → column → type and whether it may be null.
type Tables = BTreeMap<String, BTreeMap<String, (String, bool)>>;

fn collect(rows: Vec<(String, String, String, bool)>) -> Tables {
    let mut tables = Tables::new();
    for (table, column, r#type, nullable) in rows {
        let r#type = if r#type == "bytea" { "blob".to_owned() } else { r#type };
        tables.entry(table).or_default().insert(column, (r#type, nullable));
    }
    tables
}

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    const SQLITE: &str = "SELECT t.name, c.name, lower(c.type), NOT c.\"notnull\" FROM sqlite_schema t \
         JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE '\\_%' ESCAPE '\\' \
         AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    const POSTGRES: &str = "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' \
         FROM information_schema.columns WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_%'";
    let found = Mutex::new(Vec::new());
    on_sqlite(async |database| {
        database.open().await.close().await;
        let url = database.url.to_string();
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        let rows = sqlx::query_as(SQLITE).fetch_all(&mut connection).await.unwrap();
        found.lock().unwrap().push(collect(rows));
    })
    .await;
    on_postgres(async |database| {
        database.open().await.close().await;
        let mut connection = database.postgres().await;
        let rows = sqlx::query_as(POSTGRES).fetch_all(&mut connection).await.unwrap();
        found.lock().unwrap().push(collect(rows));
    })
    .await;
    let found = found.into_inner().unwrap();
    assert!(found[0].contains_key("apps") && found[0]["apps"].contains_key("appsecret"));
    if let [sqlite, postgres] = &found[..] {
        assert_eq!(sqlite, postgres);
    }
}
