//! Signs what the user's side hands to WeChat's payment call.

use super::{InvalidKey, Merchant};
use crate::pay::client::{AppParameters, JsapiParameters};

impl Merchant {
    /// For JSAPI and mini programs. In partner mode `appid` is the account in which the user pays.
    ///
    /// # Errors
    /// When the private key does not fit together.
    pub fn jsapi_parameters(
        &self,
        appid: &str,
        prepay_id: &str,
        now: u64,
        nonce: &str,
    ) -> Result<JsapiParameters, InvalidKey> {
        let package = format!("prepay_id={prepay_id}");
        let pay_sign = self.key.sign(format!("{appid}\n{now}\n{nonce}\n{package}\n").as_bytes())?;
        Ok(JsapiParameters {
            app_id: appid.to_owned(),
            time_stamp: now.to_string(),
            nonce_str: nonce.to_owned(),
            package,
            sign_type: "RSA",
            pay_sign,
        })
    }

    /// For apps. In partner mode they are those of the sub-merchant.
    ///
    /// # Errors
    /// When the private key does not fit together.
    pub fn app_parameters(&self, prepay_id: &str, now: u64, nonce: &str) -> Result<AppParameters, InvalidKey> {
        let appid = self.party.sub_appid.as_ref().unwrap_or(&self.party.appid);
        let partner_id = self.party.sub_mch_id.as_ref().unwrap_or(&self.party.mch_id);
        let sign = self.key.sign(format!("{appid}\n{now}\n{nonce}\n{prepay_id}\n").as_bytes())?;
        Ok(AppParameters {
            appid: appid.clone(),
            partner_id: partner_id.clone(),
            prepay_id: prepay_id.to_owned(),
            nonce_str: nonce.to_owned(),
            timestamp: now.to_string(),
            sign,
        })
    }
}
