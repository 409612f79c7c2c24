//! What messages tell of their senders. `at` is the message's own time, so that what comes late or twice is known.

use std::{slice, sync::Arc};

use super::Users;
use crate::{
    model::UserNote,
    storage::{
        StoreError,
        error::{has_met_another, is_about_a_row, missing_app},
        in_transaction, on_db, to_sql,
    },
};

/// Makes a user of whom nothing is known.
const ADD: &str = "INSERT INTO users (app, openid, subscribed, profile_due_at, created_at, updated_at) \
     VALUES ($1, $2, FALSE, $3, $4, $4) ON CONFLICT (app, openid) DO NOTHING";
const SUBSCRIBE: &str = "UPDATE users SET subscribed = TRUE, subscribed_at = $3, subscribe_scene = $4, \
     qr_scene = $5, profile_due_at = $6, profile_attempts = 0, updated_at = $7 \
     WHERE app = $1 AND openid = $2 AND (subscribed_at IS NULL OR subscribed_at < $3) \
     AND (unsubscribed_at IS NULL OR unsubscribed_at <= $3)";
const FIRST: &str = "UPDATE users SET first_subscribed_at = COALESCE(first_subscribed_at, $3) \
     WHERE app = $1 AND openid = $2 RETURNING first_subscribed_at";
const UNSUBSCRIBE: &str = "UPDATE users SET subscribed = FALSE, unsubscribed_at = $3, profile_due_at = NULL, \
     updated_at = $4 WHERE app = $1 AND openid = $2 AND (unsubscribed_at IS NULL OR unsubscribed_at < $3) \
     AND (subscribed_at IS NULL OR subscribed_at <= $3)";
const ASK_AGAIN: &str = "UPDATE users SET profile_due_at = $3, profile_attempts = 0 WHERE app = $1 AND openid = $2";
const FORGET: &str = "UPDATE users SET unionid = NULL, nickname = NULL, avatar_url = NULL, language = NULL, \
     remark = '', alias = '', comment = '', profile_fetched_at = NULL, profile_due_at = NULL, updated_at = $3 \
     WHERE app = $1 AND openid = $2";
const UNTAG: &str = "DELETE FROM user_tags WHERE app = $1 AND openid = $2";

/// A message was about a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Who it is.
    pub openid: String,
    /// What it tells of them.
    pub sighted: Sighted,
    /// WeChat is to be asked about them, when they are new or something has changed.
    pub wants_profile: bool,
}

/// What a message tells of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighted {
    /// They are there. One who was never seen is stored.
    Seen,
    /// They began to follow the account. What is older than what is known changes nothing but the first time, and the
    /// same event again gets the same answer.
    Subscribed {
        /// When, in seconds since 1970.
        at: u64,
        /// The scene of the QR code by which they came.
        qr_scene: Option<String>,
    },
    /// They left the account. What is older than what is known changes nothing.
    Unsubscribed {
        /// When, in seconds since 1970.
        at: u64,
    },
    /// They have changed what WeChat tells of them. Users who are not stored change nothing.
    Modified,
    /// They want nothing to be kept of them: what is left is the openid, and that and how they follow.
    Revoked,
}

impl Users<'_> {
    /// Whether the user is stored.
    pub async fn is_known(&self, app: &str, openid: &str) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT 1 FROM users WHERE app = $1 AND openid = $2";
        let known: Option<i32> =
            on_db!(&self.0.db, pool => sqlx::query_scalar(SQL).bind(app).bind(openid).fetch_optional(pool).await)?;
        Ok(known.is_some())
    }

    /// Writes down what messages tell of users of an app, those of one user in their order, all in one transaction; when
    /// the database cannot take one of them, each in its own. Gives what was told of each, in their order:
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn note(&self, app: &str, sightings: &[Sighting]) -> Vec<Result<UserNote, Arc<StoreError>>> {
        match self.note_together(app, sightings).await {
            Ok(notes) => notes.into_iter().map(Ok).collect(),
            Err(error) if sightings.len() > 1 && may_spare_others(&error) => {
                let mut notes = Vec::with_capacity(sightings.len());
                for sighting in sightings {
                    notes.push(self.note_one(app, sighting).await.map_err(Arc::new));
                }
                notes
            }
            Err(error) => {
                let error = Arc::new(error);
                sightings.iter().map(|_| Err(Arc::clone(&error))).collect()
            }
        }
    }

    /// A user wrote: [`Sighted::Seen`].
    pub async fn seen(&self, app: &str, openid: &str, wants_profile: bool) -> Result<UserNote, StoreError> {
        // Nearly all are known, and reading waits for no writer.
        if self.is_known(app, openid).await? {
            return Ok(UserNote::default());
        }
        let sighting = Sighting { openid: openid.to_owned(), sighted: Sighted::Seen, wants_profile };
        self.note_one(app, &sighting).await
    }

    /// A user began to follow the account, perhaps by the QR code of a scene: [`Sighted::Subscribed`].
    pub async fn subscribed(
        &self,
        app: &str,
        openid: &str,
        at: u64,
        qr_scene: Option<&str>,
        wants_profile: bool,
    ) -> Result<UserNote, StoreError> {
        let sighted = Sighted::Subscribed { at, qr_scene: qr_scene.map(str::to_owned) };
        self.note_one(app, &Sighting { openid: openid.to_owned(), sighted, wants_profile }).await
    }

    /// A user left the account: [`Sighted::Unsubscribed`].
    pub async fn unsubscribed(&self, app: &str, openid: &str, at: u64) -> Result<UserNote, StoreError> {
        let sighted = Sighted::Unsubscribed { at };
        self.note_one(app, &Sighting { openid: openid.to_owned(), sighted, wants_profile: false }).await
    }

    /// WeChat is to be asked about the user: [`Sighted::Modified`].
    pub async fn modified(&self, app: &str, openid: &str) -> Result<(), StoreError> {
        let sighting = Sighting { openid: openid.to_owned(), sighted: Sighted::Modified, wants_profile: true };
        self.note_one(app, &sighting).await.map(drop)
    }

    async fn note_one(&self, app: &str, sighting: &Sighting) -> Result<UserNote, StoreError> {
        let notes = self.note_together(app, slice::from_ref(sighting)).await?;
        Ok(notes.first().copied().unwrap_or_default())
    }

    async fn note_together(&self, app: &str, sightings: &[Sighting]) -> Result<Vec<UserNote>, StoreError> {
        let now = to_sql(self.0.clock.now());
        let mut ordered: Vec<(usize, &Sighting)> = sightings.iter().enumerate().collect();
        // In one order everywhere, so that two processes do not wait for each other. Those of one user stay in theirs.
        ordered.sort_by(|(_, one), (_, other)| one.openid.cmp(&other.openid));
        let mut notes = in_transaction!(&self.0.db, connection => {
            let mut notes = Vec::with_capacity(ordered.len());
            for &(place, Sighting { openid, sighted, wants_profile }) in &ordered {
                let openid = openid.as_str();
                let due = wants_profile.then_some(now);
                let mut note = UserNote::default();
                if !matches!(sighted, Sighted::Modified | Sighted::Revoked) {
                    // Nobody asks about who has left.
                    let due = due.filter(|_| !matches!(sighted, Sighted::Unsubscribed { .. }));
                    let added = sqlx::query(ADD)
                        .bind(app)
                        .bind(openid)
                        .bind(due)
                        .bind(now)
                        .execute(&mut *connection)
                        .await
                        .map_err(|error| missing_app(error, app))?
                        .rows_affected();
                    note.new = added > 0;
                }
                match sighted {
                    Sighted::Subscribed { at, qr_scene } => {
                        let at = to_sql(*at);
                        sqlx::query(SUBSCRIBE)
                            .bind(app)
                            .bind(openid)
                            .bind(at)
                            .bind(qr_scene.as_ref().map(|_| "ADD_SCENE_QR_CODE"))
                            .bind(qr_scene.as_deref())
                            .bind(due)
                            .bind(now)
                            .execute(&mut *connection)
                            .await?;
                        let first: i64 = sqlx::query_scalar(FIRST)
                            .bind(app)
                            .bind(openid)
                            .bind(at)
                            .fetch_one(&mut *connection)
                            .await?;
                        note.first_subscribe = first == at;
                    }
                    Sighted::Unsubscribed { at } => {
                        sqlx::query(UNSUBSCRIBE)
                            .bind(app)
                            .bind(openid)
                            .bind(to_sql(*at))
                            .bind(now)
                            .execute(&mut *connection)
                            .await?;
                    }
                    Sighted::Modified if due.is_some() => {
                        sqlx::query(ASK_AGAIN).bind(app).bind(openid).bind(due).execute(&mut *connection).await?;
                    }
                    Sighted::Seen | Sighted::Modified => {}
                    Sighted::Revoked => {
                        sqlx::query(FORGET).bind(app).bind(openid).bind(now).execute(&mut *connection).await?;
                        sqlx::query(UNTAG).bind(app).bind(openid).execute(&mut *connection).await?;
                    }
                }
                notes.push((place, note));
            }
            notes
        });
        notes.sort_by_key(|(place, _)| *place);
        Ok(notes.into_iter().map(|(_, note)| note).collect())
    }
}

/// Whether the others that were written together with what failed may be taken. Without the app none is.
fn may_spare_others(error: &StoreError) -> bool {
    !matches!(error, StoreError::NotFound { .. }) && (is_about_a_row(error) || has_met_another(error))
}
