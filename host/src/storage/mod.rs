//! What is kept: one `Store` over SQLite or PostgreSQL, one file per table, every statement written once.
//!
//! SQLite has one connection that writes and several that read; every write is a transaction that takes the write
//! lock at its beginning, so that none fails half-way because another process wrote. On PostgreSQL all share a pool.

mod app_plugins;
mod apps;
mod articles;
mod audit_log;
mod batch;
mod bill_differences;
mod call_counts;
mod call_pauses;
mod credentials;
mod deliveries;
mod delivery_answers;
mod disabled_plugins;
mod error;
mod handler_syncs;
mod handlers;
mod jobs;
mod json_rows;
mod limited_actions;
mod mass_messages;
mod materials;
mod menus;
mod merchant_pauses;
mod merchants;
mod message_log_batch;
mod message_logs;
mod only_server;
mod orders;
mod ping;
mod plugin_canaries;
mod plugin_decisions;
mod plugin_kv;
mod plugin_limits;
mod plugin_replicas;
mod plugin_settings;
mod plugin_versions;
mod pool_use;
mod postgres;
mod processes;
mod publications;
mod questions;
mod reconciliations;
mod refunds;
mod secret_key_check;
mod sends;
mod settings_revision;
mod sqlite;
mod subscriptions;
mod tables;
mod tags;
mod templates;
mod tokens;
mod users;
mod write_ahead_log;

use std::sync::Arc;

use sqlx::migrate::Migrator;
use sqlx::{PgPool, SqlitePool};
use uuid::Uuid;

pub use self::app_plugins::AppPlugins;
pub use self::apps::Apps;
pub use self::articles::Articles;
pub use self::audit_log::AuditLog;
pub use self::batch::{BatchError, BatchRow, BatchWriter};
pub use self::bill_differences::{BillDifferences, DifferenceFilter};
pub use self::call_counts::CallCounts;
pub use self::call_pauses::CallPauses;
pub use self::credentials::{Credentials, FetchedCredential, StoredCredential};
pub use self::deliveries::{Deliveries, DeliveryAnswer, DeliveryClaim, DeliveryKey, DeliveryState, LateAnswer};
pub use self::delivery_answers::DeliveryAnswers;
pub use self::disabled_plugins::DisabledPlugins;
pub use self::error::StoreError;
pub(crate) use self::error::with_causes;
pub use self::handler_syncs::{HandlerSyncs, SyncedHandler};
pub use self::handlers::{HandlerChanges, HandlerPlace, Handlers};
pub use self::jobs::{ClaimedJob, JobEnd, JobLease, JobQuery, Jobs};
pub use self::limited_actions::{ActionLimit, LimitedActions, Turn};
pub use self::mass_messages::{MassMessages, NewMassMessage};
pub use self::materials::{ListedMaterial, Materials, UploadedMaterial};
pub use self::menus::{MenuDraft, MenuVersion, Menus, digest_of};
pub use self::merchant_pauses::MerchantPauses;
pub use self::merchants::{MerchantDeletion, Merchants};
pub use self::message_log_batch::MessageLogRow;
pub use self::message_logs::{MessageLogQuery, MessageLogs};
pub use self::only_server::{NotTheOnlyServer, OnlyServer};
pub use self::orders::{
    DeliveryAttempt, DueEvent, EventDelivery, HookOutcome, OrderAlarm, OrderEvent, OrderFilter, Orders,
};
pub use self::plugin_canaries::PluginCanaries;
pub use self::plugin_decisions::{KEPT_VERSIONS, PluginDecisions};
pub use self::plugin_kv::{KvEntry, KvError, KvKeys, KvQuota, KvWrite, PluginKv};
use self::plugin_kv::{KvTurns, KvWriter};
pub use self::plugin_limits::PluginLimits;
pub use self::plugin_replicas::{PluginReplica, PluginReplicas};
pub use self::plugin_versions::PluginVersions;
pub use self::pool_use::PoolUse;
pub use self::processes::Processes;
pub use self::publications::Publications;
pub use self::questions::{Question, Questions};
pub use self::reconciliations::Reconciliations;
pub use self::refunds::{RefundCreation, Refunds};
pub use self::sends::{NewSend, OutcomeRow, Sends, SettledAs, ToldOutcome};
pub use self::subscriptions::Subscriptions;
pub use self::tags::Tags;
pub use self::templates::{TemplateSync, Templates};
pub use self::tokens::Tokens;
pub use self::users::{Sighted, Sighting, Users};
use crate::clock::Clock;
use crate::config::DatabaseUrl;
use crate::secret::SecretKey;

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("../migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("../migrations/postgres");

/// The database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
    key: Arc<SecretKey>,
    clock: Clock,
    /// Which of the processes that share the database this one is; another one after a restart.
    process: Arc<str>,
    kv_turns: KvTurns,
    kv_writer: KvWriter,
}

#[derive(Debug, Clone)]
enum Db {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

/// Runs `$body` with a pool to read from.
macro_rules! on_db {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db {
            $crate::storage::Db::Sqlite { readers: $pool, .. } => $body,
            $crate::storage::Db::Postgres($pool) => $body,
        }
    };
}

/// Runs `$body` with a connection inside a transaction that writes, and commits it. An early return of the function
/// (by `?` or `return`) rolls back.
macro_rules! in_transaction {
    ($db:expr, $connection:ident => $body:expr) => {
        match $db {
            $crate::storage::Db::Sqlite { writer, .. } => {
                let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
                let $connection = &mut *transaction;
                let value = $body;
                transaction.commit().await?;
                value
            }
            $crate::storage::Db::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                let $connection = &mut *transaction;
                let value = $body;
                transaction.commit().await?;
                value
            }
        }
    };
}

use {in_transaction, on_db};

impl Store {
    /// Connects; an SQLite file is created when it is not there. Call [`migrate`](Self::migrate) before anything else.
    pub async fn open(url: &DatabaseUrl, key: Arc<SecretKey>, clock: Clock) -> Result<Self, StoreError> {
        let db = match url {
            DatabaseUrl::Sqlite(path) => sqlite::open(path).await?,
            DatabaseUrl::Postgres(_) => postgres::open(url).await?,
        };
        let process = Uuid::new_v4().simple().to_string().into();
        Ok(Self { db, key, clock, process, kv_turns: KvTurns::default(), kv_writer: KvWriter::default() })
    }

    /// Brings the tables up to date, forward only, and makes sure that the secret key is the one that sealed what is
    /// stored. Harmless when there is nothing to do and when several processes do it at once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.db {
            Db::Sqlite { writer, .. } => {
                // The write lock keeps other processes out; the migrator's own transactions nest inside.
                let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
                SQLITE_MIGRATIONS.run(&mut *transaction).await?;
                transaction.commit().await?;
            }
            Db::Postgres(pool) => POSTGRES_MIGRATIONS.run(pool).await?,
        }
        self.check_secret_key().await
    }

    /// Whether other processes may be at work with the same database. One process owns an SQLite file.
    pub fn is_shared(&self) -> bool {
        matches!(self.db, Db::Postgres(_))
    }

    /// How its connections are used now.
    pub fn pools(&self) -> Vec<PoolUse> {
        match &self.db {
            Db::Sqlite { writer, readers } => vec![PoolUse::of("writer", writer), PoolUse::of("readers", readers)],
            Db::Postgres(pool) => vec![PoolUse::of("all", pool)],
        }
    }

    /// Waits for running statements and closes every connection.
    pub async fn close(&self) {
        match &self.db {
            Db::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }
}

/// PostgreSQL knows no text with U+0000, so nothing stored has such a name; asking for it would be an error there.
fn may_be_stored(names: &[&str]) -> bool {
    !names.iter().any(|name| name.contains('\0'))
}

/// The pattern for `LIKE`, beside a text in lower case, of texts that have `part` in them whatever the case of ASCII
/// letters.
fn containing(part: &str) -> String {
    let mut pattern = String::from("%");
    for c in part.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
}

/// Numbers are `BIGINT` in both databases; what does not fit is as good as endless.
fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The way back; we never store less than zero.
fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
