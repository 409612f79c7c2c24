//! Table `limited_actions`: how often an app has done what WeChat allows only so often.

use super::error::is_missing_parent;
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, to_sql};

/// What apps may do only so often.
#[derive(Debug, Clone, Copy)]
pub struct LimitedActions<'a>(pub(super) &'a Store);

/// What is done, and how often it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionLimit<'a> {
    /// A word for it.
    pub action: &'a str,
    /// The day or month that it is; another text begins to count anew.
    pub period: &'a str,
    /// How often in a period.
    pub most: u64,
    /// Seconds between two times.
    pub apart: u64,
}

/// Whether it may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It may, and has been counted.
    Taken {
        /// How often it may still be done in the period.
        left: u64,
    },
    /// The last time is not long enough ago.
    TooSoon {
        /// For how many seconds.
        wait: u64,
    },
    /// It was done as often as it may be in the period.
    UsedUp,
}

impl LimitedActions<'_> {
    /// Takes a turn for `app`, before the action: what becomes of it is not known here.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn take(&self, app: &str, limit: ActionLimit<'_>) -> Result<Turn, StoreError> {
        const TAKE: &str = "INSERT INTO limited_actions (app, action, period, taken, last_at) \
             VALUES ($1, $2, $3, 1, $4) ON CONFLICT (app, action) DO UPDATE SET \
             taken = CASE WHEN limited_actions.period = excluded.period THEN limited_actions.taken + 1 ELSE 1 END, \
             period = excluded.period, last_at = excluded.last_at \
             WHERE limited_actions.last_at + $5 <= excluded.last_at \
             AND (limited_actions.period <> excluded.period OR limited_actions.taken < $6) RETURNING taken";
        const LAST: &str = "SELECT last_at FROM limited_actions WHERE app = $1 AND action = $2";
        let no_app = || StoreError::NotFound { kind: "app", name: app.to_owned() };
        if !may_be_stored(&[app]) {
            return Err(no_app());
        }
        let ActionLimit { action, period, most, apart } = limit;
        let now = self.0.clock.now();
        let (taken, last): (Option<i64>, i64) = in_transaction!(&self.0.db, connection => {
            let taken = sqlx::query_scalar(TAKE)
                .bind(app)
                .bind(action)
                .bind(period)
                .bind(to_sql(now))
                .bind(to_sql(apart))
                .bind(to_sql(most))
                .fetch_optional(&mut *connection)
                .await
                .map_err(|error| if is_missing_parent(&error) { no_app() } else { error.into() })?;
            let last = sqlx::query_scalar(LAST).bind(app).bind(action).fetch_one(&mut *connection).await?;
            (taken, last)
        });
        let wait = from_sql(last).saturating_add(apart).saturating_sub(now);
        Ok(match taken {
            Some(taken) => Turn::Taken { left: most.saturating_sub(from_sql(taken)) },
            None if wait > 0 => Turn::TooSoon { wait },
            None => Turn::UsedUp,
        })
    }
}
