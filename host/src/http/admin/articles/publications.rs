//! `/apps/{app}/publications`: what became of drafts that were handed in.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PERMISSION, find};
use crate::{
    http::{
        AppState,
        admin::{
            auth::Caller,
            page::{Page, PageQuery},
        },
        error::{Path, Problem, Query},
        responses::NotFound,
    },
    model::{Publication, PublicationState},
    time,
};

/// A draft that was handed in to be published.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct PublicationView {
    publish_id: String,
    /// The draft; null when it was handed in elsewhere.
    media_id: Option<String>,
    /// The title of the draft's first article.
    title: String,
    state: PublicationState,
    /// The published articles; null when there are none.
    article_id: Option<String>,
    /// The places of the articles that stood against it; the first is 1.
    failed_indexes: Vec<u32>,
    /// RFC 3339: when it was handed in.
    created_at: String,
    /// RFC 3339: when its state last changed.
    updated_at: String,
}

/// Which publications to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct PublicationQuery {
    /// Those of one draft.
    media_id: Option<String>,
}

/// Lists the publications of an app, newest first.
#[utoipa::path(get, operation_id = "list_publications", path = "/apps/{app}/publications", tag = "articles", params(("app" = String, Path), PublicationQuery, PageQuery),
    responses((status = 200, description = "Done", body = Page<PublicationView>), NotFound))]
pub(in crate::http::admin) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(query): Query<PublicationQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<PublicationView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let (after, limit) = (page.place()?, page.limit());
    find(&state, &app).await?;
    let media_id = query.media_id.as_deref().filter(|media_id| !media_id.is_empty());
    let publications = state.store.publications().list(&app, media_id, after, limit + 1).await?;
    let cursor = |publication: &Publication| format!("{}.{}", publication.created_at, publication.publish_id);
    Ok(Json(Page::first(publications, limit, cursor).map(PublicationView::from)))
}

/// Reads a publication.
#[utoipa::path(get, operation_id = "read_publication", path = "/apps/{app}/publications/{publish_id}", tag = "articles",
    params(("app" = String, Path), ("publish_id" = String, Path)),
    responses((status = 200, description = "Done", body = PublicationView), NotFound))]
pub(in crate::http::admin) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, publish_id)): Path<(String, String)>,
) -> Result<Json<PublicationView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let publication = state.store.publications().find(&app, &publish_id).await?;
    Ok(Json(publication.ok_or_else(|| Problem::not_found("publication", &publish_id))?.into()))
}

/// Asks WeChat now what became of a publication. It is asked by itself, too, when no event tells.
#[utoipa::path(post, operation_id = "sync_publication", path = "/apps/{app}/publications/{publish_id}/sync", tag = "articles",
    params(("app" = String, Path), ("publish_id" = String, Path)),
    responses((status = 200, description = "Done", body = PublicationView), NotFound, (status = 502, description = "WeChat did not tell", body = Problem)))]
pub(in crate::http::admin) async fn sync(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, publish_id)): Path<(String, String)>,
) -> Result<Json<PublicationView>, Problem> {
    caller.require(Some(&app), super::SYNC)?;
    let app = find(&state, &app).await?;
    Ok(Json(state.articles.follow_up(&app, &publish_id).await?.into()))
}

impl From<Publication> for PublicationView {
    fn from(publication: Publication) -> Self {
        Self {
            publish_id: publication.publish_id,
            media_id: publication.media_id,
            title: publication.title,
            state: publication.state,
            article_id: publication.article_id,
            failed_indexes: publication.failed_indexes,
            created_at: time::rfc3339(publication.created_at),
            updated_at: time::rfc3339(publication.updated_at),
        }
    }
}
