//! `…/orders/{out_trade_no}/events`: what became of an order, and what the hook heard of it.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
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
    },
    model::OrderState,
    storage::{EventDelivery, OrderEvent},
    time,
};

/// A change of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct OrderEventView {
    /// The same however often it is delivered.
    id: String,
    /// The order's version after it.
    version: u64,
    #[schema(value_type = String, example = "NOTPAY")]
    previous_state: OrderState,
    #[schema(value_type = String, example = "SUCCESS")]
    state: OrderState,
    /// How it was seen: prepay, notify, query, close, reverse, refund or manual.
    source: String,
    /// The notification or the request.
    reference: String,
    /// RFC 3339.
    created_at: String,
    /// Whether the hook has heard of it: pending, delivered or parked.
    delivery: String,
    /// The tries to tell the hook.
    deliveries: Vec<DeliveryView>,
}

/// A try to tell the hook.
#[derive(Debug, Serialize, ToSchema)]
struct DeliveryView {
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
        let delivery = |EventDelivery { attempt, outcome, error, at_ms }| DeliveryView {
            attempt,
            outcome,
            at: time::rfc3339_of_ms(at_ms),
            error,
        };
        Self {
            id: event.id,
            version: event.version,
            previous_state: event.previous_state,
            state: event.state,
            source: event.source,
            reference: event.reference,
            created_at: time::rfc3339_of_ms(event.created_at_ms),
            delivery: event.delivery,
            deliveries: event.deliveries.into_iter().map(delivery).collect(),
        }
    }
}

/// Lists what became of an order, oldest first.
#[utoipa::path(get, operation_id = "list_order_events", path = "/apps/{app}/merchants/{merchant}/orders/{out_trade_no}/events", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), ("out_trade_no" = String, Path), PageQuery),
    responses((status = 200, description = "Done", body = Page<OrderEventView>), (status = 404, description = "There is none of that name", body = Problem)))]
pub(in crate::http::admin) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant, out_trade_no)): Path<(String, String, String)>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<OrderEventView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let order = find(&state, &app, &merchant, &out_trade_no).await?;
    let version = |cursor: &str| {
        cursor.parse().map_err(|_| Problem::bad_request("cursor: take the `next_cursor` of the page before"))
    };
    let after = page.cursor().map(version).transpose()?;
    let events = state.store.orders().events(&order, after, page.limit() + 1).await?;
    let page = Page::first(events, page.limit(), |event| event.version.to_string());
    Ok(Json(page.map(OrderEventView::from)))
}

/// Has the hook told of an event once more, also when it has heard of it.
#[utoipa::path(post, operation_id = "redeliver_order_event", path = "/apps/{app}/merchants/{merchant}/orders/{out_trade_no}/events/{id}/redeliver", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), ("out_trade_no" = String, Path), ("id" = String, Path)),
    responses((status = 202, description = "It will be"), (status = 404, description = "There is none of that name", body = Problem)))]
pub(in crate::http::admin) async fn redeliver(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant, out_trade_no, id)): Path<(String, String, String, String)>,
) -> Result<StatusCode, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let order = find(&state, &app, &merchant, &out_trade_no).await?;
    if state.store.orders().redeliver(&order, &id).await? {
        Ok(StatusCode::ACCEPTED)
    } else {
        Err(Problem::not_found("event", &id))
    }
}
