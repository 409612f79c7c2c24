//! `…/orders/{out_trade_no}/qrcode`: what a user scans to pay a NATIVE order.

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use weft_wechat::pay::TradeType;

use super::actions::{Place, find};
use crate::{
    http::{
        AppState,
        admin::auth::Caller,
        error::{Path, Problem, Query},
        responses::NotFound,
    },
    model::OrderState,
    qr_code::{self, QrError, QrLevel, QrStyle},
};

/// The largest picture, in pixels.
const MOST_PIXELS: u32 = 2048;
/// The widest margin, in modules.
const MOST_MARGIN: u32 = 32;

/// How the picture is to be.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct QrQuery {
    /// `svg` or `png`; by the header `Accept` without, and SVG when that says nothing of them.
    #[param(value_type = Option<String>)]
    format: Option<Format>,
    /// Width and height in pixels, at most 2048; 320 without.
    size: Option<u32>,
    /// The white margin in modules, at most 32; 4 without, which is what readers expect.
    margin: Option<u32>,
    /// How much of it may be lost: L, M, Q or H; M without.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    level: QrLevel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Svg,
    Png,
}

/// The QR code of a NATIVE order as a picture. WeChat is told of the order as `prepay` does; the code is good for two
/// hours.
#[utoipa::path(get, operation_id = "read_order_qrcode", path = "/apps/{app}/merchants/{merchant}/orders/{out_trade_no}/qrcode", tag = "orders", params(("app" = String, Path), ("merchant" = String, Path), ("out_trade_no" = String, Path), QrQuery),
    responses((status = 200, description = "The picture", content((Vec<u8> = "image/svg+xml"), (Vec<u8> = "image/png"))), NotFound, (status = 409, description = "It is not paid so, or cannot be paid any more", body = Problem), (status = 422, description = "No such picture can be made", body = Problem), (status = 502, description = "WeChat Pay refused, or does not answer", body = Problem)))]
pub(in crate::http::admin) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(place): Path<Place>,
    Query(query): Query<QrQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (shop, order) = find(&state, &caller, &place).await?;
    let style = query.style()?;
    if order.terms.trade_type != TradeType::Native {
        let detail = format!("the order is {}: only NATIVE orders are paid by QR code", order.terms.trade_type);
        return Err(Problem::conflict(detail));
    }
    // Then WeChat hears of it for the first time, which is a change.
    caller.notes.recorded(order.state == OrderState::New);
    let prepaid = state.pay.prepay(&shop, &order, None).await?;
    let code_url = prepaid.code_url.ok_or_else(|| Problem::conflict("WeChat Pay gave no code for this order"))?;
    let (content_type, picture) = match query.format.unwrap_or_else(|| preferred(&headers)) {
        Format::Svg => ("image/svg+xml", qr_code::svg(&code_url, style).map(String::into_bytes)),
        Format::Png => ("image/png", qr_code::png(&code_url, style)),
    };
    let picture = picture.map_err(refused)?;
    // Whoever has the picture can pay the order, and see what it is about.
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "private, max-age=300")];
    Ok((headers, picture).into_response())
}

impl QrQuery {
    fn style(&self) -> Result<QrStyle, Problem> {
        let style = QrStyle { size: self.size.unwrap_or(320), margin: self.margin.unwrap_or(4), level: self.level };
        let mut errors = Vec::new();
        if !(1..=MOST_PIXELS).contains(&style.size) {
            errors.push(("size".to_owned(), format!("1 to {MOST_PIXELS} pixels")));
        }
        if style.margin > MOST_MARGIN {
            errors.push(("margin".to_owned(), format!("at most {MOST_MARGIN} modules")));
        }
        if errors.is_empty() { Ok(style) } else { Err(Problem::invalid(errors)) }
    }
}

/// The first of the two that the caller names.
fn preferred(headers: &HeaderMap) -> Format {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let named = accepted.split(',').find_map(|range| match range.split(';').next().unwrap_or_default().trim() {
        "image/png" => Some(Format::Png),
        "image/svg+xml" => Some(Format::Svg),
        _ => None,
    });
    named.unwrap_or(Format::Svg)
}

fn refused(error: QrError) -> Problem {
    match error {
        QrError::TooSmall { .. } => Problem::invalid(vec![("size".to_owned(), error.to_string())]),
        QrError::TooLong => Problem::invalid(vec![("level".to_owned(), error.to_string())]),
        QrError::Picture => Problem::internal(&error),
    }
}
