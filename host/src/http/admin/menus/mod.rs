//! `/apps/{app}/menus`: the menus of an app as they are edited, and going back to what was published.

pub(super) mod live;
mod view;

use axum::{Json, extract::State};

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
        responses::{Invalid, NotFound},
    },
    menus::MenuError,
    model::Menu,
};

use view::{MenuVersionView, MenuView, draft_view};

/// The permission to edit the draft.
pub(super) const PERMISSION: &str = "menu";

/// Reads the draft.
#[utoipa::path(get, operation_id = "read_menus", path = "/apps/{app}/menus", tag = "menus", params(("app" = String, Path)),
    responses((status = 200, description = "Done", body = MenuView), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<Json<MenuView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    find_app(&state, &app).await?;
    let draft = state.store.menus().draft(&app).await?;
    Ok(Json(draft_view(&state, &app, draft).await?))
}

/// Replaces the draft. Users see it when it is published. WeChat's own names `button`, `sub_button` and
/// `conditionalmenu` are taken too.
#[utoipa::path(put, operation_id = "put_menus", path = "/apps/{app}/menus", tag = "menus", params(("app" = String, Path)), request_body = Menu,
    responses((status = 200, description = "Done", body = MenuView), NotFound, Invalid))]
pub(super) async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(menu): Body<Menu>,
) -> Result<Json<MenuView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    find_app(&state, &app).await?;
    let wrong = menu.check();
    if !wrong.is_empty() {
        return Err(super::invalid(wrong));
    }
    put_draft(&state, &caller, &app, &menu).await
}

/// Lists what was published, newest first. The newest 100 are kept.
#[utoipa::path(get, operation_id = "list_menu_versions", path = "/apps/{app}/menus/versions", tag = "menus", params(("app" = String, Path), PageQuery),
    responses((status = 200, description = "Done", body = Page<MenuVersionView>), NotFound))]
pub(super) async fn versions(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<MenuVersionView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    find_app(&state, &app).await?;
    let versions = state.store.menus().versions(&app, page.cursor(), page.limit() + 1).await?;
    let page = Page::first(versions, page.limit(), |version| version.id.clone());
    Ok(Json(page.map(MenuVersionView::from)))
}

/// Replaces the draft by what was published then. Users see it when it is published again.
#[utoipa::path(post, operation_id = "restore_menu_version", path = "/apps/{app}/menus/versions/{id}/restore", tag = "menus", params(("app" = String, Path), ("id" = String, Path)),
    responses((status = 200, description = "Done", body = MenuView), NotFound))]
pub(super) async fn restore(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, id)): Path<(String, String)>,
) -> Result<Json<MenuView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let version = state.store.menus().version(&app, &id).await?;
    let version = version.ok_or_else(|| Problem::not_found("version of the menus", &id))?;
    put_draft(&state, &caller, &app, &version.menu).await
}

async fn put_draft(state: &AppState, caller: &Caller, app: &str, menu: &Menu) -> Result<Json<MenuView>, Problem> {
    if let Some(before) = state.store.menus().draft(app).await? {
        caller.notes.before(&before.menu);
    }
    let draft = state.store.menus().put_draft(app, menu).await?;
    caller.notes.after(menu);
    Ok(Json(draft_view(state, app, Some(draft)).await?))
}

impl From<MenuError> for Problem {
    fn from(error: MenuError) -> Self {
        let detail = error.to_string();
        match error {
            MenuError::Running => Self::conflict(detail),
            MenuError::Empty | MenuError::NoMenu => Self::refused(ProblemKind::NoMenu, detail),
            MenuError::Invalid(errors) => super::invalid(errors),
            MenuError::Call(error) => error.into(),
            MenuError::Unfinished { error, .. } => Self::from(error).in_words(detail).may_be_done(),
            MenuError::Store(error) => error.into(),
            MenuError::Ended(error) => Self::internal(&error),
        }
    }
}
