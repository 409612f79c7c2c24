//! `…/orders/{out_trade_no}/events`: what became of an order, and who has heard of it.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PERMISSION, find};
use crate::{
    http::{
        AppState,
        admin::{
            auth::Caller,
            page::{Page, PageQuery},
        },
        error::{Path, Problem, Query},
        responses::NotFound,
    },
    model::{EventTarget, RefundView},
    storage::{DeliveryAttempt, EventDelivery, OrderEvent},
    time,
};

/// A change of an order, or of a refund of it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct OrderEventView {
    /// The same however often it is delivered.
    id: String,
    /// What changed: `order.updated` or `refund.updated`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The order's version after it.
    version: u64,
    /// Where the order was, or the refund.
    #[schema(value_type = String, example = "NOTPAY")]
    previous_state: &'static str,
    /// Where it was then.
    #[schema(value_type = String, example = "SUCCESS")]
    state: &'static str,
    /// The refund just after the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund: Option<RefundView>,
    /// How it was seen: prepay, notify, query, close, reverse, refund or manual.
    source: String,
    /// The notification or the request.
    reference: String,
    /// RFC 3339.
    created_at: String,
    /// Whether all who are told have heard of it: pending, delivered, parked, or skipped when nobody is told.
    delivery: &'static str,
    /// Whether the app's `order_hook` has heard of it: pending, delivered, parked or skipped.
    hook: String,
    /// The same of the server at `order_webhook_url`.
    webhook: String,
    /// The last tries to tell them, for each at most 20.
    deliveries: Vec<DeliveryView>,
}

/// A try to tell somebody.
#[derive(Debug, Serialize, ToSchema)]
struct DeliveryView {
    /// hook or webhook
    #[schema(value_type = String, example = "hook")]
    target: EventTarget,
    /// 1 for the first.
    attempt: u64,
    /// ok or failed
    outcome: String,
    /// RFC 3339.
    at: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    error: String,
}

impl From<OrderEvent> for OrderEventView {
    fn from(event: OrderEvent) -> Self {
        let heard = |wanted| {
            let found = event.deliveries.iter().find(|delivery| delivery.target == wanted);
            found.map(|delivery| delivery.state.clone()).unwrap_or_default()
        };
        let (kind, previous_state, state) = match &event.refund {
            Some(step) => ("refund.updated", step.previous_state.as_str(), step.refund.state.as_str()),
            None => ("order.updated", event.previous_state.as_str(), event.state.as_str()),
        };
        Self {
            kind,
            previous_state,
            state,
            refund: event.refund.map(|step| step.refund.into()),
            delivery: overall(&event.deliveries),
            hook: heard(EventTarget::Hook),
            webhook: heard(EventTarget::Webhook),
            deliveries: event.deliveries.into_iter().flat_map(attempts).collect(),
            id: event.id,
            version: event.version,
            source: event.source,
            reference: event.reference,
            created_at: time::rfc3339_of_ms(event.created_at_ms),
        }
    }
}

/// What an operator would do something about comes first.
fn overall(deliveries: &[EventDelivery]) -> &'static str {
    let worst = ["pending", "parked", "delivered"];
    let is = |state: &&&str| deliveries.iter().any(|delivery| delivery.state == **state);
    worst.iter().find(is).copied().unwrap_or("skipped")
}

fn attempts(delivery: EventDelivery) -> impl Iterator<Item = DeliveryView> {
    delivery.attempts.into_iter().map(move |DeliveryAttempt { attempt, outcome, error, at_ms }| DeliveryView {
        target: delivery.target,
        attempt,
        outcome,
        at: time::rfc3339_of_ms(at_ms),
        error,
    })
}

/// Lists what became of an order, oldest first.
#[utoipa::path(get, operation_id = "list_order_events", path = "/apps/{app}/merchants/{merchant}/orders/{out_trade_no}/events", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), ("out_trade_no" = String, Path), PageQuery),
    responses((status = 200, description = "Done", body = Page<OrderEventView>), NotFound))]
pub(in crate::http::admin) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant, out_trade_no)): Path<(String, String, String)>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<OrderEventView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let order = find(&state, &app, &merchant, &out_trade_no).await?;
    let events = state.store.orders().events(&order, page.after()?, page.limit() + 1).await?;
    let page = Page::first(events, page.limit(), |event| event.sequence.to_string());
    Ok(Json(page.map(OrderEventView::from)))
}

/// Whom to tell.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct RedeliverQuery {
    /// hook or webhook; both without.
    #[param(value_type = Option<String>)]
    target: Option<EventTarget>,
}

/// Has an event told once more, also to who has heard of it.
#[utoipa::path(post, operation_id = "redeliver_order_event", path = "/apps/{app}/merchants/{merchant}/orders/{out_trade_no}/events/{id}/redeliver", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), ("out_trade_no" = String, Path), ("id" = String, Path), RedeliverQuery),
    responses((status = 202, description = "It will be"), NotFound))]
pub(in crate::http::admin) async fn redeliver(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant, out_trade_no, id)): Path<(String, String, String, String)>,
    Query(query): Query<RedeliverQuery>,
) -> Result<StatusCode, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let order = find(&state, &app, &merchant, &out_trade_no).await?;
    if state.store.orders().redeliver(&order, &id, query.target).await? {
        Ok(StatusCode::ACCEPTED)
    } else {
        Err(Problem::not_found("event", &id))
    }
}
