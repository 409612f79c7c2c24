//! Table `refunds`.

use sqlx::FromRow;
use uuid::Uuid;
use weft_wechat::pay::{self, Fen};

use super::json_rows::{json_rows, of_numbers};
use super::menus::to_json;
use super::orders::events::{INSERT_DELIVERIES, INSERT_EVENT, Known};
use super::orders::{self, OrderRow};
use super::questions::FIRST_QUESTION;
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{FieldError, ObservationSource, Order, Refund, RefundState, RefundStep};

const OF_ORDER: &str = "SELECT out_refund_no, out_trade_no, refund_fee, reason, state, refund_id, received_account, \
     success_at, created_at, updated_at, unsure_calls \
     FROM refunds WHERE app = $1 AND merchant = $2 AND out_trade_no = $3 ORDER BY created_at, out_refund_no";

const FIND: &str = "SELECT out_refund_no, out_trade_no, refund_fee, reason, state, refund_id, received_account, \
     success_at, created_at, updated_at, unsure_calls \
     FROM refunds WHERE app = $1 AND merchant = $2 AND out_refund_no = $3";

/// How long a call for a refund may still be under way when nobody knows what became of it, in seconds. WeChat answers
/// within seconds: what it has not heard of a day later never arrived.
const UNDER_WAY: u64 = 24 * 3600;

/// Whoever changes the refunds of an order holds its row: sums are then right.
const LOCK: &str = "UPDATE orders SET updated_at = updated_at WHERE app = $1 AND merchant = $2 AND out_trade_no = $3";

/// The refunds of the orders.
#[derive(Debug, Clone, Copy)]
pub struct Refunds<'a>(pub(super) &'a Store);

/// What became of the wish for a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundCreation {
    /// It is stored.
    Created(Refund),
    /// There was one of that number with the same content: it is that one.
    Known(Refund),
    /// There was one of that number with another content.
    Conflict,
    /// It cannot be; nothing was stored.
    Invalid(Vec<FieldError>),
}

impl Refunds<'_> {
    /// The refunds of an order, oldest first.
    pub async fn of_order(&self, order: &Order) -> Result<Vec<Refund>, StoreError> {
        let Order { app, merchant, out_trade_no, .. } = order;
        let rows: Vec<RefundRow> = on_db!(&self.0.db, pool => {
            sqlx::query_as(OF_ORDER).bind(app).bind(merchant).bind(out_trade_no).fetch_all(pool).await
        })?;
        rows.into_iter().map(RefundRow::open).collect()
    }

    /// The refund of that number.
    pub async fn find(&self, app: &str, merchant: &str, out_refund_no: &str) -> Result<Option<Refund>, StoreError> {
        if !may_be_stored(&[app, merchant, out_refund_no]) {
            return Ok(None);
        }
        let row: Option<RefundRow> = on_db!(&self.0.db, pool => {
            sqlx::query_as(FIND).bind(app).bind(merchant).bind(out_refund_no).fetch_optional(pool).await
        })?;
        row.map(RefundRow::open).transpose()
    }

    /// Those of these numbers that are there.
    pub async fn find_all(
        &self,
        app: &str,
        merchant: &str,
        out_refund_nos: &[&str],
    ) -> Result<Vec<Refund>, StoreError> {
        let sql = json_rows!(&self.0.db,
            "SELECT out_refund_no, out_trade_no, refund_fee, reason, state, refund_id, received_account, success_at, \
             created_at, updated_at, unsure_calls FROM refunds f JOIN", "$1" (app TEXT, merchant TEXT, number TEXT),
            "ON f.app = r.app AND f.merchant = r.merchant AND f.out_refund_no = r.number");
        let numbers = of_numbers(app, merchant, out_refund_nos);
        let rows: Vec<RefundRow> = on_db!(&self.0.db, pool => sqlx::query_as(sql).bind(numbers).fetch_all(pool).await)?;
        rows.into_iter().map(RefundRow::open).collect()
    }

    /// At most `limit` refunds that were created from `from` on and before `to`, in seconds since 1970: by time and
    /// number, from behind `after` on.
    pub async fn created_between(
        &self,
        app: &str,
        merchant: &str,
        (from, to): (u64, u64),
        after: Option<(u64, &str)>,
        limit: usize,
    ) -> Result<Vec<Refund>, StoreError> {
        const SQL: &str = "SELECT out_refund_no, out_trade_no, refund_fee, reason, state, refund_id, \
             received_account, success_at, created_at, updated_at, unsure_calls \
             FROM refunds WHERE app = $1 AND merchant = $2 AND created_at < $3 \
             AND (created_at, out_refund_no) > ($4, $5) ORDER BY created_at, out_refund_no LIMIT $6";
        // No refund has no number.
        let (created_at, number) = after.map_or((to_sql(from), ""), |(at, number)| (to_sql(at), number));
        let rows: Vec<RefundRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(app)
            .bind(merchant)
            .bind(to_sql(to))
            .bind(created_at)
            .bind(number)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(RefundRow::open).collect()
    }

    /// Stores a new refund when the order, as it is stored, allows it: those of an order never sum up to more than it was
    /// about, whoever asks for them at once. [`StoreError::NotFound`] when the order is gone.
    pub async fn insert(&self, order: &Order, refund: &Refund) -> Result<RefundCreation, StoreError> {
        const SQL: &str = "INSERT INTO refunds (app, merchant, out_refund_no, out_trade_no, refund_fee, reason, state, \
             refund_id, received_account, success_at, created_at, updated_at, ask_at_ms, asked_at_ms, \
             unsure_calls) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0) \
             ON CONFLICT DO NOTHING";
        let Order { app, merchant, out_trade_no, .. } = order;
        if !may_be_stored(&[&refund.out_refund_no]) {
            return Ok(RefundCreation::Invalid(refund.check(order, &[])));
        }
        let (now, now_ms) = (self.0.clock.now(), self.0.clock.now_ms());
        let refund = Refund { created_at: now, updated_at: now, ..refund.clone() };
        in_transaction!(&self.0.db, connection => {
            sqlx::query(LOCK).bind(app).bind(merchant).bind(out_trade_no).execute(&mut *connection).await?;
            let known = sqlx::query_as(FIND).bind(app).bind(merchant).bind(&refund.out_refund_no);
            let known: Option<RefundRow> = known.fetch_optional(&mut *connection).await?;
            if let Some(known) = known {
                let known = known.open()?;
                let is_same = known.out_trade_no == refund.out_trade_no
                    && known.refund_fee == refund.refund_fee
                    && known.reason == refund.reason;
                return Ok(if is_same { RefundCreation::Known(known) } else { RefundCreation::Conflict });
            }
            // It may have been taken back since the caller read it.
            let row = sqlx::query_as(orders::FIND).bind(app).bind(merchant).bind(out_trade_no);
            let row: Option<OrderRow> = row.fetch_optional(&mut *connection).await?;
            let Some(row) = row else {
                return Err(StoreError::NotFound { kind: "order", name: out_trade_no.clone() });
            };
            let order = row.open()?;
            let others = sqlx::query_as(OF_ORDER).bind(app).bind(merchant).bind(out_trade_no);
            let others: Vec<RefundRow> = others.fetch_all(&mut *connection).await?;
            let others: Vec<Refund> = others.into_iter().map(RefundRow::open).collect::<Result<_, _>>()?;
            let errors = refund.check(&order, &others);
            if !errors.is_empty() {
                return Ok(RefundCreation::Invalid(errors));
            }
            let stored = sqlx::query(SQL)
                .bind(app)
                .bind(merchant)
                .bind(&refund.out_refund_no)
                .bind(&refund.out_trade_no)
                .bind(to_sql(refund.refund_fee.0))
                .bind(&refund.reason)
                .bind(refund.state.as_str())
                .bind(&refund.refund_id)
                .bind(&refund.received_account)
                .bind(refund.success_at.map(to_sql))
                .bind(to_sql(refund.created_at))
                .bind(to_sql(refund.updated_at))
                .bind(to_sql(now_ms.saturating_add(FIRST_QUESTION)))
                .bind(to_sql(now_ms))
                .execute(&mut *connection)
                .await?
                .rows_affected();
            // A refund of another order took the number just now: the row that is locked is not that order's.
            if stored == 0 {
                return Ok(RefundCreation::Conflict);
            }
        });
        Ok(RefundCreation::Created(refund))
    }

    /// WeChat is about to be called for a refund: for a day from now on nobody gives it up, unless WeChat
    /// [refuses](Self::refused). False when it is not NEW any more, and WeChat is not to be called.
    pub async fn call(&self, order: &Order, out_refund_no: &str) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE refunds SET unsure_calls = unsure_calls + 1, updated_at = $4 \
             WHERE app = $1 AND merchant = $2 AND out_refund_no = $3 AND state = 'NEW'";
        let Order { app, merchant, out_trade_no, .. } = order;
        let now = to_sql(self.0.clock.now());
        let called = in_transaction!(&self.0.db, connection => {
            sqlx::query(LOCK).bind(app).bind(merchant).bind(out_trade_no).execute(&mut *connection).await?;
            let call = sqlx::query(SQL).bind(app).bind(merchant).bind(out_refund_no).bind(now);
            call.execute(&mut *connection).await?.rows_affected()
        });
        Ok(called > 0)
    }

    /// WeChat has refused a [call](Self::call) for certain.
    pub async fn refused(&self, order: &Order, out_refund_no: &str) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE refunds SET unsure_calls = unsure_calls - 1 \
             WHERE app = $1 AND merchant = $2 AND out_refund_no = $3 AND unsure_calls > 0";
        let Order { app, merchant, .. } = order;
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(app).bind(merchant).bind(out_refund_no).execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// Closes a refund that WeChat does not know, if it is NEW and WeChat has refused every call for it or the last one was
    /// a day ago, and gives it back as it is now; none when there is none of that number.
    pub async fn give_up(&self, order: &Order, out_refund_no: &str) -> Result<Option<Refund>, StoreError> {
        let now = self.0.clock.now();
        let closed = |row: &RefundRow, refund: &Refund| {
            let is_sure = row.unsure_calls == 0 || refund.updated_at.saturating_add(UNDER_WAY) <= now;
            (refund.state == RefundState::New && is_sure)
                .then(|| Refund { state: RefundState::Closed, ..refund.clone() })
        };
        self.change(order, out_refund_no, (ObservationSource::Manual, "close"), closed).await
    }

    /// Applies what WeChat tells of a refund, and gives it back as it is now; none when there is none of that number.
    /// What does not fit it changes nothing ([`Refund::is_told_by`]). A change of its state is written with its event;
    /// `source` and `reference` say how it was seen.
    pub async fn apply(
        &self,
        order: &Order,
        told: &pay::Refund,
        source: ObservationSource,
        reference: &str,
    ) -> Result<Option<Refund>, StoreError> {
        self.change(order, &told.out_refund_no, (source, reference), |_, refund| refund.after(told)).await
    }

    async fn change(
        &self,
        order: &Order,
        out_refund_no: &str,
        (source, reference): (ObservationSource, &str),
        change: impl Fn(&RefundRow, &Refund) -> Option<Refund>,
    ) -> Result<Option<Refund>, StoreError> {
        const SQL: &str = "UPDATE refunds SET state = $4, refund_id = $5, received_account = $6, success_at = $7, \
             updated_at = $8, asks = CASE WHEN $9 THEN 0 ELSE asks END, \
             ask_at_ms = CASE WHEN $9 THEN $10 ELSE ask_at_ms END, \
             asked_at_ms = CASE WHEN $9 THEN $11 ELSE asked_at_ms END \
             WHERE app = $1 AND merchant = $2 AND out_refund_no = $3";
        let Order { app, merchant, out_trade_no, .. } = order;
        if !may_be_stored(&[out_refund_no]) {
            return Ok(None);
        }
        let now_ms = self.0.clock.now_ms();
        let refund = in_transaction!(&self.0.db, connection => {
            sqlx::query(LOCK).bind(app).bind(merchant).bind(out_trade_no).execute(&mut *connection).await?;
            let known = sqlx::query_as(FIND).bind(app).bind(merchant).bind(out_refund_no);
            let row: Option<RefundRow> = known.fetch_optional(&mut *connection).await?;
            let Some(row) = row else { return Ok(None) };
            let known = row.clone().open()?;
            let Some(after) = change(&row, &known) else { return Ok(Some(known)) };
            let after = Refund { updated_at: self.0.clock.now(), ..after };
            sqlx::query(SQL)
                .bind(app)
                .bind(merchant)
                .bind(&after.out_refund_no)
                .bind(after.state.as_str())
                .bind(&after.refund_id)
                .bind(&after.received_account)
                .bind(after.success_at.map(to_sql))
                .bind(to_sql(after.updated_at))
                .bind(after.state != known.state)
                .bind(to_sql(now_ms.saturating_add(FIRST_QUESTION)))
                .bind(to_sql(now_ms))
                .execute(&mut *connection)
                .await?;
            let step = RefundStep { previous_state: known.state, refund: after };
            if step.refund.state != step.previous_state {
                let row = sqlx::query_as(orders::FIND).bind(app).bind(merchant).bind(out_trade_no);
                let row: Option<OrderRow> = row.fetch_optional(&mut *connection).await?;
                let Some(row) = row else { return Ok(None) };
                let order = row.open()?;
                let id = Uuid::now_v7().to_string();
                sqlx::query(INSERT_EVENT)
                    .bind(&id)
                    .bind(app)
                    .bind(merchant)
                    .bind(out_trade_no)
                    .bind(to_sql(order.version))
                    .bind(order.state.as_str())
                    .bind(order.state.as_str())
                    .bind(source.as_str())
                    .bind(reference)
                    .bind(to_json(&Known::of(&order)))
                    .bind(to_sql(now_ms))
                    .bind(to_json(&step))
                    .execute(&mut *connection)
                    .await?;
                sqlx::query(INSERT_DELIVERIES).bind(&id).bind(to_sql(now_ms)).execute(&mut *connection).await?;
            }
            step.refund
        });
        Ok(Some(refund))
    }
}

#[derive(Clone, FromRow)]
struct RefundRow {
    out_refund_no: String,
    out_trade_no: String,
    refund_fee: i64,
    reason: Option<String>,
    state: String,
    refund_id: Option<String>,
    received_account: Option<String>,
    success_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
    unsure_calls: i64,
}

impl RefundRow {
    fn open(self) -> Result<Refund, StoreError> {
        let corrupt = || StoreError::Corrupt { what: format!("refunds.state/{}", self.out_refund_no) };
        Ok(Refund {
            state: self.state.parse().map_err(|_| corrupt())?,
            refund_fee: Fen(from_sql(self.refund_fee)),
            out_trade_no: self.out_trade_no,
            reason: self.reason,
            refund_id: self.refund_id,
            received_account: self.received_account,
            success_at: self.success_at.map(from_sql),
            created_at: from_sql(self.created_at),
            updated_at: from_sql(self.updated_at),
            out_refund_no: self.out_refund_no,
        })
    }
}
