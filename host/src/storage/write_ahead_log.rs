//! The write-ahead log of an SQLite file, which has an end.
//!
//! SQLite begins it anew only at a moment at which nobody reads an older state. Readers that overlap all the time leave
//! no such moment: it would grow with every write, for as long as there is a disk.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

/// How many bytes are too many. Without such readers it has about 4 MiB.
const LONG: u64 = 32 << 20;

/// Its size is looked at when so many more have had the connection that writes.
const LOOK: u64 = 8;

/// How long those who read an older state are waited for. Nobody writes meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);

/// The log of one file.
#[derive(Debug)]
pub(super) struct WriteAheadLog {
    path: PathBuf,
    /// How many have had the connection that writes.
    writers: AtomicU64,
    /// How many bytes are too many now.
    most: AtomicU64,
}

impl WriteAheadLog {
    /// The one of the database in this file.
    pub(super) fn of(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        Self { path: path.into(), writers: AtomicU64::new(0), most: AtomicU64::new(LONG) }
    }

    /// Empties it when it is too long. To be called with the connection that writes, whenever somebody has had it, which
    /// waits for others for as long as `timeout` says otherwise.
    pub(super) async fn bound(&self, connection: &mut SqliteConnection, timeout: Duration) {
        let is_due = self.writers.fetch_add(1, Relaxed).is_multiple_of(LOOK);
        if !is_due || connection.is_in_transaction() {
            return;
        }
        if self.bytes().await <= self.most.load(Relaxed) {
            return;
        }
        let emptied = empty(connection, timeout).await;
        // It is not there when the last connection has closed the file.
        let bytes = self.bytes().await;
        // In vain, everybody who writes has waited: not again before it is longer by as much.
        self.most.store(bytes.saturating_add(LONG), Relaxed);
        if bytes > 0 {
            let error = emptied.err().map(|error| error.to_string());
            let error = error.as_deref();
            tracing::warn!(bytes, error, "the write-ahead log of the database is long: somebody has read for long");
        }
    }

    async fn bytes(&self) -> u64 {
        tokio::fs::metadata(&self.path).await.map_or(0, |metadata| metadata.len())
    }
}

/// Writes all of the log into the file and makes it empty. It waits for those who read an older state, and for nobody who
/// begins to read meanwhile.
async fn empty(connection: &mut SqliteConnection, timeout: Duration) -> Result<(), sqlx::Error> {
    wait_for(connection, PATIENCE).await?;
    let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await;
    wait_for(connection, timeout).await?;
    emptied.map(drop)
}

/// How long the connection waits for others.
async fn wait_for(connection: &mut SqliteConnection, timeout: Duration) -> Result<(), sqlx::Error> {
    let timeout = format!("PRAGMA busy_timeout = {}", timeout.as_millis());
    sqlx::query(AssertSqlSafe(timeout)).execute(&mut *connection).await.map(drop)
}
