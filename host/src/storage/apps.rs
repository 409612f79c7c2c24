//! Table `apps`.

use std::collections::HashSet;

use sqlx::FromRow;

use super::error::is_duplicate;
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, settings_revision, to_sql};
use crate::model::App;
use crate::secret::{Secret, SecretKey};

const FIND: &str = "SELECT name, title, description, app_type, appid, verified, appsecret, token, encoding_mode, \
     encoding_aes_key, previous_encoding_aes_key, message_handler, order_hook, order_webhook_secret, \
     previous_order_webhook_secret, settings, created_at, updated_at FROM apps WHERE name = $1";

/// Binds all columns of a row, in the order in which the statements number them.
macro_rules! bound {
    ($query:expr, $row:ident) => {
        $query
            .bind(&$row.name)
            .bind(&$row.title)
            .bind(&$row.description)
            .bind(&$row.app_type)
            .bind(&$row.appid)
            .bind($row.verified)
            .bind(&$row.appsecret)
            .bind(&$row.token)
            .bind(&$row.encoding_mode)
            .bind(&$row.encoding_aes_key)
            .bind(&$row.previous_encoding_aes_key)
            .bind(&$row.message_handler)
            .bind(&$row.order_hook)
            .bind(&$row.order_webhook_secret)
            .bind(&$row.previous_order_webhook_secret)
            .bind(&$row.settings)
            .bind($row.created_at)
            .bind($row.updated_at)
    };
}

/// The apps. Names are unique; what the fields hold was checked before ([`App::check`]).
#[derive(Debug, Clone, Copy)]
pub struct Apps<'a>(pub(super) &'a Store);

impl Apps<'_> {
    /// All apps, by name.
    pub async fn list(&self) -> Result<Vec<App>, StoreError> {
        const SQL: &str = "SELECT name, title, description, app_type, appid, verified, appsecret, token, encoding_mode, \
             encoding_aes_key, previous_encoding_aes_key, message_handler, order_hook, \
             order_webhook_secret, previous_order_webhook_secret, settings, created_at, updated_at FROM apps ORDER BY name";
        let rows: Vec<AppRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL).fetch_all(pool).await)?;
        rows.into_iter().map(|row| row.open(&self.0.key)).collect()
    }

    /// The names of all apps.
    pub async fn names(&self) -> Result<HashSet<String>, StoreError> {
        const SQL: &str = "SELECT name FROM apps";
        let names: Vec<String> = on_db!(&self.0.db, pool => sqlx::query_scalar(SQL).fetch_all(pool).await)?;
        Ok(names.into_iter().collect())
    }

    /// The app of that name.
    pub async fn find(&self, name: &str) -> Result<Option<App>, StoreError> {
        if !may_be_stored(&[name]) {
            return Ok(None);
        }
        let row: Option<AppRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(FIND).bind(name).fetch_optional(pool).await)?;
        row.map(|row| row.open(&self.0.key)).transpose()
    }

    /// Stores a new app and gives it back with its times; [`StoreError::AlreadyExists`] when the name is taken.
    pub async fn insert(&self, app: &App) -> Result<App, StoreError> {
        const SQL: &str = "INSERT INTO apps (name, title, description, app_type, appid, verified, appsecret, token, \
             encoding_mode, encoding_aes_key, previous_encoding_aes_key, message_handler, order_hook, \
             order_webhook_secret, previous_order_webhook_secret, settings, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
        let now = self.0.clock.now();
        let app = App { created_at: now, updated_at: now, ..app.clone() };
        let row = AppRow::seal(&app, &self.0.key);
        let taken = |error: sqlx::Error| {
            if is_duplicate(&error) {
                StoreError::AlreadyExists { kind: "an app", name: app.name.clone() }
            } else {
                error.into()
            }
        };
        in_transaction!(&self.0.db, connection => {
            sqlx::query(settings_revision::BUMP).execute(&mut *connection).await?;
            bound!(sqlx::query(SQL), row)
                .execute(&mut *connection)
                .await
                .map_err(taken)?;
        });
        Ok(app)
    }

    /// Changes the app of that name: reads it, lets `change` set what it wants and check it, and stores the outcome, all
    /// in one transaction, so that changes made at once lose nothing of each other. Gives back the app as it is now;
    /// none when there is none of that name. Name and time of creation stay, and an error of `change` changes nothing.
    pub async fn change<E: From<StoreError>>(
        &self,
        name: &str,
        change: impl FnOnce(&mut App) -> Result<(), E>,
    ) -> Result<Option<App>, E> {
        if !may_be_stored(&[name]) {
            return Ok(None);
        }
        self.change_at_once(name, change).await?
    }

    async fn change_at_once<E>(
        &self,
        name: &str,
        change: impl FnOnce(&mut App) -> Result<(), E>,
    ) -> Result<Result<Option<App>, E>, StoreError> {
        const SQL: &str = "UPDATE apps SET title = $2, description = $3, app_type = $4, appid = $5, verified = $6, \
             appsecret = $7, token = $8, encoding_mode = $9, encoding_aes_key = $10, previous_encoding_aes_key = $11, \
             message_handler = $12, order_hook = $13, order_webhook_secret = $14, \
             previous_order_webhook_secret = $15, settings = $16, created_at = $17, updated_at = $18 WHERE name = $1";
        let app = in_transaction!(&self.0.db, connection => {
            // Before reading: the next change of any app waits here until this one is over.
            sqlx::query(settings_revision::BUMP).execute(&mut *connection).await?;
            let row: Option<AppRow> = sqlx::query_as(FIND).bind(name).fetch_optional(&mut *connection).await?;
            let Some(row) = row else { return Ok(Ok(None)) };
            let before = row.open(&self.0.key)?;
            let mut app = before.clone();
            if let Err(error) = change(&mut app) {
                return Ok(Err(error));
            }
            app.name = before.name;
            app.created_at = before.created_at;
            app.updated_at = self.0.clock.now();
            let row = AppRow::seal(&app, &self.0.key);
            bound!(sqlx::query(SQL), row)
                .execute(&mut *connection)
                .await?;
            app
        });
        Ok(Ok(Some(app)))
    }

    /// Deletes the app with all that belongs to it; false when there is no such app, [`StoreError::HasOrders`] when it
    /// has orders.
    pub async fn delete(&self, name: &str) -> Result<bool, StoreError> {
        self.delete_app(name, false).await
    }

    /// The same with its orders and refunds, paid ones too.
    pub async fn delete_with_orders(&self, name: &str) -> Result<bool, StoreError> {
        self.delete_app(name, true).await
    }

    async fn delete_app(&self, name: &str, with_orders: bool) -> Result<bool, StoreError> {
        const EMPTY_KV: &str = "UPDATE plugin_kv_totals SET key_count = 0, byte_count = 0 WHERE app = $1";
        const ORDERS: &str = "SELECT COUNT(*) FROM orders WHERE app = $1";
        const MERCHANTS: &str = "SELECT name FROM merchants WHERE app = $1 ORDER BY name FOR UPDATE";
        const SQL: &str = "DELETE FROM apps WHERE name = $1";
        if !may_be_stored(&[name]) {
            return Ok(false);
        }
        // Before anything is deleted.
        let refused = |count: i64| StoreError::HasOrders { app: name.to_owned(), count: from_sql(count) };
        if !with_orders {
            let count: i64 = on_db!(&self.0.db, pool => sqlx::query_scalar(ORDERS).bind(name).fetch_one(pool).await)?;
            if count != 0 {
                return Err(refused(count));
            }
        }
        // There may be a million, so they go first, in parts; the deletion of the app takes those who came since.
        self.0.users().delete_all(name).await?;
        self.0.sends().delete_all(name).await?;
        in_transaction!(&self.0.db, connection => {
            sqlx::query(settings_revision::BUMP).execute(&mut *connection).await?;
            if !with_orders {
                // Whoever creates an order locks its merchant. On SQLite there is one writer anyway.
                if self.0.is_shared() {
                    sqlx::query(MERCHANTS).bind(name).execute(&mut *connection).await?;
                }
                let count: i64 = sqlx::query_scalar(ORDERS).bind(name).fetch_one(&mut *connection).await?;
                if count != 0 {
                    return Err(refused(count));
                }
            }
            let deleted = sqlx::query(SQL).bind(name).execute(&mut *connection).await?.rows_affected();
            if deleted == 0 {
                return Ok(false);
            }
            // After the app, in the same order in which writers for its plugins lock them.
            sqlx::query(EMPTY_KV).bind(name).execute(&mut *connection).await?;
        });
        Ok(true)
    }

    /// How often apps and their plugins have changed. What is read after it is at least as new.
    pub async fn revision(&self) -> Result<u64, StoreError> {
        let revision: i64 =
            on_db!(&self.0.db, pool => sqlx::query_scalar(settings_revision::READ).fetch_one(pool).await)?;
        Ok(from_sql(revision))
    }
}

/// An app as the tables hold it: enums as texts, secrets sealed.
#[derive(FromRow)]
struct AppRow {
    name: String,
    title: String,
    description: String,
    app_type: String,
    appid: String,
    verified: bool,
    appsecret: Option<Vec<u8>>,
    token: Option<Vec<u8>>,
    encoding_mode: String,
    encoding_aes_key: Option<Vec<u8>>,
    previous_encoding_aes_key: Option<Vec<u8>>,
    message_handler: Option<String>,
    order_hook: Option<String>,
    order_webhook_secret: Option<Vec<u8>>,
    previous_order_webhook_secret: Option<Vec<u8>>,
    settings: String,
    created_at: i64,
    updated_at: i64,
}

impl AppRow {
    fn seal(app: &App, key: &SecretKey) -> Self {
        let seal = |column: &str, secret: &Option<Secret>| {
            let secret = secret.as_ref()?;
            Some(key.seal(&format!("apps.{column}/{}", app.name), secret.expose().as_bytes()))
        };
        Self {
            name: app.name.clone(),
            title: app.title.clone(),
            description: app.description.clone(),
            app_type: app.app_type.to_string(),
            appid: app.appid.clone(),
            verified: app.verified,
            appsecret: seal("appsecret", &app.appsecret),
            token: seal("token", &app.token),
            encoding_mode: app.encoding_mode.to_string(),
            encoding_aes_key: seal("encoding_aes_key", &app.encoding_aes_key),
            previous_encoding_aes_key: seal("previous_encoding_aes_key", &app.previous_encoding_aes_key),
            message_handler: app.message_handler.as_ref().map(ToString::to_string),
            order_hook: app.order_hook.as_ref().map(ToString::to_string),
            order_webhook_secret: seal("order_webhook_secret", &app.order_webhook_secret),
            previous_order_webhook_secret: seal("previous_order_webhook_secret", &app.previous_order_webhook_secret),
            settings: serde_json::to_string(&app.settings).unwrap_or_default(),
            created_at: to_sql(app.created_at),
            updated_at: to_sql(app.updated_at),
        }
    }

    fn open(self, key: &SecretKey) -> Result<App, StoreError> {
        let name = self.name;
        let what = |column: &str| format!("apps.{column}/{name}");
        let corrupt = |column: &str| StoreError::Corrupt { what: what(column) };
        let open = |column: &str, sealed: Option<Vec<u8>>| -> Result<Option<Secret>, StoreError> {
            let Some(sealed) = sealed else { return Ok(None) };
            let what = what(column);
            let opened = key.open(&what, &sealed).map_err(|_| StoreError::WrongSecretKey { what })?;
            String::from_utf8(opened).map(|text| Some(Secret::new(text))).map_err(|_| corrupt(column))
        };
        let target =
            |column: &str, text: Option<String>| text.map(|text| text.parse()).transpose().map_err(|_| corrupt(column));
        Ok(App {
            title: self.title,
            description: self.description,
            app_type: self.app_type.parse().map_err(|_| corrupt("app_type"))?,
            appid: self.appid,
            verified: self.verified,
            appsecret: open("appsecret", self.appsecret)?,
            token: open("token", self.token)?,
            encoding_mode: self.encoding_mode.parse().map_err(|_| corrupt("encoding_mode"))?,
            encoding_aes_key: open("encoding_aes_key", self.encoding_aes_key)?,
            previous_encoding_aes_key: open("previous_encoding_aes_key", self.previous_encoding_aes_key)?,
            message_handler: target("message_handler", self.message_handler)?,
            order_hook: target("order_hook", self.order_hook)?,
            order_webhook_secret: open("order_webhook_secret", self.order_webhook_secret)?,
            previous_order_webhook_secret: open("previous_order_webhook_secret", self.previous_order_webhook_secret)?,
            settings: serde_json::from_str(&self.settings).map_err(|_| corrupt("settings"))?,
            created_at: from_sql(self.created_at),
            updated_at: from_sql(self.updated_at),
            name,
        })
    }
}
