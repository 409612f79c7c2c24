//! Tables `mass_messages` and `mass_outcomes`. What WeChat tells of a message stands in a table of its own, as it may
//! come before its id is known here; it is written with what else events tell ([`OutcomeRow`](super::OutcomeRow)).

use sqlx::FromRow;
use uuid::Uuid;

use super::error::{is_duplicate, is_missing_parent};
use super::menus::to_json;
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{MassMessage, MassState, MassTarget};
use weft_wechat::api::message::mass::MassContent;

/// How many messages of an app are kept.
const KEPT: i64 = 1000;

/// The messages to many followers at once.
#[derive(Debug, Clone, Copy)]
pub struct MassMessages<'a>(pub(super) &'a Store);

/// A message that WeChat is about to be asked to send.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMassMessage {
    /// The app's name.
    pub app: String,
    /// By which it is known when it comes again.
    pub clientmsgid: String,
    /// What they get.
    pub content: MassContent,
    /// Who gets it.
    pub target: MassTarget,
    /// Whether articles that WeChat takes for a reprint are sent as one.
    pub send_ignore_reprint: bool,
    /// The name of the token that sends it.
    pub created_by: String,
}

const ONE: &str = "SELECT m.app, m.id, m.clientmsgid, m.content, m.target, m.send_ignore_reprint, m.state, m.errcode, \
     m.reason, m.msg_id, m.msg_data_id, m.msg_status, o.outcome, m.created_by, m.created_at, m.updated_at \
     FROM mass_messages m LEFT JOIN mass_outcomes o ON o.app = m.app AND o.msg_id = m.msg_id \
     WHERE m.app = $1 AND m.id = $2";

impl MassMessages<'_> {
    /// Keeps a message before WeChat is asked to send it, and forgets the oldest ones when there are too many.
    /// [`StoreError::AlreadyExists`] when there is one of that `clientmsgid`, [`StoreError::NotFound`] when there is no
    /// such app.
    pub async fn add(&self, new: NewMassMessage) -> Result<MassMessage, StoreError> {
        const SQL: &str = "INSERT INTO mass_messages (app, id, clientmsgid, content, target, send_ignore_reprint, \
             state, created_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)";
        const FORGET: &str = "DELETE FROM mass_messages WHERE app = $1 AND id NOT IN \
             (SELECT id FROM mass_messages WHERE app = $1 ORDER BY id DESC LIMIT $2)";
        let now = self.0.clock.now();
        let NewMassMessage { app, clientmsgid, content, target, send_ignore_reprint, created_by } = new;
        let message = MassMessage {
            id: Uuid::now_v7().to_string(),
            clientmsgid,
            content,
            target,
            send_ignore_reprint,
            state: MassState::Sending,
            errcode: None,
            reason: None,
            msg_id: None,
            msg_data_id: None,
            msg_status: None,
            outcome: None,
            created_by,
            created_at: now,
            updated_at: now,
        };
        let refused = |error: sqlx::Error| match () {
            () if is_duplicate(&error) => {
                StoreError::AlreadyExists { kind: "a mass message", name: message.clientmsgid.clone() }
            }
            () if is_missing_parent(&error) => StoreError::NotFound { kind: "app", name: app.clone() },
            () => error.into(),
        };
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(&app)
                .bind(&message.id)
                .bind(&message.clientmsgid)
                .bind(to_json(&message.content))
                .bind(to_json(&message.target))
                .bind(message.send_ignore_reprint)
                .bind(message.state.as_str())
                .bind(&message.created_by)
                .bind(to_sql(now))
                .execute(&mut *connection)
                .await
                .map_err(refused)?;
            sqlx::query(FORGET).bind(&app).bind(KEPT).execute(&mut *connection).await?;
        });
        Ok(message)
    }

    /// Writes down how far a message is by now: everything but what WeChat tells by itself.
    pub async fn update(&self, app: &str, message: &MassMessage) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE mass_messages SET state = $3, errcode = $4, reason = $5, msg_id = $6, \
             msg_data_id = $7, msg_status = $8, updated_at = $9 WHERE app = $1 AND id = $2";
        let id = |number: Option<u64>| number.map(|number| number.to_string());
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(&message.id)
                .bind(message.state.as_str())
                .bind(message.errcode)
                .bind(&message.reason)
                .bind(id(message.msg_id))
                .bind(id(message.msg_data_id))
                .bind(&message.msg_status)
                .bind(to_sql(self.0.clock.now()))
                .execute(&mut *connection)
                .await?;
        });
        Ok(())
    }

    /// Writes down what WeChat said when it was asked, and nothing else: the message may have been taken away meanwhile.
    pub async fn set_msg_status(&self, app: &str, id: &str, msg_status: &str) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE mass_messages SET msg_status = $3, updated_at = $4 WHERE app = $1 AND id = $2";
        in_transaction!(&self.0.db, connection => {
            let update = sqlx::query(SQL).bind(app).bind(id).bind(msg_status).bind(to_sql(self.0.clock.now()));
            update.execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// Makes a message one that is being sent again: one that is `refused`, or `unknown` and first tried in the last
    /// `seconds`. False when there is no reason to.
    pub async fn begin_again(&self, app: &str, id: &str, seconds: u64) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE mass_messages SET state = 'sending', errcode = NULL, reason = NULL, updated_at = $3 \
             WHERE app = $1 AND id = $2 AND (state = 'refused' OR state = 'unknown' AND created_at > $4)";
        let now = self.0.clock.now();
        let begun = in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(id)
                .bind(to_sql(now))
                .bind(to_sql(now.saturating_sub(seconds)))
                .execute(&mut *connection)
                .await?
                .rows_affected()
        });
        Ok(begun > 0)
    }

    /// One message.
    pub async fn find(&self, app: &str, id: &str) -> Result<Option<MassMessage>, StoreError> {
        if !may_be_stored(&[app, id]) {
            return Ok(None);
        }
        let row: Option<Row> =
            on_db!(&self.0.db, pool => sqlx::query_as(ONE).bind(app).bind(id).fetch_optional(pool).await)?;
        row.map(Row::open).transpose()
    }

    /// The message of that `clientmsgid`.
    pub async fn of_clientmsgid(&self, app: &str, clientmsgid: &str) -> Result<Option<MassMessage>, StoreError> {
        const SQL: &str = "SELECT id FROM mass_messages WHERE app = $1 AND clientmsgid = $2";
        if !may_be_stored(&[app, clientmsgid]) {
            return Ok(None);
        }
        let id: Option<String> =
            on_db!(&self.0.db, pool => sqlx::query_scalar(SQL).bind(app).bind(clientmsgid).fetch_optional(pool).await)?;
        match id {
            Some(id) => self.find(app, &id).await,
            None => Ok(None),
        }
    }

    /// At most `limit` messages, newest first, from the newest or from behind the one with that id on.
    pub async fn list(&self, app: &str, behind: Option<&str>, limit: usize) -> Result<Vec<MassMessage>, StoreError> {
        const SQL: &str = "SELECT m.app, m.id, m.clientmsgid, m.content, m.target, m.send_ignore_reprint, m.state, \
             m.errcode, m.reason, m.msg_id, m.msg_data_id, m.msg_status, o.outcome, m.created_by, m.created_at, \
             m.updated_at FROM mass_messages m LEFT JOIN mass_outcomes o ON o.app = m.app AND o.msg_id = m.msg_id \
             WHERE m.app = $1 AND ($2 = '' OR m.id < $2) ORDER BY m.id DESC LIMIT $3";
        let behind = behind.unwrap_or_default();
        if !may_be_stored(&[app, behind]) {
            return Ok(Vec::new());
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<Row> = on_db!(&self.0.db, pool => {
            sqlx::query_as(SQL).bind(app).bind(behind).bind(limit).fetch_all(pool).await
        })?;
        rows.into_iter().map(Row::open).collect()
    }

    /// Says of messages whose sending was cut off `seconds` ago or longer that nobody knows what became of them.
    pub async fn give_up_cut_off(&self, seconds: u64, reason: &str) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE mass_messages SET state = 'unknown', reason = $2, updated_at = $3 \
             WHERE state = 'sending' AND updated_at <= $1";
        let now = self.0.clock.now();
        let before = to_sql(now.saturating_sub(seconds));
        let given_up = in_transaction!(&self.0.db, connection => {
            let update = sqlx::query(SQL).bind(before).bind(reason).bind(to_sql(now));
            update.execute(&mut *connection).await?.rows_affected()
        });
        Ok(given_up)
    }
}

#[derive(FromRow)]
struct Row {
    app: String,
    id: String,
    clientmsgid: String,
    content: String,
    target: String,
    send_ignore_reprint: bool,
    state: String,
    errcode: Option<i64>,
    reason: Option<String>,
    msg_id: Option<String>,
    msg_data_id: Option<String>,
    msg_status: Option<String>,
    outcome: Option<String>,
    created_by: String,
    created_at: i64,
    updated_at: i64,
}

impl Row {
    fn open(self) -> Result<MassMessage, StoreError> {
        let corrupt =
            |column: &str| StoreError::Corrupt { what: format!("mass_messages.{column}/{}/{}", self.app, self.id) };
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
        let outcome = self.outcome.as_deref().map(serde_json::from_str).transpose();
        Ok(MassMessage {
            content: serde_json::from_str(&self.content).map_err(|_| corrupt("content"))?,
            target: serde_json::from_str(&self.target).map_err(|_| corrupt("target"))?,
            state: self.state.parse().map_err(|_| corrupt("state"))?,
            outcome: outcome.map_err(|_| corrupt("outcome"))?,
            id: self.id,
            clientmsgid: self.clientmsgid,
            send_ignore_reprint: self.send_ignore_reprint,
            errcode: self.errcode,
            reason: self.reason,
            msg_id: number(self.msg_id),
            msg_data_id: number(self.msg_data_id),
            msg_status: self.msg_status,
            created_by: self.created_by,
            created_at: from_sql(self.created_at),
            updated_at: from_sql(self.updated_at),
        })
    }
}
