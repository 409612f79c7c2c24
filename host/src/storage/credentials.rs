//! Table `credentials`: one row for each token or ticket that an app ever had, with the lease of whoever fetches the next.
//!
//! Replicas agree by compare-and-set: a lease is had only at the version that was read before, and only when nobody
//! holds one that still runs.

use sqlx::FromRow;

use super::error::is_missing_parent;
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{App, Credential, CredentialKind};
use crate::secret::{Secret, SecretKey};

/// The credentials of one kind of all apps.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    pub(super) store: &'a Store,
    pub(super) kind: CredentialKind,
}

/// What is stored for an app.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredCredential {
    /// What to lease at; 0 when nothing was ever fetched.
    pub version: u64,
    /// The token or ticket; none when it was fetched for another account, with another secret, or from another source
    /// than the app's now.
    pub credential: Option<Credential>,
}

/// A token or ticket that was just fetched.
#[derive(Debug, Clone, Copy)]
pub struct FetchedCredential<'a> {
    /// The token or ticket.
    pub secret: &'a Secret,
    /// When it should be replaced, in seconds since 1970.
    pub refresh_at: u64,
    /// When it ends, in seconds since 1970.
    pub expires_at: u64,
}

impl Credentials<'_> {
    /// What is stored for the app.
    pub async fn find(&self, app: &App) -> Result<StoredCredential, StoreError> {
        const SQL: &str = "SELECT version, secret, fetched_with, refresh_at, expires_at FROM credentials WHERE app = $1 AND kind = $2";
        if !may_be_stored(&[&app.name]) {
            return Ok(StoredCredential::default());
        }
        let row: Option<Row> = on_db!(&self.store.db, pool => {
            sqlx::query_as(SQL).bind(&app.name).bind(self.kind.as_str()).fetch_optional(pool).await
        })?;
        row.map_or_else(|| Ok(StoredCredential::default()), |row| row.open(app, self.kind, &self.store.key))
    }

    /// Takes the right to fetch the next token, until a time in seconds; false when another has it, or when a token was
    /// fetched since `version` was read.
    pub async fn lease(&self, app: &str, version: u64, holder: &str, until: u64) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO credentials \
             (app, kind, version, secret, fetched_with, refresh_at, expires_at, lease_holder, lease_until) \
             VALUES ($1, $2, $3, NULL, '', 0, 0, $4, $5) ON CONFLICT (app, kind) DO UPDATE SET \
             lease_holder = excluded.lease_holder, lease_until = excluded.lease_until \
             WHERE credentials.version = excluded.version AND credentials.lease_until <= $6";
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
        let now = to_sql(self.store.clock.now());
        let taken = in_transaction!(&self.store.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(self.kind.as_str())
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
        fetched: FetchedCredential<'_>,
    ) -> Result<Option<Credential>, StoreError> {
        const SQL: &str = "UPDATE credentials SET version = version + 1, secret = $4, fetched_with = $5, \
             refresh_at = $6, expires_at = $7, lease_holder = '', lease_until = 0 \
             WHERE app = $1 AND kind = $2 AND lease_holder = $3 RETURNING version";
        let sealed = self.store.key.seal(&purpose(&app.name, self.kind), fetched.secret.expose().as_bytes());
        let version: Option<i64> = in_transaction!(&self.store.db, connection => {
            sqlx::query_scalar(SQL)
                .bind(&app.name)
                .bind(self.kind.as_str())
                .bind(holder)
                .bind(&sealed)
                .bind(fetched_with(app, &self.store.key))
                .bind(to_sql(fetched.refresh_at))
                .bind(to_sql(fetched.expires_at))
                .fetch_optional(&mut *connection)
                .await?
        });
        Ok(version.map(|version| Credential {
            secret: fetched.secret.clone(),
            version: from_sql(version),
            refresh_at: fetched.refresh_at,
            expires_at: fetched.expires_at,
        }))
    }

    /// Ends the lease of `holder`, who fetched nothing. Nothing happens when another has it.
    pub async fn release(&self, app: &str, holder: &str) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE credentials SET lease_holder = '', lease_until = 0 \
             WHERE app = $1 AND kind = $2 AND lease_holder = $3";
        in_transaction!(&self.store.db, connection => {
            sqlx::query(SQL).bind(app).bind(self.kind.as_str()).bind(holder).execute(&mut *connection).await?;
        });
        Ok(())
    }
}

#[derive(FromRow)]
struct Row {
    version: i64,
    secret: Option<Vec<u8>>,
    fetched_with: String,
    refresh_at: i64,
    expires_at: i64,
}

impl Row {
    fn open(self, app: &App, kind: CredentialKind, key: &SecretKey) -> Result<StoredCredential, StoreError> {
        let version = from_sql(self.version);
        let sealed = self.secret.filter(|_| self.fetched_with == fetched_with(app, key));
        let Some(sealed) = sealed else { return Ok(StoredCredential { version, credential: None }) };
        let what = purpose(&app.name, kind);
        let opened = key.open(&what, &sealed).map_err(|_| StoreError::WrongSecretKey { what: what.clone() })?;
        let secret = String::from_utf8(opened).map_err(|_| StoreError::Corrupt { what })?;
        let credential = Credential {
            secret: Secret::new(secret),
            version,
            refresh_at: from_sql(self.refresh_at),
            expires_at: from_sql(self.expires_at),
        };
        Ok(StoredCredential { version, credential: Some(credential) })
    }
}

fn purpose(app: &str, kind: CredentialKind) -> String {
    format!("credentials.secret/{app}/{}", kind.as_str())
}

/// Tells credentials apart that were fetched with other settings, and tells nobody the settings.
fn fetched_with(app: &App, key: &SecretKey) -> String {
    let secret = app.appsecret.as_ref().map_or("", Secret::expose);
    let url = app.settings.access_token_url.as_deref().unwrap_or_default();
    let origin = format!("{:?}\n{}\n{secret}\n{url}", app.settings.access_token_source, app.appid);
    hex::encode(key.derive(&format!("credential fetched with\n{origin}")))
}
