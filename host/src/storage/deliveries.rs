//! Table `deliveries`: what was delivered in the last minutes, who handles it, and what the answer was. It serves
//! processes that share a database; in SQLite, which one process owns, it stays empty.

use std::{collections::HashSet, time::Duration};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{
    Db, Store, StoreError,
    batch::BatchRow,
    in_transaction,
    processes::{ALIVE, LEASE_SECONDS},
    to_sql,
};

/// How long a delivery is kept at least. WeChat's tries are over after 15 seconds.
const KEPT_SECONDS: u64 = 10 * 60;

/// How long answers gather before they are written: each write costs the disk a flush, and nobody waits for it.
const GATHER: Duration = Duration::from_millis(10);

/// How long a write of claims may take: whatever comes waits behind it.
const PATIENCE_WITH_CLAIMS: Duration = Duration::from_secs(10);

/// How long a write of answers may take: longer than SQLite waits for its turn to write, twice.
const PATIENCE_WITH_ANSWERS: Duration = Duration::from_secs(35);

/// How long to wait before a write that failed is tried once more, as after a connection was lost.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// Which delivery. Of one size whatever WeChat sends, and telling nothing of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryKey([u8; KEY_BYTES]);

/// The length of a SHA-256.
pub(super) const KEY_BYTES: usize = 32;

impl DeliveryKey {
    pub(super) fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key of the delivery that `text` tells from all others.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

/// How far the handling of a delivery is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryState {
    /// The answer: a body, or nothing.
    Answered(Option<Bytes>),
    /// It is for the process that asks to handle.
    Own,
    /// This other process, which is alive, runs the handler.
    Runs {
        /// Which.
        owner: String,
    },
    /// This other process began and has gone.
    Orphaned {
        /// Which.
        owner: String,
    },
}

/// What became of the answer of a handler that took its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateAnswer {
    /// It is kept for WeChat's tries.
    InTime,
    /// WeChat was told not to wait for it: it is kept as nothing.
    GivenUp,
    /// Another process has taken the delivery over, and answers.
    TakenOver,
}

/// The deliveries of the last minutes.
#[derive(Debug, Clone, Copy)]
pub struct Deliveries<'a>(pub(super) &'a Store);

impl Deliveries<'_> {
    /// How far the handling of a delivery is; none when nobody has begun.
    pub async fn state(&self, key: DeliveryKey) -> Result<Option<DeliveryState>, StoreError> {
        const SQL: &str = "SELECT owner, answered_at, answer FROM deliveries WHERE key = $1";
        let Db::Postgres(pool) = &self.0.db else { return Ok(None) };
        let row: Option<(String, Option<i64>, Option<Vec<u8>>)> =
            sqlx::query_as(SQL).bind(&key.0[..]).fetch_optional(pool).await?;
        let Some((owner, answered_at, answer)) = row else { return Ok(None) };
        if answered_at.is_some() {
            return Ok(Some(DeliveryState::Answered(answer.map(Bytes::from))));
        }
        if *owner == *self.0.process {
            return Ok(Some(DeliveryState::Own));
        }
        let alive: Option<i32> =
            sqlx::query_scalar(ALIVE).bind(&owner).bind(LEASE_SECONDS).fetch_optional(pool).await?;
        Ok(Some(if alive.is_some() { DeliveryState::Runs { owner } } else { DeliveryState::Orphaned { owner } }))
    }

    /// Takes a delivery that nobody has answered over from `owner`; false when somebody else was faster.
    pub async fn take_over(&self, key: DeliveryKey, owner: &str) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE deliveries SET owner = $3, claimed_at = $4 \
             WHERE key = $1 AND owner = $2 AND answered_at IS NULL";
        let Db::Postgres(pool) = &self.0.db else { return Ok(false) };
        let (process, now) = (&*self.0.process, to_sql(self.0.clock.now()));
        let taken = sqlx::query(SQL).bind(&key.0[..]).bind(owner).bind(process).bind(now).execute(pool).await?;
        Ok(taken.rows_affected() > 0)
    }

    /// Writes down that WeChat was told not to wait for the answer, for the process that runs the handler; gives the
    /// answer when there is one already.
    pub async fn give_up(&self, key: DeliveryKey) -> Result<Option<Option<Bytes>>, StoreError> {
        const SQL: &str = "UPDATE deliveries SET given_up = given_up OR answered_at IS NULL WHERE key = $1 \
             RETURNING answered_at IS NOT NULL, answer";
        let Db::Postgres(pool) = &self.0.db else { return Ok(None) };
        let row: Option<(bool, Option<Vec<u8>>)> = sqlx::query_as(SQL).bind(&key.0[..]).fetch_optional(pool).await?;
        Ok(row.and_then(|(answered, answer)| answered.then(|| answer.map(Bytes::from))))
    }

    /// Keeps the answer to a delivery that this process handles, unless WeChat was told not to wait for it. May be asked
    /// again when nobody knows whether it was carried out, and tells the same then.
    pub async fn answer_unless_late(&self, key: DeliveryKey, answer: Option<&[u8]>) -> Result<LateAnswer, StoreError> {
        // There is no row when the claim did not get through.
        const SQL: &str = "INSERT INTO deliveries (key, owner, claimed_at, answered_at, answer) \
             VALUES ($1, $2, $3, $3, $4) ON CONFLICT (key) DO UPDATE SET \
             answered_at = COALESCE(deliveries.answered_at, excluded.answered_at), \
             answer = CASE WHEN deliveries.answered_at IS NOT NULL THEN deliveries.answer \
             WHEN deliveries.given_up THEN NULL ELSE excluded.answer END \
             WHERE deliveries.owner = excluded.owner RETURNING given_up";
        let Db::Postgres(pool) = &self.0.db else { return Ok(LateAnswer::InTime) };
        let (process, now) = (&*self.0.process, to_sql(self.0.clock.now()));
        let given_up: Option<bool> =
            sqlx::query_scalar(SQL).bind(&key.0[..]).bind(process).bind(now).bind(answer).fetch_optional(pool).await?;
        Ok(match given_up {
            Some(false) => LateAnswer::InTime,
            Some(true) => LateAnswer::GivenUp,
            None => LateAnswer::TakenOver,
        })
    }

    /// Deletes deliveries that are old, no more than `limit`; tells how many.
    pub async fn prune(&self, limit: u32) -> Result<u64, StoreError> {
        const SQL: &str = "DELETE FROM deliveries WHERE key IN \
             (SELECT key FROM deliveries WHERE claimed_at < $1 ORDER BY claimed_at LIMIT $2)";
        let before = to_sql(self.0.clock.now().saturating_sub(KEPT_SECONDS));
        let deleted = in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(before).bind(i64::from(limit)).execute(&mut *connection).await?.rows_affected()
        });
        Ok(deleted)
    }
}

/// Says that this process handles a delivery, before it does. Who waits is told whether it may: another process may
/// have said so before.
pub struct DeliveryClaim(pub DeliveryKey);

impl BatchRow for DeliveryClaim {
    const WHAT: &'static str = "claims on deliveries";
    const PATIENCE: Duration = PATIENCE_WITH_CLAIMS;
    type Written = bool;

    async fn write(store: &Store, rows: &[Self]) -> Result<Vec<bool>, StoreError> {
        const SQL: &str = "INSERT INTO deliveries (key, owner, claimed_at) SELECT key, $2, $3 \
             FROM UNNEST($1::BYTEA[]) AS claims (key) ON CONFLICT (key) DO NOTHING RETURNING key";
        // One process owns an SQLite file, and knows what it runs.
        let Db::Postgres(pool) = &store.db else { return Ok(vec![true; rows.len()]) };
        let mut keys: Vec<DeliveryKey> = rows.iter().map(|row| row.0).collect();
        // In one order everywhere, so that two processes do not wait for each other.
        keys.sort_unstable();
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key.0[..]).collect();
        let claimed: Vec<Vec<u8>> = sqlx::query_scalar(SQL)
            .bind(&keys)
            .bind(&*store.process)
            .bind(to_sql(store.clock.now()))
            .fetch_all(pool)
            .await?;
        let mut claimed: HashSet<Vec<u8>> = claimed.into_iter().collect();
        // Two of one key: one of them may.
        Ok(rows.iter().map(|row| claimed.remove(&row.0.0[..])).collect())
    }
}

/// Keeps the answer to a delivery, unless another process has taken the delivery over.
pub struct DeliveryAnswer {
    /// To which.
    pub key: DeliveryKey,
    /// A body, or nothing.
    pub answer: Option<Bytes>,
}

impl BatchRow for DeliveryAnswer {
    const WHAT: &'static str = "answers to deliveries";
    const GATHER: Duration = GATHER;
    const PATIENCE: Duration = PATIENCE_WITH_ANSWERS;
    type Written = ();

    async fn write(store: &Store, rows: &[Self]) -> Result<Vec<()>, StoreError> {
        if write_answers(store, rows).await.is_err() {
            tokio::time::sleep(TRY_AGAIN).await;
            write_answers(store, rows).await?;
        }
        Ok(vec![(); rows.len()])
    }
}

async fn write_answers(store: &Store, rows: &[DeliveryAnswer]) -> Result<(), StoreError> {
    // There is no row yet when the claim did not get through.
    const SQL: &str = "INSERT INTO deliveries (key, owner, claimed_at, answered_at, answer) \
         SELECT key, $3, $4, $4, answer FROM UNNEST($1::BYTEA[], $2::BYTEA[]) AS answers (key, answer) \
         ON CONFLICT (key) DO UPDATE SET answered_at = excluded.answered_at, answer = excluded.answer \
         WHERE deliveries.owner = excluded.owner AND deliveries.answered_at IS NULL";
    let Db::Postgres(pool) = &store.db else { return store.delivery_answers().append(rows).await };
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by_key(|row| row.key);
    rows.dedup_by_key(|row| row.key);
    let keys: Vec<&[u8]> = rows.iter().map(|row| &row.key.0[..]).collect();
    let answers: Vec<Option<&[u8]>> = rows.iter().map(|row| row.answer.as_deref()).collect();
    let now = to_sql(store.clock.now());
    sqlx::query(SQL).bind(&keys).bind(&answers).bind(&*store.process).bind(now).execute(pool).await?;
    Ok(())
}
