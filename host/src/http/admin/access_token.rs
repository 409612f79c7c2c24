//! `/apps/{app}/access-token`: hands the access token to other systems, and ends one that has leaked.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, header},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{auth::Caller, find_app};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem},
        problem_kind::ProblemKind,
        responses::{NotFound, WechatRefused},
    },
    model::{AccessTokenSource, App, Credential, FieldError},
    storage::{ActionLimit, Turn},
    time,
    upstream::CallError,
};

/// The permission that callers need.
pub(super) const PERMISSION: &str = "access_token";
/// How often WeChat ends a token on request: in a day, and how many seconds apart.
const FORCED_A_DAY: u64 = 20;
const FORCED_APART: u64 = 30;

/// What stands over an answer with a secret in it.
pub(super) const UNSTORED: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// An access token.
#[derive(Serialize, ToSchema)]
pub(super) struct AccessTokenView {
    access_token: String,
    /// RFC 3339.
    expires_at: String,
    /// Seconds.
    expires_in: u64,
}

/// Makes sure that somebody means it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirmation {
    /// The app's appid.
    confirm: String,
}

impl Confirmation {
    /// # Errors
    /// 422 when it is another app's.
    pub(super) fn check(&self, app: &App) -> Result<(), Problem> {
        if self.confirm == app.appid {
            return Ok(());
        }
        Err(super::invalid(vec![FieldError::new("confirm", "the app's appid, to show that it is meant")]))
    }
}

type Answer = ([(HeaderName, &'static str); 1], Json<AccessTokenView>);

fn answer(state: &AppState, token: &Credential) -> Answer {
    let view = AccessTokenView {
        access_token: token.secret.expose().to_owned(),
        expires_at: time::rfc3339(token.expires_at),
        expires_in: token.expires_at.saturating_sub(state.clock.now()),
    };
    (UNSTORED, Json(view))
}

/// Hands the app's access token out, to a system that calls WeChat by itself. It is the one that Weft uses: ask again
/// when it ends, and fetch none from WeChat. Who has it may do all that the account may.
#[utoipa::path(get, operation_id = "read_access_token", path = "/apps/{app}/access-token", tag = "wechat", params(("app" = String, Path)),
    responses((status = 200, description = "Done", body = AccessTokenView), NotFound,
        (status = 422, description = "The app has no appsecret", body = Problem), WechatRefused))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<Answer, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    let token = state.wechat.access_token(&app).await.map_err(CallError::Token)?;
    caller.notes.recorded(true);
    Ok(answer(&state, &token))
}

/// Ends the app's access token at once and hands another out: for one that somebody has who should not. WeChat does
/// that 20 times a day and 30 seconds apart. An app whose tokens come from an operator's server is refused: that server
/// has to do it.
#[utoipa::path(post, operation_id = "refresh_access_token", path = "/apps/{app}/access-token/refresh", tag = "wechat", params(("app" = String, Path)), request_body = Confirmation,
    responses((status = 200, description = "Done", body = AccessTokenView), NotFound,
        (status = 422, description = "It is not confirmed, or Weft does not fetch the app's tokens", body = Problem), (status = 429, description = "WeChat does not do that again yet", body = Problem),
        WechatRefused))]
pub(super) async fn refresh(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(confirmation): Body<Confirmation>,
) -> Result<Answer, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    confirmation.check(&app)?;
    if app.settings.access_token_source == AccessTokenSource::Url {
        let detail = "the app's access tokens come from access_token_url: end the token there";
        return Err(Problem::refused(ProblemKind::NotFetchedHere, detail));
    }
    app.may(crate::model::Ability::Api)?;
    let now = state.clock.now();
    let period = time::china_day(now);
    let limit = ActionLimit { action: "force_access_token", period: &period, most: FORCED_A_DAY, apart: FORCED_APART };
    match state.store.limited_actions().take(&app.name, limit).await? {
        Turn::Taken { .. } => {}
        Turn::TooSoon { wait } => {
            return Err(Problem::too_often(wait, "WeChat ends an access token at most every 30 seconds"));
        }
        Turn::UsedUp => {
            let wait = time::next_china_day(now).saturating_sub(now);
            return Err(Problem::too_often(wait, "WeChat ends access tokens 20 times a day; the day turns in China"));
        }
    }
    let token = state.wechat.force_access_token(&app).await.map_err(CallError::Token)?;
    Ok(answer(&state, &token))
}
