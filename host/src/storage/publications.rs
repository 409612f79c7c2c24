//! Table `publications`: drafts that were handed to WeChat to be published.

use super::error::missing_app;
use super::menus::{parse, to_json};
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{Publication, PublicationOutcome, PublicationState};

/// When WeChat is first asked, in seconds after a draft was handed in; each time after it twice as long.
const FIRST_ASK: u64 = 30;
/// How often it is asked: the last time comes about a day and a half after the first.
const ASKS: u32 = 12;

/// Notes an end. Of what is published the articles are still to be asked for.
const NOTE: &str = "INSERT INTO publications \
     (app, publish_id, state, article_id, failed_indexes, created_at, updated_at, ask_at) \
     SELECT name, $2, $3, $4, $5, $6, $6, CASE WHEN $3 = 'published' THEN $6 END FROM apps WHERE name = $1 \
     ON CONFLICT (app, publish_id) DO UPDATE SET state = excluded.state, \
     article_id = COALESCE(excluded.article_id, publications.article_id), failed_indexes = excluded.failed_indexes, \
     updated_at = excluded.updated_at, ask_at = excluded.ask_at, asked = 0";

/// The publications of the apps.
#[derive(Debug, Clone, Copy)]
pub struct Publications<'a>(pub(super) &'a Store);

impl Publications<'_> {
    /// Notes that a draft was handed in. What an event has told of it already stays. [`StoreError::NotFound`] when there
    /// is no such app.
    pub async fn begin(&self, app: &str, publish_id: &str, media_id: &str, title: &str) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO publications (app, publish_id, media_id, title, state, created_at, updated_at, ask_at) \
             VALUES ($1, $2, $3, $4, 'publishing', $5, $5, $6) ON CONFLICT (app, publish_id) DO UPDATE SET \
             media_id = excluded.media_id, title = excluded.title";
        let now = self.0.clock.now();
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(publish_id)
                .bind(media_id)
                .bind(title.replace('\0', ""))
                .bind(to_sql(now))
                .bind(to_sql(now + FIRST_ASK))
                .execute(&mut *connection)
                .await
                .map_err(|error| missing_app(error, app))?;
        });
        Ok(())
    }

    /// Notes what WeChat says. A publication that nobody here has handed in is noted too: one that was may not be
    /// written yet. An end is not taken back by being told `publishing` later. What belongs to no app is left out.
    pub async fn note(&self, app: &str, outcome: &PublicationOutcome) -> Result<(), StoreError> {
        if outcome.state == PublicationState::Publishing || !may_be_stored(&[app, &outcome.publish_id]) {
            return Ok(());
        }
        in_transaction!(&self.0.db, connection => {
            sqlx::query(NOTE)
                .bind(app)
                .bind(&outcome.publish_id)
                .bind(outcome.state.as_str())
                .bind(&outcome.article_id)
                .bind(to_json(&outcome.failed_indexes))
                .bind(to_sql(self.0.clock.now()))
                .execute(&mut *connection)
                .await?;
        });
        Ok(())
    }

    /// Notes that there is nothing more to ask about a publication.
    pub async fn settle(&self, app: &str, publish_id: &str) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE publications SET ask_at = NULL WHERE app = $1 AND publish_id = $2";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(app).bind(publish_id).execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// The publication of that id.
    pub async fn find(&self, app: &str, publish_id: &str) -> Result<Option<Publication>, StoreError> {
        const SQL: &str = "SELECT publish_id, media_id, title, state, article_id, failed_indexes, created_at, updated_at \
             FROM publications WHERE app = $1 AND publish_id = $2";
        if !may_be_stored(&[app, publish_id]) {
            return Ok(None);
        }
        let row: Option<PublicationRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).bind(publish_id).fetch_optional(pool).await)?;
        row.map(|row| open(row, app)).transpose()
    }

    /// At most `limit` publications, newest first, from behind `after` on: the time and the id of the last one that was
    /// read; of one draft when `media_id` is given.
    pub async fn list(
        &self,
        app: &str,
        media_id: Option<&str>,
        after: Option<(u64, &str)>,
        limit: usize,
    ) -> Result<Vec<Publication>, StoreError> {
        const SQL: &str = "SELECT publish_id, media_id, title, state, article_id, failed_indexes, created_at, updated_at \
             FROM publications WHERE app = $1 AND (created_at, publish_id) < ($2, $3) \
             AND ($4 IS NULL OR media_id = $4) ORDER BY created_at DESC, publish_id DESC LIMIT $5";
        let (created_at, last) = after.map_or((i64::MAX, ""), |(created_at, id)| (to_sql(created_at), id));
        if !may_be_stored(&[app, last, media_id.unwrap_or_default()]) {
            return Ok(Vec::new());
        }
        let rows: Vec<PublicationRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(app)
            .bind(created_at)
            .bind(last)
            .bind(media_id)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(|row| open(row, app)).collect()
    }

    /// Takes at most `limit` publications that WeChat is to be asked about now, with their apps: nobody else gets them,
    /// and they come again later, until it has been asked often enough.
    pub async fn take_due(&self, limit: usize) -> Result<Vec<(String, Publication)>, StoreError> {
        const DUE: &str = "SELECT app, publish_id, asked FROM publications WHERE ask_at <= $1 ORDER BY ask_at LIMIT $2";
        const TAKE: &str = "UPDATE publications SET ask_at = $3, asked = asked + 1 \
             WHERE app = $1 AND publish_id = $2 AND asked = $4 AND ask_at <= $5";
        let now = self.0.clock.now();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let due: Vec<(String, String, i64)> =
            on_db!(&self.0.db, pool => sqlx::query_as(DUE).bind(to_sql(now)).bind(limit).fetch_all(pool).await)?;
        let mut taken = Vec::with_capacity(due.len());
        for (app, publish_id, asked) in due {
            let times = u32::try_from(asked).unwrap_or(u32::MAX).saturating_add(1);
            let next = (times < ASKS).then(|| to_sql(now + (FIRST_ASK << times.min(ASKS))));
            let is_ours = in_transaction!(&self.0.db, connection => {
                let query = sqlx::query(TAKE).bind(&app).bind(&publish_id).bind(next).bind(asked).bind(to_sql(now));
                query.execute(&mut *connection).await?.rows_affected() > 0
            });
            if is_ours && let Some(publication) = self.find(&app, &publish_id).await? {
                taken.push((app, publication));
            }
        }
        Ok(taken)
    }
}

/// A publication as the table holds it.
type PublicationRow = (String, Option<String>, String, String, Option<String>, String, i64, i64);

fn open(row: PublicationRow, app: &str) -> Result<Publication, StoreError> {
    let (publish_id, media_id, title, state, article_id, failed_indexes, created_at, updated_at) = row;
    let corrupt = || StoreError::Corrupt { what: format!("publications.state/{app}/{publish_id}") };
    Ok(Publication {
        state: PublicationState::of(&state).ok_or_else(corrupt)?,
        failed_indexes: parse(&failed_indexes, "publications.failed_indexes", &format!("{app}/{publish_id}"))?,
        publish_id,
        media_id,
        title,
        article_id,
        created_at: from_sql(created_at),
        updated_at: from_sql(updated_at),
    })
}
