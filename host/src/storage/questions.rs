//! The orders and refunds that WeChat is to be asked about: nobody may have told us what became of them.
//!
//! Their tables are the queue: `ask_at_ms` says when. Taking one moves it into the future, so that only one
//! of several processes asks, and another does when that one dies. A change of what is asked about sets the time anew
//! (`orders/apply.rs`, `refunds.rs`).

use sqlx::FromRow;

use super::{Store, StoreError, from_sql, in_transaction, on_db, to_sql};

/// How soon after a change WeChat is asked, in milliseconds.
pub(super) const FIRST_QUESTION: u64 = 30_000;

/// By how much the clocks of processes may differ, in milliseconds. What was decided later than that after now was
/// decided by a clock that has been set back since, and does not count.
const CLOCKS_DIFFER: u64 = 60_000;

/// How often it is looked again when others have taken everything that was found.
const LOOKS: usize = 3;

/// What WeChat is asked about open orders and refunds.
#[derive(Debug, Clone, Copy)]
pub struct Questions<'a>(pub(super) &'a Store);

/// An order or a refund that this process asks WeChat about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The app.
    pub app: String,
    /// The merchant.
    pub merchant: String,
    /// The order.
    pub out_trade_no: String,
    /// The refund of it; none when it is about the order itself.
    pub out_refund_no: Option<String>,
    /// How often WeChat was asked since it last changed.
    pub asks: u64,
    /// Whether WeChat Pay did not answer for its merchant the last time.
    pub is_failing: bool,
    until_ms: i64,
}

#[derive(FromRow)]
struct DueRow {
    app: String,
    merchant: String,
    out_trade_no: String,
    /// Empty for the order itself: no refund has no number.
    out_refund_no: String,
    asks: i64,
    ask_at_ms: i64,
    is_failing: bool,
}

impl Questions<'_> {
    /// Takes open orders and refunds that are due, of every merchant in turn the longest due first: no more than
    /// `per_merchant` of one, and `limit` in all. Merchants that are paused have none. Until `until_ms` nobody else
    /// takes them. Times are milliseconds since 1970.
    pub async fn take_due(
        &self,
        now_ms: u64,
        until_ms: u64,
        per_merchant: u32,
        limit: u32,
    ) -> Result<Vec<Question>, StoreError> {
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
        const SQL: &str = "SELECT app, merchant, out_trade_no, out_refund_no, asks, ask_at_ms, is_failing FROM ( \
             SELECT q.*, p.app IS NOT NULL AS is_failing, ROW_NUMBER() OVER (PARTITION BY q.app, q.merchant \
             ORDER BY q.ask_at_ms, q.out_trade_no, q.out_refund_no) AS place FROM ( \
             SELECT app, merchant, out_trade_no, '' AS out_refund_no, asks, ask_at_ms FROM orders \
             WHERE state IN ('NOTPAY', 'USERPAYING', 'PAYERROR') AND (ask_at_ms <= $1 OR asked_at_ms > $2) UNION ALL \
             SELECT app, merchant, out_trade_no, out_refund_no, asks, ask_at_ms FROM refunds \
             WHERE state IN ('NEW', 'PROCESSING', 'ABNORMAL') AND (ask_at_ms <= $1 OR asked_at_ms > $2)) q \
             LEFT JOIN merchant_pauses p ON p.app = q.app AND p.merchant = q.merchant \
             WHERE p.app IS NULL OR p.until_ms <= $1 OR p.since_ms > $2) due \
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
    async fn take(&self, mut due: Vec<DueRow>, now_ms: u64, until_ms: u64) -> Result<Vec<Question>, StoreError> {
        const ORDER: &str = "UPDATE orders SET ask_at_ms = $4, asked_at_ms = $5 \
             WHERE app = $1 AND merchant = $2 AND out_trade_no = $6 AND ask_at_ms = $3";
        const REFUND: &str = "UPDATE refunds SET ask_at_ms = $4, asked_at_ms = $5 \
             WHERE app = $1 AND merchant = $2 AND out_refund_no = $6 AND ask_at_ms = $3";
        if due.is_empty() {
            return Ok(Vec::new());
        }
        // Everybody locks rows in one order: two who take at once do not wait for each other.
        due.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
        let until_ms = to_sql(until_ms);
        let taken = in_transaction!(&self.0.db, connection => {
            let mut taken = Vec::new();
            for row in due {
                let (sql, number) = match &*row.out_refund_no {
                    "" => (ORDER, &row.out_trade_no),
                    _ => (REFUND, &row.out_refund_no),
                };
                let updated = sqlx::query(sql)
                    .bind(&row.app)
                    .bind(&row.merchant)
                    .bind(row.ask_at_ms)
                    .bind(until_ms)
                    .bind(to_sql(now_ms))
                    .bind(number)
                    .execute(&mut *connection)
                    .await?;
                if updated.rows_affected() > 0 {
                    taken.push(row.taken(until_ms));
                }
            }
            taken
        });
        Ok(taken)
    }

    /// Gives back what was taken, each with how often WeChat was asked about it and when it is asked next, in
    /// milliseconds since 1970. What has changed since, or is another process's by now, has its own time.
    pub async fn give_back(&self, mut asked: Vec<(Question, u64, u64)>) -> Result<(), StoreError> {
        const ORDER: &str = "UPDATE orders SET asks = $4, ask_at_ms = $5 \
             WHERE app = $1 AND merchant = $2 AND out_trade_no = $6 AND ask_at_ms = $3";
        const REFUND: &str = "UPDATE refunds SET asks = $4, ask_at_ms = $5 \
             WHERE app = $1 AND merchant = $2 AND out_refund_no = $6 AND ask_at_ms = $3";
        asked.sort_unstable_by(|(a, ..), (b, ..)| a.key().cmp(&b.key()));
        in_transaction!(&self.0.db, connection => {
            for (question, asks, ask_at_ms) in &asked {
                let (sql, number) = match &question.out_refund_no {
                    None => (ORDER, &question.out_trade_no),
                    Some(number) => (REFUND, number),
                };
                sqlx::query(sql)
                    .bind(&question.app)
                    .bind(&question.merchant)
                    .bind(question.until_ms)
                    .bind(to_sql(*asks))
                    .bind(to_sql(*ask_at_ms))
                    .bind(number)
                    .execute(&mut *connection)
                    .await?;
            }
        });
        Ok(())
    }
}

impl DueRow {
    fn key(&self) -> [&str; 4] {
        [&self.app, &self.merchant, &self.out_trade_no, &self.out_refund_no]
    }

    fn taken(self, until_ms: i64) -> Question {
        Question {
            app: self.app,
            merchant: self.merchant,
            out_trade_no: self.out_trade_no,
            out_refund_no: Some(self.out_refund_no).filter(|number| !number.is_empty()),
            asks: from_sql(self.asks),
            is_failing: self.is_failing,
            until_ms,
        }
    }
}

impl Question {
    fn key(&self) -> [&str; 4] {
        [&self.app, &self.merchant, &self.out_trade_no, self.out_refund_no.as_deref().unwrap_or_default()]
    }
}
