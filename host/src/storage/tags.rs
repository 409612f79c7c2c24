//! Table `tags`: the tags of an account. Who has them is in `user_tags`.

use sqlx::FromRow;

use super::error::missing_app;
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::Tag;

/// The tags of the apps. WeChat may give the id of a deleted tag again: a tag that goes, or is another one now, leaves
/// nobody with its id.
#[derive(Debug, Clone, Copy)]
pub struct Tags<'a>(pub(super) &'a Store);

impl Tags<'_> {
    /// The tags of an app, in the order of their ids.
    pub async fn list(&self, app: &str) -> Result<Vec<Tag>, StoreError> {
        const SQL: &str = "SELECT id, name, user_count, synced_at FROM tags WHERE app = $1 ORDER BY id";
        if !may_be_stored(&[app]) {
            return Ok(Vec::new());
        }
        let rows: Vec<TagRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).fetch_all(pool).await)?;
        Ok(rows.into_iter().map(TagRow::open).collect())
    }

    /// One tag.
    pub async fn find(&self, app: &str, id: u32) -> Result<Option<Tag>, StoreError> {
        const SQL: &str = "SELECT id, name, user_count, synced_at FROM tags WHERE app = $1 AND id = $2";
        if !may_be_stored(&[app]) {
            return Ok(None);
        }
        let row: Option<TagRow> = on_db!(&self.0.db, pool => {
            sqlx::query_as(SQL).bind(app).bind(i64::from(id)).fetch_optional(pool).await
        })?;
        Ok(row.map(TagRow::open))
    }

    /// Stores a tag that has just been made; nobody has it.
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn add(&self, app: &str, id: u32, name: &str) -> Result<Tag, StoreError> {
        self.0.users().untag_all(app, id, None).await?;
        let tag = Tag { id, name: name.replace('\0', ""), user_count: 0, synced_at: self.0.clock.now() };
        self.put(app, &tag).await?;
        Ok(tag)
    }

    /// Gives a tag another name, and gives it back; none when there is no such tag.
    pub async fn rename(&self, app: &str, id: u32, name: &str) -> Result<Option<Tag>, StoreError> {
        let Some(tag) = self.find(app, id).await? else { return Ok(None) };
        let tag = Tag { name: name.to_owned(), synced_at: self.0.clock.now(), ..tag };
        self.put(app, &tag).await?;
        Ok(Some(tag))
    }

    /// Forgets a tag, and who has it.
    pub async fn delete(&self, app: &str, id: u32) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM tags WHERE app = $1 AND id = $2";
        self.0.users().untag_all(app, id, None).await?;
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(app).bind(i64::from(id)).execute(&mut *connection).await?;
        });
        Ok(())
    }

    /// Makes the tags of an app those that WeChat has told. Gives back those that were there before and are gone or
    /// have another name: nobody has them any more.
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn replace(&self, app: &str, tags: &[Tag]) -> Result<Vec<Tag>, StoreError> {
        let same = |before: &Tag| tags.iter().any(|tag| tag.id == before.id && tag.name == before.name);
        let mut dropped = self.list(app).await?;
        dropped.retain(|before| !same(before));
        for tag in &dropped {
            self.delete(app, tag.id).await?;
        }
        for id in self.ids_of_users(app).await? {
            if !tags.iter().any(|tag| tag.id == id) {
                self.0.users().untag_all(app, id, None).await?;
            }
        }
        for tag in tags {
            self.put(app, tag).await?;
        }
        Ok(dropped)
    }

    async fn put(&self, app: &str, tag: &Tag) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO tags (app, id, name, user_count, synced_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (app, id) DO UPDATE SET name = excluded.name, user_count = excluded.user_count, \
             synced_at = excluded.synced_at";
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(i64::from(tag.id))
                .bind(&tag.name)
                .bind(to_sql(tag.user_count))
                .bind(to_sql(tag.synced_at))
                .execute(&mut *connection)
                .await
                .map_err(|error| missing_app(error, app))?;
        });
        Ok(())
    }

    /// The ids that users have. A step of the search for each, however many users there are.
    async fn ids_of_users(&self, app: &str) -> Result<Vec<u32>, StoreError> {
        const SQL: &str = "SELECT MIN(tag_id) FROM user_tags WHERE app = $1 AND tag_id > $2";
        let (mut ids, mut last) = (Vec::new(), -1);
        loop {
            let next: Option<i64> =
                on_db!(&self.0.db, pool => sqlx::query_scalar(SQL).bind(app).bind(last).fetch_one(pool).await)?;
            let Some(id) = next else { return Ok(ids) };
            ids.extend(u32::try_from(id));
            last = id;
        }
    }
}

/// A tag as the table holds it.
#[derive(FromRow)]
struct TagRow {
    id: i64,
    name: String,
    user_count: i64,
    synced_at: i64,
}

impl TagRow {
    fn open(self) -> Tag {
        let (user_count, synced_at) = (from_sql(self.user_count), from_sql(self.synced_at));
        Tag { id: u32::try_from(self.id).unwrap_or(u32::MAX), name: self.name, user_count, synced_at }
    }
}
