//! Telling the hook of events: which are due, whose turn it is, and what became of the try.

use sqlx::FromRow;

use super::events::{Known, PENDING};
use super::{FIND, OrderRow, Orders};
use crate::model::{ObservationSource, Order, OrderState};
use crate::storage::{StoreError, from_sql, in_transaction, on_db, to_sql};

/// The hook has heard of it, or there is none.
const DELIVERED: &str = "delivered";

/// The hook failed for so long that nobody tries any more.
const PARKED: &str = "parked";

/// An event that one process is about to tell the hook of. When it does not say what became of it, the next one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEvent {
    /// The same each time.
    pub id: String,
    /// The order as it was just after the change.
    pub order: Order,
    /// Where it was before.
    pub previous_state: OrderState,
    /// How the change was seen.
    pub source: ObservationSource,
    /// 1 for the first try.
    pub attempt: u64,
    /// When the order changed, in milliseconds since 1970.
    pub created_at_ms: u64,
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventOutcome {
    /// The hook has heard of it.
    Told,
    /// The app has no hook.
    NoHook,
    /// It is to be tried again then, in milliseconds since 1970.
    Again {
        /// Why it failed.
        error: String,
        /// When.
        at_ms: u64,
    },
    /// It is not tried any more until an operator wants it.
    Parked {
        /// Why it failed.
        error: String,
    },
}

#[derive(FromRow)]
struct DueRow {
    id: String,
    app: String,
    merchant: String,
    out_trade_no: String,
    version: i64,
    previous_state: String,
    state: String,
    source: String,
    known: String,
    created_at_ms: i64,
    attempts: i64,
}

impl Orders<'_> {
    /// Takes at most `limit` events that are due, each for `lease_ms`, in which nobody else takes it. Of an order only
    /// the first that its hook has not heard of: its events come in their order.
    pub async fn take_due_events(&self, limit: usize, lease_ms: u64) -> Result<Vec<DueEvent>, StoreError> {
        const SQL: &str = "SELECT e.id, e.app, e.merchant, e.out_trade_no, e.version, e.previous_state, e.state, \
             e.source, e.known, e.created_at_ms, e.attempts FROM order_events e \
             WHERE e.delivery = 'pending' AND e.due_at_ms <= $1 AND NOT EXISTS (SELECT 1 FROM order_events p \
             WHERE p.app = e.app AND p.merchant = e.merchant AND p.out_trade_no = e.out_trade_no \
             AND p.version < e.version AND p.delivery = 'pending') ORDER BY e.due_at_ms, e.id LIMIT $2";
        const TAKE: &str = "UPDATE order_events SET attempts = attempts + 1, due_at_ms = $3 \
             WHERE id = $1 AND attempts = $2 AND delivery = 'pending'";
        let now_ms = self.0.clock.now_ms();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<DueRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(to_sql(now_ms)).bind(limit).fetch_all(pool).await)?;
        let mut taken = Vec::with_capacity(rows.len());
        for row in rows {
            let until = to_sql(now_ms.saturating_add(lease_ms));
            let updated = in_transaction!(&self.0.db, connection => {
                let take = sqlx::query(TAKE).bind(&row.id).bind(row.attempts).bind(until);
                take.execute(&mut *connection).await?.rows_affected()
            });
            if updated > 0 {
                taken.extend(self.open_event(row).await?);
            }
        }
        Ok(taken)
    }

    async fn open_event(&self, row: DueRow) -> Result<Option<DueEvent>, StoreError> {
        let order: Option<OrderRow> = on_db!(&self.0.db, pool => {
            sqlx::query_as(FIND).bind(&row.app).bind(&row.merchant).bind(&row.out_trade_no).fetch_optional(pool).await
        })?;
        let Some(order) = order else { return Ok(None) };
        let corrupt = |column: &str| StoreError::Corrupt { what: format!("order_events.{column}/{}", row.id) };
        let known: Known = serde_json::from_str(&row.known).map_err(|_| corrupt("known"))?;
        let state = row.state.parse().map_err(|_| corrupt("state"))?;
        Ok(Some(DueEvent {
            order: known.put_back(Order { state, version: from_sql(row.version), ..order.open()? }),
            previous_state: row.previous_state.parse().map_err(|_| corrupt("previous_state"))?,
            source: row.source.parse().map_err(|_| corrupt("source"))?,
            attempt: from_sql(row.attempts) + 1,
            created_at_ms: from_sql(row.created_at_ms),
            id: row.id,
        }))
    }

    /// Writes down what became of a try.
    pub async fn settle_event(&self, event: &DueEvent, outcome: &EventOutcome) -> Result<(), StoreError> {
        const EVENT: &str = "UPDATE order_events SET delivery = $3, due_at_ms = $4 WHERE id = $1 AND attempts = $2";
        const TRY: &str = "INSERT INTO order_event_deliveries (event_id, attempt, outcome, error, at_ms) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        let now_ms = self.0.clock.now_ms();
        let (delivery, due_at_ms, tried) = match outcome {
            EventOutcome::Told => (DELIVERED, now_ms, Some(("ok", ""))),
            EventOutcome::NoHook => (DELIVERED, now_ms, None),
            EventOutcome::Again { error, at_ms } => (PENDING, *at_ms, Some(("failed", error.as_str()))),
            EventOutcome::Parked { error } => (PARKED, now_ms, Some(("failed", error.as_str()))),
        };
        let attempt = to_sql(event.attempt);
        in_transaction!(&self.0.db, connection => {
            let update = sqlx::query(EVENT).bind(&event.id).bind(attempt).bind(delivery).bind(to_sql(due_at_ms));
            update.execute(&mut *connection).await?;
            if let Some((outcome, error)) = tried {
                sqlx::query(TRY)
                    .bind(&event.id)
                    .bind(attempt)
                    .bind(outcome)
                    .bind(error.replace('\0', ""))
                    .bind(to_sql(now_ms))
                    .execute(&mut *connection)
                    .await?;
            }
        });
        Ok(())
    }
}
