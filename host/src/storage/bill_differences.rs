//! Table `bill_differences`: what differs between bills and what is here.

use std::collections::HashSet;

use sqlx::FromRow;
use uuid::Uuid;

use super::reconciliations::open_date;
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{BillDate, Difference, DifferenceKind, Found, Resolution};

/// How many differences of one day are kept: more than a person looks at, and enough to see what they have in common.
const OF_A_DAY: i64 = 1000;

/// The differences between bills and what is here.
#[derive(Debug, Clone, Copy)]
pub struct BillDifferences<'a>(pub(super) &'a Store);

/// Which differences to list. What is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DifferenceFilter {
    /// Of this day.
    pub date: Option<BillDate>,
    /// Of this kind.
    pub kind: Option<DifferenceKind>,
    /// Whether they are resolved.
    pub is_resolved: Option<bool>,
}

/// The columns of a [`DifferenceRow`].
macro_rules! columns {
    () => {
        "id, app, merchant, bill_date, kind, out_trade_no, out_refund_no, wechat_number, here, at_wechat, times, \
         first_found_at, last_found_at, resolved_at, resolved_by, note"
    };
}

impl BillDifferences<'_> {
    /// Keeps what a run found, and gives how many of them were left out because the day has too many. What was found
    /// before is the same difference: one that somebody, or another day's bill, has resolved stays resolved, one that was
    /// not found any more is open again. A repeated step of the same run counts once.
    pub async fn keep(
        &self,
        app: &str,
        merchant: &str,
        date: BillDate,
        run: u64,
        found: &[Found],
    ) -> Result<u64, StoreError> {
        const KNOWN: &str = "UPDATE bill_differences SET wechat_number = $7, here = $8, at_wechat = $9, \
             times = times + CASE WHEN run < $10 THEN 1 ELSE 0 END, run = CASE WHEN run < $10 THEN $10 ELSE run END, \
             last_found_at = $11, \
             resolved_at = CASE WHEN resolved_by IS NULL AND resolved_on IS NULL THEN NULL ELSE resolved_at END \
             WHERE app = $1 AND merchant = $2 AND bill_date = $3 AND kind = $4 AND out_trade_no = $5 \
             AND out_refund_no = $6";
        const COUNT: &str = "SELECT COUNT(*) FROM bill_differences WHERE app = $1 AND merchant = $2 AND bill_date = $3";
        const NEW: &str = "INSERT INTO bill_differences (id, app, merchant, bill_date, kind, out_trade_no, \
             out_refund_no, wechat_number, here, at_wechat, times, run, first_found_at, last_found_at, note) \
             VALUES ($12, $1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $11, '') ON CONFLICT DO NOTHING";
        if found.is_empty() {
            return Ok(0);
        }
        let (date, now) = (date.to_string(), to_sql(self.0.clock.now()));
        let left_out = in_transaction!(&self.0.db, connection => {
            let count = sqlx::query_scalar(COUNT).bind(app).bind(merchant).bind(&date);
            let mut count: i64 = count.fetch_one(&mut *connection).await?;
            let mut left_out = 0;
            for Found { kind, out_trade_no, out_refund_no, wechat_number, here, at_wechat } in found {
                let bound = |sql: &'static str| {
                    sqlx::query(sql)
                        .bind(app)
                        .bind(merchant)
                        .bind(&date)
                        .bind(kind.as_str())
                        .bind(storable(out_trade_no))
                        .bind(storable(out_refund_no))
                        .bind(wechat_number.as_deref().map(storable))
                        .bind(storable(here))
                        .bind(storable(at_wechat))
                        .bind(to_sql(run))
                        .bind(now)
                };
                if bound(KNOWN).execute(&mut *connection).await?.rows_affected() > 0 {
                    continue;
                }
                if count >= OF_A_DAY {
                    left_out += 1;
                    continue;
                }
                bound(NEW).bind(Uuid::now_v7().to_string()).execute(&mut *connection).await?;
                count += 1;
            }
            left_out
        });
        Ok(left_out)
    }

    /// At the end of a run: what neither this run nor a later one has found is resolved.
    pub async fn resolve_unfound(&self, app: &str, merchant: &str, date: BillDate, run: u64) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE bill_differences SET resolved_at = $5 WHERE app = $1 AND merchant = $2 \
             AND bill_date = $3 AND run < $4 AND resolved_at IS NULL";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(merchant)
                .bind(date.to_string())
                .bind(to_sql(run))
                .bind(to_sql(self.0.clock.now()))
                .execute(&mut *connection)
                .await?;
        });
        Ok(())
    }

    /// What was missing in another day's bill, and stands in that of `date`, is not missing.
    pub async fn resolve_missing(
        &self,
        app: &str,
        merchant: &str,
        date: BillDate,
        kind: DifferenceKind,
        numbers: &HashSet<String>,
    ) -> Result<(), StoreError> {
        const OPEN: &str = "SELECT id, CASE WHEN out_refund_no = '' THEN out_trade_no ELSE out_refund_no END \
             FROM bill_differences WHERE app = $1 AND merchant = $2 AND kind = $3 AND resolved_at IS NULL";
        // What is found in its own day's bill may be missing from it again; what another day's bill has is not.
        const SQL: &str = "UPDATE bill_differences SET resolved_at = $2, \
             resolved_on = CASE WHEN bill_date = $3 THEN NULL ELSE $3 END WHERE id = $1 AND resolved_at IS NULL";
        let open: Vec<(String, String)> = on_db!(&self.0.db, pool => {
            sqlx::query_as(OPEN).bind(app).bind(merchant).bind(kind.as_str()).fetch_all(pool).await
        })?;
        let there: Vec<_> = open.into_iter().filter(|(_, number)| numbers.contains(number)).collect();
        if there.is_empty() {
            return Ok(());
        }
        let (now, date) = (to_sql(self.0.clock.now()), date.to_string());
        in_transaction!(&self.0.db, connection => {
            for (id, _) in there {
                sqlx::query(SQL).bind(id).bind(now).bind(&date).execute(&mut *connection).await?;
            }
        });
        Ok(())
    }

    /// At most `limit` differences of a merchant, the newest first, from behind the one with the id `behind` on.
    pub async fn list(
        &self,
        app: &str,
        merchant: &str,
        filter: &DifferenceFilter,
        behind: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Difference>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM bill_differences WHERE app = $1 AND merchant = $2 AND ($3 IS NULL OR bill_date = $3) \
             AND ($4 IS NULL OR kind = $4) AND ($5 IS NULL OR (resolved_at IS NOT NULL) = $5) \
             AND ($6 IS NULL OR id < $6) ORDER BY id DESC LIMIT $7"
        );
        if !may_be_stored(&[app, merchant, behind.unwrap_or_default()]) {
            return Ok(Vec::new());
        }
        let rows: Vec<DifferenceRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(app)
            .bind(merchant)
            .bind(filter.date.map(|date| date.to_string()))
            .bind(filter.kind.map(DifferenceKind::as_str))
            .bind(filter.is_resolved)
            .bind(behind)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(DifferenceRow::open).collect()
    }

    /// One difference of a merchant.
    pub async fn find(&self, app: &str, merchant: &str, id: &str) -> Result<Option<Difference>, StoreError> {
        const SQL: &str =
            concat!("SELECT ", columns!(), " FROM bill_differences WHERE app = $1 AND merchant = $2 AND id = $3");
        if !may_be_stored(&[app, merchant, id]) {
            return Ok(None);
        }
        let row: Option<DifferenceRow> = on_db!(&self.0.db, pool => {
            sqlx::query_as(SQL).bind(app).bind(merchant).bind(id).fetch_optional(pool).await
        })?;
        row.map(DifferenceRow::open).transpose()
    }

    /// Somebody is done with a difference. Gives it as it is now; none when there is none.
    pub async fn resolve(
        &self,
        app: &str,
        merchant: &str,
        id: &str,
        by: &str,
        note: &str,
    ) -> Result<Option<Difference>, StoreError> {
        const SQL: &str = "UPDATE bill_differences SET resolved_at = $4, resolved_by = $5, note = $6 \
             WHERE app = $1 AND merchant = $2 AND id = $3";
        if !may_be_stored(&[app, merchant, id]) {
            return Ok(None);
        }
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(merchant)
                .bind(id)
                .bind(to_sql(self.0.clock.now()))
                .bind(by)
                .bind(note)
                .execute(&mut *connection)
                .await?;
        });
        self.find(app, merchant, id).await
    }
}

#[derive(FromRow)]
struct DifferenceRow {
    id: String,
    app: String,
    merchant: String,
    bill_date: String,
    kind: String,
    out_trade_no: String,
    out_refund_no: String,
    wechat_number: Option<String>,
    here: String,
    at_wechat: String,
    times: i64,
    first_found_at: i64,
    last_found_at: i64,
    resolved_at: Option<i64>,
    resolved_by: Option<String>,
    note: String,
}

impl DifferenceRow {
    fn open(self) -> Result<Difference, StoreError> {
        let corrupt = || StoreError::Corrupt { what: format!("bill_differences.kind/{}", self.id) };
        let found = Found {
            kind: self.kind.parse().map_err(|_| corrupt())?,
            out_trade_no: self.out_trade_no,
            out_refund_no: self.out_refund_no,
            wechat_number: self.wechat_number,
            here: self.here,
            at_wechat: self.at_wechat,
        };
        let (by, note) = (self.resolved_by, self.note);
        Ok(Difference {
            id: self.id,
            app: self.app,
            merchant: self.merchant,
            date: open_date(&self.bill_date)?,
            found,
            times: from_sql(self.times),
            first_found_at: from_sql(self.first_found_at),
            last_found_at: from_sql(self.last_found_at),
            resolved: self.resolved_at.map(|at| Resolution { at: from_sql(at), by, note }),
        })
    }
}

/// PostgreSQL knows no text with U+0000, and what stands in a bill may be anything.
fn storable(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(200).collect()
}
