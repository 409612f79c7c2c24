//! The message log, for whoever answers messages: they hand entries over and go on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use uuid::Uuid;

use crate::{
    clock::Clock,
    config::{LogDurability, WebhookConfig},
    model::{LoggedMessage, MessageLogEntry},
    shares::Room,
    storage::{BatchError, BatchWriter, MessageLogRow, Store, with_causes},
};

/// How many bytes of raw texts may wait to be written, and how many of them of one app. What comes beyond it is logged
/// without its raw text.
const RAW_ROOM: (usize, usize) = (32 << 20, 16 << 20);

/// How long an answer waits for its entries at most: without it a database that hangs would silence every app.
const COMMIT_WAIT: Duration = Duration::from_secs(2);

/// How often entries are looked for whose time is over.
const PURGE_EVERY: Duration = Duration::from_mins(1);
/// How many are deleted at once: it keeps the write lock for some milliseconds.
const PURGE_BATCH: u32 = 200;
/// Between two such batches, for those who write.
const PURGE_PAUSE: Duration = Duration::from_millis(20);

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Takes entries. Clones write to the same log; one of them has to [`run`](Self::run).
#[derive(Clone)]
pub struct MessageLog {
    store: Store,
    clock: Clock,
    writer: BatchWriter<MessageLogRow>,
    raw_room: Room,
    /// Orders the entries of one millisecond.
    sequence: Arc<AtomicU32>,
    durability: LogDurability,
    retention_ms: Option<u64>,
}

impl MessageLog {
    /// Plays by the rules of `config`.
    pub fn new(store: Store, clock: Clock, config: &WebhookConfig) -> Self {
        let days = Some(config.log_retention_days).filter(|days| *days > 0);
        Self {
            writer: BatchWriter::new(store.clone()),
            store,
            clock,
            raw_room: Room::new(RAW_ROOM.0, RAW_ROOM.1),
            sequence: Arc::default(),
            durability: config.log_durability,
            retention_ms: days.map(|days| days.saturating_mul(DAY_MS)),
        }
    }

    /// Hands an entry over without waiting. One that finds too many others waiting is lost, and the log of the process
    /// says how many were.
    pub fn record(&self, entry: MessageLogEntry) {
        self.writer.send(self.row(entry));
    }

    /// Writes an entry and waits until it is safe.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn record_durably(&self, entry: MessageLogEntry) -> Result<(), BatchError> {
        self.writer.write(self.row(entry)).await
    }

    /// Hands entries over as `webhook.log_durability` wants it; to be called before the answer leaves. Waits for the
    /// database some seconds at most, and loses no answer because of it.
    pub async fn record_as_configured(&self, entries: Vec<MessageLogEntry>) {
        if self.durability == LogDurability::Behind {
            for entry in entries {
                self.record(entry);
            }
            return;
        }
        let writes = entries.into_iter().map(|entry| self.record_durably(entry));
        // Errors are in the log already.
        if tokio::time::timeout(COMMIT_WAIT, futures::future::join_all(writes)).await.is_err() {
            tracing::warn!("an answer leaves before its entries in the message log: the database takes too long");
        }
    }

    /// Writes until it is [closed](Self::close), and deletes what is older than it may be.
    pub async fn run(self) {
        tokio::select! {
            () = self.writer.clone().run() => (),
            () = self.purge() => (),
        }
    }

    /// Writes what waits and ends the writer; later entries are lost.
    pub async fn close(&self) {
        self.writer.close().await;
    }

    async fn purge(&self) {
        loop {
            let end = self.retention_ms.map(|age| self.clock.now_ms().saturating_sub(age));
            match self.store.message_logs().purge(end, PURGE_BATCH).await {
                Ok(0) => tokio::time::sleep(PURGE_EVERY).await,
                Ok(_) => tokio::time::sleep(PURGE_PAUSE).await,
                Err(error) => {
                    tracing::warn!(
                        error = %with_causes(&error),
                        "old entries of the message log could not be deleted"
                    );
                    tokio::time::sleep(PURGE_EVERY).await;
                }
            }
        }
    }

    fn row(&self, entry: MessageLogEntry) -> MessageLogRow {
        let mut entry = entry.fitted();
        let bytes = entry.raw.as_ref().and_then(|raw| u32::try_from(raw.len()).ok());
        let room = bytes.and_then(|bytes| self.raw_room.places(&entry.app, bytes));
        if room.is_none() {
            entry.raw = None;
        }
        MessageLogRow { message: LoggedMessage { id: self.id(entry.at), entry }, room }
    }

    /// Begins with the time, goes on with the order in which entries came here, and ends with what no other process has.
    fn id(&self, at: u64) -> Uuid {
        let order = self.sequence.fetch_add(1, Ordering::Relaxed);
        let mut rest: [u8; 10] = rand::random();
        // The version and the variant of a UUID take the first 4 bits of this, and the 2 after the first 16.
        rest[..4].copy_from_slice(&(((order >> 14) << 16) | (order & 0x3fff)).to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(at, &rest).into_uuid()
    }
}
