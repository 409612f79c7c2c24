//! `/apps/{app}/quota`: how often WeChat's API is called, and may be.

pub(super) mod clear;
pub(super) mod live;
pub(super) mod rid;

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use weft_wechat::api::{daily_limits::daily_limit, errcode};

use super::{
    auth::Caller,
    find_app,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Path, Problem, Query},
        responses::NotFound,
    },
    model::{CallOutcome, CallPause},
    time,
};

/// The permission to look.
const PERMISSION: &str = "wechat_api";

/// The calls of one API, today in China.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiQuotaView {
    /// Such as `/cgi-bin/user/info`; `unknown` stands for all paths that WeChat does not know, and
    /// for what an app calls beyond a thousand kinds of calls in a day.
    path: String,
    /// How often it was called by Weft, every try counted.
    calls: u64,
    /// How often WeChat did it.
    ok: u64,
    /// How often there was no answer of WeChat's.
    unanswered: u64,
    /// How often WeChat refused, by code.
    errors: Vec<ErrorCountView>,
    /// How often it may be called in a day; null where that is not known. `…/quota/{path}` asks WeChat.
    daily_limit: Option<DailyLimitView>,
    /// Null while it is called.
    pause: Option<PauseView>,
}

#[derive(Serialize, ToSchema)]
struct ErrorCountView {
    errcode: i64,
    calls: u64,
    /// What it means and what to do, in both languages.
    meaning: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct DailyLimitView {
    calls: u64,
    /// documented: WeChat says so. usual: what accounts have usually seen; those with many followers may call more.
    source: &'static str,
}

#[derive(Serialize, ToSchema)]
struct PauseView {
    errcode: i64,
    /// RFC 3339.
    until: String,
}

impl ApiQuotaView {
    fn of(path: &str) -> Self {
        let daily_limit = daily_limit(path).map(|limit| DailyLimitView {
            calls: limit.calls,
            source: if limit.documented { "documented" } else { "usual" },
        });
        Self { path: path.to_owned(), calls: 0, ok: 0, unanswered: 0, errors: Vec::new(), daily_limit, pause: None }
    }

    fn add(&mut self, outcome: CallOutcome, calls: u64) {
        self.calls += calls;
        match outcome {
            CallOutcome::Done => self.ok += calls,
            CallOutcome::Unanswered => self.unanswered += calls,
            CallOutcome::Refused(errcode) => {
                let meaning = errcode::meaning(errcode).map(|meaning| meaning.to_string());
                self.errors.push(ErrorCountView { errcode, calls, meaning });
            }
        }
    }
}

/// Lists what was called today in China, by all processes of Weft, and what pauses. Other systems that call with the
/// app's access token are not counted.
#[utoipa::path(get, operation_id = "list_quota", path = "/apps/{app}/quota", tag = "wechat", params(("app" = String, Path), PageQuery),
    responses((status = 200, description = "Done", body = Page<ApiQuotaView>), NotFound))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<ApiQuotaView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    find_app(&state, &app).await?;
    state.wechat.write_counts().await?;
    let today = time::china_day(state.clock.now());
    let mut apis = BTreeMap::<String, ApiQuotaView>::new();
    for (kind, calls) in state.store.call_counts().of_day(&app, &today).await? {
        apis.entry(kind.path).or_insert_with_key(|path| ApiQuotaView::of(path)).add(kind.outcome, calls);
    }
    let pauses = state.store.call_pauses().in_force().await?;
    for CallPause { path, errcode, until, .. } in pauses.into_iter().filter(|pause| pause.app == app) {
        let until = time::rfc3339(until);
        apis.entry(path).or_insert_with_key(|path| ApiQuotaView::of(path)).pause = Some(PauseView { errcode, until });
    }
    Ok(Json(page.of(apis.into_values().collect(), |api: &ApiQuotaView| &api.path)))
}
