//! Table `subscriptions`. It is written with what else WeChat's events tell ([`OutcomeRow`](super::OutcomeRow)).

use super::{Store, StoreError, from_sql, may_be_stored, on_db};
use crate::model::Subscription;

/// What users said to templates of subscribe messages.
#[derive(Debug, Clone, Copy)]
pub struct Subscriptions<'a>(pub(super) &'a Store);

impl Subscriptions<'_> {
    /// What a user said, in the order of the templates' ids; at most 200, which is more than an account has templates.
    pub async fn of_user(&self, app: &str, openid: &str) -> Result<Vec<Subscription>, StoreError> {
        const SQL: &str = "SELECT template_id, status, accepted, rejected, sent, changed_at FROM subscriptions \
             WHERE app = $1 AND openid = $2 ORDER BY template_id LIMIT 200";
        if !may_be_stored(&[app, openid]) {
            return Ok(Vec::new());
        }
        let rows: Vec<(String, String, i64, i64, i64, i64)> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).bind(openid).fetch_all(pool).await)?;
        let open = |(template_id, status, accepted, rejected, sent, changed_at)| Subscription {
            template_id,
            status,
            accepted: from_sql(accepted),
            rejected: from_sql(rejected),
            sent: from_sql(sent),
            changed_at: from_sql(changed_at),
        };
        Ok(rows.into_iter().map(open).collect())
    }
}
