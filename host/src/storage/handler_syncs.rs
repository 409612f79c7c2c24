//! Tables `handler_syncs` and `synced_handlers`.

use super::error::is_missing_parent;
use super::{Db, Store, StoreError, in_transaction, may_be_stored, on_db, to_sql};

/// The syncs of handlers that run, and what earlier ones have left.
#[derive(Debug, Clone, Copy)]
pub struct HandlerSyncs<'a>(pub(super) &'a Store);

/// A handler that stands for an auto-reply of WeChat's settings.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SyncedHandler {
    /// Which auto-reply it is.
    pub origin: String,
    /// [`Handler::id`](crate::model::Handler::id).
    pub handler_id: String,
    /// What the handler was like when it was synced.
    pub digest: String,
}

/// Stores one; together with the handlers themselves ([`HandlerChanges`](super::HandlerChanges)).
pub(super) const PUT_SYNCED: &str = "INSERT INTO synced_handlers (app, origin, handler_id, digest) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (app, origin) DO UPDATE SET \
     handler_id = excluded.handler_id, digest = excluded.digest";

impl HandlerSyncs<'_> {
    /// The handlers of an app that stand for an auto-reply of WeChat's settings.
    pub async fn synced(&self, app: &str) -> Result<Vec<SyncedHandler>, StoreError> {
        const SQL: &str = "SELECT origin, handler_id, digest FROM synced_handlers WHERE app = $1 ORDER BY origin";
        if !may_be_stored(&[app]) {
            return Ok(Vec::new());
        }
        Ok(on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).fetch_all(pool).await)?)
    }

    /// Begins a sync of an app for at most `seconds`; false when another one runs. [`StoreError::NotFound`] when there
    /// is no such app.
    pub async fn begin(&self, app: &str, seconds: u64) -> Result<bool, StoreError> {
        // One process owns an SQLite file: what another one began there has ended with it.
        const SQL: &str = "INSERT INTO handler_syncs (app, lease_holder, lease_until) VALUES ($1, $2, $3) \
             ON CONFLICT (app) DO UPDATE SET lease_holder = excluded.lease_holder, lease_until = excluded.lease_until \
             WHERE handler_syncs.lease_until <= $4 OR ($5 AND handler_syncs.lease_holder <> excluded.lease_holder)";
        let missing = |error: sqlx::Error| {
            if is_missing_parent(&error) {
                StoreError::NotFound { kind: "app", name: app.to_owned() }
            } else {
                error.into()
            }
        };
        let now = self.0.clock.now();
        let is_owned = matches!(self.0.db, Db::Sqlite { .. });
        let begun = in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(&*self.0.process)
                .bind(to_sql(now.saturating_add(seconds)))
                .bind(to_sql(now))
                .bind(is_owned)
                .execute(connection)
                .await
                .map_err(missing)?
                .rows_affected()
        });
        Ok(begun > 0)
    }

    /// Ends a sync that this process began.
    pub async fn end(&self, app: &str) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM handler_syncs WHERE app = $1 AND lease_holder = $2";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(app).bind(&*self.0.process).execute(connection).await?.rows_affected()
        });
        Ok(())
    }
}
