//! `PATCH /plugins/{plugin}`: what the calls of one plugin may use.

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{auth::Caller, plugins::PluginView};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem},
    },
    model::FieldError,
    plugin_limits::LimitChanges,
};

/// Changes to a plugin: what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PluginPatch {
    /// What its calls may use, where that is not what the calls of other plugins may; in the place of what was set
    /// before, so that `{}` takes all of it away.
    limits: Option<LimitChanges>,
}

/// Changes what the calls of a plugin may use, for all apps, up to the ceilings of the configuration. Its file begins
/// within the same limits: one that was refused is tried again.
#[utoipa::path(patch, operation_id = "patch_plugin", path = "/plugins/{plugin}", tag = "plugins", params(("plugin" = String, Path)),
    request_body = PluginPatch,
    responses((status = 200, description = "Done", body = PluginView), (status = 404, description = "There is none of that name", body = Problem), (status = 422, description = "Something in it cannot be", body = Problem)))]
pub(super) async fn patch(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    Body(patch): Body<PluginPatch>,
) -> Result<Json<PluginView>, Problem> {
    caller.require(None, "manage")?;
    let plugin = state.plugins.find(&name).ok_or_else(|| Problem::not_found("plugin", &name))?;
    caller.notes.before(&PluginView::from(&*plugin));
    if let Some(limits) = patch.limits {
        let errors = out_of_range(&state, &limits);
        if !errors.is_empty() {
            return Err(super::invalid(errors));
        }
        state.store.plugin_limits().put(&name, &limits).await?;
        state.plugins.refresh_limits().await?;
    }
    let view = PluginView::from(&*plugin);
    caller.notes.after(&view);
    Ok(Json(view))
}

/// The fields of `limits` that cannot be set.
pub(super) fn out_of_range(state: &AppState, limits: &LimitChanges) -> Vec<FieldError> {
    let wrong = limits.out_of_range(&state.plugins.limits().ceilings).map(|wrong| {
        let rule = format!("from {} to {} ({})", wrong.limit.least, wrong.ceiling, wrong.limit.ceiling_key);
        FieldError::new(format!("limits.{}", wrong.limit.name), rule)
    });
    wrong.collect()
}
