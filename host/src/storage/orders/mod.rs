//! Tables `orders`, `order_events`, `order_deliveries`, `order_delivery_attempts` and `order_alarms`. An order changes in
//! `apply` alone.

mod apply;
pub(super) mod events;
mod in_bills;
mod outbox;

use sqlx::FromRow;
use weft_wechat::pay::Party;

pub use self::events::{DeliveryAttempt, EventDelivery, OrderAlarm, OrderEvent};
pub use self::outbox::{DueEvent, HookOutcome};
use super::error::{is_duplicate, is_missing_parent};
use super::menus::to_json;
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{Order, OrderState};

pub(super) const FIND: &str = "SELECT app, merchant, out_trade_no, appid, mch_id, sub_appid, sub_mch_id, terms, state, \
     close_confirmed, seen_at_ms, transaction_id, openid, sub_openid, paid_at, result, version, created_at, updated_at \
     FROM orders WHERE app = $1 AND merchant = $2 AND out_trade_no = $3";

/// How long, in seconds, an order counts as new that WeChat is not told of: nobody will pay it after that.
const NEW_FOR: u64 = 7 * 24 * 60 * 60;

/// The orders of the merchants. What they hold was checked before
/// ([`OrderTerms::check`](crate::model::OrderTerms::check)).
#[derive(Debug, Clone, Copy)]
pub struct Orders<'a>(pub(super) &'a Store);

/// Which orders to list. What is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Where they are.
    pub state: Option<OrderState>,
    /// Who pays.
    pub openid: Option<String>,
}

impl Orders<'_> {
    /// The order of that number.
    pub async fn find(&self, app: &str, merchant: &str, out_trade_no: &str) -> Result<Option<Order>, StoreError> {
        if !may_be_stored(&[app, merchant, out_trade_no]) {
            return Ok(None);
        }
        let row: Option<OrderRow> = on_db!(&self.0.db, pool => {
            sqlx::query_as(FIND).bind(app).bind(merchant).bind(out_trade_no).fetch_optional(pool).await
        })?;
        row.map(OrderRow::open).transpose()
    }

    /// At most `limit` orders that pass the filter, newest first, from behind `after` on: the time of creation and the
    /// number of the last one that was read.
    pub async fn list(
        &self,
        app: &str,
        merchant: &str,
        filter: &OrderFilter,
        after: Option<(u64, &str)>,
        limit: usize,
    ) -> Result<Vec<Order>, StoreError> {
        const SQL: &str = "SELECT app, merchant, out_trade_no, appid, mch_id, sub_appid, sub_mch_id, terms, state, \
             close_confirmed, seen_at_ms, transaction_id, openid, sub_openid, paid_at, result, version, created_at, \
             updated_at FROM orders WHERE app = $1 AND merchant = $2 AND (created_at, out_trade_no) < ($3, $4) \
             AND ($5 IS NULL OR state = $5) AND ($6 IS NULL OR openid = $6 OR sub_openid = $6) \
             ORDER BY created_at DESC, out_trade_no DESC LIMIT $7";
        let openid = filter.openid.as_deref();
        let (created_at, last) = after.map_or((i64::MAX, ""), |(created_at, number)| (to_sql(created_at), number));
        if !may_be_stored(&[app, merchant, last, openid.unwrap_or_default()]) {
            return Ok(Vec::new());
        }
        let rows: Vec<OrderRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(app)
            .bind(merchant)
            .bind(created_at)
            .bind(last)
            .bind(filter.state.map(OrderState::as_str))
            .bind(openid)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(OrderRow::open).collect()
    }

    /// Stores a new order; [`StoreError::AlreadyExists`] when the number is taken, [`StoreError::NotFound`] when there
    /// is no such merchant.
    pub async fn insert(&self, order: &Order) -> Result<(), StoreError> {
        self.insert_within(order, None).await.map(drop)
    }

    /// As [`insert`](Self::insert); false, and nothing is stored, where the app has `most` orders or more of the last week
    /// that WeChat has not been told of.
    pub async fn insert_within(&self, order: &Order, most: Option<u64>) -> Result<bool, StoreError> {
        // The state as a literal: so the index of those is used.
        const NEW: &str = "SELECT COUNT(*) FROM \
             (SELECT 1 FROM orders WHERE app = $1 AND state = 'NEW' AND created_at > $2 LIMIT $3) AS new_orders";
        const SQL: &str = "INSERT INTO orders (app, merchant, out_trade_no, appid, mch_id, sub_appid, sub_mch_id, \
             terms, state, close_confirmed, seen_at_ms, transaction_id, openid, sub_openid, paid_at, result, version, \
             created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
        let no_merchant = || StoreError::NotFound { kind: "merchant", name: order.merchant.clone() };
        if !may_be_stored(&[&order.app, &order.merchant]) {
            return Err(no_merchant());
        }
        let row = OrderRow::of(order);
        let since = to_sql(self.0.clock.now().saturating_sub(NEW_FOR));
        let refused = |error: sqlx::Error| match () {
            () if is_duplicate(&error) => {
                StoreError::AlreadyExists { kind: "an order", name: order.out_trade_no.clone() }
            }
            () if is_missing_parent(&error) => no_merchant(),
            () => error.into(),
        };
        in_transaction!(&self.0.db, connection => {
            if let Some(most) = most.map(to_sql) {
                let new: i64 = sqlx::query_scalar(NEW)
                    .bind(&row.app)
                    .bind(since)
                    .bind(most)
                    .fetch_one(&mut *connection)
                    .await?;
                if new >= most {
                    return Ok(false);
                }
            }
            sqlx::query(SQL)
                .bind(&row.app)
                .bind(&row.merchant)
                .bind(&row.out_trade_no)
                .bind(&row.appid)
                .bind(&row.mch_id)
                .bind(&row.sub_appid)
                .bind(&row.sub_mch_id)
                .bind(&row.terms)
                .bind(&row.state)
                .bind(row.close_confirmed)
                .bind(row.seen_at_ms)
                .bind(&row.transaction_id)
                .bind(&row.openid)
                .bind(&row.sub_openid)
                .bind(row.paid_at)
                .bind(&row.result)
                .bind(row.version)
                .bind(row.created_at)
                .bind(row.updated_at)
                .execute(&mut *connection)
                .await
                .map_err(refused)?;
        });
        Ok(true)
    }
}

/// An order as the table holds it: terms and result as JSON.
#[derive(FromRow)]
pub(super) struct OrderRow {
    app: String,
    merchant: String,
    out_trade_no: String,
    appid: String,
    mch_id: String,
    sub_appid: Option<String>,
    sub_mch_id: Option<String>,
    terms: String,
    state: String,
    close_confirmed: bool,
    seen_at_ms: i64,
    transaction_id: Option<String>,
    openid: Option<String>,
    sub_openid: Option<String>,
    paid_at: Option<i64>,
    result: String,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl OrderRow {
    fn of(order: &Order) -> Self {
        let Order { party, .. } = order;
        Self {
            app: order.app.clone(),
            merchant: order.merchant.clone(),
            out_trade_no: order.out_trade_no.clone(),
            appid: party.appid.clone(),
            mch_id: party.mch_id.clone(),
            sub_appid: party.sub_appid.clone(),
            sub_mch_id: party.sub_mch_id.clone(),
            terms: to_json(&order.terms),
            state: order.state.to_string(),
            close_confirmed: order.close_confirmed,
            seen_at_ms: to_sql(order.seen_at_ms),
            transaction_id: order.transaction_id.clone(),
            openid: order.openid.clone(),
            sub_openid: order.sub_openid.clone(),
            paid_at: order.paid_at.map(to_sql),
            result: to_json(&order.result),
            version: to_sql(order.version),
            created_at: to_sql(order.created_at),
            updated_at: to_sql(order.updated_at),
        }
    }

    pub(super) fn open(self) -> Result<Order, StoreError> {
        let owner = format!("{}/{}/{}", self.app, self.merchant, self.out_trade_no);
        let corrupt = |column: &str| StoreError::Corrupt { what: format!("orders.{column}/{owner}") };
        Ok(Order {
            terms: serde_json::from_str(&self.terms).map_err(|_| corrupt("terms"))?,
            state: self.state.parse().map_err(|_| corrupt("state"))?,
            result: serde_json::from_str(&self.result).map_err(|_| corrupt("result"))?,
            party: Party {
                appid: self.appid,
                mch_id: self.mch_id,
                sub_appid: self.sub_appid,
                sub_mch_id: self.sub_mch_id,
            },
            app: self.app,
            merchant: self.merchant,
            out_trade_no: self.out_trade_no,
            close_confirmed: self.close_confirmed,
            seen_at_ms: from_sql(self.seen_at_ms),
            transaction_id: self.transaction_id,
            openid: self.openid,
            sub_openid: self.sub_openid,
            paid_at: self.paid_at.map(from_sql),
            version: from_sql(self.version),
            created_at: from_sql(self.created_at),
            updated_at: from_sql(self.updated_at),
        })
    }
}
