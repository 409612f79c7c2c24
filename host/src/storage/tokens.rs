//! Table `api_tokens`. The text of a token is shown once; its SHA-256 is kept. That is enough for 256 random bits:
//! there is nothing to guess, so nothing to slow down, and looking the digest up tells nothing by its timing.

use sha2::{Digest, Sha256};
use sqlx::FromRow;
use uuid::Uuid;

use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql, with_causes};
use crate::model::ApiToken;
use crate::secret::Secret;

/// Every token begins with it, so that people and scanners know one when they see it.
const PREFIX: &str = "weft_";
/// `last_used_at` is written no more often, so that a busy program does not write at each call.
const LAST_USED_SECONDS: u64 = 60;

/// The tokens of the admin API.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a>(pub(super) &'a Store);

impl Tokens<'_> {
    /// Makes a token; `expires_at` in seconds since 1970. The second value is its text, never to be seen again.
    pub async fn create(
        &self,
        name: &str,
        permissions: &[String],
        expires_at: Option<u64>,
    ) -> Result<(ApiToken, Secret), StoreError> {
        const SQL: &str = "INSERT INTO api_tokens (id, name, digest, permissions, created_at, last_used_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, NULL, $6)";
        let text = Secret::new(format!("{PREFIX}{}", hex::encode(rand::random::<[u8; 32]>())));
        let token = ApiToken {
            id: Uuid::now_v7().to_string(),
            name: name.to_owned(),
            permissions: permissions.to_vec(),
            created_at: self.0.clock.now(),
            last_used_at: None,
            expires_at,
        };
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(&token.id)
                .bind(&token.name)
                .bind(digest(text.expose()))
                .bind(serde_json::Value::from(permissions).to_string())
                .bind(to_sql(token.created_at))
                .bind(expires_at.map(to_sql))
                .execute(&mut *connection)
                .await?;
        });
        Ok((token, text))
    }

    /// All tokens, oldest first, those that have ended too.
    pub async fn list(&self) -> Result<Vec<ApiToken>, StoreError> {
        const SQL: &str = "SELECT id, name, permissions, created_at, last_used_at, expires_at FROM api_tokens \
             ORDER BY created_at, id";
        let rows: Vec<TokenRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL).fetch_all(pool).await)?;
        rows.into_iter().map(TokenRow::open).collect()
    }

    /// Ends a token at once; false when there is none with that id.
    pub async fn revoke(&self, id: &str) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM api_tokens WHERE id = $1";
        if !may_be_stored(&[id]) {
            return Ok(false);
        }
        let deleted = in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(id).execute(&mut *connection).await?.rows_affected()
        });
        Ok(deleted > 0)
    }

    /// The token whose text this is; none when it is unknown, revoked or over. That it was used is written down if it
    /// can be.
    pub async fn authenticate(&self, text: &str) -> Result<Option<ApiToken>, StoreError> {
        const SQL: &str = "SELECT id, name, permissions, created_at, last_used_at, expires_at FROM api_tokens \
             WHERE digest = $1";
        if !text.starts_with(PREFIX) {
            return Ok(None);
        }
        let digest = digest(text);
        let row: Option<TokenRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(digest).fetch_optional(pool).await)?;
        let Some(mut token) = row.map(TokenRow::open).transpose()? else { return Ok(None) };
        let now = self.0.clock.now();
        if token.expires_at.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        let stale = now.saturating_sub(LAST_USED_SECONDS);
        if token.last_used_at.is_none_or(|last| last <= stale) {
            match self.mark_used(&token.id, now, stale).await {
                Ok(()) => token.last_used_at = Some(now),
                // A full disk must not lock out those who could make room.
                Err(error) => tracing::warn!(
                    token = token.id,
                    error = %with_causes(&error),
                    "when the token was last used could not be written"
                ),
            }
        }
        Ok(Some(token))
    }

    /// Whether the token of that id is still valid: neither revoked nor over.
    pub async fn is_valid(&self, id: &str) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT expires_at FROM api_tokens WHERE id = $1";
        let row: Option<(Option<i64>,)> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(id).fetch_optional(pool).await)?;
        let now = to_sql(self.0.clock.now());
        Ok(row.is_some_and(|(expires_at,)| expires_at.is_none_or(|end| end > now)))
    }

    /// Writes that the token was used `now`, unless it was used after `stale`.
    async fn mark_used(&self, id: &str, now: u64, stale: u64) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE api_tokens SET last_used_at = $2 \
             WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(id).bind(to_sql(now)).bind(to_sql(stale)).execute(&mut *connection).await?;
        });
        Ok(())
    }
}

fn digest(text: &str) -> Vec<u8> {
    Sha256::digest(text).to_vec()
}

#[derive(FromRow)]
struct TokenRow {
    id: String,
    name: String,
    permissions: String,
    created_at: i64,
    last_used_at: Option<i64>,
    expires_at: Option<i64>,
}

impl TokenRow {
    fn open(self) -> Result<ApiToken, StoreError> {
        let permissions = serde_json::from_str(&self.permissions)
            .map_err(|_| StoreError::Corrupt { what: format!("api_tokens.permissions/{}", self.id) })?;
        Ok(ApiToken {
            id: self.id,
            name: self.name,
            permissions,
            created_at: from_sql(self.created_at),
            last_used_at: self.last_used_at.map(from_sql),
            expires_at: self.expires_at.map(from_sql),
        })
    }
}
