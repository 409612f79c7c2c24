//! What is written with an order's changes: the events, which the hook hears of, and the alarms.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::Orders;
use crate::model::{Order, OrderState};
use crate::storage::{StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};

/// The hook has not heard of it yet.
pub(super) const PENDING: &str = "pending";

/// An accepted change of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEvent {
    /// The same however often it is delivered; later ones are greater.
    pub id: String,
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
    /// `pending`, `delivered` or `parked`.
    pub delivery: String,
    /// The tries to tell the hook.
    pub deliveries: Vec<EventDelivery>,
}

/// A try to tell the hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDelivery {
    /// 1 for the first.
    pub attempt: u64,
    /// `ok` or `failed`.
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
pub(super) struct Known {
    close_confirmed: bool,
    transaction_id: Option<String>,
    openid: Option<String>,
    sub_openid: Option<String>,
    paid_at: Option<u64>,
    result: Vec<(String, String)>,
}

impl Known {
    /// The order with what was known of it then.
    pub(super) fn put_back(self, order: Order) -> Order {
        Order {
            close_confirmed: self.close_confirmed,
            transaction_id: self.transaction_id,
            openid: self.openid,
            sub_openid: self.sub_openid,
            paid_at: self.paid_at,
            result: self.result,
            ..order
        }
    }

    pub(super) fn of(order: &Order) -> Self {
        Self {
            close_confirmed: order.close_confirmed,
            transaction_id: order.transaction_id.clone(),
            openid: order.openid.clone(),
            sub_openid: order.sub_openid.clone(),
            paid_at: order.paid_at,
            result: order.result.clone(),
        }
    }
}

impl Orders<'_> {
    /// At most `limit` events of an order, in their order, from behind the version `after` on.
    pub async fn events(&self, order: &Order, after: Option<u64>, limit: usize) -> Result<Vec<OrderEvent>, StoreError> {
        const SQL: &str = "SELECT id, version, previous_state, state, source, reference, created_at_ms, delivery \
             FROM order_events WHERE app = $1 AND merchant = $2 AND out_trade_no = $3 AND version > $4 \
             ORDER BY version LIMIT $5";
        const DELIVERIES: &str = "SELECT d.event_id, d.attempt, d.outcome, d.error, d.at_ms \
             FROM order_event_deliveries d JOIN order_events e ON e.id = d.event_id \
             WHERE e.app = $1 AND e.merchant = $2 AND e.out_trade_no = $3 ORDER BY d.event_id, d.attempt";
        let after = after.map_or(-1, to_sql);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let Order { app, merchant, out_trade_no, .. } = order;
        let (rows, tries): (Vec<EventRow>, Vec<DeliveryRow>) = on_db!(&self.0.db, pool => {
            let rows = sqlx::query_as(SQL).bind(app).bind(merchant).bind(out_trade_no).bind(after).bind(limit);
            let tries = sqlx::query_as(DELIVERIES).bind(app).bind(merchant).bind(out_trade_no);
            (rows.fetch_all(pool).await?, tries.fetch_all(pool).await?)
        });
        rows.into_iter().map(|row| row.open(&tries)).collect()
    }

    /// Has the hook told of an event once more, also when it has heard of it; false when there is no such event.
    pub async fn redeliver(&self, order: &Order, id: &str) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE order_events SET delivery = $5, due_at_ms = $6 \
             WHERE app = $1 AND merchant = $2 AND out_trade_no = $3 AND id = $4";
        if !may_be_stored(&[id]) {
            return Ok(false);
        }
        let updated = in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(&order.app)
                .bind(&order.merchant)
                .bind(&order.out_trade_no)
                .bind(id)
                .bind(PENDING)
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
    version: i64,
    previous_state: String,
    state: String,
    source: String,
    reference: String,
    created_at_ms: i64,
    delivery: String,
}

#[derive(FromRow)]
struct DeliveryRow {
    event_id: String,
    attempt: i64,
    outcome: String,
    error: String,
    at_ms: i64,
}

impl EventRow {
    fn open(self, tries: &[DeliveryRow]) -> Result<OrderEvent, StoreError> {
        let state = |column: &str, text: &str| {
            text.parse().map_err(|_| StoreError::Corrupt { what: format!("order_events.{column}/{}", self.id) })
        };
        let delivery = |row: &DeliveryRow| EventDelivery {
            attempt: from_sql(row.attempt),
            outcome: row.outcome.clone(),
            error: row.error.clone(),
            at_ms: from_sql(row.at_ms),
        };
        Ok(OrderEvent {
            previous_state: state("previous_state", &self.previous_state)?,
            state: state("state", &self.state)?,
            deliveries: tries.iter().filter(|row| row.event_id == self.id).map(delivery).collect(),
            version: from_sql(self.version),
            source: self.source,
            reference: self.reference,
            created_at_ms: from_sql(self.created_at_ms),
            delivery: self.delivery,
            id: self.id,
        })
    }
}
