//! The outbox: what becomes of orders that somebody has to hear of next, and what came of telling them.

use sqlx::FromRow;
use weft_wechat::pay::Party;

use super::Orders;
use super::events::{Known, PENDING, refund_step};
use crate::model::{EventTarget, ObservationSource, Order, OrderState, RefundStep};
use crate::storage::{StoreError, from_sql, in_transaction, on_db, to_sql};

/// A change of an order, or of a refund of it, that somebody has to hear of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEvent {
    /// The same however often it is told, and to whomever.
    pub id: String,
    /// Who has to hear of it.
    pub target: EventTarget,
    /// The order as it was just after the change.
    pub order: Order,
    /// Where it was before.
    pub previous_state: OrderState,
    /// The refund that changed; none when the order itself did.
    pub refund: Option<RefundStep>,
    /// How it was seen.
    pub source: ObservationSource,
    /// When, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// How often this one was told before.
    pub attempts: u64,
    due_at_ms: i64,
}

/// What came of telling somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookOutcome<'a> {
    /// They have heard of it.
    Delivered,
    /// They have not, for this reason; to be told again at this time, in milliseconds since 1970, or never by itself.
    Failed(&'a str, Option<u64>),
    /// They do not want to hear of such events.
    Skipped,
}

impl Orders<'_> {
    /// The events that are due: of each order only the first that its target has not heard of, and for each target of an
    /// app no more than `per_app`, the longest due first; no more than `limit` in all, shared among the apps.
    pub async fn due_events(&self, per_app: u32, limit: u32) -> Result<Vec<DueEvent>, StoreError> {
        const SQL: &str = "SELECT d.event_id, d.target, d.attempts, d.due_at_ms, e.app, e.merchant, e.out_trade_no, \
             e.version, e.previous_state, e.state, e.source, e.known, e.created_at_ms, e.refund, o.appid, o.mch_id, \
             o.sub_appid, o.sub_mch_id, o.terms, o.created_at \
             FROM (SELECT d.event_id, d.target, d.attempts, d.due_at_ms, ROW_NUMBER() OVER \
             (PARTITION BY e.app, d.target ORDER BY d.due_at_ms, d.event_id) AS place \
             FROM order_deliveries d JOIN order_events e ON e.id = d.event_id \
             WHERE d.state = 'pending' AND d.due_at_ms <= $1 AND NOT EXISTS (SELECT 1 FROM order_events earlier \
             JOIN order_deliveries waiting ON waiting.event_id = earlier.id \
             WHERE earlier.app = e.app AND earlier.merchant = e.merchant AND earlier.out_trade_no = e.out_trade_no \
             AND earlier.sequence < e.sequence AND waiting.target = d.target AND waiting.state = 'pending')) d \
             JOIN order_events e ON e.id = d.event_id \
             JOIN orders o ON o.app = e.app AND o.merchant = e.merchant AND o.out_trade_no = e.out_trade_no \
             WHERE d.place <= $2 ORDER BY d.place, d.due_at_ms, d.event_id, d.target LIMIT $3";
        let now = to_sql(self.0.clock.now_ms());
        let rows: Vec<DueRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(now)
            .bind(i64::from(per_app))
            .bind(i64::from(limit))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(DueRow::open).collect()
    }

    /// How often changes have still to be told, whether they are due or not.
    pub async fn waiting_events(&self) -> Result<u64, StoreError> {
        const SQL: &str = "SELECT COUNT(*) FROM order_deliveries WHERE state = 'pending'";
        let waiting = on_db!(&self.0.db, pool => sqlx::query_scalar::<_, i64>(SQL).fetch_one(pool).await)?;
        Ok(from_sql(waiting))
    }

    /// Takes an event on: until `until`, in milliseconds since 1970, nobody else tells its target of it. False when
    /// somebody else has taken it on, or it is not due any more.
    pub async fn take_event(&self, event: &DueEvent, until: u64) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE order_deliveries SET attempts = attempts + 1, due_at_ms = $5 \
             WHERE event_id = $1 AND target = $2 AND state = 'pending' AND attempts = $3 AND due_at_ms = $4";
        let taken = in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(&event.id)
                .bind(event.target.as_str())
                .bind(to_sql(event.attempts))
                .bind(event.due_at_ms)
                .bind(to_sql(until))
                .execute(&mut *connection)
                .await?
                .rows_affected()
        });
        Ok(taken > 0)
    }

    /// Writes down what came of telling the target, as that try of it which [`take_event`](Self::take_event) began.
    pub async fn settle_event(&self, event: &DueEvent, outcome: HookOutcome<'_>) -> Result<(), StoreError> {
        const DELIVERY: &str = "UPDATE order_deliveries SET state = $4, due_at_ms = COALESCE($5, due_at_ms) \
             WHERE event_id = $1 AND target = $2 AND attempts = $3 AND state = 'pending'";
        const ATTEMPT: &str = "INSERT INTO order_delivery_attempts (event_id, target, attempt, outcome, error, at_ms) \
             SELECT event_id, target, $3, $4, $5, $6 FROM order_deliveries WHERE event_id = $1 AND target = $2 \
             ON CONFLICT DO NOTHING";
        let attempt = to_sql(event.attempts + 1);
        let (state, due, outcome, error) = match outcome {
            HookOutcome::Delivered => ("delivered", None, "ok", ""),
            HookOutcome::Failed(error, Some(due)) => (PENDING, Some(to_sql(due)), "failed", error),
            HookOutcome::Failed(error, None) => ("parked", None, "failed", error),
            HookOutcome::Skipped => ("skipped", None, "skipped", ""),
        };
        let now = to_sql(self.0.clock.now_ms());
        in_transaction!(&self.0.db, connection => {
            sqlx::query(DELIVERY)
                .bind(&event.id)
                .bind(event.target.as_str())
                .bind(attempt)
                .bind(state)
                .bind(due)
                .execute(&mut *connection)
                .await?;
            sqlx::query(ATTEMPT)
                .bind(&event.id)
                .bind(event.target.as_str())
                .bind(attempt)
                .bind(outcome)
                .bind(error)
                .bind(now)
                .execute(&mut *connection)
                .await?;
        });
        Ok(())
    }

    /// Leaves out events for targets that their apps do not have; an operator may have them told later.
    pub async fn skip_events(&self, events: &[DueEvent]) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE order_deliveries SET state = 'skipped' \
             WHERE event_id = $1 AND target = $2 AND state = 'pending' AND attempts = $3 AND due_at_ms = $4";
        in_transaction!(&self.0.db, connection => {
            for event in events {
                sqlx::query(SQL)
                    .bind(&event.id)
                    .bind(event.target.as_str())
                    .bind(to_sql(event.attempts))
                    .bind(event.due_at_ms)
                    .execute(&mut *connection)
                    .await?;
            }
        });
        Ok(())
    }
}

#[derive(FromRow)]
struct DueRow {
    event_id: String,
    target: String,
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
    refund: Option<String>,
    appid: String,
    mch_id: String,
    sub_appid: Option<String>,
    sub_mch_id: Option<String>,
    terms: String,
    created_at: i64,
}

impl DueRow {
    fn open(self) -> Result<DueEvent, StoreError> {
        let corrupt = |column: &str| StoreError::Corrupt { what: format!("order_events.{column}/{}", self.event_id) };
        let terms = serde_json::from_str(&self.terms).map_err(|_| corrupt("terms"))?;
        let known: Known = serde_json::from_str(&self.known).map_err(|_| corrupt("known"))?;
        let previous_state = self.previous_state.parse().map_err(|_| corrupt("previous_state"))?;
        let state = self.state.parse().map_err(|_| corrupt("state"))?;
        let source = self.source.parse().map_err(|_| corrupt("source"))?;
        let target = self.target.parse().map_err(|_| corrupt("target"))?;
        let refund = refund_step(self.refund.as_deref(), &self.event_id)?;
        let party =
            Party { appid: self.appid, mch_id: self.mch_id, sub_appid: self.sub_appid, sub_mch_id: self.sub_mch_id };
        let created_at = from_sql(self.created_at);
        let mut order = Order::new(&self.app, &self.merchant, &self.out_trade_no, party, terms, created_at);
        order.state = state;
        order.version = from_sql(self.version);
        order.updated_at = from_sql(self.created_at_ms) / 1000;
        known.give(&mut order);
        Ok(DueEvent {
            id: self.event_id,
            target,
            order,
            previous_state,
            refund,
            source,
            created_at_ms: from_sql(self.created_at_ms),
            attempts: from_sql(self.attempts),
            due_at_ms: self.due_at_ms,
        })
    }
}
