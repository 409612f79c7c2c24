//! `/apps/{app}/materials/sync` and `…/clean-up`: what takes long.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use weft_wechat::api::Ability;

use super::{PERMISSION, find, view::MaterialView};
use crate::{
    http::{
        AppState,
        admin::{
            auth::Caller,
            jobs::{Asked, StartedView, start},
        },
        error::{Body, Path, Problem},
        responses::{Invalid, NotFound},
    },
    materials::{CLEAN_UP, CleanUpInput, List, MATERIAL_SYNC, SyncInput},
    model::{FieldError, MaterialType},
};

/// The permission to take over what WeChat has.
const SYNC: &str = "material_sync";
/// How many unused materials are named.
const NAMED: usize = 200;
/// The youngest materials that are cleaned up, in days.
const DAYS: u32 = 30;

/// Which materials to take over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct MaterialSyncBody {
    /// image, voice, video and news; all of them without.
    types: Option<Vec<MaterialType>>,
}

/// Which materials to clean up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct CleanUpBody {
    /// Whether they are only listed; they are, unless it says `false`.
    dry_run: Option<bool>,
    /// Only those that have not changed for so many days; 30 without.
    older_than_days: Option<u32>,
    /// image, voice, video, thumb and news; image, voice and video without.
    types: Option<Vec<MaterialType>>,
}

/// What a clean-up would delete.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct CleanUpView {
    dry_run: bool,
    /// How many there are.
    count: u64,
    /// The first 200 of them.
    items: Vec<MaterialView>,
}

/// Takes over what WeChat has, as a job. Materials that WeChat has no more are forgotten when the list has been read to
/// its end.
#[utoipa::path(post, operation_id = "sync_materials", path = "/apps/{app}/materials/sync", tag = "materials", params(("app" = String, Path)), request_body = MaterialSyncBody,
    responses((status = 202, description = "Begun, or going on", body = StartedView), NotFound, (status = 422, description = "The account has no materials", body = Problem)))]
pub(in crate::http::admin) async fn sync(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(body): Body<MaterialSyncBody>,
) -> Result<StartedView, Problem> {
    caller.require(Some(&app), SYNC)?;
    let types = body.types.unwrap_or_else(|| MaterialType::ALL.to_vec());
    let all = [List::Image, List::Voice, List::Video, List::News];
    let lists: Vec<_> =
        all.into_iter().filter(|list| types.iter().any(|kind| list.material_type() == Some(*kind))).collect();
    if lists.is_empty() {
        return Err(types_problem("one or more of image, voice, video, news"));
    }
    let app = find(&state, &app).await?;
    let input = json!(SyncInput { lists });
    let asked = Asked { kind: MATERIAL_SYNC, key: String::new(), permission: SYNC, input };
    start(&state, &caller, &app, Ability::Materials, asked).await
}

/// Lists the materials that no handler, no menu and no draft uses, or deletes them as a job. A dry run goes by what is
/// known here: sync materials and drafts first. The job itself reads the drafts before it deletes anything, and leaves
/// what WeChat does not delete because its own auto-replies or menus use it.
#[utoipa::path(post, operation_id = "clean_up_materials", path = "/apps/{app}/materials/clean-up", tag = "materials", params(("app" = String, Path)), request_body = CleanUpBody,
    responses((status = 200, description = "What would be deleted", body = CleanUpView), (status = 202, description = "Begun, or going on", body = StartedView), NotFound,
        Invalid))]
pub(in crate::http::admin) async fn clean_up(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(body): Body<CleanUpBody>,
) -> Result<Response, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let all = vec![MaterialType::Image, MaterialType::Voice, MaterialType::Video];
    let mut types = body.types.unwrap_or(all);
    types.sort_unstable();
    types.dedup();
    if types.is_empty() {
        return Err(types_problem("one or more of image, voice, video, thumb, news"));
    }
    let app = find(&state, &app).await?;
    let input = CleanUpInput { types, older_than_days: body.older_than_days.unwrap_or(DAYS) };
    if body.dry_run.unwrap_or(true) {
        let unused = state.materials.unused(&app.name, &input, state.clock.now(), NAMED).await?;
        let items = unused.first.into_iter().map(MaterialView::from).collect();
        return Ok(Json(CleanUpView { dry_run: true, count: unused.count, items }).into_response());
    }
    let asked = Asked { kind: CLEAN_UP, key: String::new(), permission: PERMISSION, input: json!(input) };
    Ok(start(&state, &caller, &app, Ability::Materials, asked).await?.into_response())
}

fn types_problem(rule: &str) -> Problem {
    crate::http::admin::invalid(vec![FieldError::new("types", rule)])
}
