//! Table `merchants`.

use sqlx::FromRow;

use super::error::{is_duplicate, is_missing_parent};
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::Merchant;
use crate::secret::{Secret, SecretKey};

const FIND: &str = "SELECT app, name, title, weight, mch_id, api_version, sign_type, api_key, apiv3_key, private_key, \
     serial_no, public_key_id, public_key, client_cert, client_key, sub_mch_id, mch_app_id, created_at, updated_at \
     FROM merchants WHERE app = $1 AND name = $2";

/// How many merchants one app may have.
const MOST_MERCHANTS: i64 = 200;

/// Binds all columns of a row, in the order in which the statements number them.
macro_rules! bound {
    ($query:expr, $row:ident) => {
        $query
            .bind(&$row.app)
            .bind(&$row.name)
            .bind(&$row.title)
            .bind($row.weight)
            .bind(&$row.mch_id)
            .bind(&$row.api_version)
            .bind(&$row.sign_type)
            .bind(&$row.api_key)
            .bind(&$row.apiv3_key)
            .bind(&$row.private_key)
            .bind(&$row.serial_no)
            .bind(&$row.public_key_id)
            .bind(&$row.public_key)
            .bind(&$row.client_cert)
            .bind(&$row.client_key)
            .bind(&$row.sub_mch_id)
            .bind(&$row.mch_app_id)
            .bind($row.created_at)
            .bind($row.updated_at)
    };
}

/// The merchants of the apps. What the fields hold was checked before ([`Merchant::check`]).
#[derive(Debug, Clone, Copy)]
pub struct Merchants<'a>(pub(super) &'a Store);

/// What became of the wish to delete a merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MerchantDeletion {
    /// It is gone.
    Deleted,
    /// It has orders, which nobody may lose.
    HasOrders,
    /// There is none of that name.
    NotFound,
}

impl Merchants<'_> {
    /// The merchants of an app, by name.
    pub async fn list(&self, app: &str) -> Result<Vec<Merchant>, StoreError> {
        const SQL: &str = "SELECT app, name, title, weight, mch_id, api_version, sign_type, api_key, apiv3_key, \
             private_key, serial_no, public_key_id, public_key, client_cert, client_key, sub_mch_id, mch_app_id, \
             created_at, updated_at FROM merchants WHERE app = $1 ORDER BY name";
        if !may_be_stored(&[app]) {
            return Ok(Vec::new());
        }
        let rows: Vec<MerchantRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).fetch_all(pool).await)?;
        rows.into_iter().map(|row| row.open(&self.0.key)).collect()
    }

    /// The merchants of all apps: app, name, and when it was created, in seconds since 1970.
    pub async fn names(&self) -> Result<Vec<(String, String, u64)>, StoreError> {
        const SQL: &str = "SELECT app, name, created_at FROM merchants ORDER BY app, name";
        let rows: Vec<(String, String, i64)> = on_db!(&self.0.db, pool => sqlx::query_as(SQL).fetch_all(pool).await)?;
        Ok(rows.into_iter().map(|(app, name, created_at)| (app, name, from_sql(created_at))).collect())
    }

    /// The merchants of all apps with this number (商户号): app and name.
    pub async fn of_number(&self, mch_id: &str) -> Result<Vec<(String, String)>, StoreError> {
        const SQL: &str = "SELECT app, name FROM merchants WHERE mch_id = $1 ORDER BY app, name";
        Ok(on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(mch_id).fetch_all(pool).await)?)
    }

    /// The merchant of that name in an app.
    pub async fn find(&self, app: &str, name: &str) -> Result<Option<Merchant>, StoreError> {
        if !may_be_stored(&[app, name]) {
            return Ok(None);
        }
        let row: Option<MerchantRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(FIND).bind(app).bind(name).fetch_optional(pool).await)?;
        row.map(|row| row.open(&self.0.key)).transpose()
    }

    /// The merchant of an app that is meant where none is named: the one with the greatest weight.
    pub async fn first(&self, app: &str) -> Result<Option<Merchant>, StoreError> {
        const SQL: &str = "SELECT app, name, title, weight, mch_id, api_version, sign_type, api_key, apiv3_key, \
             private_key, serial_no, public_key_id, public_key, client_cert, client_key, sub_mch_id, mch_app_id, \
             created_at, updated_at FROM merchants WHERE app = $1 ORDER BY weight DESC, name LIMIT 1";
        if !may_be_stored(&[app]) {
            return Ok(None);
        }
        let row: Option<MerchantRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).fetch_optional(pool).await)?;
        row.map(|row| row.open(&self.0.key)).transpose()
    }

    /// Stores a new merchant and gives it back with its times; [`StoreError::AlreadyExists`] when the name is taken,
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn insert(&self, merchant: &Merchant) -> Result<Merchant, StoreError> {
        const COUNT: &str = "SELECT COUNT(*) FROM merchants WHERE app = $1";
        const SQL: &str = "INSERT INTO merchants (app, name, title, weight, mch_id, api_version, sign_type, api_key, \
             apiv3_key, private_key, serial_no, public_key_id, public_key, client_cert, client_key, sub_mch_id, \
             mch_app_id, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
        let no_app = || StoreError::NotFound { kind: "app", name: merchant.app.clone() };
        if !may_be_stored(&[&merchant.app]) {
            return Err(no_app());
        }
        let now = self.0.clock.now();
        let merchant = Merchant { created_at: now, updated_at: now, ..merchant.clone() };
        let row = MerchantRow::seal(&merchant, &self.0.key);
        let refused = |error: sqlx::Error| match () {
            () if is_duplicate(&error) => StoreError::AlreadyExists { kind: "a merchant", name: merchant.name.clone() },
            () if is_missing_parent(&error) => no_app(),
            () => error.into(),
        };
        in_transaction!(&self.0.db, connection => {
            let (count,): (i64,) = sqlx::query_as(COUNT).bind(&row.app).fetch_one(&mut *connection).await?;
            if count >= MOST_MERCHANTS {
                return Err(StoreError::LimitReached(format!("an app has at most {MOST_MERCHANTS} merchants")));
            }
            bound!(sqlx::query(SQL), row)
                .execute(&mut *connection)
                .await
                .map_err(refused)?;
        });
        Ok(merchant)
    }

    /// Changes a merchant: reads it, lets `change` set what it wants and check it, and stores the outcome, all in one
    /// transaction. Gives back the merchant as it is now; none when there is none of that name. App, name and time of
    /// creation stay, and an error of `change` changes nothing.
    pub async fn change<E: From<StoreError>>(
        &self,
        app: &str,
        name: &str,
        change: impl FnOnce(&mut Merchant) -> Result<(), E>,
    ) -> Result<Option<Merchant>, E> {
        if !may_be_stored(&[app, name]) {
            return Ok(None);
        }
        self.change_at_once(app, name, change).await?
    }

    async fn change_at_once<E>(
        &self,
        app: &str,
        name: &str,
        change: impl FnOnce(&mut Merchant) -> Result<(), E>,
    ) -> Result<Result<Option<Merchant>, E>, StoreError> {
        const LOCK: &str = "UPDATE merchants SET updated_at = updated_at WHERE app = $1 AND name = $2";
        const SQL: &str = "UPDATE merchants SET title = $3, weight = $4, mch_id = $5, api_version = $6, sign_type = $7, \
             api_key = $8, apiv3_key = $9, private_key = $10, serial_no = $11, public_key_id = $12, public_key = $13, \
             client_cert = $14, client_key = $15, sub_mch_id = $16, mch_app_id = $17, created_at = $18, \
             updated_at = $19 WHERE app = $1 AND name = $2";
        let merchant = in_transaction!(&self.0.db, connection => {
            // Before reading: the next change waits here until this one is over.
            sqlx::query(LOCK).bind(app).bind(name).execute(&mut *connection).await?;
            let row: Option<MerchantRow> =
                sqlx::query_as(FIND).bind(app).bind(name).fetch_optional(&mut *connection).await?;
            let Some(row) = row else { return Ok(Ok(None)) };
            let before = row.open(&self.0.key)?;
            let mut merchant = before.clone();
            if let Err(error) = change(&mut merchant) {
                return Ok(Err(error));
            }
            let merchant = Merchant {
                app: before.app,
                name: before.name,
                created_at: before.created_at,
                updated_at: self.0.clock.now(),
                ..merchant
            };
            let row = MerchantRow::seal(&merchant, &self.0.key);
            bound!(sqlx::query(SQL), row)
                .execute(&mut *connection)
                .await?;
            merchant
        });
        Ok(Ok(Some(merchant)))
    }

    /// Deletes a merchant that has no orders.
    pub async fn delete(&self, app: &str, name: &str) -> Result<MerchantDeletion, StoreError> {
        const LOCK: &str = "SELECT name FROM merchants WHERE app = $1 AND name = $2 FOR UPDATE";
        const ORDERS: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM orders WHERE app = $1 AND merchant = $2 LIMIT 1) o";
        const SQL: &str = "DELETE FROM merchants WHERE app = $1 AND name = $2";
        if !may_be_stored(&[app, name]) {
            return Ok(MerchantDeletion::NotFound);
        }
        let deleted = in_transaction!(&self.0.db, connection => {
            // Who creates an order holds its merchant; SQLite has one who writes.
            if self.0.is_shared() {
                sqlx::query(LOCK).bind(app).bind(name).execute(&mut *connection).await?;
            }
            let (orders,): (i64,) = sqlx::query_as(ORDERS).bind(app).bind(name).fetch_one(&mut *connection).await?;
            if orders > 0 {
                return Ok(MerchantDeletion::HasOrders);
            }
            sqlx::query(SQL).bind(app).bind(name).execute(&mut *connection).await?.rows_affected()
        });
        Ok(if deleted > 0 { MerchantDeletion::Deleted } else { MerchantDeletion::NotFound })
    }
}

/// A merchant as the table holds it, with its keys sealed.
#[derive(FromRow)]
struct MerchantRow {
    app: String,
    name: String,
    title: String,
    weight: i64,
    mch_id: String,
    api_version: String,
    sign_type: String,
    api_key: Option<Vec<u8>>,
    apiv3_key: Option<Vec<u8>>,
    private_key: Option<Vec<u8>>,
    serial_no: Option<String>,
    public_key_id: Option<String>,
    public_key: Option<Vec<u8>>,
    client_cert: Option<Vec<u8>>,
    client_key: Option<Vec<u8>>,
    sub_mch_id: Option<String>,
    mch_app_id: Option<String>,
    created_at: i64,
    updated_at: i64,
}

impl MerchantRow {
    fn seal(merchant: &Merchant, key: &SecretKey) -> Self {
        let Merchant { app, name, .. } = merchant;
        let seal = |column: &str, secret: &Option<Secret>| {
            let secret = secret.as_ref()?;
            Some(key.seal(&purpose(column, app, name), secret.expose().as_bytes()))
        };
        Self {
            app: app.clone(),
            name: name.clone(),
            title: merchant.title.clone(),
            weight: merchant.weight,
            mch_id: merchant.mch_id.clone(),
            api_version: merchant.api_version.to_string(),
            sign_type: merchant.sign_type.to_string(),
            api_key: seal("api_key", &merchant.api_key),
            apiv3_key: seal("apiv3_key", &merchant.apiv3_key),
            private_key: seal("private_key", &merchant.private_key),
            serial_no: merchant.serial_no.clone(),
            public_key_id: merchant.public_key_id.clone(),
            public_key: seal("public_key", &merchant.public_key),
            client_cert: seal("client_cert", &merchant.client_cert),
            client_key: seal("client_key", &merchant.client_key),
            sub_mch_id: merchant.sub_mch_id.clone(),
            mch_app_id: merchant.mch_app_id.clone(),
            created_at: to_sql(merchant.created_at),
            updated_at: to_sql(merchant.updated_at),
        }
    }

    fn open(self, key: &SecretKey) -> Result<Merchant, StoreError> {
        let (app, name) = (self.app, self.name);
        let corrupt = |column: &str| StoreError::Corrupt { what: purpose(column, &app, &name) };
        let open = |column: &str, sealed: Option<Vec<u8>>| -> Result<Option<Secret>, StoreError> {
            let Some(sealed) = sealed else { return Ok(None) };
            let what = purpose(column, &app, &name);
            let opened = key.open(&what, &sealed).map_err(|_| StoreError::WrongSecretKey { what })?;
            String::from_utf8(opened).map(|text| Some(Secret::new(text))).map_err(|_| corrupt(column))
        };
        Ok(Merchant {
            title: self.title,
            weight: self.weight,
            mch_id: self.mch_id,
            api_version: self.api_version.parse().map_err(|_| corrupt("api_version"))?,
            sign_type: self.sign_type.parse().map_err(|_| corrupt("sign_type"))?,
            api_key: open("api_key", self.api_key)?,
            apiv3_key: open("apiv3_key", self.apiv3_key)?,
            private_key: open("private_key", self.private_key)?,
            serial_no: self.serial_no,
            public_key_id: self.public_key_id,
            public_key: open("public_key", self.public_key)?,
            client_cert: open("client_cert", self.client_cert)?,
            client_key: open("client_key", self.client_key)?,
            sub_mch_id: self.sub_mch_id,
            mch_app_id: self.mch_app_id,
            created_at: from_sql(self.created_at),
            updated_at: from_sql(self.updated_at),
            app,
            name,
        })
    }
}

fn purpose(column: &str, app: &str, name: &str) -> String {
    format!("merchants.{column}/{app}/{name}")
}
