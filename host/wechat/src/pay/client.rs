//! What a page, a mini program or an app hands to WeChat's payment call. How it is signed differs between v2 and v3.

/// For JSAPI and mini programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsapiParameters {
    /// `appId`
    pub app_id: String,
    /// `timeStamp`: seconds since 1970, as text.
    pub time_stamp: String,
    /// `nonceStr`
    pub nonce_str: String,
    /// `package`: `prepay_id=…`
    pub package: String,
    /// `signType`
    pub sign_type: &'static str,
    /// `paySign`
    pub pay_sign: String,
}

/// For apps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppParameters {
    /// `appid`
    pub appid: String,
    /// `partnerid`: the merchant.
    pub partner_id: String,
    /// `prepayid`
    pub prepay_id: String,
    /// `noncestr`
    pub nonce_str: String,
    /// `timestamp`: seconds since 1970, as text.
    pub timestamp: String,
    /// `sign`; `package` is always [`APP_PACKAGE`].
    pub sign: String,
}

/// The `package` of apps.
pub const APP_PACKAGE: &str = "Sign=WXPay";

impl JsapiParameters {
    /// As WeChat names them.
    pub fn into_named(self) -> Vec<(&'static str, String)> {
        vec![
            ("appId", self.app_id),
            ("timeStamp", self.time_stamp),
            ("nonceStr", self.nonce_str),
            ("package", self.package),
            ("signType", self.sign_type.to_owned()),
            ("paySign", self.pay_sign),
        ]
    }
}

impl AppParameters {
    /// As WeChat names them.
    pub fn into_named(self) -> Vec<(&'static str, String)> {
        vec![
            ("appid", self.appid),
            ("partnerid", self.partner_id),
            ("prepayid", self.prepay_id),
            ("noncestr", self.nonce_str),
            ("timestamp", self.timestamp),
            ("sign", self.sign),
            ("package", APP_PACKAGE.to_owned()),
        ]
    }
}
