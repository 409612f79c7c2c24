//! The one way in which a stored order changes: the transition function, and its outcome in one transaction.
//!
//! Nothing is locked while the function runs. What it made of the order is written only when the order is still what it
//! was; otherwise it is read again. Every round that is lost means that somebody else's was won.

use uuid::Uuid;

use super::events::{INSERT_DELIVERIES, INSERT_EVENT, Known};
use super::{OrderRow, Orders};
use crate::model::{Observation, Order, Transition, transition};
use crate::storage::error::has_met_another;
use crate::storage::menus::to_json;
use crate::storage::questions::FIRST_QUESTION;
use crate::storage::{StoreError, in_transaction, to_sql};

/// An order has few versions: who loses more rounds than this is not unlucky.
const ROUNDS: usize = 64;

impl Orders<'_> {
    /// Applies what was seen of an order, and gives back what became of it; none when there is no such order. When it
    /// returns, order, events and alarms are committed, or nothing had to be written.
    pub async fn apply(
        &self,
        app: &str,
        merchant: &str,
        out_trade_no: &str,
        seen: &Observation,
    ) -> Result<Option<Transition>, StoreError> {
        for _ in 0..ROUNDS {
            let Some(before) = self.find(app, merchant, out_trade_no).await? else { return Ok(None) };
            let mut outcome = transition(&before, seen);
            if outcome.order == before && outcome.alarms.is_empty() {
                return Ok(Some(outcome));
            }
            let now = self.0.clock.now();
            // That nothing new was seen is no change.
            let as_before = Order { seen_at_ms: before.seen_at_ms, ..outcome.order.clone() };
            if as_before != before {
                outcome.order.updated_at = now;
            }
            match self.write(&before, seen, &outcome).await {
                Ok(true) => return Ok(Some(outcome)),
                Ok(false) => {}
                Err(error) if has_met_another(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Contended { what: format!("order {out_trade_no}") })
    }

    /// Writes the outcome, unless the order is no longer what it was before.
    async fn write(&self, before: &Order, seen: &Observation, outcome: &Transition) -> Result<bool, StoreError> {
        const ORDER: &str = "UPDATE orders SET state = $6, close_confirmed = $7, seen_at_ms = $8, \
             transaction_id = $9, openid = $10, sub_openid = $11, paid_at = $12, result = $13, version = $14, \
             updated_at = $15, asks = CASE WHEN $16 THEN 0 ELSE asks END, \
             ask_at_ms = CASE WHEN $16 THEN $17 ELSE ask_at_ms END, \
             asked_at_ms = CASE WHEN $16 THEN $18 ELSE asked_at_ms END \
             WHERE app = $1 AND merchant = $2 AND out_trade_no = $3 AND version = $4 AND seen_at_ms = $5";
        const ALARM: &str = "INSERT INTO order_alarms (app, merchant, out_trade_no, kind, detail, source, reference, \
             raised_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
        let row = OrderRow::of(&outcome.order);
        let (source, reference) = (seen.source.as_str(), &seen.reference);
        let (now, now_ms) = (to_sql(self.0.clock.now()), to_sql(self.0.clock.now_ms()));
        in_transaction!(&self.0.db, connection => {
            let updated = sqlx::query(ORDER)
                .bind(&row.app)
                .bind(&row.merchant)
                .bind(&row.out_trade_no)
                .bind(to_sql(before.version))
                .bind(to_sql(before.seen_at_ms))
                .bind(&row.state)
                .bind(row.close_confirmed)
                .bind(row.seen_at_ms)
                .bind(&row.transaction_id)
                .bind(&row.openid)
                .bind(&row.sub_openid)
                .bind(row.paid_at)
                .bind(&row.result)
                .bind(row.version)
                .bind(row.updated_at)
                .bind(!outcome.steps.is_empty())
                .bind(now_ms.saturating_add(to_sql(FIRST_QUESTION)))
                .bind(now_ms)
                .execute(&mut *connection)
                .await?
                .rows_affected();
            if updated == 0 {
                return Ok(false);
            }
            for step in &outcome.steps {
                let id = Uuid::now_v7().to_string();
                sqlx::query(INSERT_EVENT)
                    .bind(&id)
                    .bind(&row.app)
                    .bind(&row.merchant)
                    .bind(&row.out_trade_no)
                    .bind(to_sql(step.order.version))
                    .bind(step.previous_state.as_str())
                    .bind(step.order.state.as_str())
                    .bind(source)
                    .bind(reference)
                    .bind(to_json(&Known::of(&step.order)))
                    .bind(now_ms)
                    .bind(None::<String>)
                    .execute(&mut *connection)
                    .await?;
                sqlx::query(INSERT_DELIVERIES).bind(&id).bind(now_ms).execute(&mut *connection).await?;
            }
            for alarm in &outcome.alarms {
                sqlx::query(ALARM)
                    .bind(&row.app)
                    .bind(&row.merchant)
                    .bind(&row.out_trade_no)
                    .bind(alarm.kind())
                    .bind(alarm.detail())
                    .bind(source)
                    .bind(reference)
                    .bind(now)
                    .execute(&mut *connection)
                    .await?;
            }
        });
        Ok(true)
    }
}
