//! `/apps/{app}/articles`: what was published, and pictures for articles. `drafts` and `publications` lead there.

pub(super) mod drafts;
pub(super) mod publications;
mod view;

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use weft_wechat::api::Ability;

use super::{
    auth::Caller,
    find_app as find,
    jobs::{Asked, StartedView, start},
    materials::form::{Form, Incoming},
    page::{Page, PageQuery},
};
use crate::{
    articles::ArticleError,
    http::{
        AppState,
        error::{Path, Problem, Query},
        responses::{Invalid, NotFound, WechatRefused},
    },
    materials::{ARTICLE_SYNC, List, SyncInput},
    model::{ArticleKind, ArticleSet, FieldError},
    time,
};

pub(super) use view::ArticleView;

/// The permission that callers need.
const PERMISSION: &str = "article";
/// The permission to take over what WeChat has.
const SYNC: &str = "article_sync";
/// The most characters of what is searched for.
const SEARCH_CHARACTERS: usize = 128;

/// Which articles to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchQuery {
    /// A part of a title, an author's name or a summary.
    search: Option<String>,
}

/// What to take away.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteQuery {
    /// One of the articles by its place, of which the first is 0; all of them without.
    index: Option<u32>,
    /// Whether it does not matter that something uses them.
    force: Option<bool>,
}

/// Articles that were published together.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PublishedView {
    article_id: String,
    articles: Vec<ArticleView>,
    /// RFC 3339: when they last changed at WeChat.
    updated_at: String,
}

/// A picture for the text of articles.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes a form, which is read field by field")]
pub(super) struct ImageForm {
    /// png or jpg of at most 1 MB. What it is is told by its content.
    #[schema(format = Binary, value_type = String)]
    media: Vec<u8>,
}

/// Where a picture is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImageView {
    /// For the text of articles of this account.
    url: String,
}

impl SearchQuery {
    /// What is empty does not matter: forms send it so.
    fn search(&self) -> Result<Option<&str>, Problem> {
        let search = self.search.as_deref().filter(|text| !text.is_empty());
        if search.is_some_and(|text| text.chars().count() > SEARCH_CHARACTERS) {
            let rule = format!("at most {SEARCH_CHARACTERS} characters · 最多 {SEARCH_CHARACTERS} 个字符");
            return Err(super::invalid(vec![FieldError::new("search", rule)]));
        }
        Ok(search)
    }
}

/// Lists the published articles of an app, those that changed last first, without their texts.
#[utoipa::path(get, operation_id = "list_articles", path = "/apps/{app}/articles", tag = "articles", params(("app" = String, Path), SearchQuery, PageQuery),
    responses((status = 200, description = "Done", body = Page<PublishedView>), NotFound, Invalid))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(query): Query<SearchQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<PublishedView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let sets = listed(&state, &app, ArticleKind::Published, &query, &page).await?;
    Ok(Json(sets.map(|set| PublishedView::new(set, ArticleView::brief))))
}

/// Reads articles that were published together, with their texts.
#[utoipa::path(get, operation_id = "read_article", path = "/apps/{app}/articles/{article_id}", tag = "articles",
    params(("app" = String, Path), ("article_id" = String, Path)),
    responses((status = 200, description = "Done", body = PublishedView), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, article_id)): Path<(String, String)>,
) -> Result<Json<PublishedView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let set = state.store.articles().find(&app, ArticleKind::Published, &article_id).await?;
    let set = set.ok_or_else(|| Problem::not_found("article · 文章", &article_id))?;
    Ok(Json(PublishedView::new(set, ArticleView::whole)))
}

/// Takes published articles away from readers, for good. Articles that a handler or the menus use are only taken away
/// with `force`.
#[utoipa::path(delete, operation_id = "delete_article", path = "/apps/{app}/articles/{article_id}", tag = "articles",
    params(("app" = String, Path), ("article_id" = String, Path), DeleteQuery),
    responses((status = 204, description = "Gone"), NotFound, (status = 409, description = "Something uses it", body = Problem),
        WechatRefused))]
pub(super) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, article_id)): Path<(String, String)>,
    Query(query): Query<DeleteQuery>,
) -> Result<StatusCode, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find(&state, &app).await?;
    state.articles.delete_published(&app, &article_id, query.index, query.force.unwrap_or(false)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes over what was published, as a job. What WeChat has no more is forgotten when the list has been read to its end.
#[utoipa::path(post, operation_id = "sync_articles", path = "/apps/{app}/articles/sync", tag = "articles", params(("app" = String, Path)),
    responses((status = 202, description = "Begun, or going on", body = StartedView), NotFound, (status = 422, description = "The account has no articles", body = Problem)))]
pub(super) async fn sync(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<StartedView, Problem> {
    caller.require(Some(&app), SYNC)?;
    start_sync(&state, &caller, &app, List::Published, "published").await
}

/// Uploads a picture for the text of articles: only WeChat's own pictures are shown there. It is no material.
#[utoipa::path(post, operation_id = "create_article_image", path = "/apps/{app}/articles/images", tag = "articles", params(("app" = String, Path)),
    request_body(content = ImageForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "Uploaded", body = ImageView), NotFound, (status = 413, description = "Too large", body = Problem),
        Invalid, WechatRefused, (status = 503, description = "Other files are being uploaded", body = Problem)))]
pub(super) async fn create_image(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    incoming: Incoming,
) -> Result<(StatusCode, Json<ImageView>), Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find(&state, &app).await?;
    let form = Form::read(&state, &app.name, incoming).await?;
    let url = state.articles.upload_image(&app, form.bytes.clone()).await?;
    Ok((StatusCode::CREATED, Json(ImageView { url })))
}

async fn listed(
    state: &AppState,
    app: &str,
    kind: ArticleKind,
    query: &SearchQuery,
    page: &PageQuery,
) -> Result<Page<ArticleSet>, Problem> {
    let (search, limit) = (query.search()?, page.limit());
    let after = page.place()?;
    find(state, app).await?;
    // One more shows whether there is another page.
    let sets = state.store.articles().list(app, kind, search, after, limit + 1).await?;
    Ok(Page::first(sets, limit, |set| format!("{}.{}", set.updated_at, set.id)))
}

async fn start_sync(
    state: &AppState,
    caller: &Caller,
    app: &str,
    list: List,
    key: &str,
) -> Result<StartedView, Problem> {
    let app = find(state, app).await?;
    let input = json!(SyncInput { lists: vec![list] });
    let asked = Asked { kind: ARTICLE_SYNC, key: key.to_owned(), permission: SYNC, input };
    start(state, caller, &app, Ability::Materials, asked).await
}

impl PublishedView {
    fn new(set: ArticleSet, views: fn(Vec<weft_wechat::api::material::NewsItem>) -> Vec<ArticleView>) -> Self {
        Self { article_id: set.id, articles: views(set.items), updated_at: time::rfc3339(set.updated_at) }
    }
}

impl From<ArticleError> for Problem {
    fn from(error: ArticleError) -> Self {
        let detail = error.to_string();
        match error {
            ArticleError::Invalid(errors) => super::invalid(errors),
            ArticleError::Running | ArticleError::Publishing { .. } => Self::conflict(detail),
            ArticleError::NotFound { kind, id } => Self::not_found(kind, &id),
            ArticleError::InUse { .. } => Self::in_use(detail),
            ArticleError::Unfinished { error, .. } => Self::from(error).in_words(detail).may_be_done(),
            ArticleError::Call(error) => error.into(),
            ArticleError::Store(error) => error.into(),
            ArticleError::Ended(error) => Self::internal(&error),
        }
    }
}
