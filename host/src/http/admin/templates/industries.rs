//! `/apps/{app}/templates/industries`: what the account deals in, which decides what templates its library has.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weft_wechat::api::template::get_industry::{Industries, Industry};

use super::{PERMISSION, SYNC, find_app};
use crate::http::{
    AppState,
    admin::auth::Caller,
    error::{Body, Path, Problem},
    responses::{NotFound, WechatRefused},
};

/// The industries (行业) of an account.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct IndustriesView {
    primary: IndustryView,
    secondary: IndustryView,
}

/// An industry in WeChat's words.
#[derive(Serialize, ToSchema)]
struct IndustryView {
    /// 一级行业, such as `IT科技`.
    first_class: String,
    /// 二级行业, such as `互联网|电子商务`.
    second_class: String,
}

/// WeChat's numbers of two industries, from its documentation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct IndustryIds {
    primary: u32,
    secondary: u32,
}

impl From<Industry> for IndustryView {
    fn from(industry: Industry) -> Self {
        Self { first_class: industry.first_class, second_class: industry.second_class }
    }
}

impl From<Industries> for IndustriesView {
    fn from(industries: Industries) -> Self {
        Self { primary: industries.primary_industry.into(), secondary: industries.secondary_industry.into() }
    }
}

/// Asks WeChat for the industries of the account.
#[utoipa::path(get, operation_id = "read_industries", path = "/apps/{app}/templates/industries", tag = "templates", params(("app" = String, Path)),
    responses((status = 200, description = "Done", body = IndustriesView), NotFound, WechatRefused))]
pub(in crate::http::admin) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<Json<IndustriesView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    Ok(Json(state.templates.industries(&app).await?.into()))
}

/// Sets the industries of the account. WeChat takes one change a month.
#[utoipa::path(put, operation_id = "put_industries", path = "/apps/{app}/templates/industries", tag = "templates", params(("app" = String, Path)), request_body = IndustryIds,
    responses((status = 200, description = "Done", body = IndustriesView), NotFound, WechatRefused))]
pub(in crate::http::admin) async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(ids): Body<IndustryIds>,
) -> Result<Json<IndustriesView>, Problem> {
    caller.require(Some(&app), SYNC)?;
    let app = find_app(&state, &app).await?;
    state.templates.set_industries(&app, &ids.primary.to_string(), &ids.secondary.to_string()).await?;
    Ok(Json(state.templates.industries(&app).await?.into()))
}
