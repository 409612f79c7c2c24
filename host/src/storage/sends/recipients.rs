//! Table `send_recipients`: what becomes of a message for each user. Before WeChat is asked the row says `sending`; what
//! still says so after a crash may have been sent.

use std::collections::BTreeMap;

use sqlx::FromRow;

use super::super::menus::to_json;
use super::Sends;
use super::outcomes::{CLAIM, SETTLE_TOLD, Told};
use crate::model::{MessageSend, Recipient, SendOutcome};
use crate::storage::json_rows::{json_rows, of_openids};
use crate::storage::{Db, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};

/// What came of asking WeChat to send a message to one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettledAs {
    /// WeChat has taken it, perhaps with an id.
    Sent(Option<String>),
    /// WeChat said no.
    Failed {
        /// Its code.
        errcode: Option<i64>,
        /// In words for the operator.
        reason: String,
    },
    /// There was no answer, in words for the operator.
    Unknown(String),
    /// Nothing was sent: it waits again.
    Queued,
}

/// Adds users to a message, those who are new: `$1` the message, `$2` a JSON array of openids, `$3` the outcome, `$4`
/// when WeChat was asked.
pub(super) fn add(db: &Db) -> &'static str {
    match db {
        Db::Sqlite { .. } => {
            "INSERT INTO send_recipients (send, openid, outcome, tried_at) \
             SELECT $1, value, $3, $4 FROM json_each($2) WHERE true ON CONFLICT (send, openid) DO NOTHING"
        }
        Db::Postgres(_) => {
            "INSERT INTO send_recipients (send, openid, outcome, tried_at) \
             SELECT $1, value, $3, $4 FROM json_array_elements_text($2::json) AS rows (value) \
             ON CONFLICT (send, openid) DO NOTHING"
        }
    }
}

const SETTLE: &str = "UPDATE send_recipients SET outcome = $3, errcode = $4, reason = $5, msgid = $6, settled_at = $7 \
     WHERE send = $1 AND openid = $2 AND outcome = 'sending'";

impl Sends<'_> {
    /// Adds users who get a message, those who are new; they wait for their turn.
    pub async fn add_recipients(&self, send: &str, openids: &[String]) -> Result<(), StoreError> {
        let (sql, openids) = (add(&self.0.db), to_json(&openids));
        let queued = SendOutcome::Queued.as_str();
        in_transaction!(&self.0.db, connection => {
            sqlx::query(sql)
                .bind(send)
                .bind(&openids)
                .bind(queued)
                .bind(None::<i64>)
                .execute(&mut *connection)
                .await?;
        });
        Ok(())
    }

    /// How many users there are of each outcome.
    pub async fn counts(&self, send: &str) -> Result<BTreeMap<SendOutcome, u64>, StoreError> {
        const SQL: &str = "SELECT outcome, COUNT(*) FROM send_recipients WHERE send = $1 GROUP BY outcome";
        let rows: Vec<(String, i64)> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(send).fetch_all(pool).await)?;
        rows.into_iter().map(|(outcome, count)| Ok((known(&outcome, send)?, from_sql(count)))).collect()
    }

    /// At most `limit` users in the order of their openids, perhaps those of one outcome alone, from the first or from
    /// behind one on.
    pub async fn recipients(
        &self,
        send: &str,
        outcome: Option<SendOutcome>,
        behind: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Recipient>, StoreError> {
        const SQL: &str = "SELECT openid, outcome, errcode, reason, msgid, tried_at, settled_at FROM send_recipients \
             WHERE send = $1 AND openid > $2 AND ($3 = '' OR outcome = $3) ORDER BY openid LIMIT $4";
        let behind = behind.unwrap_or_default();
        if !may_be_stored(&[send, behind]) {
            return Ok(Vec::new());
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let outcome = outcome.map(SendOutcome::as_str).unwrap_or_default();
        let rows: Vec<RecipientRow> = on_db!(&self.0.db, pool => {
            sqlx::query_as(SQL).bind(send).bind(behind).bind(outcome).bind(limit).fetch_all(pool).await
        })?;
        rows.into_iter().map(|row| row.open(send)).collect()
    }

    /// Whether all of these users, each of which is named once, get a message.
    pub async fn has_recipients(&self, send: &MessageSend, openids: &[String]) -> Result<bool, StoreError> {
        let sql = json_rows!(&self.0.db,
            "SELECT COUNT(*) FROM send_recipients WHERE send = $1 AND openid IN (SELECT r.openid FROM ",
            "$2" (openid TEXT), ")");
        let rows = of_openids(&send.app, openids);
        let found: i64 =
            on_db!(&self.0.db, pool => sqlx::query_scalar(sql).bind(&send.id).bind(&rows).fetch_one(pool).await)?;
        Ok(usize::try_from(found).is_ok_and(|found| found == openids.len()))
    }

    /// What became of a message for one user.
    pub async fn recipient(&self, send: &str, openid: &str) -> Result<Option<Recipient>, StoreError> {
        const SQL: &str = "SELECT openid, outcome, errcode, reason, msgid, tried_at, settled_at FROM send_recipients \
             WHERE send = $1 AND openid = $2";
        let row: Option<RecipientRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(send).bind(openid).fetch_optional(pool).await)?;
        row.map(|row| row.open(send)).transpose()
    }

    /// Takes a user again, when WeChat did not take the message, or when nobody knows whether it did and the message is
    /// not older than `seconds`. Those count from the first try, which may be the one that WeChat has carried out. False
    /// when there is no reason to.
    pub async fn take_again(&self, send: &str, openid: &str, seconds: u64) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE send_recipients SET outcome = 'sending', errcode = NULL, reason = NULL, \
             tried_at = $3, settled_at = NULL WHERE send = $1 AND openid = $2 AND msgid IS NULL \
             AND (outcome = 'failed' OR outcome = 'unknown' AND (SELECT created_at FROM sends WHERE id = $1) > $4)";
        let now = self.0.clock.now();
        let taken = in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(send)
                .bind(openid)
                .bind(to_sql(now))
                .bind(to_sql(now.saturating_sub(seconds)))
                .execute(&mut *connection)
                .await?
                .rows_affected()
        });
        Ok(taken > 0)
    }

    /// Takes at most `limit` users whose turn it is: WeChat is about to be asked for each of them.
    pub async fn take(&self, send: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "UPDATE send_recipients SET outcome = 'sending', tried_at = $2 WHERE send = $1 AND openid IN \
             (SELECT openid FROM send_recipients WHERE send = $1 AND outcome = 'queued' ORDER BY openid LIMIT $3) \
             AND outcome = 'queued' RETURNING openid";
        let now = to_sql(self.0.clock.now());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let openids = in_transaction!(&self.0.db, connection => {
            sqlx::query_scalar(SQL).bind(send).bind(now).bind(limit).fetch_all(&mut *connection).await?
        });
        Ok(openids)
    }

    /// The users whose sending a crash cut off, with when WeChat was asked, in seconds since 1970. To be asked only by
    /// the one who sends.
    pub async fn cut_off(&self, send: &str, limit: usize) -> Result<Vec<(String, u64)>, StoreError> {
        const SQL: &str = "SELECT openid, tried_at FROM send_recipients WHERE send = $1 AND outcome = 'sending' \
             ORDER BY openid LIMIT $2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<(String, Option<i64>)> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(send).bind(limit).fetch_all(pool).await)?;
        Ok(rows.into_iter().map(|(openid, at)| (openid, from_sql(at.unwrap_or_default()))).collect())
    }

    /// Writes down what came of asking WeChat, for a user who was [taken](Self::take). What WeChat has told of the
    /// message already counts.
    pub async fn settle(&self, send: &MessageSend, openid: &str, settled: &SettledAs) -> Result<(), StoreError> {
        const COUNT_SENT: &str = "UPDATE subscriptions SET sent = sent + 1 \
             WHERE app = $1 AND openid = $2 AND template_id = $3";
        let now = to_sql(self.0.clock.now());
        let (outcome, errcode, reason, msgid) = match settled {
            SettledAs::Sent(msgid) => (SendOutcome::Sent, None, None, msgid.as_ref()),
            SettledAs::Failed { errcode, reason } => (SendOutcome::Failed, *errcode, Some(reason), None),
            SettledAs::Unknown(reason) => (SendOutcome::Unknown, None, Some(reason), None),
            SettledAs::Queued => (SendOutcome::Queued, None, None, None),
        };
        let counts = outcome == SendOutcome::Sent && send.message.needs_consent();
        // One user at a time: two transactions with several would wait for each other.
        in_transaction!(&self.0.db, connection => {
            // First the outcome's row, then the user's: who writes what WeChat told keeps to the same order.
            let told: Option<Told> = match msgid {
                Some(msgid) => {
                    let claim = sqlx::query_as(CLAIM).bind(&send.app).bind(msgid).bind(&send.id).bind(openid).bind(now);
                    Some(claim.fetch_one(&mut *connection).await?)
                }
                None => None,
            };
            sqlx::query(SETTLE)
                .bind(&send.id)
                .bind(openid)
                .bind(outcome.as_str())
                .bind(errcode)
                .bind(reason)
                .bind(msgid)
                .bind((outcome != SendOutcome::Queued).then_some(now))
                .execute(&mut *connection)
                .await?;
            if let Some((Some(told), errcode, reason)) = told {
                sqlx::query(SETTLE_TOLD)
                    .bind(&send.id)
                    .bind(openid)
                    .bind(told)
                    .bind(errcode)
                    .bind(reason)
                    .bind(msgid)
                    .bind(now)
                    .execute(&mut *connection)
                    .await?;
            }
            if counts {
                sqlx::query(COUNT_SENT)
                    .bind(&send.app)
                    .bind(openid)
                    .bind(&send.message.template_id)
                    .execute(&mut *connection)
                    .await?;
            }
        });
        Ok(())
    }

    /// Says of messages to one user whose sending was cut off `seconds` ago or longer that nobody knows what became of
    /// them, however old they are: one may be taken again long after it was made. Tells of how many.
    pub async fn give_up_cut_off(&self, seconds: u64, reason: &str) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE send_recipients SET outcome = 'unknown', reason = $2, settled_at = $3 \
             WHERE outcome = 'sending' AND tried_at <= $1 \
             AND EXISTS (SELECT 1 FROM sends s WHERE s.id = send_recipients.send AND s.job IS NULL)";
        let now = self.0.clock.now();
        let given_up = in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(to_sql(now.saturating_sub(seconds)))
                .bind(reason)
                .bind(to_sql(now))
                .execute(&mut *connection)
                .await?
                .rows_affected()
        });
        Ok(given_up)
    }
}

fn known(outcome: &str, send: &str) -> Result<SendOutcome, StoreError> {
    outcome.parse().map_err(|_| StoreError::Corrupt { what: format!("send_recipients.outcome/{send}") })
}

#[derive(FromRow)]
struct RecipientRow {
    openid: String,
    outcome: String,
    errcode: Option<i64>,
    reason: Option<String>,
    msgid: Option<String>,
    tried_at: Option<i64>,
    settled_at: Option<i64>,
}

impl RecipientRow {
    fn open(self, send: &str) -> Result<Recipient, StoreError> {
        Ok(Recipient {
            outcome: known(&self.outcome, send)?,
            openid: self.openid,
            errcode: self.errcode,
            reason: self.reason,
            msgid: self.msgid,
            tried_at: self.tried_at.map(from_sql),
            settled_at: self.settled_at.map(from_sql),
        })
    }
}
