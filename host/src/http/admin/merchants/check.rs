//! `/apps/{app}/merchants/{merchant}/check`: whether a merchant's configuration works at WeChat Pay.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PERMISSION, find_shop};
use crate::{
    http::{
        AppState,
        admin::auth::Caller,
        error::{Path, Problem, Query},
        responses::NotFound,
    },
    pay::{CheckOutcome, CheckStep},
};

/// How far the check goes.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct CheckQuery {
    /// Whether an order of one fen is made, too, which nobody sees, and closed again: only so WeChat looks whether the
    /// account belongs to the merchant.
    #[serde(default)]
    with_order: bool,
}

/// What was looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct CheckView {
    /// Whether no step failed.
    ok: bool,
    steps: Vec<StepView>,
}

/// One step.
#[derive(Debug, Serialize, ToSchema)]
struct StepView {
    /// keys, certificates, `request_signature`, `answer_signature`, clock, appid or `client_certificate`.
    step: &'static str,
    /// ok, failed, or skipped: not known.
    #[schema(value_type = String, example = "ok")]
    outcome: CheckOutcome,
    /// What was seen, and what to do where it is wrong.
    detail: String,
}

impl From<Vec<CheckStep>> for CheckView {
    fn from(steps: Vec<CheckStep>) -> Self {
        let ok = steps.iter().all(|step| step.outcome != CheckOutcome::Failed);
        let view = |step: CheckStep| StepView { step: step.step, outcome: step.outcome, detail: step.detail };
        Self { ok, steps: steps.into_iter().map(view).collect() }
    }
}

/// Proves a merchant's configuration against WeChat Pay without moving money: keys, signatures in both directions, WeChat's
/// certificates, the clock, the account, and for v2 the client certificate. What is wrong is told step by step, with what
/// to do.
#[utoipa::path(post, operation_id = "check_merchant", path = "/apps/{app}/merchants/{merchant}/check", tag = "merchants", params(("app" = String, Path), ("merchant" = String, Path), CheckQuery),
    responses((status = 200, description = "What was found; look at `ok`", body = CheckView), NotFound, (status = 422, description = "Keys are missing, so that nothing can be asked", body = Problem)))]
pub(in crate::http::admin) async fn check(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant)): Path<(String, String)>,
    Query(query): Query<CheckQuery>,
) -> Result<Json<CheckView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let shop = find_shop(&state, &app, &merchant).await?;
    let steps = state.pay.check(&shop, query.with_order).await.map_err(|error| Problem::gateway(&error))?;
    let view = CheckView::from(steps);
    caller.notes.after(&view);
    Ok(Json(view))
}
