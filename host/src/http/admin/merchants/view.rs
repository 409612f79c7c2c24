//! A merchant as it is read.

use serde::Serialize;
use utoipa::ToSchema;
use weft_wechat::pay::v2::SignType;

use crate::{
    http::{AppState, admin::secret_view::SecretView},
    model::{Merchant, PayVersion},
    time,
};

/// A merchant as it is read. Keys and certificates say only whether they are set.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct MerchantView {
    /// Unique in the app.
    pub(super) name: String,
    /// For people.
    title: String,
    /// The merchant with the greatest weight is meant where none is named.
    weight: i64,
    /// 商户号.
    mch_id: String,
    /// v2 or v3.
    #[schema(value_type = String, example = "v3")]
    api_version: PayVersion,
    /// How v2 signs.
    #[schema(value_type = String, example = "HMAC-SHA256")]
    sign_type: SignType,
    api_key: SecretView,
    apiv3_key: SecretView,
    private_key: SecretView,
    /// The serial number of the merchant's certificate.
    serial_no: Option<String>,
    public_key_id: Option<String>,
    public_key: SecretView,
    client_cert: SecretView,
    client_key: SecretView,
    /// 特约商户号.
    sub_mch_id: Option<String>,
    /// The partner's own account.
    mch_app_id: Option<String>,
    /// Where WeChat tells of payments.
    notify_url: String,
    /// Where WeChat tells of refunds.
    refund_notify_url: String,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
}

pub(super) fn view(state: &AppState, merchant: &Merchant) -> MerchantView {
    let base = format!("{}/wechat/{}/pay/{}", state.config.public_url, merchant.app, merchant.name);
    MerchantView {
        name: merchant.name.clone(),
        title: merchant.title.clone(),
        weight: merchant.weight,
        mch_id: merchant.mch_id.clone(),
        api_version: merchant.api_version,
        sign_type: merchant.sign_type,
        api_key: (&merchant.api_key).into(),
        apiv3_key: (&merchant.apiv3_key).into(),
        private_key: (&merchant.private_key).into(),
        serial_no: merchant.serial_no.clone(),
        public_key_id: merchant.public_key_id.clone(),
        public_key: (&merchant.public_key).into(),
        client_cert: (&merchant.client_cert).into(),
        client_key: (&merchant.client_key).into(),
        sub_mch_id: merchant.sub_mch_id.clone(),
        mch_app_id: merchant.mch_app_id.clone(),
        notify_url: format!("{base}/notify/"),
        refund_notify_url: format!("{base}/refund-notify/"),
        created_at: time::rfc3339(merchant.created_at),
        updated_at: time::rfc3339(merchant.updated_at),
    }
}
