//! `…/orders/{out_trade_no}/refunds`: giving money back.

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;
use weft_wechat::pay::Fen;

use super::{
    PERMISSION,
    actions::{Place, find},
};
use crate::{
    http::{
        AppState,
        admin::{
            auth::Caller,
            page::{Page, PageQuery},
        },
        error::{Body, Path, Problem, Query},
        responses::{Invalid, NotFound, PayRefused},
    },
    model::RefundView,
};

/// A new refund.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct NewRefund {
    /// 1 to 64 letters, digits or any of `_-|*@`, unique within the merchant; made up without. After a failure the same
    /// number is to be used again, unless that refund was closed: another one would give the money back twice.
    out_refund_no: Option<String>,
    /// In fen; at most what of the order is not refunded yet.
    #[schema(value_type = u64, example = 101)]
    refund_fee: Fen,
    /// Why, for the user; at most 80 characters.
    reason: Option<String>,
}

/// Lists the refunds of an order, by number.
#[utoipa::path(get, operation_id = "list_refunds", path = "/apps/{app}/merchants/{merchant}/orders/{out_trade_no}/refunds", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), ("out_trade_no" = String, Path), PageQuery),
    responses((status = 200, description = "Done", body = Page<RefundView>), NotFound))]
pub(in crate::http::admin) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant, out_trade_no)): Path<Place>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<RefundView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let order = super::find(&state, &app, &merchant, &out_trade_no).await?;
    let mut refunds = state.store.refunds().of_order(&order).await?;
    refunds.sort_by(|a, b| a.out_refund_no.cmp(&b.out_refund_no));
    Ok(Json(page.of(refunds, |refund| &refund.out_refund_no).map(RefundView::from)))
}

/// Gives money back. The same number with the same content is the same refund.
#[utoipa::path(post, operation_id = "create_refund", path = "/apps/{app}/merchants/{merchant}/orders/{out_trade_no}/refunds", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), ("out_trade_no" = String, Path)), request_body = NewRefund,
    responses((status = 200, description = "WeChat has taken it", body = RefundView), NotFound, (status = 409, description = "There is another refund of that number", body = Problem), Invalid, PayRefused, (status = 504, description = "WeChat Pay may have done it: its answer is missing or cannot be believed; use the same number again", body = Problem)))]
pub(in crate::http::admin) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(place): Path<Place>,
    Body(new): Body<NewRefund>,
) -> Result<Json<RefundView>, Problem> {
    let (shop, order) = find(&state, &caller, &place).await?;
    let number = new.out_refund_no.unwrap_or_else(|| Uuid::now_v7().simple().to_string());
    let refund: RefundView = state.pay.refund(&shop, &order, &number, new.refund_fee, new.reason).await?.into();
    caller.notes.after(&refund);
    Ok(Json(refund))
}

/// Gives up a refund that WeChat has refused, when WeChat says that it has none of that number: it is closed, and its money
/// may be given back by another one. When WeChat has it, the answer says where it is. After a call without a certain answer
/// that takes a day.
#[utoipa::path(post, operation_id = "close_refund", path = "/apps/{app}/merchants/{merchant}/orders/{out_trade_no}/refunds/{out_refund_no}/close", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), ("out_trade_no" = String, Path), ("out_refund_no" = String, Path)),
    responses((status = 200, description = "Done: look at the state", body = RefundView), NotFound, (status = 409, description = "WeChat has taken it, or may have", body = Problem), PayRefused, (status = 504, description = "WeChat Pay's answer is missing or cannot be believed", body = Problem)))]
pub(in crate::http::admin) async fn close(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant, out_trade_no, out_refund_no)): Path<(String, String, String, String)>,
) -> Result<Json<RefundView>, Problem> {
    let place = (app, merchant, out_trade_no);
    let (shop, order) = find(&state, &caller, &place).await?;
    let (app, merchant, out_trade_no) = &place;
    let refund = state.store.refunds().find(app, merchant, &out_refund_no).await?;
    let refund = refund.filter(|refund| refund.out_trade_no == *out_trade_no);
    let refund = refund.ok_or_else(|| Problem::not_found("refund", &out_refund_no))?;
    caller.notes.before(&RefundView::from(refund.clone()));
    let refund: RefundView = state.pay.give_up_refund(&shop, &order, &refund).await?.into();
    caller.notes.after(&refund);
    Ok(Json(refund))
}
