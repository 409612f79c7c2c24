//! Table `app_plugins`.

use serde::de::DeserializeOwned;
use sqlx::FromRow;

use super::error::is_missing_parent;
use super::{
    Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, plugin_limits, settings_revision, to_sql,
};
use crate::model::{APP_PLUGINS, AppPlugin, Grants};

/// In the order in which they are bound.
macro_rules! columns {
    () => {
        "app, plugin, config, kv, http_hosts, wechat_apis, users, orders, pay_apis, pages, limits, updated_at"
    };
}

const FIND: &str = concat!("SELECT ", columns!(), " FROM app_plugins WHERE app = $1 AND plugin = $2");

/// What plugins may do for apps: configuration, grants and limits.
#[derive(Debug, Clone, Copy)]
pub struct AppPlugins<'a>(pub(super) &'a Store);

impl AppPlugins<'_> {
    /// The records of every app, by app and plugin.
    pub async fn all(&self) -> Result<Vec<AppPlugin>, StoreError> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM app_plugins ORDER BY app, plugin");
        let rows: Vec<AppPluginRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL).fetch_all(pool).await)?;
        rows.into_iter().map(AppPluginRow::open).collect()
    }

    /// The records of one app, by plugin; none for an app that does not exist.
    pub async fn list(&self, app: &str) -> Result<Vec<AppPlugin>, StoreError> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM app_plugins WHERE app = $1 ORDER BY plugin");
        if !may_be_stored(&[app]) {
            return Ok(Vec::new());
        }
        let rows: Vec<AppPluginRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).fetch_all(pool).await)?;
        rows.into_iter().map(AppPluginRow::open).collect()
    }

    /// The record of one plugin in one app.
    pub async fn find(&self, app: &str, plugin: &str) -> Result<Option<AppPlugin>, StoreError> {
        if !may_be_stored(&[app, plugin]) {
            return Ok(None);
        }
        let row: Option<AppPluginRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(FIND).bind(app).bind(plugin).fetch_optional(pool).await)?;
        row.map(AppPluginRow::open).transpose()
    }

    /// Stores a record in the place of the one before, and gives it back with its time; [`StoreError::NotFound`] when there
    /// is no such app, [`StoreError::LimitReached`] when the app has [`APP_PLUGINS`] others.
    pub async fn put(&self, record: &AppPlugin) -> Result<AppPlugin, StoreError> {
        self.change(&record.app, &record.plugin, |_| Ok(record.clone())).await
    }

    /// Changes the record of a plugin in an app: reads it, if there is one, lets `change` say what is to be there and check
    /// it, and stores that, all in one transaction, so that changes made at once lose nothing of each other. Gives back the
    /// record as it is now; fails as [`put`](Self::put) does. An error of `change` changes nothing.
    pub async fn change<E: From<StoreError>>(
        &self,
        app: &str,
        plugin: &str,
        change: impl FnOnce(Option<AppPlugin>) -> Result<AppPlugin, E>,
    ) -> Result<AppPlugin, E> {
        const COUNT: &str = "SELECT COUNT(*) FROM app_plugins WHERE app = $1";
        const SQL: &str = concat!(
            "INSERT INTO app_plugins (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             ON CONFLICT (app, plugin) DO UPDATE SET \
             config = excluded.config, kv = excluded.kv, http_hosts = excluded.http_hosts, \
             wechat_apis = excluded.wechat_apis, users = excluded.users, orders = excluded.orders, \
             pay_apis = excluded.pay_apis, pages = excluded.pages, limits = excluded.limits, updated_at = excluded.updated_at"
        );
        let no_app = || StoreError::NotFound { kind: "app", name: app.to_owned() };
        if !may_be_stored(&[app, plugin]) {
            return Err(no_app().into());
        }
        let json = |texts: &Vec<String>| serde_json::Value::from(texts.clone()).to_string();
        let missing = |error: sqlx::Error| if is_missing_parent(&error) { no_app() } else { error.into() };
        let changed: Result<Result<AppPlugin, E>, StoreError> = async {
            let record = in_transaction!(&self.0.db, connection => {
                // Before reading: the next change of any app waits here until this one is over.
                sqlx::query(settings_revision::BUMP).execute(&mut *connection).await?;
                let row: Option<AppPluginRow> =
                    sqlx::query_as(FIND).bind(app).bind(plugin).fetch_optional(&mut *connection).await?;
                let before = row.map(AppPluginRow::open).transpose()?;
                let is_new = before.is_none();
                let record = match change(before) {
                    Ok(record) => record,
                    Err(error) => return Ok(Err(error)),
                };
                if is_new {
                    let count: i64 = sqlx::query_scalar(COUNT).bind(app).fetch_one(&mut *connection).await?;
                    if from_sql(count) >= APP_PLUGINS {
                        return Err(StoreError::LimitReached(format!(
                            "something is set for {APP_PLUGINS} plugins in this app, and may not be for more · 这个账号已设置了 {APP_PLUGINS} 个插件，不能再多"
                        )));
                    }
                }
                let (app, plugin) = (app.to_owned(), plugin.to_owned());
                let record = AppPlugin { app, plugin, updated_at: self.0.clock.now(), ..record };
                sqlx::query(SQL)
                    .bind(&record.app)
                    .bind(&record.plugin)
                    .bind(record.config.as_str())
                    .bind(record.grants.kv)
                    .bind(json(&record.grants.http_hosts))
                    .bind(json(&record.grants.wechat_apis))
                    .bind(record.grants.users)
                    .bind(json(&record.grants.orders))
                    .bind(json(&record.grants.pay_apis))
                    .bind(record.grants.pages)
                    .bind(plugin_limits::to_json(&record.limits))
                    .bind(to_sql(record.updated_at))
                    .execute(&mut *connection)
                    .await
                    .map_err(missing)?;
                record
            });
            Ok(Ok(record))
        }
        .await;
        changed?
    }

    /// Takes configuration, grants and limits away; false when there were none. What the plugin keeps in its key-value store
    /// stays, for the day it is granted again.
    pub async fn delete(&self, app: &str, plugin: &str) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM app_plugins WHERE app = $1 AND plugin = $2";
        if !may_be_stored(&[app, plugin]) {
            return Ok(false);
        }
        in_transaction!(&self.0.db, connection => {
            sqlx::query(settings_revision::BUMP).execute(&mut *connection).await?;
            let deleted = sqlx::query(SQL).bind(app).bind(plugin).execute(&mut *connection).await?.rows_affected();
            if deleted == 0 {
                return Ok(false);
            }
        });
        Ok(true)
    }
}

/// A record as the table holds it: lists and configuration as JSON.
#[derive(FromRow)]
struct AppPluginRow {
    app: String,
    plugin: String,
    config: String,
    kv: bool,
    http_hosts: String,
    wechat_apis: String,
    users: bool,
    orders: String,
    pay_apis: String,
    pages: bool,
    limits: String,
    updated_at: i64,
}

impl AppPluginRow {
    fn open(self) -> Result<AppPlugin, StoreError> {
        let Self { app, plugin, .. } = self;
        let owner = format!("{app}/{plugin}");
        Ok(AppPlugin {
            config: parse(&self.config, "config", &owner)?,
            grants: Grants {
                kv: self.kv,
                http_hosts: parse(&self.http_hosts, "http_hosts", &owner)?,
                wechat_apis: parse(&self.wechat_apis, "wechat_apis", &owner)?,
                users: self.users,
                orders: parse(&self.orders, "orders", &owner)?,
                pay_apis: parse(&self.pay_apis, "pay_apis", &owner)?,
                pages: self.pages,
            },
            limits: plugin_limits::from_json(&self.limits)
                .ok_or_else(|| StoreError::Corrupt { what: format!("app_plugins.limits/{owner}") })?,
            updated_at: from_sql(self.updated_at),
            app,
            plugin,
        })
    }
}

fn parse<T: DeserializeOwned>(json: &str, column: &str, owner: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|_| StoreError::Corrupt { what: format!("app_plugins.{column}/{owner}") })
}
