//! `/apps/{app}/merchants`: the configurations of WeChat Pay.

pub(super) mod check;
mod view;
pub(super) mod wechat;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use weft_wechat::pay::v2::SignType;

use super::{
    auth::Caller,
    change::{Change, set},
    find_app,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
        responses::{Invalid, NotFound},
    },
    model::{Merchant, PayVersion},
    pay::Shop,
    secret::Secret,
    storage::MerchantDeletion,
};

use view::{MerchantView, view};

const PERMISSION: &str = "pay_manage";

/// A merchant, or changes to one: what is absent stays, null takes away. What is needed depends on the version:
/// `api_key` for v2; `apiv3_key`, `private_key` and `serial_no` (or `client_cert`) for v3.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MerchantFields {
    /// 1 to 32 letters, digits, `_` or `-`; `default` without. Cannot be changed.
    name: Option<String>,
    /// 1 to 32 characters; the name without.
    title: Option<String>,
    /// The merchant with the greatest weight is meant where none is named.
    weight: Option<i64>,
    /// 商户号; needed. Cannot be changed.
    mch_id: Option<String>,
    /// v2 or v3; v3 without.
    #[schema(value_type = Option<String>, example = "v3")]
    api_version: Option<PayVersion>,
    /// How v2 signs: MD5 or HMAC-SHA256.
    #[schema(value_type = Option<String>, example = "HMAC-SHA256")]
    sign_type: Option<SignType>,
    /// API密钥, 32 letters and digits.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    api_key: Change<Secret>,
    /// `APIv3密钥`, 32 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    apiv3_key: Change<Secret>,
    /// The text of `apiclient_key.pem`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    private_key: Change<Secret>,
    /// The serial number of the merchant's certificate; taken from `client_cert` without.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    serial_no: Change<String>,
    /// `PUB_KEY_ID_…`, for merchants with the WeChat Pay public key.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    public_key_id: Change<String>,
    /// The text of `pub_key.pem`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    public_key: Change<Secret>,
    /// The text of `apiclient_cert.pem`; for refunds of v2.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    client_cert: Change<Secret>,
    /// The key of the certificate, where it is not `private_key`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    client_key: Change<Secret>,
    /// 特约商户号: on whose behalf a partner acts.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    sub_mch_id: Change<String>,
    /// The partner's own account, where the app is the sub-merchant's.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    mch_app_id: Change<String>,
}

impl MerchantFields {
    fn apply(self, merchant: &mut Merchant) {
        set(&mut merchant.title, self.title);
        set(&mut merchant.weight, self.weight);
        set(&mut merchant.mch_id, self.mch_id);
        set(&mut merchant.api_version, self.api_version);
        set(&mut merchant.sign_type, self.sign_type);
        // A new certificate has a serial number of its own: the old one is dropped unless one is given.
        if matches!(self.client_cert, Change::To(_)) {
            merchant.serial_no = None;
        }
        self.api_key.apply(&mut merchant.api_key);
        self.apiv3_key.apply(&mut merchant.apiv3_key);
        self.private_key.apply(&mut merchant.private_key);
        self.serial_no.map(|serial| serial.to_ascii_uppercase()).apply(&mut merchant.serial_no);
        self.public_key_id.apply(&mut merchant.public_key_id);
        self.public_key.apply(&mut merchant.public_key);
        self.client_cert.apply(&mut merchant.client_cert);
        self.client_key.apply(&mut merchant.client_key);
        self.sub_mch_id.apply(&mut merchant.sub_mch_id);
        self.mch_app_id.apply(&mut merchant.mch_app_id);
        merchant.complete();
    }
}

/// Lists the merchants of an app.
#[utoipa::path(get, operation_id = "list_merchants", path = "/apps/{app}/merchants", tag = "merchants", params(("app" = String, Path), PageQuery),
    responses((status = 200, description = "Done", body = Page<MerchantView>), NotFound))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<MerchantView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    find_app(&state, &app).await?;
    let merchants = state.store.merchants().list(&app).await?;
    let views = merchants.iter().map(|merchant| view(&state, merchant)).collect();
    Ok(Json(page.of(views, |merchant: &MerchantView| &merchant.name)))
}

/// Creates a merchant.
#[utoipa::path(post, operation_id = "create_merchant", path = "/apps/{app}/merchants", tag = "merchants", params(("app" = String, Path)), request_body = MerchantFields,
    responses((status = 201, description = "Created", body = MerchantView), NotFound, (status = 409, description = "The name is taken", body = Problem), Invalid))]
pub(super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(new): Body<MerchantFields>,
) -> Result<(StatusCode, Json<MerchantView>), Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let name = new.name.as_deref().unwrap_or("default");
    let mut merchant = Merchant::new(&app, name, "", PayVersion::default());
    new.apply(&mut merchant);
    let errors = merchant.check();
    if !errors.is_empty() {
        return Err(super::invalid(errors));
    }
    let merchant = view(&state, &state.store.merchants().insert(&merchant).await?);
    caller.notes.after(&merchant);
    Ok((StatusCode::CREATED, Json(merchant)))
}

/// Reads a merchant. Keys say only whether they are set.
#[utoipa::path(get, operation_id = "read_merchant", path = "/apps/{app}/merchants/{merchant}", tag = "merchants", params(("app" = String, Path), ("merchant" = String, Path)),
    responses((status = 200, description = "Done", body = MerchantView), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, name)): Path<(String, String)>,
) -> Result<Json<MerchantView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    Ok(Json(view(&state, &find(&state, &app, &name).await?)))
}

/// Changes a merchant.
#[utoipa::path(patch, operation_id = "patch_merchant", path = "/apps/{app}/merchants/{merchant}", tag = "merchants", params(("app" = String, Path), ("merchant" = String, Path)), request_body = MerchantFields,
    responses((status = 200, description = "Done", body = MerchantView), NotFound, Invalid))]
pub(super) async fn patch(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, name)): Path<(String, String)>,
    Body(patch): Body<MerchantFields>,
) -> Result<Json<MerchantView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let change = |merchant: &mut Merchant| {
        let before = merchant.clone();
        caller.notes.before(&view(&state, &before));
        if let Some(name) = &patch.name {
            merchant.name.clone_from(name);
        }
        patch.apply(merchant);
        let errors = merchant.check_change(&before);
        if errors.is_empty() { Ok(()) } else { Err(super::invalid(errors)) }
    };
    let merchant = state.store.merchants().change(&app, &name, change).await?;
    let merchant = view(&state, &merchant.ok_or_else(|| Problem::not_found("merchant", &name))?);
    caller.notes.after(&merchant);
    Ok(Json(merchant))
}

/// Deletes a merchant that has no orders.
#[utoipa::path(delete, operation_id = "delete_merchant", path = "/apps/{app}/merchants/{merchant}", tag = "merchants", params(("app" = String, Path), ("merchant" = String, Path)),
    responses((status = 204, description = "Gone"), NotFound, (status = 409, description = "It has orders", body = Problem)))]
pub(super) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, name)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    caller.notes.before(&view(&state, &find(&state, &app, &name).await?));
    match state.store.merchants().delete(&app, &name).await? {
        MerchantDeletion::Deleted => Ok(StatusCode::NO_CONTENT),
        MerchantDeletion::NotFound => Err(Problem::not_found("merchant", &name)),
        MerchantDeletion::HasOrders => {
            Err(Problem::conflict(format!("merchant `{name}` has orders, which would be lost: keep it")))
        }
    }
}

/// The merchant of that name.
pub(super) async fn find(state: &AppState, app: &str, name: &str) -> Result<Merchant, Problem> {
    let merchant = state.store.merchants().find(app, name).await?;
    merchant.ok_or_else(|| Problem::not_found("merchant", name))
}

/// The merchant of that name in an app, with the app.
pub(super) async fn find_shop(state: &AppState, app: &str, merchant: &str) -> Result<Shop, Problem> {
    state.pay.shop(app, merchant).await?.ok_or_else(|| Problem::not_found("merchant", merchant))
}
