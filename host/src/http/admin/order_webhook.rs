//! `/apps/{app}/order-webhook`: whether the server that hears of changed orders takes what it is sent.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Caller;
use crate::http::{
    AppState,
    error::{Path, Problem},
    problem_kind::ProblemKind,
    responses::NotFound,
};

/// What came of a test.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookTrialView {
    /// Whether it was answered with a status of 2xx.
    delivered: bool,
    /// The header `webhook-id` of the message, whose `type` is `webhook.test`.
    id: String,
    /// The status, when it was.
    status: Option<u16>,
    /// Why it was not taken.
    error: Option<String>,
    took_ms: u64,
}

/// Sends the server at `order_webhook_url` a signed message that is about no order, and says what came of it.
#[utoipa::path(post, operation_id = "test_order_webhook", path = "/apps/{app}/order-webhook/test", tag = "apps", params(("app" = String, Path, description = "Its name")),
    responses((status = 200, description = "It was sent: look at `delivered`", body = WebhookTrialView), NotFound, (status = 422, description = "The app has no order webhook", body = Problem)))]
pub(super) async fn test(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<WebhookTrialView>, Problem> {
    caller.require(Some(&name), "manage")?;
    caller.notes.recorded(false);
    let app = super::find_app(&state, &name).await?;
    let Some(trial) = state.order_hooks.try_webhook(&app).await else {
        return Err(Problem::refused(
            ProblemKind::Unable,
            "the app has no order webhook: set order_webhook_url and its secret",
        ));
    };
    Ok(Json(WebhookTrialView {
        delivered: trial.answer.is_ok(),
        id: trial.id,
        status: trial.answer.as_ref().ok().copied(),
        error: trial.answer.err().map(|error| error.to_string()),
        took_ms: u64::try_from(trial.took.as_millis()).unwrap_or(u64::MAX),
    }))
}
