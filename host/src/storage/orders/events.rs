//! What is written with an order's changes: the events, which others are told of, and the alarms.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::Orders;
use crate::model::{EventTarget, Order, OrderState, RefundStep};
use crate::storage::{StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};

/// How many tries to tell somebody of an event are shown: all that are made by themselves, and some that were asked for.
const TRIES_SHOWN: i64 = 20;

/// Somebody has not heard of it yet.
pub(super) const PENDING: &str = "pending";

/// Puts an event behind those that the order has. Whoever does that holds the order's row, so that no two events have
/// the same place.
pub(in crate::storage) const INSERT_EVENT: &str = "INSERT INTO order_events (id, app, merchant, out_trade_no, sequence, version, \
     previous_state, state, source, reference, known, created_at_ms, refund) \
     SELECT $1, $2, $3, $4, COALESCE(MAX(sequence), 0) + 1, $5, $6, $7, $8, $9, $10, $11, $12 FROM order_events \
     WHERE app = $2 AND merchant = $3 AND out_trade_no = $4";

/// Has everybody told of an event.
pub(in crate::storage) const INSERT_DELIVERIES: &str = "INSERT INTO order_deliveries (event_id, target, state, attempts, \
     due_at_ms) VALUES ($1, 'hook', 'pending', 0, $2), ($1, 'webhook', 'pending', 0, $2)";

/// An accepted change of an order, or of a refund of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEvent {
    /// The same however often it is delivered; later ones are greater.
    pub id: String,
    /// Its place among the events of the order, beginning with 1.
    pub sequence: u64,
    /// The refund that changed; none when the order itself did.
    pub refund: Option<RefundStep>,
    /// The order's version after it.
    pub version: u64,
    /// Where the order was.
    pub previous_state: OrderState,
    /// Where it was then.
    pub state: OrderState,
    /// How it was seen: the text of an [`ObservationSource`](crate::model::ObservationSource).
    pub source: String,
    /// The notification or the request.
    pub reference: String,
    /// Milliseconds since 1970.
    pub created_at_ms: u64,
    /// Who is told of it.
    pub deliveries: Vec<EventDelivery>,
}

/// How far somebody is told of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDelivery {
    /// Who.
    pub target: EventTarget,
    /// `pending`, `delivered`, `parked` after too many failures, or `skipped` when there was nobody to tell.
    pub state: String,
    /// The last tries, 20 at most.
    pub attempts: Vec<DeliveryAttempt>,
}

/// A try to tell somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// 1 for the first.
    pub attempt: u64,
    /// `ok`, `failed`, or `skipped` when it is none of those that are wanted.
    pub outcome: String,
    /// Why it failed.
    pub error: String,
    /// Milliseconds since 1970.
    pub at_ms: u64,
}

/// Something of an order that a person must look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAlarm {
    /// The kind of an [`Alarm`](crate::model::Alarm).
    pub kind: String,
    /// The field, or the number of the other payment.
    pub detail: String,
    /// How it was seen.
    pub source: String,
    /// The notification or the request.
    pub reference: String,
    /// Seconds since 1970.
    pub raised_at: u64,
}

/// What of an order may differ from version to version, besides its state.
#[derive(Serialize, Deserialize)]
pub(in crate::storage) struct Known {
    close_confirmed: bool,
    transaction_id: Option<String>,
    openid: Option<String>,
    sub_openid: Option<String>,
    paid_at: Option<u64>,
    result: Vec<(String, String)>,
}

impl Known {
    pub(in crate::storage) fn of(order: &Order) -> Self {
        Self {
            close_confirmed: order.close_confirmed,
            transaction_id: order.transaction_id.clone(),
            openid: order.openid.clone(),
            sub_openid: order.sub_openid.clone(),
            paid_at: order.paid_at,
            result: order.result.clone(),
        }
    }

    /// Makes of an order what it was then.
    pub(super) fn give(self, order: &mut Order) {
        order.close_confirmed = self.close_confirmed;
        order.transaction_id = self.transaction_id;
        order.openid = self.openid;
        order.sub_openid = self.sub_openid;
        order.paid_at = self.paid_at;
        order.result = self.result;
    }
}

/// The refund that the event `id` is about.
pub(super) fn refund_step(json: Option<&str>, id: &str) -> Result<Option<RefundStep>, StoreError> {
    let corrupt = |_| StoreError::Corrupt { what: format!("order_events.refund/{id}") };
    json.map(serde_json::from_str).transpose().map_err(corrupt)
}

impl Orders<'_> {
    /// At most `limit` events of an order, in their order, from behind the one at `after` on.
    pub async fn events(&self, order: &Order, after: Option<u64>, limit: usize) -> Result<Vec<OrderEvent>, StoreError> {
        const SQL: &str = "SELECT id, sequence, version, previous_state, state, source, reference, created_at_ms, \
             refund FROM order_events WHERE app = $1 AND merchant = $2 AND out_trade_no = $3 AND sequence > $4 \
             ORDER BY sequence LIMIT $5";
        const DELIVERIES: &str = "SELECT d.event_id, d.target, d.state FROM order_deliveries d \
             JOIN order_events e ON e.id = d.event_id \
             WHERE e.app = $1 AND e.merchant = $2 AND e.out_trade_no = $3 AND e.sequence > $4 AND e.sequence <= $5 \
             ORDER BY d.event_id, d.target";
        const ATTEMPTS: &str = "SELECT a.event_id, a.target, a.attempt, a.outcome, a.error, a.at_ms \
             FROM order_delivery_attempts a JOIN order_events e ON e.id = a.event_id \
             JOIN order_deliveries d ON d.event_id = a.event_id AND d.target = a.target \
             WHERE e.app = $1 AND e.merchant = $2 AND e.out_trade_no = $3 AND e.sequence > $4 AND e.sequence <= $5 \
             AND a.attempt > d.attempts - $6 ORDER BY a.event_id, a.target, a.attempt";
        let after = after.map_or(-1, to_sql);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let Order { app, merchant, out_trade_no, .. } = order;
        let rows: (Vec<EventRow>, Vec<DeliveryRow>, Vec<AttemptRow>) = on_db!(&self.0.db, pool => {
            let events = sqlx::query_as(SQL).bind(app).bind(merchant).bind(out_trade_no).bind(after).bind(limit);
            let events: Vec<EventRow> = events.fetch_all(pool).await?;
            let last = events.last().map_or(after, |event| event.sequence);
            let deliveries = sqlx::query_as(DELIVERIES).bind(app).bind(merchant).bind(out_trade_no).bind(after);
            let attempts = sqlx::query_as(ATTEMPTS).bind(app).bind(merchant).bind(out_trade_no).bind(after);
            (
                events,
                deliveries.bind(last).fetch_all(pool).await?,
                attempts.bind(last).bind(TRIES_SHOWN).fetch_all(pool).await?,
            )
        });
        let (events, deliveries, attempts) = rows;
        events.into_iter().map(|row| row.open(&deliveries, &attempts)).collect()
    }

    /// Has `target`, or everybody, told of an event once more, also who has heard of it; false when there is no such
    /// event.
    pub async fn redeliver(&self, order: &Order, id: &str, target: Option<EventTarget>) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE order_deliveries SET state = 'pending', due_at_ms = $6 \
             WHERE event_id IN (SELECT id FROM order_events \
             WHERE app = $1 AND merchant = $2 AND out_trade_no = $3 AND id = $4) AND ($5 IS NULL OR target = $5)";
        if !may_be_stored(&[id]) {
            return Ok(false);
        }
        let updated = in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(&order.app)
                .bind(&order.merchant)
                .bind(&order.out_trade_no)
                .bind(id)
                .bind(target.map(EventTarget::as_str))
                .bind(to_sql(self.0.clock.now_ms()))
                .execute(&mut *connection)
                .await?
                .rows_affected()
        });
        Ok(updated > 0)
    }

    /// What of an order a person must look at, oldest first.
    pub async fn alarms(&self, order: &Order) -> Result<Vec<OrderAlarm>, StoreError> {
        const SQL: &str = "SELECT kind, detail, source, reference, raised_at FROM order_alarms \
             WHERE app = $1 AND merchant = $2 AND out_trade_no = $3 ORDER BY raised_at, kind, detail LIMIT 100";
        let Order { app, merchant, out_trade_no, .. } = order;
        let rows: Vec<(String, String, String, String, i64)> = on_db!(&self.0.db, pool => {
            sqlx::query_as(SQL).bind(app).bind(merchant).bind(out_trade_no).fetch_all(pool).await
        })?;
        let alarm = |(kind, detail, source, reference, raised_at)| OrderAlarm {
            kind,
            detail,
            source,
            reference,
            raised_at: from_sql(raised_at),
        };
        Ok(rows.into_iter().map(alarm).collect())
    }
}

#[derive(FromRow)]
struct EventRow {
    id: String,
    sequence: i64,
    version: i64,
    previous_state: String,
    state: String,
    source: String,
    reference: String,
    created_at_ms: i64,
    refund: Option<String>,
}

#[derive(FromRow)]
struct DeliveryRow {
    event_id: String,
    target: String,
    state: String,
}

#[derive(FromRow)]
struct AttemptRow {
    event_id: String,
    target: String,
    attempt: i64,
    outcome: String,
    error: String,
    at_ms: i64,
}

impl EventRow {
    fn open(self, deliveries: &[DeliveryRow], attempts: &[AttemptRow]) -> Result<OrderEvent, StoreError> {
        let state = |column: &str, text: &str| {
            text.parse().map_err(|_| StoreError::Corrupt { what: format!("order_events.{column}/{}", self.id) })
        };
        let own = deliveries.iter().filter(|row| row.event_id == self.id);
        Ok(OrderEvent {
            previous_state: state("previous_state", &self.previous_state)?,
            state: state("state", &self.state)?,
            deliveries: own.map(|row| row.open(attempts)).collect::<Result<_, _>>()?,
            refund: refund_step(self.refund.as_deref(), &self.id)?,
            sequence: from_sql(self.sequence),
            version: from_sql(self.version),
            source: self.source,
            reference: self.reference,
            created_at_ms: from_sql(self.created_at_ms),
            id: self.id,
        })
    }
}

impl DeliveryRow {
    fn open(&self, attempts: &[AttemptRow]) -> Result<EventDelivery, StoreError> {
        let corrupt = |_| StoreError::Corrupt { what: format!("order_deliveries.target/{}", self.event_id) };
        let own = attempts.iter().filter(|row| row.event_id == self.event_id && row.target == self.target);
        let attempt = |row: &AttemptRow| DeliveryAttempt {
            attempt: from_sql(row.attempt),
            outcome: row.outcome.clone(),
            error: row.error.clone(),
            at_ms: from_sql(row.at_ms),
        };
        Ok(EventDelivery {
            target: self.target.parse().map_err(corrupt)?,
            state: self.state.clone(),
            attempts: own.map(attempt).collect(),
        })
    }
}
