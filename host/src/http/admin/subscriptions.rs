//! `/apps/{app}/users/{openid}/subscriptions`: what a user said to templates of subscribe messages.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    auth::Caller,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Path, Problem, Query},
        responses::NotFound,
    },
    model::Subscription,
    time,
};

/// What a user said to a template.
#[derive(Serialize, ToSchema)]
pub(super) struct SubscriptionView {
    template_id: String,
    /// What they said last: `accept`, `reject`, or what WeChat adds to these.
    status: String,
    /// How often they agreed. Each is for one message, unless the template is a lasting one.
    accepted: u64,
    /// How often they refused.
    rejected: u64,
    /// How many messages Weft has sent to them since they were first asked.
    sent: u64,
    /// RFC 3339: when they last said something.
    changed_at: String,
}

impl From<Subscription> for SubscriptionView {
    fn from(subscription: Subscription) -> Self {
        Self {
            template_id: subscription.template_id,
            status: subscription.status,
            accepted: subscription.accepted,
            rejected: subscription.rejected,
            sent: subscription.sent,
            changed_at: time::rfc3339(subscription.changed_at),
        }
    }
}

/// Lists what a user said to templates, as WeChat's events told it: to whom a message may be sent. Consents from before
/// Weft heard of them, and those that other programs used up, are not counted.
#[utoipa::path(get, operation_id = "list_subscriptions", path = "/apps/{app}/users/{openid}/subscriptions", tag = "users", params(("app" = String, Path), ("openid" = String, Path), PageQuery),
    responses((status = 200, description = "Done", body = Page<SubscriptionView>), NotFound))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, openid)): Path<(String, String)>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<SubscriptionView>>, Problem> {
    caller.require(Some(&app), "user")?;
    state.store.users().find(&app, &openid).await?.ok_or_else(|| Problem::not_found("user", &openid))?;
    let subscriptions = state.store.subscriptions().of_user(&app, &openid).await?;
    Ok(Json(page.of(subscriptions, |subscription| &subscription.template_id).map(SubscriptionView::from)))
}
