//! Signs what the user's side hands to WeChat's payment call.

use super::{Merchant, sign};
use crate::pay::client::{APP_PACKAGE, AppParameters, JsapiParameters};

impl Merchant {
    /// For JSAPI and mini programs. In partner mode `appid` is the account in which the user pays.
    pub fn jsapi_parameters(&self, appid: &str, prepay_id: &str, now: u64, nonce: &str) -> JsapiParameters {
        let (time_stamp, package) = (now.to_string(), format!("prepay_id={prepay_id}"));
        let values = [
            ("appId", appid),
            ("timeStamp", &*time_stamp),
            ("nonceStr", nonce),
            ("package", &*package),
            ("signType", self.sign_type.as_str()),
        ];
        let pay_sign = sign(values, &self.key, self.sign_type);
        JsapiParameters {
            app_id: appid.to_owned(),
            time_stamp,
            nonce_str: nonce.to_owned(),
            package,
            sign_type: self.sign_type.as_str(),
            pay_sign,
        }
    }

    /// For apps. In partner mode `appid` and `mch_id` are those of the sub-merchant.
    pub fn app_parameters(&self, prepay_id: &str, now: u64, nonce: &str) -> AppParameters {
        let appid = self.party.sub_appid.as_ref().unwrap_or(&self.party.appid);
        let partner_id = self.party.sub_mch_id.as_ref().unwrap_or(&self.party.mch_id);
        let timestamp = now.to_string();
        let values = [
            ("appid", &**appid),
            ("partnerid", partner_id),
            ("prepayid", prepay_id),
            ("package", APP_PACKAGE),
            ("noncestr", nonce),
            ("timestamp", &*timestamp),
        ];
        let sign = sign(values, &self.key, self.sign_type);
        AppParameters {
            appid: appid.clone(),
            partner_id: partner_id.clone(),
            prepay_id: prepay_id.to_owned(),
            nonce_str: nonce.to_owned(),
            timestamp,
            sign,
        }
    }
}
