//! `/apps/{app}/materials`: what an app's account keeps at WeChat.

pub(super) mod content;
pub(super) mod form;
pub(super) mod media;
pub(super) mod sync;
pub(super) mod upload;
mod view;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    auth::Caller,
    find_app as find,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
        problem_kind::ProblemKind,
        responses::{Invalid, NotFound, WechatRefused},
    },
    materials::{MaterialError, Uses},
    model::{ArticleKind, FieldError, Material, MaterialChange, MaterialFilter, MaterialType},
};

use view::{MaterialDetail, MaterialView};

/// The permission that callers need.
const PERMISSION: &str = "material";
/// The most characters of what is searched for.
const SEARCH_CHARACTERS: usize = 128;

/// Which materials to list; all that is given must fit.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MaterialQuery {
    /// image, voice, video, thumb or news.
    r#type: Option<String>,
    /// The whole alias.
    alias: Option<String>,
    /// A part of alias, name or comment, or the whole `media_id`.
    search: Option<String>,
}

/// What only Weft knows of a material. What is absent stays; an empty text takes away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MaterialPatch {
    /// At most 64 characters, unique in the app.
    alias: Option<String>,
    /// At most 1000 characters.
    comment: Option<String>,
}

/// How to delete.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteQuery {
    /// Whether it does not matter that something uses it.
    force: Option<bool>,
}

impl MaterialQuery {
    /// What is empty does not matter: forms send it so.
    fn filter(self) -> Result<MaterialFilter, Problem> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let material_type = given(self.r#type).map(|name| MaterialType::of(&name).ok_or(())).transpose();
        let material_type = material_type
            .map_err(|()| super::invalid(vec![FieldError::new("type", "one of image, voice, video, thumb, news")]))?;
        let search = given(self.search);
        if search.as_ref().is_some_and(|text| text.chars().count() > SEARCH_CHARACTERS) {
            let rule = format!("at most {SEARCH_CHARACTERS} characters");
            return Err(super::invalid(vec![FieldError::new("search", rule)]));
        }
        Ok(MaterialFilter { material_type, alias: given(self.alias), search, updated_before: None })
    }
}

/// Lists the permanent materials of an app, those that changed last first.
#[utoipa::path(get, operation_id = "list_materials", path = "/apps/{app}/materials", tag = "materials", params(("app" = String, Path), MaterialQuery, PageQuery),
    responses((status = 200, description = "Done", body = Page<MaterialView>), NotFound, Invalid))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(query): Query<MaterialQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<MaterialView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let (filter, limit) = (query.filter()?, page.limit());
    let after = page.place()?;
    find(&state, &app).await?;
    // One more shows whether there is another page.
    let materials = state.store.materials().list(&app, &filter, after, limit + 1).await?;
    let cursor = |material: &Material| format!("{}.{}", material.updated_at, material.media_id);
    Ok(Json(Page::first(materials, limit, cursor).map(MaterialView::from)))
}

/// Reads a material, with what uses it.
#[utoipa::path(get, operation_id = "read_material", path = "/apps/{app}/materials/{media_id}", tag = "materials",
    params(("app" = String, Path), ("media_id" = String, Path)),
    responses((status = 200, description = "Done", body = MaterialDetail), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, media_id)): Path<(String, String)>,
) -> Result<Json<MaterialDetail>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let material = state.store.materials().find(&app, &media_id).await?;
    let material = material.ok_or_else(|| Problem::not_found("material", &media_id))?;
    let articles = match material.material_type {
        MaterialType::News => state.store.articles().find(&app, ArticleKind::Material, &media_id).await?,
        _ => None,
    };
    let uses = Uses::of(&state.store, &app).await?.of_material(&media_id, material.url.as_deref());
    Ok(Json(MaterialDetail::new(material, articles, uses)))
}

/// Changes what only Weft knows of a material.
#[utoipa::path(patch, operation_id = "patch_material", path = "/apps/{app}/materials/{media_id}", tag = "materials",
    params(("app" = String, Path), ("media_id" = String, Path)), request_body = MaterialPatch,
    responses((status = 200, description = "Done", body = MaterialView), NotFound,
        (status = 409, description = "Another material has the alias", body = Problem), Invalid))]
pub(super) async fn patch(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, media_id)): Path<(String, String)>,
    Body(patch): Body<MaterialPatch>,
) -> Result<Json<MaterialView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let change = MaterialChange { alias: patch.alias, comment: patch.comment };
    let errors = change.check();
    if !errors.is_empty() {
        return Err(super::invalid(errors));
    }
    let material = state.store.materials().change(&app, &media_id, &change).await?;
    Ok(Json(material.ok_or_else(|| Problem::not_found("material", &media_id))?.into()))
}

/// Deletes a material, at WeChat and here. One that a handler, the menus or a draft uses is only deleted with `force`.
#[utoipa::path(delete, operation_id = "delete_material", path = "/apps/{app}/materials/{media_id}", tag = "materials",
    params(("app" = String, Path), ("media_id" = String, Path), DeleteQuery),
    responses((status = 204, description = "Gone"), NotFound, (status = 409, description = "Something uses it", body = Problem),
        WechatRefused))]
pub(super) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, media_id)): Path<(String, String)>,
    Query(query): Query<DeleteQuery>,
) -> Result<StatusCode, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find(&state, &app).await?;
    state.materials.delete(&app, &media_id, query.force.unwrap_or(false)).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<MaterialError> for Problem {
    fn from(error: MaterialError) -> Self {
        let detail = error.to_string();
        match error {
            MaterialError::Invalid(errors) => super::invalid(errors),
            MaterialError::Running => Self::conflict(detail),
            MaterialError::InUse { .. } => Self::in_use(detail),
            MaterialError::NotFound { media_id } => Self::not_found("material", &media_id),
            MaterialError::NoFile { .. } => Self::refused(ProblemKind::NoFile, detail),
            MaterialError::Call(error) => error.into(),
            MaterialError::Store(error) => error.into(),
            MaterialError::Ended(error) => Self::internal(&error),
        }
    }
}
