//! `/apps/{app}/templates/{template}/send`: a message made of a template, to one user or to many.

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{PERMISSION, find, find_app};
use crate::{
    http::{
        AppState,
        admin::{
            auth::Caller,
            sends::{SendStartedView, SendTo, SentView, send_to},
        },
        error::{Body, Path, Problem},
        responses::{Invalid, NotFound},
    },
    model::MessageFields,
};

/// A message with who gets it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct TemplateSendFields {
    #[serde(flatten)]
    to: SendTo,
    #[serde(flatten)]
    message: MessageFields,
}

/// Sends a message made of a template, which is named by its id or its alias.
///
/// To one user (`openid`) it is sent at once; to many (`openids`, `tag_id`) by a job, to each once at most. What became
/// of it for each is told by `…/sends/{send or job}/recipients`. The same `client_msg_id` again sends nothing again.
#[utoipa::path(post, operation_id = "send_template", path = "/apps/{app}/templates/{template}/send", tag = "templates", params(("app" = String, Path), ("template" = String, Path)), request_body = TemplateSendFields,
    responses((status = 200, description = "WeChat has taken it", body = SentView), (status = 202, description = "A job sends it", body = SendStartedView), NotFound,
        (status = 409, description = "The client_msg_id was used for another message", body = Problem), Invalid,
        (status = 502, description = "WeChat did not take it, or did not say so", body = Problem)))]
pub(in crate::http::admin) async fn send(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, template)): Path<(String, String)>,
    Body(fields): Body<TemplateSendFields>,
) -> Result<Response, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    let template = find(&state, &app.name, &template).await?;
    let message = fields.message.message(&template.template_id, template.kind, app.app_type);
    let message = message.map_err(crate::http::admin::invalid)?;
    let warnings = template.warnings(&message.data);
    send_to(&state, &caller, app, fields.to, message, warnings).await
}
