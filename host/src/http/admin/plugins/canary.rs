//! `/plugins/{plugin}/canary`: a version that only some users get.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    audit::{self, AuditedPlugin},
    versions::PluginDetail,
};
use crate::{
    http::{
        AppState,
        admin::auth::Caller,
        error::{Body, Path, Problem},
        responses::Invalid,
    },
    model::{CANARY_OPENIDS, is_openid},
};

/// Who gets the canary. What is left out is nobody.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::http::admin) struct CanarySettings {
    /// SHA-256 of one of `versions`; without, the canary that runs.
    digest: Option<String>,
    /// The share of openids, 0 to 100. Who got it with a smaller share goes on getting it.
    percent: u8,
    /// Who gets it in any case; at most 1000.
    openids: Vec<String>,
}

impl CanarySettings {
    fn check(&self) -> Result<(), Problem> {
        let mut errors = Vec::new();
        if self.percent > 100 {
            errors.push(("percent".to_owned(), "0 to 100 · 0 到 100".to_owned()));
        }
        if self.openids.len() > CANARY_OPENIDS {
            errors.push(("openids".to_owned(), format!("at most {CANARY_OPENIDS} · 最多 {CANARY_OPENIDS} 个")));
        }
        let odd = self.openids.iter().position(|openid| !is_openid(openid));
        errors.extend(odd.map(|at| (format!("openids[{at}]"), "an openid · 须是 openid".to_owned())));
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
    }
}

/// Lets some users get a version that is kept, or changes who gets the canary. Pages, whose visitors are not known yet,
/// and orders without an openid always get the version that runs. The canary is taken back by itself when clearly
/// more of its calls fail than of the version that runs (`plugins.canary_error_rise`). A call fails that crashes, runs
/// out of time, answers an error or what cannot be sent. Where several apps call the plugin it takes more than one app's
/// failures, unless it is for named users alone: the calls have to say so whichever app is left out. Where they do for one
/// app alone, it is taken back from that app's users (`without_apps`), until something is set for the plugin in the app.
#[utoipa::path(post, operation_id = "set_plugin_canary", path = "/plugins/{plugin}/canary", tag = "plugins", params(("plugin" = String, Path)),
    request_body = CanarySettings,
    responses((status = 200, description = "Done", body = PluginDetail), (status = 409, description = "No canary or no version beside it runs", body = Problem),
        Invalid))]
pub(in crate::http::admin) async fn post(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    Body(set): Body<CanarySettings>,
) -> Result<Json<PluginDetail>, Problem> {
    caller.require(None, "manage")?;
    set.check()?;
    audit::note_before(&state, &caller, &name).await?;
    let CanarySettings { digest, percent, openids } = set;
    let plugin = state.plugins.set_canary(&name, digest.as_deref(), percent, &openids).await?;
    Ok(Json(audit::note_after(&state, &caller, &plugin).await?))
}

/// Takes the canary back: all users get the version that runs.
#[utoipa::path(delete, operation_id = "take_back_plugin_canary", path = "/plugins/{plugin}/canary", tag = "plugins", params(("plugin" = String, Path)),
    responses((status = 204, description = "Gone"), (status = 409, description = "No canary runs", body = Problem)))]
pub(in crate::http::admin) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(None, "manage")?;
    audit::note_before(&state, &caller, &name).await?;
    state.plugins.take_back_canary(&name).await?;
    // It is taken back, also where nothing can be read of it now.
    if let Some(plugin) = state.plugins.find(&name)
        && let Ok(history) = state.plugins.history(&name).await
    {
        caller.notes.after(&AuditedPlugin::new(&plugin, &history));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Lets all users get the canary: it is what runs, and is placed in the plugins folders.
#[utoipa::path(post, operation_id = "promote_plugin_canary", path = "/plugins/{plugin}/canary/promote", tag = "plugins", params(("plugin" = String, Path)),
    responses((status = 200, description = "Done", body = PluginDetail), (status = 409, description = "No canary runs", body = Problem)))]
pub(in crate::http::admin) async fn promote(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<PluginDetail>, Problem> {
    caller.require(None, "manage")?;
    audit::note_before(&state, &caller, &name).await?;
    let plugin = state.plugins.promote_canary(&name).await?;
    Ok(Json(audit::note_after(&state, &caller, &plugin).await?))
}
