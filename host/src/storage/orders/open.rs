//! The orders that WeChat is to be asked about: nobody may have told us that they are paid.

use super::{OrderRow, Orders};
use crate::model::Order;
use crate::storage::{StoreError, on_db, to_sql};

impl Orders<'_> {
    /// At most `limit` orders that are open and that nobody has heard of for a while, longest first: for a minute at
    /// least, and for half as long as they were open until then. `now_ms` is in milliseconds since 1970.
    pub async fn due(&self, now_ms: u64, limit: usize) -> Result<Vec<Order>, StoreError> {
        const SQL: &str = "SELECT app, merchant, out_trade_no, appid, mch_id, sub_appid, sub_mch_id, terms, state, \
             close_confirmed, seen_at_ms, transaction_id, openid, sub_openid, paid_at, result, version, created_at, \
             updated_at FROM orders WHERE state IN ('NOTPAY', 'USERPAYING', 'PAYERROR') \
             AND seen_at_ms <= $1 - 60000 AND ($1 - seen_at_ms) * 2 >= seen_at_ms - created_at * 1000 \
             ORDER BY seen_at_ms LIMIT $2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<OrderRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(to_sql(now_ms)).bind(limit).fetch_all(pool).await)?;
        rows.into_iter().map(OrderRow::open).collect()
    }
}
