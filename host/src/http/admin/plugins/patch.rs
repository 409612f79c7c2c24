//! `PATCH /plugins/{plugin}`: whether a plugin is called, and what its calls may use.

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{PluginView, audit::AuditedPlugin};
use crate::{
    http::{
        AppState,
        admin::{auth::Caller, invalid},
        error::{Body, Path, Problem},
        responses::{Invalid, NotFound},
    },
    model::FieldError,
    plugin_limits::LimitChanges,
};

/// Changes to a plugin: what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct PluginPatch {
    /// Whether it is called.
    state: Option<PluginSwitch>,
    /// What its calls may use, where that is not what the calls of other plugins may; in the place of what was set
    /// before, so that `{}` takes all of it away.
    limits: Option<LimitChanges>,
}

/// Whether a plugin is called.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PluginSwitch {
    /// It is, by every app that names it.
    Ready,
    /// It is not, whatever file or version comes.
    Disabled,
}

/// Switches a plugin off or on, and changes what its calls may use, for all apps, up to the ceilings of the
/// configuration. One that is switched off is as one that is missing, in all processes and over restarts: messages get
/// the app's `fallback_reply` or nothing, pages are answered 404, events of orders are tried again for a day. Calls
/// in flight finish, and files and versions come and go as before. A file begins within the limits of its plugin: one that
/// was refused is tried again when they change.
#[utoipa::path(patch, operation_id = "patch_plugin", path = "/plugins/{plugin}", tag = "plugins", params(("plugin" = String, Path)),
    request_body = PluginPatch,
    responses((status = 200, description = "Done", body = PluginView), NotFound, Invalid))]
pub(in crate::http::admin) async fn patch(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    Body(patch): Body<PluginPatch>,
) -> Result<Json<PluginView>, Problem> {
    caller.require(None, "manage")?;
    let plugin = super::find(&state, &name)?;
    let errors = patch.limits.map(|limits| out_of_range(&state, &limits)).unwrap_or_default();
    if !errors.is_empty() {
        return Err(invalid(errors));
    }
    let history = state.plugins.history(&name).await?;
    caller.notes.before(&AuditedPlugin::new(&plugin, &history));
    let disabled = patch.state.map(|switch| switch == PluginSwitch::Disabled);
    state.store.change_plugin(&name, patch.limits.as_ref(), disabled).await?;
    state.plugins.take_over(&name, patch.limits, disabled).await;
    let plugin = state.plugins.find(&name).unwrap_or(plugin);
    // None of its versions has changed, and what is stored is answered whether the database can be read now or not.
    caller.notes.after(&AuditedPlugin::new(&plugin, &history));
    Ok(Json(PluginView::new(&plugin, &state.accounts)))
}

/// The fields of `limits` that cannot be set.
pub(in crate::http::admin) fn out_of_range(state: &AppState, limits: &LimitChanges) -> Vec<FieldError> {
    let wrong = limits.out_of_range(&state.plugins.limits().ceilings).map(|wrong| {
        let rule = format!(
            "from {0} to {1} ({2}) · {0} 到 {1}（{2}）",
            wrong.limit.least, wrong.ceiling, wrong.limit.ceiling_key
        );
        FieldError::new(format!("limits.{}", wrong.limit.name), rule)
    });
    wrong.collect()
}
