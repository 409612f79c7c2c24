//! `…/orders/{out_trade_no}/…`: what is done with an order at WeChat Pay.

use std::{collections::BTreeMap, net::IpAddr};

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PERMISSION;
use crate::{
    http::{
        AppState,
        admin::{auth::Caller, merchants::find_shop},
        error::{Body, Path, Problem},
        responses::{Invalid, NotFound, PayRefused, PayUnknown},
    },
    model::{Order, OrderView},
    pay::{PayActionError, Prepaid, Shop},
};

/// The place of an order: app, merchant and number.
pub(super) type Place = (String, String, String);

/// How an order is to be paid.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct PrepayRequest {
    /// The address from which the payment is called now.
    #[schema(value_type = Option<String>)]
    spbill_create_ip: Option<IpAddr>,
}

/// What a user needs to pay.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct PrepaidView {
    /// Good for two hours.
    prepay_id: Option<String>,
    /// What the QR code of a NATIVE order says; good for two hours.
    code_url: Option<String>,
    /// Where the browser goes for an MWEB order; good for five minutes.
    mweb_url: Option<String>,
    /// What the page, mini program or app hands to WeChat's payment call.
    parameters: BTreeMap<&'static str, String>,
}

impl From<Prepaid> for PrepaidView {
    fn from(prepaid: Prepaid) -> Self {
        Self {
            prepay_id: prepaid.prepay_id,
            code_url: prepaid.code_url,
            mweb_url: prepaid.mweb_url,
            parameters: prepaid.parameters.into_iter().collect(),
        }
    }
}

/// Tells WeChat of the order, and gives what a user needs to pay it. Repeated, it says the same again.
#[utoipa::path(post, operation_id = "prepay_order", path = "/apps/{app}/merchants/{merchant}/orders/{out_trade_no}/prepay", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), ("out_trade_no" = String, Path)), request_body = PrepayRequest,
    responses((status = 200, description = "Done", body = PrepaidView), NotFound, (status = 409, description = "It cannot be paid any more", body = Problem), PayRefused, PayUnknown))]
pub(in crate::http::admin) async fn prepay(
    State(state): State<AppState>,
    caller: Caller,
    Path(place): Path<Place>,
    Body(asked): Body<PrepayRequest>,
) -> Result<Json<PrepaidView>, Problem> {
    let (shop, order) = find(&state, &caller, &place).await?;
    Ok(Json(state.pay.prepay(&shop, &order, asked.spbill_create_ip).await?.into()))
}

/// Asks WeChat where the order is.
#[utoipa::path(post, operation_id = "sync_order", path = "/apps/{app}/merchants/{merchant}/orders/{out_trade_no}/sync", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), ("out_trade_no" = String, Path)),
    responses((status = 200, description = "Done", body = OrderView), NotFound, PayRefused, PayUnknown))]
pub(in crate::http::admin) async fn sync(
    State(state): State<AppState>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Json<OrderView>, Problem> {
    let (shop, order) = find(&state, &caller, &place).await?;
    Ok(noted(&caller, state.pay.query(&shop, &order).await?))
}

/// Closes an order that nobody has paid. When somebody has, the answer says so.
#[utoipa::path(post, operation_id = "close_order", path = "/apps/{app}/merchants/{merchant}/orders/{out_trade_no}/close", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), ("out_trade_no" = String, Path)),
    responses((status = 200, description = "Done", body = OrderView), NotFound, (status = 409, description = "It is paid", body = Problem), PayRefused, PayUnknown))]
pub(in crate::http::admin) async fn close(
    State(state): State<AppState>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Json<OrderView>, Problem> {
    let (shop, order) = find(&state, &caller, &place).await?;
    Ok(noted(&caller, state.pay.close(&shop, &order).await?))
}

/// Takes a payment by code back (v2 MICROPAY).
#[utoipa::path(post, operation_id = "reverse_order", path = "/apps/{app}/merchants/{merchant}/orders/{out_trade_no}/reverse", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), ("out_trade_no" = String, Path)),
    responses((status = 200, description = "Done", body = OrderView), NotFound, (status = 409, description = "It is no payment by code", body = Problem), PayRefused, PayUnknown))]
pub(in crate::http::admin) async fn reverse(
    State(state): State<AppState>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Json<OrderView>, Problem> {
    let (shop, order) = find(&state, &caller, &place).await?;
    Ok(noted(&caller, state.pay.reverse(&shop, &order).await?))
}

/// A payment by code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct CodePayment {
    /// The code on the user's phone: 18 digits.
    auth_code: String,
    /// The till's address.
    #[schema(value_type = Option<String>)]
    spbill_create_ip: Option<IpAddr>,
}

/// Takes the money of a MICROPAY order by the code on the user's phone (v2). WeChat is asked until it knows, and the
/// payment is taken back when it does not within half a minute.
#[utoipa::path(post, operation_id = "pay_order_by_code", path = "/apps/{app}/merchants/{merchant}/orders/{out_trade_no}/micropay", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), ("out_trade_no" = String, Path)), request_body = CodePayment,
    responses((status = 200, description = "Done: look at the state", body = OrderView), NotFound, (status = 409, description = "It cannot be paid so", body = Problem), Invalid, PayRefused, PayUnknown))]
pub(in crate::http::admin) async fn micropay(
    State(state): State<AppState>,
    caller: Caller,
    Path(place): Path<Place>,
    Body(asked): Body<CodePayment>,
) -> Result<Json<OrderView>, Problem> {
    let (shop, order) = find(&state, &caller, &place).await?;
    Ok(noted(&caller, state.pay.pay_by_code(&shop, &order, &asked.auth_code, asked.spbill_create_ip).await?))
}

/// The order, and the merchant and app that it belongs to, for callers who may have it.
pub(super) async fn find(
    state: &AppState,
    caller: &Caller,
    (app, merchant, out_trade_no): &Place,
) -> Result<(Shop, Order), Problem> {
    caller.require(Some(app), PERMISSION)?;
    let order = super::find(state, app, merchant, out_trade_no).await?;
    let shop = find_shop(state, app, merchant).await?;
    Ok((shop, order))
}

/// What has become of an order; the audit log has it, too.
fn noted(caller: &Caller, order: Order) -> Json<OrderView> {
    let order = OrderView::from(order);
    caller.notes.after(&order);
    Json(order)
}

impl From<PayActionError> for Problem {
    fn from(error: PayActionError) -> Self {
        match error {
            PayActionError::State(detail) | PayActionError::Conflict(detail) => Self::conflict(detail),
            PayActionError::Full(_) => Self::conflict(error.to_string()),
            PayActionError::Invalid(errors) => crate::http::admin::invalid(errors),
            PayActionError::Gateway(error) => Self::gateway(&error),
            PayActionError::Store(error) => error.into(),
        }
    }
}
