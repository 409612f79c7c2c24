//! `/apps/{app}/menus/live`, `…/sync` and `…/publish`: what users see.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    PERMISSION,
    view::{DraftDifferenceView, MenuVersionView, MenuView, draft_view},
};
use crate::{
    http::{
        AppState,
        admin::{auth::Caller, find_app},
        error::{Path, Problem},
        responses::{NotFound, WechatRefused},
    },
    menus::{LiveMenu, MenuSync, Published, differences},
    model::{Handler, Menu},
};

/// The permission to change the draft to what is live.
const SYNC: &str = "menu_sync";
/// The permission to change what users see.
const PUBLISH: &str = "menu_publish";

/// What users see, beside the draft.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct LiveView {
    /// Null when the account has no menu.
    live: Option<LiveMenuView>,
    /// What publishing the draft would change.
    differences: Vec<DraftDifferenceView>,
    /// What a sync could not take over as it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// As a sync would take it over.
#[derive(Serialize, ToSchema)]
struct LiveMenuView {
    /// api: it was made through the API. console: in WeChat's console.
    source: &'static str,
    #[serde(flatten)]
    menu: Menu,
}

/// What a sync has done.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct MenuSyncView {
    draft: MenuView,
    /// Handlers that were made for buttons which only WeChat's console knows.
    created_handlers: Vec<CreatedHandlerView>,
    /// What could not be taken over as it is.
    warnings: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct CreatedHandlerView {
    id: String,
    name: String,
}

/// What was published.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct PublishedMenuView {
    version: MenuVersionView,
    /// What of the menus before could not be taken away.
    warnings: Vec<String>,
}

/// Reads what users see, and where the draft differs.
#[utoipa::path(get, operation_id = "read_live_menus", path = "/apps/{app}/menus/live", tag = "menus", params(("app" = String, Path)),
    responses((status = 200, description = "Done", body = LiveView), NotFound,
        (status = 422, description = "The account has no menus", body = Problem), WechatRefused))]
pub(in crate::http::admin) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<Json<LiveView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    let live = state.menus.live(&app).await?;
    let draft = state.store.menus().draft(&app.name).await?.map(|draft| draft.menu).unwrap_or_default();
    let differences = match &live {
        Some(live) => differences(&live.menu, &draft),
        None => differences(&Menu::default(), &draft),
    };
    let (live, warnings) = match live {
        Some(LiveMenu { menu, from_console, warnings, .. }) => {
            let source = if from_console { "console" } else { "api" };
            (Some(LiveMenuView { source, menu }), warnings)
        }
        None => (None, Vec::new()),
    };
    Ok(Json(LiveView { live, differences: differences.into_iter().map(DraftDifferenceView::from).collect(), warnings }))
}

/// Takes the menu away from users, with all conditional ones. The draft stays.
#[utoipa::path(delete, operation_id = "delete_live_menus", path = "/apps/{app}/menus/live", tag = "menus", params(("app" = String, Path)),
    responses((status = 204, description = "Gone"), NotFound, (status = 409, description = "Menus are being published", body = Problem),
        (status = 422, description = "The account has no menus", body = Problem), WechatRefused))]
pub(in crate::http::admin) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(Some(&app), PUBLISH)?;
    let app = find_app(&state, &app).await?;
    state.menus.delete_live(&app).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replaces the draft by what users see. Buttons that only WeChat's console knows become click buttons, with handlers
/// (source menu) that answer with the same; to sync again makes no second ones.
#[utoipa::path(post, operation_id = "sync_menus", path = "/apps/{app}/menus/sync", tag = "menus", params(("app" = String, Path)),
    responses((status = 200, description = "Done", body = MenuSyncView), NotFound,
        (status = 422, description = "The account has no menu", body = Problem), WechatRefused))]
pub(in crate::http::admin) async fn sync(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<Json<MenuSyncView>, Problem> {
    caller.require(Some(&app), SYNC)?;
    let app = find_app(&state, &app).await?;
    let MenuSync { draft, created, warnings } = state.menus.sync(&app).await?;
    state.accounts.take_over().await;
    let draft = draft_view(&state, &app.name, Some(draft)).await?;
    let created_handlers = created.into_iter().map(CreatedHandlerView::from).collect();
    let view = MenuSyncView { draft, created_handlers, warnings };
    caller.notes.after(&view);
    Ok(Json(view))
}

/// Shows the draft to users, and keeps it as a version. When WeChat refuses a part, users go on to see what they
/// saw before, where that can be; the answer says so. WeChat's apps show a new menu within 24 hours, or at once to who
/// unfollows and follows again.
#[utoipa::path(post, operation_id = "publish_menus", path = "/apps/{app}/menus/publish", tag = "menus", params(("app" = String, Path)),
    responses((status = 200, description = "Done", body = PublishedMenuView), NotFound,
        (status = 409, description = "Menus are being published already", body = Problem), (status = 422, description = "The draft cannot be published", body = Problem),
        WechatRefused))]
pub(in crate::http::admin) async fn publish(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<Json<PublishedMenuView>, Problem> {
    caller.require(Some(&app), PUBLISH)?;
    let app = find_app(&state, &app).await?;
    let Published { version, warnings } = state.menus.publish(app).await?;
    let view = PublishedMenuView { version: version.into(), warnings };
    caller.notes.after(&view);
    Ok(Json(view))
}

impl From<Handler> for CreatedHandlerView {
    fn from(handler: Handler) -> Self {
        Self { id: handler.id, name: handler.name }
    }
}
