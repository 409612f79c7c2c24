//! Table `reconciliations`: which days' bills were compared with what is here, and what came of it.

use sqlx::FromRow;

use super::menus::to_json;
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{BillDate, Figures, Reconciliation};

/// The comparisons of the merchants' bills.
#[derive(Debug, Clone, Copy)]
pub struct Reconciliations<'a>(pub(super) &'a Store);

impl Reconciliations<'_> {
    /// Begins to compare a day's bills, and gives which run it is. By itself it is not begun again before `again_at`, in
    /// seconds since 1970. [`StoreError::NotFound`] when there is no such merchant.
    pub async fn begin(&self, app: &str, merchant: &str, date: BillDate, again_at: u64) -> Result<u64, StoreError> {
        const SQL: &str = "INSERT INTO reconciliations (app, merchant, bill_date, run, begun_at, figures, again_at) \
             SELECT app, name, $3, 1, $4, $5, $6 FROM merchants WHERE app = $1 AND name = $2 \
             ON CONFLICT (app, merchant, bill_date) DO UPDATE SET run = reconciliations.run + 1, \
             begun_at = excluded.begun_at, again_at = excluded.again_at RETURNING run";
        let no_merchant = || StoreError::NotFound { kind: "merchant", name: merchant.to_owned() };
        if !may_be_stored(&[app, merchant]) {
            return Err(no_merchant());
        }
        let run: Option<i64> = in_transaction!(&self.0.db, connection => {
            sqlx::query_scalar(SQL)
                .bind(app)
                .bind(merchant)
                .bind(date.to_string())
                .bind(to_sql(self.0.clock.now()))
                .bind(to_json(&Figures::default()))
                .bind(to_sql(again_at))
                .fetch_optional(&mut *connection)
                .await?
        });
        run.map(from_sql).ok_or_else(no_merchant)
    }

    /// Writes down that a run came to its end. What its last run found counts: those of another one stay.
    pub async fn finish(
        &self,
        app: &str,
        merchant: &str,
        date: BillDate,
        run: u64,
        figures: &Figures,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE reconciliations SET done_at = $5, error = NULL, figures = $6 \
             WHERE app = $1 AND merchant = $2 AND bill_date = $3 AND run = $4";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(merchant)
                .bind(date.to_string())
                .bind(to_sql(run))
                .bind(to_sql(self.0.clock.now()))
                .bind(to_json(figures))
                .execute(&mut *connection)
                .await?;
        });
        Ok(())
    }

    /// Writes down why a day's bills could not be compared.
    pub async fn fail(&self, app: &str, merchant: &str, date: BillDate, error: &str) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE reconciliations SET error = $4 WHERE app = $1 AND merchant = $2 AND bill_date = $3";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(merchant)
                .bind(date.to_string())
                .bind(error.replace('\0', ""))
                .execute(&mut *connection)
                .await?;
        });
        Ok(())
    }

    /// At most `limit` comparisons of a merchant, the latest day first, of the days before `before`.
    pub async fn list(
        &self,
        app: &str,
        merchant: &str,
        before: Option<BillDate>,
        limit: usize,
    ) -> Result<Vec<Reconciliation>, StoreError> {
        const SQL: &str = "SELECT app, merchant, bill_date, run, begun_at, done_at, error, figures FROM reconciliations \
             WHERE app = $1 AND merchant = $2 AND ($3 IS NULL OR bill_date < $3) ORDER BY bill_date DESC LIMIT $4";
        if !may_be_stored(&[app, merchant]) {
            return Ok(Vec::new());
        }
        let rows: Vec<ReconciliationRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(app)
            .bind(merchant)
            .bind(before.map(|date| date.to_string()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(ReconciliationRow::open).collect()
    }

    /// The days from `from` on whose bills need not be compared by itself now: app, merchant and day. They are done, or
    /// were begun lately.
    pub async fn settled(&self, from: BillDate) -> Result<Vec<(String, String, BillDate)>, StoreError> {
        const SQL: &str = "SELECT app, merchant, bill_date FROM reconciliations \
             WHERE bill_date >= $1 AND (done_at IS NOT NULL OR again_at > $2)";
        let rows: Vec<(String, String, String)> = on_db!(&self.0.db, pool => sqlx::query_as(SQL)
            .bind(from.to_string())
            .bind(to_sql(self.0.clock.now()))
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(|(app, merchant, date)| Ok((app, merchant, open_date(&date)?))).collect()
    }
}

#[derive(FromRow)]
struct ReconciliationRow {
    app: String,
    merchant: String,
    bill_date: String,
    run: i64,
    begun_at: i64,
    done_at: Option<i64>,
    error: Option<String>,
    figures: String,
}

impl ReconciliationRow {
    fn open(self) -> Result<Reconciliation, StoreError> {
        let corrupt = || StoreError::Corrupt { what: format!("reconciliations.figures/{}", self.bill_date) };
        Ok(Reconciliation {
            figures: serde_json::from_str(&self.figures).map_err(|_| corrupt())?,
            date: open_date(&self.bill_date)?,
            app: self.app,
            merchant: self.merchant,
            run: from_sql(self.run),
            begun_at: from_sql(self.begun_at),
            done_at: self.done_at.map(from_sql),
            error: self.error,
        })
    }
}

/// A day as it is stored.
pub(super) fn open_date(text: &str) -> Result<BillDate, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt { what: format!("bill_date/{text}") })
}
