//! The outbox: which changes of orders a hook has to hear of next, and what came of telling it.

use sqlx::FromRow;
use weft_wechat::pay::Party;

use super::Orders;
use super::events::{Known, PENDING};
use crate::model::{ObservationSource, Order, OrderState};
use crate::storage::{StoreError, from_sql, in_transaction, on_db, to_sql};

/// A change of an order that its app's hook has to hear of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEvent {
    /// The same however often it is told.
    pub id: String,
    /// The order as it was just after the change.
    pub order: Order,
    /// Where it was before.
    pub previous_state: OrderState,
    /// How it was seen.
    pub source: ObservationSource,
    /// How often the hook was told before.
    pub attempts: u64,
    due_at_ms: i64,
}

/// What came of telling a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookOutcome<'a> {
    /// It has heard of it.
    Delivered,
    /// It has not, for this reason; to be told again at this time, in milliseconds since 1970, or never by itself.
    Failed(&'a str, Option<u64>),
}

impl Orders<'_> {
    /// The events that are due, the longest due first: of each order only the first that its hook has not heard of, of
    /// each app no more than `per_app`, and no more than `limit` in all.
    pub async fn due_events(&self, per_app: u32, limit: u32) -> Result<Vec<DueEvent>, StoreError> {
        const SQL: &str = "SELECT e.id, e.app, e.merchant, e.out_trade_no, e.version, e.previous_state, e.state, \
             e.source, e.known, e.attempts, e.due_at_ms, e.created_at_ms, o.appid, o.mch_id, o.sub_appid, \
             o.sub_mch_id, o.terms, o.created_at \
             FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY app ORDER BY due_at_ms, id) AS place FROM order_events e \
             WHERE delivery = 'pending' AND due_at_ms <= $1 AND NOT EXISTS (SELECT 1 FROM order_events earlier \
             WHERE earlier.app = e.app AND earlier.merchant = e.merchant AND earlier.out_trade_no = e.out_trade_no \
             AND earlier.version < e.version AND earlier.delivery = 'pending')) e \
             JOIN orders o ON o.app = e.app AND o.merchant = e.merchant AND o.out_trade_no = e.out_trade_no \
             WHERE e.place <= $2 ORDER BY e.due_at_ms, e.id LIMIT $3";
        let now = to_sql(self.0.clock.now_ms());
        let rows: Vec<DueRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(now)
            .bind(i64::from(per_app))
            .bind(i64::from(limit))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(DueRow::open).collect()
    }

    /// How many changes hooks have still to hear of, whether they are due or not.
    pub async fn waiting_events(&self) -> Result<u64, StoreError> {
        const SQL: &str = "SELECT COUNT(*) FROM order_events WHERE delivery = 'pending'";
        let waiting = on_db!(&self.0.db, pool => sqlx::query_scalar::<_, i64>(SQL).fetch_one(pool).await)?;
        Ok(from_sql(waiting))
    }

    /// Takes an event on: until `until`, in milliseconds since 1970, nobody else tells the hook of it. False when
    /// somebody else has taken it on, or it is not due any more.
    pub async fn take_event(&self, event: &DueEvent, until: u64) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE order_events SET attempts = attempts + 1, due_at_ms = $4 \
             WHERE id = $1 AND delivery = 'pending' AND attempts = $2 AND due_at_ms = $3";
        let taken = in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(&event.id)
                .bind(to_sql(event.attempts))
                .bind(event.due_at_ms)
                .bind(to_sql(until))
                .execute(&mut *connection)
                .await?
                .rows_affected()
        });
        Ok(taken > 0)
    }

    /// Writes down what came of telling the hook, as that try of it which [`take_event`](Self::take_event) began.
    pub async fn settle_event(&self, event: &DueEvent, outcome: HookOutcome<'_>) -> Result<(), StoreError> {
        const EVENT: &str = "UPDATE order_events SET delivery = $3, due_at_ms = COALESCE($4, due_at_ms) \
             WHERE id = $1 AND attempts = $2 AND delivery = 'pending'";
        const TRY: &str = "INSERT INTO order_event_deliveries (event_id, attempt, outcome, error, at_ms) \
             SELECT id, $2, $3, $4, $5 FROM order_events WHERE id = $1 ON CONFLICT DO NOTHING";
        let attempt = to_sql(event.attempts + 1);
        let (delivery, due, outcome, error) = match outcome {
            HookOutcome::Delivered => ("delivered", None, "ok", ""),
            HookOutcome::Failed(error, Some(due)) => (PENDING, Some(to_sql(due)), "failed", error),
            HookOutcome::Failed(error, None) => ("parked", None, "failed", error),
        };
        let now = to_sql(self.0.clock.now_ms());
        in_transaction!(&self.0.db, connection => {
            sqlx::query(EVENT)
                .bind(&event.id)
                .bind(attempt)
                .bind(delivery)
                .bind(due)
                .execute(&mut *connection)
                .await?;
            sqlx::query(TRY)
                .bind(&event.id)
                .bind(attempt)
                .bind(outcome)
                .bind(error)
                .bind(now)
                .execute(&mut *connection)
                .await?;
        });
        Ok(())
    }

    /// Leaves out events whose app has nobody to tell; an operator may have them told later.
    pub async fn skip_events(&self, ids: &[String]) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE order_events SET delivery = 'skipped' WHERE id = $1 AND delivery = 'pending'";
        in_transaction!(&self.0.db, connection => {
            for id in ids {
                sqlx::query(SQL).bind(id).execute(&mut *connection).await?;
            }
        });
        Ok(())
    }
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
    attempts: i64,
    due_at_ms: i64,
    created_at_ms: i64,
    appid: String,
    mch_id: String,
    sub_appid: Option<String>,
    sub_mch_id: Option<String>,
    terms: String,
    created_at: i64,
}

impl DueRow {
    fn open(self) -> Result<DueEvent, StoreError> {
        let corrupt = |column: &str| StoreError::Corrupt { what: format!("order_events.{column}/{}", self.id) };
        let terms = serde_json::from_str(&self.terms).map_err(|_| corrupt("terms"))?;
        let known: Known = serde_json::from_str(&self.known).map_err(|_| corrupt("known"))?;
        let previous_state = self.previous_state.parse().map_err(|_| corrupt("previous_state"))?;
        let state = self.state.parse().map_err(|_| corrupt("state"))?;
        let source = self.source.parse().map_err(|_| corrupt("source"))?;
        let party =
            Party { appid: self.appid, mch_id: self.mch_id, sub_appid: self.sub_appid, sub_mch_id: self.sub_mch_id };
        let created_at = from_sql(self.created_at);
        let mut order = Order::new(&self.app, &self.merchant, &self.out_trade_no, party, terms, created_at);
        order.state = state;
        order.version = from_sql(self.version);
        order.updated_at = from_sql(self.created_at_ms) / 1000;
        known.give(&mut order);
        Ok(DueEvent {
            id: self.id,
            order,
            previous_state,
            source,
            attempts: from_sql(self.attempts),
            due_at_ms: self.due_at_ms,
        })
    }
}
