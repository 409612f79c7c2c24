//! The orders that WeChat is to be asked about: nobody may have told us that they are paid.
//!
//! The table is the queue: `ask_at_ms` says when. Who takes an order moves it into the future, so that of several
//! processes one asks, and another does when that one dies. A change of the order sets the time anew (`apply`).

use sqlx::FromRow;

use super::{OrderRow, Orders};
use crate::model::Order;
use crate::storage::{StoreError, from_sql, in_transaction, on_db, to_sql};

/// How soon after a change WeChat is asked, in milliseconds.
pub(super) const FIRST_QUESTION: u64 = 30_000;

/// By how much the clocks of processes may differ, in milliseconds. What was decided later than that after now was
/// decided by a clock that has been set back since, and does not count.
const CLOCKS_DIFFER: u64 = 60_000;

/// How often it is looked again when others have taken everything that was found.
const LOOKS: usize = 3;

/// An order that this process asks WeChat about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOrder {
    /// The order.
    pub order: Order,
    /// How often WeChat was asked since the order last changed.
    pub asks: u64,
    /// Whether WeChat Pay did not answer for its merchant the last time.
    pub is_failing: bool,
    until_ms: i64,
}

#[derive(FromRow)]
struct DueRow {
    #[sqlx(flatten)]
    order: OrderRow,
    asks: i64,
    ask_at_ms: i64,
    is_failing: bool,
}

impl Orders<'_> {
    /// Takes open orders that are due, of every merchant in turn the longest due first: no more than `per_merchant` of
    /// one, and `limit` in all. Merchants that are paused have none. Until `until_ms` nobody else takes them. Times are
    /// milliseconds since 1970.
    pub async fn take_due(
        &self,
        now_ms: u64,
        until_ms: u64,
        per_merchant: u32,
        limit: u32,
    ) -> Result<Vec<TakenOrder>, StoreError> {
        for _ in 0..LOOKS {
            let due = self.due(now_ms, per_merchant, limit).await?;
            let is_any = !due.is_empty();
            let taken = self.take(due, now_ms, until_ms).await?;
            if !taken.is_empty() || !is_any {
                return Ok(taken);
            }
        }
        Ok(Vec::new())
    }

    async fn due(&self, now_ms: u64, per_merchant: u32, limit: u32) -> Result<Vec<DueRow>, StoreError> {
        const SQL: &str = "SELECT app, merchant, out_trade_no, appid, mch_id, sub_appid, sub_mch_id, terms, state, \
             close_confirmed, seen_at_ms, transaction_id, openid, sub_openid, paid_at, result, version, created_at, \
             updated_at, asks, ask_at_ms, is_failing FROM (SELECT o.*, p.app IS NOT NULL AS is_failing, \
             ROW_NUMBER() OVER (PARTITION BY o.app, o.merchant ORDER BY o.ask_at_ms, o.out_trade_no) AS place \
             FROM orders o LEFT JOIN merchant_pauses p ON p.app = o.app AND p.merchant = o.merchant \
             WHERE o.state IN ('NOTPAY', 'USERPAYING', 'PAYERROR') AND (o.ask_at_ms <= $1 OR o.asked_at_ms > $2) \
             AND (p.app IS NULL OR p.until_ms <= $1 OR p.since_ms > $2)) due \
             WHERE place <= $3 ORDER BY place, ask_at_ms LIMIT $4";
        Ok(on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(to_sql(now_ms))
            .bind(to_sql(now_ms.saturating_add(CLOCKS_DIFFER)))
            .bind(i64::from(per_merchant))
            .bind(i64::from(limit))
            .fetch_all(pool)
            .await)?)
    }

    /// Takes those of `due` that nobody else has taken meanwhile.
    async fn take(&self, mut due: Vec<DueRow>, now_ms: u64, until_ms: u64) -> Result<Vec<TakenOrder>, StoreError> {
        const SQL: &str = "UPDATE orders SET ask_at_ms = $5, asked_at_ms = $6 \
             WHERE app = $1 AND merchant = $2 AND out_trade_no = $3 AND ask_at_ms = $4";
        if due.is_empty() {
            return Ok(Vec::new());
        }
        // Everybody locks rows in one order: two who take at once do not wait for each other.
        due.sort_unstable_by(|a, b| a.order.key().cmp(&b.order.key()));
        let until_ms = to_sql(until_ms);
        let taken = in_transaction!(&self.0.db, connection => {
            let mut taken = Vec::new();
            for row in due {
                let OrderRow { app, merchant, out_trade_no, .. } = &row.order;
                let updated = sqlx::query(SQL)
                    .bind(app)
                    .bind(merchant)
                    .bind(out_trade_no)
                    .bind(row.ask_at_ms)
                    .bind(until_ms)
                    .bind(to_sql(now_ms))
                    .execute(&mut *connection)
                    .await?;
                if updated.rows_affected() > 0 {
                    taken.push(row);
                }
            }
            taken
        });
        let open = |row: DueRow| {
            let DueRow { order, asks, is_failing, .. } = row;
            Ok(TakenOrder { order: order.open()?, asks: from_sql(asks), is_failing, until_ms })
        };
        taken.into_iter().map(open).collect()
    }

    /// Gives orders back that were taken, each with how often WeChat was asked about it and when it is asked next, in
    /// milliseconds since 1970. What has changed since, or is another process's by now, has its own time.
    pub async fn give_back(&self, asked: &[(TakenOrder, u64, u64)]) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE orders SET asks = $5, ask_at_ms = $6 \
             WHERE app = $1 AND merchant = $2 AND out_trade_no = $3 AND ask_at_ms = $4";
        let mut asked: Vec<_> = asked.iter().collect();
        asked.sort_unstable_by_key(|(taken, ..)| key(&taken.order));
        in_transaction!(&self.0.db, connection => {
            for (taken, asks, ask_at_ms) in asked {
                let (app, merchant, out_trade_no) = key(&taken.order);
                sqlx::query(SQL)
                    .bind(app)
                    .bind(merchant)
                    .bind(out_trade_no)
                    .bind(taken.until_ms)
                    .bind(to_sql(*asks))
                    .bind(to_sql(*ask_at_ms))
                    .execute(&mut *connection)
                    .await?;
            }
        });
        Ok(())
    }
}

impl OrderRow {
    fn key(&self) -> (&str, &str, &str) {
        (&self.app, &self.merchant, &self.out_trade_no)
    }
}

fn key(order: &Order) -> (&str, &str, &str) {
    (&order.app, &order.merchant, &order.out_trade_no)
}
