//! The orders that a bill is compared with.

use super::{OrderRow, Orders};
use crate::model::Order;
use crate::storage::json_rows::{json_rows, of_numbers};
use crate::storage::{StoreError, on_db, to_sql};

impl Orders<'_> {
    /// Those of these numbers that are there.
    pub async fn find_all(&self, app: &str, merchant: &str, out_trade_nos: &[&str]) -> Result<Vec<Order>, StoreError> {
        let sql = json_rows!(&self.0.db,
            "SELECT o.app, o.merchant, out_trade_no, appid, mch_id, sub_appid, sub_mch_id, terms, state, close_confirmed, \
             seen_at_ms, transaction_id, openid, sub_openid, paid_at, result, version, created_at, updated_at \
             FROM orders o JOIN", "$1" (app TEXT, merchant TEXT, number TEXT),
            "ON o.app = r.app AND o.merchant = r.merchant AND o.out_trade_no = r.number");
        let numbers = of_numbers(app, merchant, out_trade_nos);
        let rows: Vec<OrderRow> = on_db!(&self.0.db, pool => sqlx::query_as(sql).bind(numbers).fetch_all(pool).await)?;
        rows.into_iter().map(OrderRow::open).collect()
    }

    /// At most `limit` orders that were paid from `from` on and before `to`, in seconds since 1970: by time and number,
    /// from behind `after` on.
    pub async fn paid_between(
        &self,
        app: &str,
        merchant: &str,
        (from, to): (u64, u64),
        after: Option<(u64, &str)>,
        limit: usize,
    ) -> Result<Vec<Order>, StoreError> {
        const SQL: &str = "SELECT app, merchant, out_trade_no, appid, mch_id, sub_appid, sub_mch_id, terms, state, \
             close_confirmed, seen_at_ms, transaction_id, openid, sub_openid, paid_at, result, version, created_at, \
             updated_at FROM orders WHERE app = $1 AND merchant = $2 AND paid_at IS NOT NULL \
             AND paid_at < $3 AND (paid_at, out_trade_no) > ($4, $5) ORDER BY paid_at, out_trade_no LIMIT $6";
        // No order has no number.
        let (paid_at, number) = after.map_or((to_sql(from), ""), |(at, number)| (to_sql(at), number));
        let rows: Vec<OrderRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(app)
            .bind(merchant)
            .bind(to_sql(to))
            .bind(paid_at)
            .bind(number)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(OrderRow::open).collect()
    }
}
