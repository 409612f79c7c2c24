//! A database of its own for each test: an SQLite file, and a schema in PostgreSQL when there is one.

use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Arc, Once};

use futures::FutureExt;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use weft::clock::Clock;
use weft::config::DatabaseUrl;
use weft::secret::SecretKey;
use weft::storage::Store;

/// When the manual clocks of tests begin.
pub(crate) const START: u64 = 1_700_000_000;

const VARIABLE: &str = "WEFT_TEST_POSTGRES_URL";

/// An empty database that is gone after the test.
pub(crate) struct TestDatabase {
    pub(crate) url: DatabaseUrl,
    pub(crate) key: Arc<SecretKey>,
    pub(crate) clock: Clock,
}

impl TestDatabase {
    fn at(url: DatabaseUrl) -> Self {
        Self { url, key: Arc::new(SecretKey::generate()), clock: Clock::manual(START) }
    }

    /// Connects without touching the tables.
    pub(crate) async fn connect(&self) -> Store {
        Store::open(&self.url, self.key.clone(), self.clock.clone()).await.unwrap()
    }

    /// Connects and brings the tables up to date.
    pub(crate) async fn open(&self) -> Store {
        let store = self.connect().await;
        store.migrate().await.unwrap();
        store
    }

    /// A connection beside those of the store, for what no store does: holding locks, for one. PostgreSQL alone.
    pub(crate) async fn postgres(&self) -> PgConnection {
        let DatabaseUrl::Postgres(url) = &self.url else { panic!("not PostgreSQL") };
        PgConnection::connect(url.expose()).await.unwrap()
    }

    /// The file, when the database is one.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        match &self.url {
            DatabaseUrl::Sqlite(path) => Some(path),
            DatabaseUrl::Postgres(_) => None,
        }
    }
}

/// Runs `test` on an SQLite file, and on PostgreSQL when `WEFT_TEST_POSTGRES_URL` names one.
pub(crate) async fn on_every_database(test: impl AsyncFn(TestDatabase)) {
    on_sqlite(&test).await;
    on_postgres(&test).await;
}

/// Runs `test` on an SQLite file.
pub(crate) async fn on_sqlite(test: impl AsyncFn(TestDatabase)) {
    let folder = TempDir::new().unwrap();
    test(TestDatabase::at(DatabaseUrl::Sqlite(folder.path().join("weft.db")))).await;
}

/// Runs `test` on PostgreSQL when `WEFT_TEST_POSTGRES_URL` names one.
pub(crate) async fn on_postgres(test: impl AsyncFn(TestDatabase)) {
    let Ok(url) = std::env::var(VARIABLE) else { return skip() };
    let schema = format!("weft_test_{}", uuid::Uuid::new_v4().simple());
    let mut admin = PgConnection::connect(&url).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&mut admin).await.unwrap();
    let mark = if url.contains('?') { '&' } else { '?' };
    let own = format!("{url}{mark}options=-csearch_path%3D{schema}").parse().unwrap();
    let outcome = AssertUnwindSafe(test(TestDatabase::at(own))).catch_unwind().await;
    sqlx::query(AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).execute(&mut admin).await.unwrap();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

#[expect(clippy::explicit_write, reason = "what eprintln! says, the test runner keeps to itself")]
fn skip() {
    static ONCE: Once = Once::new();
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{VARIABLE} must be set in CI");
    ONCE.call_once(|| writeln!(std::io::stderr(), "skipped on PostgreSQL: {VARIABLE} is not set").unwrap());
}
