//! Table `delivery_answers`: the answers of the last minutes in SQLite, for the next start.

use bytes::{Buf, BufMut, Bytes};
use futures::TryStreamExt;

use super::{Db, DeliveryAnswer, DeliveryKey, Store, StoreError, deliveries::KEY_BYTES, to_sql};

/// How long answers are kept at least. WeChat's tries are over after 15 seconds.
const KEPT_SECONDS: u64 = 2 * 60;

/// How many rows are deleted in one transaction: each may be as large as a whole batch of answers.
const PRUNE: i64 = 16;

/// How many bytes of answers are read at once at most, about.
const RECENT_BYTES: usize = 256 << 20;

/// Marks a delivery that was answered with nothing, where the length of an answer stands.
const NOTHING: u32 = u32::MAX;

/// The answers of the last minutes. PostgreSQL has none: what is answered there stands where other processes look.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryAnswers<'a>(pub(super) &'a Store);

impl DeliveryAnswers<'_> {
    /// The answers of the last `seconds`, the latest batches first; about `limit` at most, and about 256 MiB.
    pub async fn recent(&self, seconds: u64, limit: usize) -> Result<Vec<(DeliveryKey, Option<Bytes>)>, StoreError> {
        const SQL: &str = "SELECT answers FROM delivery_answers WHERE written_at >= $1 ORDER BY rowid DESC";
        let Db::Sqlite { readers, .. } = &self.0.db else { return Ok(Vec::new()) };
        let since = to_sql(self.0.clock.now().saturating_sub(seconds));
        let mut batches = sqlx::query_scalar::<_, Vec<u8>>(SQL).bind(since).fetch(readers);
        let (mut answers, mut bytes) = (Vec::new(), 0);
        while answers.len() < limit
            && bytes < RECENT_BYTES
            && let Some(batch) = batches.try_next().await?
        {
            bytes += batch.len();
            let batch = decode(batch);
            answers.append(&mut batch.ok_or_else(|| StoreError::Corrupt { what: "delivery_answers".to_owned() })?);
        }
        Ok(answers)
    }

    /// Keeps `answers`, all or none.
    pub(super) async fn append(&self, answers: &[DeliveryAnswer]) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO delivery_answers (written_at, answers) VALUES ($1, $2)";
        let Db::Sqlite { writer, .. } = &self.0.db else { return Ok(()) };
        let now = to_sql(self.0.clock.now());
        sqlx::query(SQL).bind(now).bind(encode(answers)).execute(writer).await?;
        Ok(())
    }

    /// Deletes some of what is old; tells whether there may be more.
    pub async fn prune(&self) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM delivery_answers WHERE rowid IN \
             (SELECT rowid FROM delivery_answers WHERE written_at < $1 ORDER BY rowid LIMIT $2)";
        let Db::Sqlite { writer, .. } = &self.0.db else { return Ok(false) };
        let before = to_sql(self.0.clock.now().saturating_sub(KEPT_SECONDS));
        let deleted = sqlx::query(SQL).bind(before).bind(PRUNE).execute(writer).await?.rows_affected();
        Ok(deleted == PRUNE.unsigned_abs())
    }
}

/// For each answer the key, its length as four bytes, and itself.
fn encode(answers: &[DeliveryAnswer]) -> Vec<u8> {
    let body = |answer: &DeliveryAnswer| answer.answer.as_ref().map_or(0, Bytes::len);
    let mut bytes = Vec::with_capacity(answers.iter().map(|answer| KEY_BYTES + 4 + body(answer)).sum());
    for DeliveryAnswer { key, answer } in answers {
        bytes.put_slice(key.as_bytes());
        // No answer is as long as 4 GiB.
        let length = answer.as_ref().map_or(NOTHING, |answer| u32::try_from(answer.len()).unwrap_or(NOTHING));
        bytes.put_u32(length);
        if length != NOTHING {
            bytes.put_slice(answer.as_deref().unwrap_or_default());
        }
    }
    bytes
}

fn decode(bytes: Vec<u8>) -> Option<Vec<(DeliveryKey, Option<Bytes>)>> {
    let mut bytes = Bytes::from(bytes);
    let mut answers = Vec::new();
    while bytes.has_remaining() {
        let mut key = [0; KEY_BYTES];
        bytes.try_copy_to_slice(&mut key).ok()?;
        let answer = match bytes.try_get_u32().ok()? {
            NOTHING => None,
            length => {
                let length = usize::try_from(length).ok().filter(|length| *length <= bytes.len())?;
                // Copied: it may be remembered longer than the other answers in the same bytes.
                Some(Bytes::copy_from_slice(&bytes.split_to(length)))
            }
        };
        answers.push((DeliveryKey::from_bytes(key), answer));
    }
    Some(answers)
}
