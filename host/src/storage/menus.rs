//! Tables `menus` and `menu_versions`.

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::is_missing_parent;
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::Menu;

/// How many published versions of an app are kept.
const VERSIONS: i64 = 100;

/// Stores a draft; also part of what handlers are imported with.
pub(super) const PUT_DRAFT: &str = "INSERT INTO menus (app, draft, updated_at) VALUES ($1, $2, $3) \
     ON CONFLICT (app) DO UPDATE SET draft = excluded.draft, updated_at = excluded.updated_at";

/// The menus of the apps. What they hold was checked before ([`Menu::check`]).
#[derive(Debug, Clone, Copy)]
pub struct Menus<'a>(pub(super) &'a Store);

/// The menus of an app as they are edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuDraft {
    /// What they are.
    pub menu: Menu,
    /// Seconds since 1970.
    pub updated_at: u64,
}

/// Menus that were published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuVersion {
    /// Unique in its app; those of newer versions are greater.
    pub id: String,
    /// What they were.
    pub menu: Menu,
    /// [`digest_of`] the menu.
    pub digest: String,
    /// WeChat's ids of the conditional menus, in their order.
    pub menuids: Vec<String>,
    /// Seconds since 1970.
    pub published_at: u64,
}

/// Names what a menu is: SHA-256, in hex.
pub fn digest_of(menu: &Menu) -> String {
    hex::encode(Sha256::digest(to_json(menu)))
}

pub(super) fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl Menus<'_> {
    /// The draft of an app; none when nobody has written one.
    pub async fn draft(&self, app: &str) -> Result<Option<MenuDraft>, StoreError> {
        const SQL: &str = "SELECT draft, updated_at FROM menus WHERE app = $1";
        if !may_be_stored(&[app]) {
            return Ok(None);
        }
        let row: Option<(String, i64)> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).fetch_optional(pool).await)?;
        row.map(|(draft, updated_at)| {
            Ok(MenuDraft { menu: parse(&draft, "menus.draft", app)?, updated_at: from_sql(updated_at) })
        })
        .transpose()
    }

    /// Stores a draft in the place of the one before; [`StoreError::NotFound`] when there is no such app.
    pub async fn put_draft(&self, app: &str, menu: &Menu) -> Result<MenuDraft, StoreError> {
        let no_app = || StoreError::NotFound { kind: "app", name: app.to_owned() };
        if !may_be_stored(&[app]) {
            return Err(no_app());
        }
        let updated_at = self.0.clock.now();
        in_transaction!(&self.0.db, connection => {
            let put = sqlx::query(PUT_DRAFT).bind(app).bind(to_json(menu)).bind(to_sql(updated_at));
            put.execute(&mut *connection).await.map_err(|error| {
                if is_missing_parent(&error) { no_app() } else { error.into() }
            })?;
        });
        Ok(MenuDraft { menu: menu.clone(), updated_at })
    }

    /// Keeps what has just been published, and forgets the oldest versions when there are too many.
    pub async fn add_version(&self, app: &str, menu: &Menu, menuids: Vec<String>) -> Result<MenuVersion, StoreError> {
        const ADD: &str = "INSERT INTO menu_versions (app, id, menu, digest, menuids, published_at) \
             VALUES ($1, $2, $3, $4, $5, $6)";
        const FORGET: &str = "DELETE FROM menu_versions WHERE app = $1 AND id NOT IN \
             (SELECT id FROM menu_versions WHERE app = $1 ORDER BY id DESC LIMIT $2)";
        let no_app = || StoreError::NotFound { kind: "app", name: app.to_owned() };
        let version = MenuVersion {
            id: Uuid::now_v7().to_string(),
            digest: digest_of(menu),
            menu: menu.clone(),
            menuids,
            published_at: self.0.clock.now(),
        };
        in_transaction!(&self.0.db, connection => {
            sqlx::query(ADD)
                .bind(app)
                .bind(&version.id)
                .bind(to_json(menu))
                .bind(&version.digest)
                .bind(to_json(&version.menuids))
                .bind(to_sql(version.published_at))
                .execute(&mut *connection)
                .await
                .map_err(|error| if is_missing_parent(&error) { no_app() } else { error.into() })?;
            sqlx::query(FORGET).bind(app).bind(VERSIONS).execute(&mut *connection).await?;
        });
        Ok(version)
    }

    /// At most `limit` versions, newest first, from the newest or from behind the one with that id on.
    pub async fn versions(
        &self,
        app: &str,
        behind: Option<&str>,
        limit: usize,
    ) -> Result<Vec<MenuVersion>, StoreError> {
        const SQL: &str = "SELECT id, menu, digest, menuids, published_at FROM menu_versions \
             WHERE app = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3";
        let behind = behind.unwrap_or_default();
        if !may_be_stored(&[app, behind]) {
            return Ok(Vec::new());
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<VersionRow> = on_db!(&self.0.db, pool => {
            sqlx::query_as(SQL).bind(app).bind(behind).bind(limit).fetch_all(pool).await
        })?;
        rows.into_iter().map(|row| open(row, app)).collect()
    }

    /// One version.
    pub async fn version(&self, app: &str, id: &str) -> Result<Option<MenuVersion>, StoreError> {
        const SQL: &str =
            "SELECT id, menu, digest, menuids, published_at FROM menu_versions WHERE app = $1 AND id = $2";
        if !may_be_stored(&[app, id]) {
            return Ok(None);
        }
        let row: Option<VersionRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).bind(id).fetch_optional(pool).await)?;
        row.map(|row| open(row, app)).transpose()
    }
}

type VersionRow = (String, String, String, String, i64);

fn open((id, menu, digest, menuids, published_at): VersionRow, app: &str) -> Result<MenuVersion, StoreError> {
    let owner = format!("{app}/{id}");
    Ok(MenuVersion {
        menu: parse(&menu, "menu_versions.menu", &owner)?,
        menuids: parse(&menuids, "menu_versions.menuids", &owner)?,
        digest,
        published_at: from_sql(published_at),
        id,
    })
}

pub(super) fn parse<T: DeserializeOwned>(json: &str, column: &str, owner: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|_| StoreError::Corrupt { what: format!("{column}/{owner}") })
}
