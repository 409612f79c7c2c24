//! `/apps/{app}/templates`: the templates of an app.

pub(super) mod industries;
pub(super) mod send;

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    auth::Caller,
    find_app,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
        problem_kind::ProblemKind,
        responses::{Invalid, NotFound, WechatRefused},
    },
    model::{Template, TemplateChange, TemplateKind},
    templates::{LibraryTemplate, SyncedTemplates, TemplateError},
    time,
};

/// The permission to read templates and send messages.
const PERMISSION: &str = "template";
/// The permission to change the account's templates, or take them over.
const SYNC: &str = "template_sync";

/// A template.
#[derive(Serialize, ToSchema)]
pub(super) struct TemplateView {
    /// WeChat's id.
    template_id: String,
    kind: TemplateKind,
    title: String,
    /// The text, with `{{name.DATA}}` where a value goes.
    content: String,
    /// The text with values in it.
    example: String,
    /// The names of the values, in the order of the text.
    keywords: Vec<String>,
    /// 一级行业; of template messages alone.
    primary_industry: String,
    /// 二级行业; of template messages alone.
    deputy_industry: String,
    /// Of subscribe messages: whether a user's consent lasts; otherwise each is for one message.
    lasting: bool,
    /// A name for it that WeChat does not know, unique in the app.
    alias: String,
    /// Notes that WeChat does not know.
    comment: String,
    /// RFC 3339: when it was first seen.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
}

/// Which templates to list; all that is given must fit.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TemplateFilter {
    kind: Option<TemplateKind>,
    /// A part of the title, the text, the alias or the comment, or the whole id.
    search: Option<String>,
}

/// What only Weft knows of a template. What is absent stays; an empty text takes away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplatePatch {
    /// At most 64 characters; unique in the app; takes the place of the id in this API.
    alias: Option<String>,
    /// At most 1000 characters.
    comment: Option<String>,
}

/// A template of WeChat's library.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum NewTemplate {
    /// Of template messages.
    Template {
        /// Its number in the library, such as `TM00015`.
        short_id: String,
        /// The keywords to take, in their order; all of it without.
        #[serde(default)]
        keywords: Vec<String>,
    },
    /// Of subscribe messages.
    Subscribe {
        /// Its number in the library.
        tid: String,
        /// The numbers of the keywords to take, in their order: 2 to 5.
        kids: Vec<u32>,
        /// What the account sends it for; at most 15 characters.
        scene: String,
    },
}

/// What a sync has done.
#[derive(Serialize, ToSchema)]
pub(super) struct TemplateSyncView {
    /// How many are new.
    added: u64,
    /// How many are others than before.
    changed: u64,
    /// How many WeChat has no more.
    removed: u64,
    /// What WeChat did not tell.
    warnings: Vec<String>,
}

impl From<Template> for TemplateView {
    fn from(template: Template) -> Self {
        Self {
            keywords: template.keywords().into_iter().map(str::to_owned).collect(),
            template_id: template.template_id,
            kind: template.kind,
            title: template.title,
            content: template.content,
            example: template.example,
            primary_industry: template.primary_industry,
            deputy_industry: template.deputy_industry,
            lasting: template.lasting,
            alias: template.alias,
            comment: template.comment,
            created_at: time::rfc3339(template.created_at),
            updated_at: time::rfc3339(template.updated_at),
        }
    }
}

/// Lists the templates of an app as they were last taken over, in the order of their ids.
#[utoipa::path(get, operation_id = "list_templates", path = "/apps/{app}/templates", tag = "templates", params(("app" = String, Path), TemplateFilter, PageQuery),
    responses((status = 200, description = "Done", body = Page<TemplateView>), NotFound))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(filter): Query<TemplateFilter>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<TemplateView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    find_app(&state, &app).await?;
    let search = filter.search.unwrap_or_default().to_lowercase();
    let fits = |template: &Template| {
        let texts = [&template.title, &template.content, &template.alias, &template.comment];
        filter.kind.is_none_or(|kind| kind == template.kind)
            && (template.template_id.to_lowercase() == search
                || texts.iter().any(|text| text.to_lowercase().contains(&search)))
    };
    let mut templates = state.store.templates().list(&app).await?;
    templates.retain(fits);
    Ok(Json(page.of(templates, |template| &template.template_id).map(TemplateView::from)))
}

/// Reads a template, by its id or its alias.
#[utoipa::path(get, operation_id = "read_template", path = "/apps/{app}/templates/{template}", tag = "templates", params(("app" = String, Path), ("template" = String, Path)),
    responses((status = 200, description = "Done", body = TemplateView), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, template)): Path<(String, String)>,
) -> Result<Json<TemplateView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    Ok(Json(find(&state, &app, &template).await?.into()))
}

/// Changes what only Weft knows of a template.
#[utoipa::path(patch, operation_id = "patch_template", path = "/apps/{app}/templates/{template}", tag = "templates", params(("app" = String, Path), ("template" = String, Path)), request_body = TemplatePatch,
    responses((status = 200, description = "Done", body = TemplateView), NotFound,
        (status = 409, description = "Another template has the alias", body = Problem), Invalid))]
pub(super) async fn patch(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, template)): Path<(String, String)>,
    Body(patch): Body<TemplatePatch>,
) -> Result<Json<TemplateView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let template = find(&state, &app, &template).await?;
    let change = TemplateChange { alias: patch.alias, comment: patch.comment };
    let errors = change.check();
    if !errors.is_empty() {
        return Err(super::invalid(errors));
    }
    let changed = state.store.templates().change(&app, &template.template_id, &change).await?;
    let changed = changed.ok_or_else(|| Problem::not_found("template", &template.template_id))?;
    let (before, after) = (TemplateView::from(template), TemplateView::from(changed));
    caller.notes.before(&before);
    caller.notes.after(&after);
    Ok(Json(after))
}

/// Makes the templates those of the account. A service account has two kinds: those of template messages, and those of
/// subscription notices.
#[utoipa::path(post, operation_id = "sync_templates", path = "/apps/{app}/templates/sync", tag = "templates", params(("app" = String, Path)),
    responses((status = 200, description = "Done", body = TemplateSyncView), NotFound,
        (status = 422, description = "The account has no templates", body = Problem), WechatRefused))]
pub(super) async fn sync(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<Json<TemplateSyncView>, Problem> {
    caller.require(Some(&app), SYNC)?;
    let app = find_app(&state, &app).await?;
    let SyncedTemplates { changes, warnings } = state.templates.sync(&app).await?;
    let (added, changed, removed) = (changes.added, changes.changed, changes.removed);
    Ok(Json(TemplateSyncView { added, changed, removed, warnings }))
}

/// Adds a template of WeChat's library to the account.
#[utoipa::path(post, operation_id = "add_template", path = "/apps/{app}/templates", tag = "templates", params(("app" = String, Path)), request_body = NewTemplate,
    responses((status = 201, description = "Added", body = TemplateView), NotFound,
        (status = 422, description = "The account has no such templates", body = Problem), WechatRefused))]
pub(super) async fn add(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(new): Body<NewTemplate>,
) -> Result<(StatusCode, Json<TemplateView>), Problem> {
    caller.require(Some(&app), SYNC)?;
    let app = find_app(&state, &app).await?;
    let template = match new {
        NewTemplate::Template { short_id, keywords } => LibraryTemplate::Template { short_id, keywords },
        NewTemplate::Subscribe { tid, kids, scene } => LibraryTemplate::Subscribe { tid, kids, scene },
    };
    let added = state.templates.add(&app, &template).await?;
    Ok((StatusCode::CREATED, Json(added.into())))
}

/// Deletes a template, at WeChat first.
#[utoipa::path(delete, operation_id = "delete_template", path = "/apps/{app}/templates/{template}", tag = "templates", params(("app" = String, Path), ("template" = String, Path)),
    responses((status = 204, description = "Gone"), NotFound, WechatRefused))]
pub(super) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, template)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    caller.require(Some(&app), SYNC)?;
    let template = find(&state, &app, &template).await?;
    let app = find_app(&state, &app).await?;
    state.templates.delete(&app, &template).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(state: &AppState, app: &str, template: &str) -> Result<Template, Problem> {
    let found = state.store.templates().find(app, template).await?;
    found.ok_or_else(|| Problem::not_found("template", template))
}

impl From<TemplateError> for Problem {
    fn from(error: TemplateError) -> Self {
        let detail = error.to_string();
        match error {
            TemplateError::Call(error) => error.into(),
            TemplateError::Store(error) => error.into(),
            TemplateError::NoTemplateMessages => Self::refused(ProblemKind::Unable, detail),
            TemplateError::Added { .. } => Self::conflict(detail),
        }
    }
}
