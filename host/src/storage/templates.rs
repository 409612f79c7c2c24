//! Table `templates`.

use sqlx::FromRow;

use super::error::{is_duplicate, is_missing_parent};
use super::{Store, StoreError, from_sql, in_transaction, may_be_stored, on_db, to_sql};
use crate::model::{Template, TemplateChange, TemplateKind};

/// The templates of the apps.
#[derive(Debug, Clone, Copy)]
pub struct Templates<'a>(pub(super) &'a Store);

/// What taking WeChat's list over has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateSync {
    /// How many are new.
    pub added: u64,
    /// How many are others than before.
    pub changed: u64,
    /// How many WeChat has no more.
    pub removed: u64,
}

impl Templates<'_> {
    /// All templates of an app, in the order of their ids.
    pub async fn list(&self, app: &str) -> Result<Vec<Template>, StoreError> {
        const SQL: &str = "SELECT template_id, kind, title, content, example, primary_industry, deputy_industry, \
             lasting, alias, comment, created_at, updated_at FROM templates WHERE app = $1 ORDER BY template_id";
        if !may_be_stored(&[app]) {
            return Ok(Vec::new());
        }
        let rows: Vec<TemplateRow> = on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).fetch_all(pool).await)?;
        rows.into_iter().map(|row| row.open(app)).collect()
    }

    /// The template of that id or alias; an id wins.
    pub async fn find(&self, app: &str, name: &str) -> Result<Option<Template>, StoreError> {
        const SQL: &str = "SELECT template_id, kind, title, content, example, primary_industry, deputy_industry, \
             lasting, alias, comment, created_at, updated_at FROM templates \
             WHERE app = $1 AND (template_id = $2 OR alias = $2 AND alias <> '') \
             ORDER BY CASE WHEN template_id = $2 THEN 0 ELSE 1 END LIMIT 1";
        if !may_be_stored(&[app, name]) {
            return Ok(None);
        }
        let row: Option<TemplateRow> =
            on_db!(&self.0.db, pool => sqlx::query_as(SQL).bind(app).bind(name).fetch_optional(pool).await)?;
        row.map(|row| row.open(app)).transpose()
    }

    /// Makes the templates of a kind those that WeChat told; what is noted of one that stays, stays.
    /// [`StoreError::NotFound`] when there is no such app.
    pub async fn take_over(
        &self,
        app: &str,
        kind: TemplateKind,
        templates: &[Template],
    ) -> Result<TemplateSync, StoreError> {
        const KNOWN: &str = "SELECT template_id FROM templates WHERE app = $1 AND kind = $2";
        const PUT: &str = "INSERT INTO templates (app, template_id, kind, title, content, example, primary_industry, \
             deputy_industry, lasting, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) \
             ON CONFLICT (app, template_id) DO UPDATE SET kind = excluded.kind, title = excluded.title, \
             content = excluded.content, example = excluded.example, primary_industry = excluded.primary_industry, \
             deputy_industry = excluded.deputy_industry, lasting = excluded.lasting, updated_at = excluded.updated_at \
             WHERE templates.kind <> excluded.kind OR templates.title <> excluded.title \
             OR templates.content <> excluded.content OR templates.example <> excluded.example \
             OR templates.primary_industry <> excluded.primary_industry \
             OR templates.deputy_industry <> excluded.deputy_industry OR templates.lasting <> excluded.lasting";
        const REMOVE: &str = "DELETE FROM templates WHERE app = $1 AND template_id = $2";
        let missing = |error: sqlx::Error| {
            if is_missing_parent(&error) { no_app(app) } else { error.into() }
        };
        let now = to_sql(self.0.clock.now());
        let mut sync = TemplateSync::default();
        in_transaction!(&self.0.db, connection => {
            let known: Vec<String> =
                sqlx::query_scalar(KNOWN).bind(app).bind(kind.as_str()).fetch_all(&mut *connection).await?;
            for template in templates {
                let written = sqlx::query(PUT)
                    .bind(app)
                    .bind(&template.template_id)
                    .bind(kind.as_str())
                    .bind(&template.title)
                    .bind(&template.content)
                    .bind(&template.example)
                    .bind(&template.primary_industry)
                    .bind(&template.deputy_industry)
                    .bind(template.lasting)
                    .bind(now)
                    .execute(&mut *connection)
                    .await
                    .map_err(missing)?
                    .rows_affected();
                let is_new = !known.contains(&template.template_id);
                *(if is_new { &mut sync.added } else { &mut sync.changed }) += written;
            }
            for id in known {
                if !templates.iter().any(|template| template.template_id == id) {
                    sync.removed +=
                        sqlx::query(REMOVE).bind(app).bind(&id).execute(&mut *connection).await?.rows_affected();
                }
            }
        });
        Ok(sync)
    }

    /// Changes what is noted of a template, and gives the template back; none when there is none of that id.
    /// [`StoreError::AlreadyExists`] when another one has the alias.
    pub async fn change(
        &self,
        app: &str,
        template_id: &str,
        change: &TemplateChange,
    ) -> Result<Option<Template>, StoreError> {
        const SQL: &str = "UPDATE templates SET alias = COALESCE($3, alias), comment = COALESCE($4, comment), \
             updated_at = $5 WHERE app = $1 AND template_id = $2";
        let taken = |error: sqlx::Error| match &change.alias {
            Some(alias) if is_duplicate(&error) => {
                StoreError::AlreadyExists { kind: "a template", name: alias.clone() }
            }
            _ => error.into(),
        };
        let now = to_sql(self.0.clock.now());
        in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL)
                .bind(app)
                .bind(template_id)
                .bind(&change.alias)
                .bind(&change.comment)
                .bind(now)
                .execute(&mut *connection)
                .await
                .map_err(taken)?;
        });
        self.find(app, template_id).await
    }

    /// Forgets a template; false when there is none of that id.
    pub async fn remove(&self, app: &str, template_id: &str) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM templates WHERE app = $1 AND template_id = $2";
        let removed = in_transaction!(&self.0.db, connection => {
            sqlx::query(SQL).bind(app).bind(template_id).execute(&mut *connection).await?.rows_affected()
        });
        Ok(removed > 0)
    }
}

fn no_app(app: &str) -> StoreError {
    StoreError::NotFound { kind: "app", name: app.to_owned() }
}

#[derive(FromRow)]
struct TemplateRow {
    template_id: String,
    kind: String,
    title: String,
    content: String,
    example: String,
    primary_industry: String,
    deputy_industry: String,
    lasting: bool,
    alias: String,
    comment: String,
    created_at: i64,
    updated_at: i64,
}

impl TemplateRow {
    fn open(self, app: &str) -> Result<Template, StoreError> {
        let corrupt = |_| StoreError::Corrupt { what: format!("templates.kind/{app}/{}", self.template_id) };
        Ok(Template {
            kind: self.kind.parse().map_err(corrupt)?,
            template_id: self.template_id,
            title: self.title,
            content: self.content,
            example: self.example,
            primary_industry: self.primary_industry,
            deputy_industry: self.deputy_industry,
            lasting: self.lasting,
            alias: self.alias,
            comment: self.comment,
            created_at: from_sql(self.created_at),
            updated_at: from_sql(self.updated_at),
        })
    }
}
