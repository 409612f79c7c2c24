//! Table `access_tokens`: one row for each app that ever had a token, with the lease of whoever fetches the next.
//!
//! Replicas agree by compare-and-set: a lease is had only at the version that was read before, and only when nobody
//! holds one that still runs.

use sqlx::FromRow;

use super::error::is_missing_parent;
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{AccessToken, App};
use crate::secret::{Secret, SecretKey};

/// The access tokens of all apps.
#[derive(Debug, Clone, Copy)]
pub struct AccessTokens<'a>(pub(super) &'a Store);

/// What is stored for an app.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredAccessToken {
    /// What to lease at; 0 when nothing was ever fetched.
    pub version: u64,
    /// The token; none when it was fetched for another account, with another secret, or from another source than the
    /// app's now.
    pub token: Option<AccessToken>,
}

/// A token that was just fetched.
#[derive(Debug, Clone, Copy)]
pub struct FetchedAccessToken<'a> {
    /// The token.
    pub token: &'a Secret,
    /// When it should be replaced, in seconds since 1970.
    pub refresh_at: u64,
    /// When it ends, in seconds since 1970.
    pub expires_at: u64,
}

impl AccessTokens<'_> {
    /// What is stored for the app.
    pub async fn find(&self, app: &App) -> Result<StoredAccessToken, StoreError> {
        const SQL: &str =
            "SELECT version, token, fetched_with, refresh_at, expires_at FROM access_tokens WHERE app = $1";
        if !may_be_stored(&[&app.name]) {
            return Ok(StoredAccessToken::default());
        }
        let row: Option<Row> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(&app.name).fetch_optional(pool).await)?;
        row.map_or_else(|| Ok(StoredAccessToken::default()), |row| row.open(app, &self.0.key))
    }

    /// Takes the right to fetch the next token, until a time in seconds; false when another has it, or when a token was
    /// fetched since `version` was read.
    pub async fn lease(&self, app: &str, version: u64, holder: &str, until: u64) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO access_tokens \
             (app, version, token, fetched_with, refresh_at, expires_at, lease_holder, lease_until) \
             VALUES ($1, $2, NULL, '', 0, 0, $3, $4) ON CONFLICT (app) DO UPDATE SET \
             lease_holder = excluded.lease_holder, lease_until = excluded.lease_until \
             WHERE access_tokens.version = excluded.version AND access_tokens.lease_until <= $5";
        let missing = |error: sqlx::Error| {
            if is_missing_parent(&error) {
                StoreError::NotFound { kind: "app", name: app.to_owned() }
            } else {
                error.into()
            }
        };
        if !may_be_stored(&[app]) {
            return Err(StoreError::NotFound { kind: "app", name: app.to_owned() });
        }
        let now = to_sql(self.0.clock.now());
        let taken = in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(to_sql(version))
                .bind(holder)
                .bind(to_sql(until))
                .bind(now)
                .execute(&mut *connection)
                .await
                .map_err(missing)?
                .rows_affected()
        });
        Ok(taken == 1)
    }

    /// Stores what `holder` fetched and ends its lease; none when the lease ended before and another took it.
    pub async fn put(
        &self,
        app: &App,
        holder: &str,
        fetched: FetchedAccessToken<'_>,
    ) -> Result<Option<AccessToken>, StoreError> {
        const SQL: &str = "UPDATE access_tokens SET version = version + 1, token = $3, fetched_with = $4, \
             refresh_at = $5, expires_at = $6, lease_holder = '', lease_until = 0 \
             WHERE app = $1 AND lease_holder = $2 RETURNING version";
        let sealed = self.0.key.seal(&purpose(&app.name), fetched.token.expose().as_bytes());
        let version: Option<i64> = in_transaction!(&self.0.db, connection => {
            sqlx::query_scalar(SQL)
                .bind(&app.name)
                .bind(holder)
                .bind(&sealed)
                .bind(fetched_with(app, &self.0.key))
                .bind(to_sql(fetched.refresh_at))
                .bind(to_sql(fetched.expires_at))
                .fetch_optional(&mut *connection)
                .await?
        });
        Ok(version.map(|version| AccessToken {
            token: fetched.token.clone(),
            version: from_sql(version),
            refresh_at: fetched.refresh_at,
            expires_at: fetched.expires_at,
        }))
    }

    /// Ends the lease of `holder`, who fetched nothing. Nothing happens when another has it.
    pub async fn release(&self, app: &str, holder: &str) -> Result<(), StoreError> {
        const SQL: &str =
            "UPDATE access_tokens SET lease_holder = '', lease_until = 0 WHERE app = $1 AND lease_holder = $2";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(app).bind(holder).execute(&mut *connection).await?;
        });
        Ok(())
    }
}

#[derive(FromRow)]
struct Row {
    version: i64,
    token: Option<Vec<u8>>,
    fetched_with: String,
    refresh_at: i64,
    expires_at: i64,
}

impl Row {
    fn open(self, app: &App, key: &SecretKey) -> Result<StoredAccessToken, StoreError> {
        let version = from_sql(self.version);
        let sealed = self.token.filter(|_| self.fetched_with == fetched_with(app, key));
        let Some(sealed) = sealed else { return Ok(StoredAccessToken { version, token: None }) };
        let what = purpose(&app.name);
        let opened = key.open(&what, &sealed).map_err(|_| StoreError::WrongSecretKey { what: what.clone() })?;
        let token = String::from_utf8(opened).map_err(|_| StoreError::Corrupt { what })?;
        let token = AccessToken {
            token: Secret::new(token),
            version,
            refresh_at: from_sql(self.refresh_at),
            expires_at: from_sql(self.expires_at),
        };
        Ok(StoredAccessToken { version, token: Some(token) })
    }
}

fn purpose(app: &str) -> String {
    format!("access_tokens.token/{app}")
}

/// Tells tokens apart that were fetched with other settings, and tells nobody the settings.
fn fetched_with(app: &App, key: &SecretKey) -> String {
    let secret = app.appsecret.as_ref().map_or("", Secret::expose);
    let url = app.settings.access_token_url.as_deref().unwrap_or_default();
    let origin = format!("{:?}\n{}\n{secret}\n{url}", app.settings.access_token_source, app.appid);
    hex::encode(key.derive(&format!("access token fetched with\n{origin}")))
}
