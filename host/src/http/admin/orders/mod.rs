//! `/apps/{app}/merchants/{merchant}/orders`: the orders of WeChat Pay.

pub(super) mod actions;
pub(super) mod events;
mod new;
pub(super) mod qrcode;
pub(super) mod refunds;
mod view;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;

use super::{
    auth::Caller,
    merchants,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
        responses::{Invalid, NotFound},
    },
    model::{Order, OrderState, OrderView},
    pay::Creation,
    storage::OrderFilter,
};

use new::NewOrder;
use view::OrderWithAlarms;

const PERMISSION: &str = "pay_order";

/// Which orders. Parameters that are absent do not matter.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OrderQuery {
    /// Where they are, such as SUCCESS.
    #[param(value_type = Option<String>)]
    state: Option<OrderState>,
    /// Who pays.
    openid: Option<String>,
}

/// Lists the orders of a merchant, newest first.
#[utoipa::path(get, operation_id = "list_orders", path = "/apps/{app}/merchants/{merchant}/orders", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), OrderQuery, PageQuery),
    responses((status = 200, description = "Done", body = Page<OrderView>), NotFound))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant)): Path<(String, String)>,
    Query(query): Query<OrderQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<OrderView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    merchants::find(&state, &app, &merchant).await?;
    let filter = OrderFilter { state: query.state, openid: query.openid };
    let after = page.place()?;
    let orders = state.store.orders().list(&app, &merchant, &filter, after, page.limit() + 1).await?;
    let cursor = |order: &Order| format!("{}.{}", order.created_at, order.out_trade_no);
    Ok(Json(Page::first(orders, page.limit(), cursor).map(OrderView::from)))
}

/// Creates an order. The same number with the same content is the same order (200), with another content a conflict.
#[utoipa::path(post, operation_id = "create_order", path = "/apps/{app}/merchants/{merchant}/orders", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path)), request_body = NewOrder,
    responses((status = 201, description = "Created", body = OrderView), (status = 200, description = "There was this order already", body = OrderView), NotFound, (status = 409, description = "There is another order of that number", body = Problem), Invalid))]
pub(super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant)): Path<(String, String)>,
    Body(new): Body<NewOrder>,
) -> Result<(StatusCode, Json<OrderView>), Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let shop = merchants::find_shop(&state, &app, &merchant).await?;
    let expires = new.expires();
    let (out_trade_no, terms) = new.terms(&shop.merchant, state.clock.now());
    match state.pay.create(&shop, &out_trade_no, terms, expires, None).await? {
        Creation::Created(order) => {
            let order = OrderView::from(order);
            caller.notes.after(&order);
            Ok((StatusCode::CREATED, Json(order)))
        }
        Creation::Known(order) => Ok((StatusCode::OK, Json(order.into()))),
    }
}

/// Reads an order, with what of it a person must look at.
#[utoipa::path(get, operation_id = "read_order", path = "/apps/{app}/merchants/{merchant}/orders/{out_trade_no}", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), ("out_trade_no" = String, Path)),
    responses((status = 200, description = "Done", body = OrderWithAlarms), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant, out_trade_no)): Path<(String, String, String)>,
) -> Result<Json<OrderWithAlarms>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let order = find(&state, &app, &merchant, &out_trade_no).await?;
    let alarms = state.store.orders().alarms(&order).await?;
    Ok(Json(OrderWithAlarms::new(order, alarms)))
}

async fn find(state: &AppState, app: &str, merchant: &str, out_trade_no: &str) -> Result<Order, Problem> {
    let order = state.store.orders().find(app, merchant, out_trade_no).await?;
    order.ok_or_else(|| Problem::not_found("order · 订单", out_trade_no))
}
