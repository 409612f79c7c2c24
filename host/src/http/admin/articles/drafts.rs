//! `/apps/{app}/drafts`: articles before they are published.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weft_wechat::api::material::NewsItem;

use super::{ArticleView, PERMISSION, SYNC, SearchQuery, find, listed, publications::PublicationView, start_sync};
use crate::{
    http::{
        AppState,
        admin::{
            auth::Caller,
            jobs::StartedView,
            page::{Page, PageQuery},
        },
        error::{Body, Path, Problem, Query},
        responses::{Invalid, NotFound, WechatRefused},
    },
    materials::List,
    model::{ArticleKind, ArticleSet},
    time,
};

/// A draft, as it is written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct DraftBody {
    /// 1 to 8 articles; the first is shown largest.
    articles: Vec<ArticleBody>,
}

/// An article, as it is written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ArticleBody {
    /// At most 64 characters.
    title: String,
    /// At most 16 characters.
    #[serde(default)]
    author: String,
    /// A summary of at most 128 characters; WeChat takes the beginning of the text without.
    #[serde(default)]
    digest: String,
    /// HTML of less than 20000 characters and 1 MB. Pictures must be WeChat's own: `…/articles/images` uploads them.
    content: String,
    /// 「阅读原文」: at most 1024 bytes.
    #[serde(default)]
    content_source_url: String,
    /// The cover: a permanent picture.
    thumb_media_id: String,
    /// Whether readers may comment.
    #[serde(default)]
    need_open_comment: bool,
    /// Whether only followers may.
    #[serde(default)]
    only_fans_can_comment: bool,
}

/// A draft, as it is read.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct DraftView {
    media_id: String,
    articles: Vec<ArticleView>,
    /// RFC 3339: when it last changed at WeChat.
    updated_at: String,
    /// RFC 3339: when it was first known here.
    created_at: String,
}

/// How to delete.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct DeleteQuery {
    /// Whether it does not matter that something uses it.
    force: Option<bool>,
}

/// Lists the drafts of an app, those that changed last first, without their texts.
#[utoipa::path(get, operation_id = "list_drafts", path = "/apps/{app}/drafts", tag = "articles", params(("app" = String, Path), SearchQuery, PageQuery),
    responses((status = 200, description = "Done", body = Page<DraftView>), NotFound, Invalid))]
pub(in crate::http::admin) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(query): Query<SearchQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<DraftView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let sets = listed(&state, &app, ArticleKind::Draft, &query, &page).await?;
    Ok(Json(sets.map(|set| DraftView::new(set, ArticleView::brief))))
}

/// Reads a draft, with its texts.
#[utoipa::path(get, operation_id = "read_draft", path = "/apps/{app}/drafts/{media_id}", tag = "articles",
    params(("app" = String, Path), ("media_id" = String, Path)),
    responses((status = 200, description = "Done", body = DraftView), NotFound))]
pub(in crate::http::admin) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, media_id)): Path<(String, String)>,
) -> Result<Json<DraftView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let set = state.store.articles().find(&app, ArticleKind::Draft, &media_id).await?;
    Ok(Json(DraftView::new(set.ok_or_else(|| Problem::not_found("draft", &media_id))?, ArticleView::whole)))
}

/// Makes a draft, at WeChat and here.
#[utoipa::path(post, operation_id = "create_draft", path = "/apps/{app}/drafts", tag = "articles", params(("app" = String, Path)), request_body = DraftBody,
    responses((status = 201, description = "Made", body = DraftView), NotFound, Invalid,
        WechatRefused))]
pub(in crate::http::admin) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(body): Body<DraftBody>,
) -> Result<(StatusCode, Json<DraftView>), Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find(&state, &app).await?;
    let set = state.articles.create_draft(&app, body.items()).await?;
    Ok((StatusCode::CREATED, Json(DraftView::new(set, ArticleView::whole))))
}

/// Replaces the articles of a draft, as many as it has.
#[utoipa::path(put, operation_id = "put_draft", path = "/apps/{app}/drafts/{media_id}", tag = "articles",
    params(("app" = String, Path), ("media_id" = String, Path)), request_body = DraftBody,
    responses((status = 200, description = "Done", body = DraftView), NotFound, (status = 409, description = "It is being changed or published", body = Problem),
        Invalid, WechatRefused))]
pub(in crate::http::admin) async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, media_id)): Path<(String, String)>,
    Body(body): Body<DraftBody>,
) -> Result<Json<DraftView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find(&state, &app).await?;
    let set = state.articles.update_draft(&app, &media_id, body.items()).await?;
    Ok(Json(DraftView::new(set, ArticleView::whole)))
}

/// Deletes a draft, at WeChat and here, for good. One that a handler or the menus use is only deleted with `force`.
#[utoipa::path(delete, operation_id = "delete_draft", path = "/apps/{app}/drafts/{media_id}", tag = "articles",
    params(("app" = String, Path), ("media_id" = String, Path), DeleteQuery),
    responses((status = 204, description = "Gone"), NotFound, (status = 409, description = "Something uses it", body = Problem),
        WechatRefused))]
pub(in crate::http::admin) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, media_id)): Path<(String, String)>,
    Query(query): Query<DeleteQuery>,
) -> Result<StatusCode, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find(&state, &app).await?;
    state.articles.delete_draft(&app, &media_id, query.force.unwrap_or(false)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes over the drafts that WeChat has, as a job. Drafts that WeChat has no more are forgotten when the list has been
/// read to its end.
#[utoipa::path(post, operation_id = "sync_drafts", path = "/apps/{app}/drafts/sync", tag = "articles", params(("app" = String, Path)),
    responses((status = 202, description = "Begun, or going on", body = StartedView), NotFound, (status = 422, description = "The account has no drafts", body = Problem)))]
pub(in crate::http::admin) async fn sync(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<StartedView, Problem> {
    caller.require(Some(&app), SYNC)?;
    start_sync(&state, &caller, &app, List::Draft, "draft").await
}

/// Hands a draft to WeChat to be published, without sending it to anybody. What becomes of it is told later: see
/// `…/publications/{publish_id}`. What is published is no draft any more.
#[utoipa::path(post, operation_id = "publish_draft", path = "/apps/{app}/drafts/{media_id}/publish", tag = "articles",
    params(("app" = String, Path), ("media_id" = String, Path)),
    responses((status = 202, description = "Handed in", body = PublicationView), NotFound, (status = 409, description = "It is being changed or published", body = Problem),
        (status = 502, description = "WeChat did not take it", body = Problem)))]
pub(in crate::http::admin) async fn publish(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, media_id)): Path<(String, String)>,
) -> Result<(StatusCode, Json<PublicationView>), Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find(&state, &app).await?;
    let publication = state.articles.publish(&app, &media_id).await?;
    Ok((StatusCode::ACCEPTED, Json(publication.into())))
}

impl DraftBody {
    fn items(self) -> Vec<NewsItem> {
        let item = |article: ArticleBody| NewsItem {
            title: article.title,
            author: article.author,
            digest: article.digest,
            content: article.content,
            content_source_url: article.content_source_url,
            thumb_media_id: article.thumb_media_id,
            need_open_comment: article.need_open_comment.into(),
            only_fans_can_comment: article.only_fans_can_comment.into(),
            ..NewsItem::default()
        };
        self.articles.into_iter().map(item).collect()
    }
}

impl DraftView {
    fn new(set: ArticleSet, views: fn(Vec<NewsItem>) -> Vec<ArticleView>) -> Self {
        Self {
            media_id: set.id,
            articles: views(set.items),
            updated_at: time::rfc3339(set.updated_at),
            created_at: time::rfc3339(set.created_at),
        }
    }
}
