//! Table `sends`: messages made of templates. Who gets them is in `recipients`, what WeChat tells of them in
//! `outcomes`.

mod outcomes;
mod recipients;

use sqlx::FromRow;
use uuid::Uuid;

use super::error::{is_duplicate, is_missing_parent};
use super::menus::to_json;
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{MessageSend, Recipients, SendOutcome, TemplateMessage};

pub use outcomes::{OutcomeRow, ToldOutcome};
pub use recipients::SettledAs;

/// How long they are kept, in seconds.
const KEPT: u64 = 30 * 24 * 60 * 60;
/// How long an outcome is kept whose message nobody knows, in seconds.
const UNKNOWN_KEPT: u64 = 24 * 60 * 60;
/// How many rows are deleted in one transaction.
const PRUNE: i64 = 500;

/// The messages made of templates.
#[derive(Debug, Clone, Copy)]
pub struct Sends<'a>(pub(super) &'a Store);

/// A message that is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSend {
    /// The app's name.
    pub app: String,
    /// What is sent.
    pub message: TemplateMessage,
    /// Who gets it.
    pub to: Recipients,
    /// By which a request is known that comes again.
    pub client_msg_id: Option<String>,
    /// The name of the token that sends it.
    pub created_by: String,
}

impl Sends<'_> {
    /// Keeps a message with those who get it, all with that outcome. [`StoreError::NotFound`] when there is no such
    /// app, [`StoreError::AlreadyExists`] when there is one of that `client_msg_id`.
    pub async fn add(
        &self,
        new: &NewSend,
        openids: &[String],
        outcome: SendOutcome,
    ) -> Result<MessageSend, StoreError> {
        const SQL: &str = "INSERT INTO sends (id, app, template_id, message, recipients, client_msg_id, created_by, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let send = MessageSend {
            id: Uuid::now_v7().to_string(),
            app: new.app.clone(),
            job: None,
            message: new.message.clone(),
            to: new.to.clone(),
            client_msg_id: new.client_msg_id.clone(),
            created_by: new.created_by.clone(),
            created_at: self.0.clock.now(),
        };
        let refused = |error: sqlx::Error| match &new.client_msg_id {
            Some(id) if is_duplicate(&error) => StoreError::AlreadyExists { kind: "a message", name: id.clone() },
            _ if is_missing_parent(&error) => StoreError::NotFound { kind: "app", name: new.app.clone() },
            _ => error.into(),
        };
        let add_recipients = recipients::add(&self.0.db);
        let openids = to_json(&openids);
        let tried_at = (outcome == SendOutcome::Sending).then_some(to_sql(send.created_at));
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(&send.id)
                .bind(&send.app)
                .bind(&send.message.template_id)
                .bind(to_json(&send.message))
                .bind(to_json(&send.to))
                .bind(&send.client_msg_id)
                .bind(&send.created_by)
                .bind(to_sql(send.created_at))
                .execute(&mut *connection)
                .await
                .map_err(refused)?;
            sqlx::query(add_recipients)
                .bind(&send.id)
                .bind(&openids)
                .bind(outcome.as_str())
                .bind(tried_at)
                .execute(&mut *connection)
                .await?;
        });
        Ok(send)
    }

    /// The message of that id, or that a job of that id sends.
    pub async fn find(&self, app: &str, id: &str) -> Result<Option<MessageSend>, StoreError> {
        const SQL: &str = "SELECT id, app, job, message, recipients, client_msg_id, created_by, created_at \
             FROM sends WHERE app = $1 AND (id = $2 OR job = $2)";
        self.one(SQL, app, id).await
    }

    /// The message of that `client_msg_id`.
    pub async fn of_client_msg_id(&self, app: &str, id: &str) -> Result<Option<MessageSend>, StoreError> {
        const SQL: &str = "SELECT id, app, job, message, recipients, client_msg_id, created_by, created_at \
             FROM sends WHERE app = $1 AND client_msg_id = $2";
        self.one(SQL, app, id).await
    }

    async fn one(&self, sql: &'static str, app: &str, id: &str) -> Result<Option<MessageSend>, StoreError> {
        if !may_be_stored(&[app, id]) {
            return Ok(None);
        }
        let row: Option<SendRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(sql).bind(app).bind(id).fetch_optional(pool).await)?;
        row.map(SendRow::open).transpose()
    }

    /// At most `limit` messages, newest first, from the newest or from behind the one with that id on.
    pub async fn list(&self, app: &str, behind: Option<&str>, limit: usize) -> Result<Vec<MessageSend>, StoreError> {
        const SQL: &str = "SELECT id, app, job, message, recipients, client_msg_id, created_by, created_at \
             FROM sends WHERE app = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3";
        let behind = behind.unwrap_or_default();
        if !may_be_stored(&[app, behind]) {
            return Ok(Vec::new());
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<SendRow> = on_db!(&self.0.db, pool => {
            sqlx::query_as(SQL).bind(app).bind(behind).bind(limit).fetch_all(pool).await
        })?;
        rows.into_iter().map(SendRow::open).collect()
    }

    /// Says which job sends a message.
    pub async fn set_job(&self, id: &str, job: &str) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE sends SET job = $2 WHERE id = $1";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(id).bind(job).execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// Deletes what is old, and so many rows at a time that other writers come through in between.
    pub async fn prune(&self) -> Result<(), StoreError> {
        const RECIPIENTS: &str = "DELETE FROM send_recipients WHERE (send, openid) IN (SELECT r.send, r.openid \
             FROM sends s JOIN send_recipients r ON r.send = s.id WHERE s.created_at < $1 LIMIT $2)";
        const SENDS: &str = "DELETE FROM sends WHERE id IN (SELECT id FROM sends WHERE created_at < $1 LIMIT $2)";
        const OUTCOMES: &str = "DELETE FROM message_outcomes WHERE (app, msgid) IN \
             (SELECT app, msgid FROM message_outcomes WHERE at < $1 LIMIT $2)";
        const NOBODYS: &str = "DELETE FROM message_outcomes WHERE (app, msgid) IN \
             (SELECT app, msgid FROM message_outcomes WHERE at < $1 AND send IS NULL LIMIT $2)";
        let now = self.0.clock.now();
        let (old, unknown) = (to_sql(now.saturating_sub(KEPT)), to_sql(now.saturating_sub(UNKNOWN_KEPT)));
        for (sql, before) in [(RECIPIENTS, old), (SENDS, old), (OUTCOMES, old), (NOBODYS, unknown)] {
            loop {
                let deleted = in_transaction!(&self.0.db, connection => {
                    sqlx::query(sql).bind(before).bind(PRUNE).execute(&mut *connection).await?.rows_affected()
                });
                if deleted < PRUNE.unsigned_abs() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Deletes those who get the messages of an app, so many at a time that other writers come through in between.
    pub(super) async fn delete_all(&self, app: &str) -> Result<(), StoreError> {
        const RECIPIENTS: &str = "DELETE FROM send_recipients WHERE (send, openid) IN (SELECT r.send, r.openid \
             FROM sends s JOIN send_recipients r ON r.send = s.id WHERE s.app = $1 LIMIT $2)";
        const OUTCOMES: &str = "DELETE FROM message_outcomes WHERE (app, msgid) IN \
             (SELECT app, msgid FROM message_outcomes WHERE app = $1 LIMIT $2)";
        for sql in [RECIPIENTS, OUTCOMES] {
            loop {
                let deleted = in_transaction!(&self.0.db, connection => {
                    sqlx::query(sql).bind(app).bind(PRUNE).execute(&mut *connection).await?.rows_affected()
                });
                if deleted == 0 {
                    break;
                }
            }
        }
        Ok(())
    }
}

#[derive(FromRow)]
struct SendRow {
    id: String,
    app: String,
    job: Option<String>,
    message: String,
    recipients: String,
    client_msg_id: Option<String>,
    created_by: String,
    created_at: i64,
}

impl SendRow {
    fn open(self) -> Result<MessageSend, StoreError> {
        let corrupt = |column: &str| StoreError::Corrupt { what: format!("sends.{column}/{}", self.id) };
        Ok(MessageSend {
            message: serde_json::from_str(&self.message).map_err(|_| corrupt("message"))?,
            to: serde_json::from_str(&self.recipients).map_err(|_| corrupt("recipients"))?,
            id: self.id,
            app: self.app,
            job: self.job,
            client_msg_id: self.client_msg_id,
            created_by: self.created_by,
            created_at: from_sql(self.created_at),
        })
    }
}
