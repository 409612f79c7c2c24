//! Table `message_outcomes`, and what else WeChat's events tell of messages that were sent: written in batches, as it
//! comes with the load of the messages themselves.

use super::super::batch::BatchRow;
use crate::model::{MassOutcome, PublicationOutcome, SendOutcome};
use crate::storage::menus::to_json;
use crate::storage::{Store, StoreError, in_transaction, to_sql};

/// Outcome, code and reason of a message, as far as WeChat has told.
pub(super) type Told = (Option<String>, Option<i64>, Option<String>);

/// Says whose message it is; gives what WeChat has told of it.
pub(super) const CLAIM: &str = "INSERT INTO message_outcomes (app, msgid, send, openid, at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (app, msgid) DO UPDATE SET send = excluded.send, openid = excluded.openid \
     RETURNING outcome, errcode, reason";

/// Makes what WeChat told the outcome for a user.
pub(super) const SETTLE_TOLD: &str = "UPDATE send_recipients SET outcome = $3, errcode = $4, reason = $5, msgid = $6, \
     settled_at = $7 WHERE send = $1 AND openid = $2 AND outcome IN ('sending', 'sent', 'unknown')";

/// Says what WeChat told of a message; gives whose it is, if that is known.
const TELL: &str = "INSERT INTO message_outcomes (app, msgid, outcome, errcode, reason, at) \
     SELECT name, $2, $3, $4, $5, $6 FROM apps WHERE name = $1 \
     ON CONFLICT (app, msgid) DO UPDATE SET outcome = excluded.outcome, errcode = excluded.errcode, \
     reason = excluded.reason RETURNING send, openid";

/// The newest message to a user of a template whose id nobody told us.
const FIND: &str = "SELECT r.send FROM send_recipients r JOIN sends s ON s.id = r.send \
     WHERE r.openid = $2 AND r.msgid IS NULL AND r.tried_at IS NOT NULL \
     AND r.outcome IN ('sending', 'sent', 'unknown') AND s.app = $1 AND s.template_id = $3 \
     ORDER BY r.tried_at DESC, r.send DESC LIMIT 1";

/// What a user said. What is not newer is an event that comes again.
const SAY: &str = "INSERT INTO subscriptions (app, openid, template_id, status, accepted, rejected, \
     changed_at) SELECT name, $2, $3, $4, $5, $6, $7 FROM apps WHERE name = $1 \
     ON CONFLICT (app, openid, template_id) DO UPDATE SET status = excluded.status, \
     accepted = subscriptions.accepted + excluded.accepted, \
     rejected = subscriptions.rejected + excluded.rejected, changed_at = excluded.changed_at \
     WHERE subscriptions.changed_at < excluded.changed_at";

/// What became of a mass message.
const MASS: &str = "INSERT INTO mass_outcomes (app, msg_id, outcome, at) \
     SELECT name, $2, $3, $4 FROM apps WHERE name = $1 \
     ON CONFLICT (app, msg_id) DO UPDATE SET outcome = excluded.outcome, at = excluded.at";

/// Something that WeChat's events tell of a message that was sent, or of whom one may be sent to.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeRow {
    /// The app's name.
    pub app: String,
    /// What is told.
    pub told: ToldOutcome,
}

/// What is told.
#[derive(Debug, Clone, PartialEq)]
pub enum ToldOutcome {
    /// What became of a message for one user.
    Message {
        /// WeChat's id of it.
        msgid: String,
        /// The user.
        openid: String,
        /// The template, where it is told: by it and the user a message is found whose id nobody told us.
        template_id: Option<String>,
        /// Delivered, failed or blocked.
        outcome: SendOutcome,
        /// WeChat's code.
        errcode: Option<i64>,
        /// In WeChat's words.
        reason: Option<String>,
    },
    /// What a user said to a template of subscribe messages.
    Subscription {
        /// The user.
        openid: String,
        /// The template.
        template_id: String,
        /// `accept`, `reject`, or what WeChat adds to these.
        status: String,
        /// When; seconds since 1970.
        at: u64,
    },
    /// What became of a mass message.
    Mass {
        /// WeChat's id of it.
        msg_id: String,
        /// What.
        outcome: MassOutcome,
    },
    /// What became of a draft that was to be published.
    Publication(PublicationOutcome),
}

/// What belongs to no app that is there is left out.
impl BatchRow for OutcomeRow {
    const WHAT: &'static str = "outcomes of messages";
    // Each takes statements of its own.
    const ROWS: usize = 128;
    type Written = ();

    fn owner(&self) -> Option<&str> {
        Some(&self.app)
    }

    async fn write(store: &Store, rows: &[Self]) -> Result<Vec<()>, StoreError> {
        let mut sorted: Vec<&Self> = rows.iter().collect();
        // In one order everywhere, so that two processes do not wait for each other.
        sorted.sort_by(|one, other| one.key().cmp(&other.key()));
        // They are few, and have transactions of their own: writing one again changes nothing.
        for OutcomeRow { app, told } in &sorted {
            if let ToldOutcome::Publication(outcome) = told {
                store.publications().note(app, outcome).await?;
            }
        }
        let now = to_sql(store.clock.now());
        in_transaction!(&store.db, connection => {
            for OutcomeRow { app, told } in sorted {
                match told {
                    ToldOutcome::Message { msgid, openid, template_id, outcome, errcode, reason } => {
                        let whose: Option<(Option<String>, Option<String>)> = sqlx::query_as(TELL)
                            .bind(app)
                            .bind(msgid)
                            .bind(outcome.as_str())
                            .bind(errcode)
                            .bind(reason)
                            .bind(now)
                            .fetch_optional(&mut *connection)
                            .await?;
                        let (send, openid) = match (whose, template_id) {
                            (Some((Some(send), Some(openid))), _) => (Some(send), openid),
                            (Some(_), Some(template_id)) => {
                                let found = sqlx::query_scalar(FIND).bind(app).bind(openid).bind(template_id);
                                (found.fetch_optional(&mut *connection).await?, openid.clone())
                            }
                            _ => (None, String::new()),
                        };
                        if let Some(send) = send {
                            sqlx::query(SETTLE_TOLD)
                                .bind(send)
                                .bind(openid)
                                .bind(outcome.as_str())
                                .bind(errcode)
                                .bind(reason)
                                .bind(msgid)
                                .bind(now)
                                .execute(&mut *connection)
                                .await?;
                        }
                    }
                    ToldOutcome::Subscription { openid, template_id, status, at } => {
                        sqlx::query(SAY)
                            .bind(app)
                            .bind(openid)
                            .bind(template_id)
                            .bind(status)
                            .bind(i64::from(status == "accept"))
                            .bind(i64::from(status == "reject"))
                            .bind(to_sql(*at))
                            .execute(&mut *connection)
                            .await?;
                    }
                    ToldOutcome::Mass { msg_id, outcome } => {
                        sqlx::query(MASS)
                            .bind(app)
                            .bind(msg_id)
                            .bind(to_json(outcome))
                            .bind(now)
                            .execute(&mut *connection)
                            .await?;
                    }
                    // Written above.
                    ToldOutcome::Publication(_) => {}
                }
            }
        });
        Ok(vec![(); rows.len()])
    }
}

impl OutcomeRow {
    fn key(&self) -> (u8, &str, &str, &str) {
        match &self.told {
            ToldOutcome::Message { msgid, .. } => (0, &self.app, msgid, ""),
            ToldOutcome::Subscription { openid, template_id, .. } => (1, &self.app, openid, template_id),
            ToldOutcome::Mass { msg_id, .. } => (2, &self.app, msg_id, ""),
            ToldOutcome::Publication(outcome) => (3, &self.app, &outcome.publish_id, ""),
        }
    }
}
