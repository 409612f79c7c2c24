//! Table `merchant_pauses`: the merchants for which WeChat Pay does not answer.

use super::{Store, StoreError, in_transaction, to_sql};

/// The merchants that are left alone for a while.
#[derive(Debug, Clone, Copy)]
pub struct MerchantPauses<'a>(pub(super) &'a Store);

impl MerchantPauses<'_> {
    /// Leaves a merchant alone from `now_ms` on, in milliseconds since 1970: for half a minute, and longer each time
    /// that this is said before it [ends](Self::end), up to a quarter of an hour.
    pub async fn lengthen(&self, app: &str, merchant: &str, now_ms: u64) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO merchant_pauses (app, merchant, failures, since_ms, until_ms) \
             SELECT app, name, 1, $3, $3 + 30000 FROM merchants WHERE app = $1 AND name = $2 \
             ON CONFLICT (app, merchant) DO UPDATE SET failures = merchant_pauses.failures + 1, \
             since_ms = excluded.since_ms, until_ms = excluded.since_ms + CASE merchant_pauses.failures \
             WHEN 1 THEN 60000 WHEN 2 THEN 120000 WHEN 3 THEN 300000 ELSE 900000 END";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(app).bind(merchant).bind(to_sql(now_ms)).execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// WeChat Pay answers again.
    pub async fn end(&self, app: &str, merchant: &str) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM merchant_pauses WHERE app = $1 AND merchant = $2";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(app).bind(merchant).execute(&mut *connection).await?;
        });
        Ok(())
    }
}
