//! Any call of WeChat Pay with a merchant's keys, but those that orders are made of.

use serde_json::Value;
use weft_wechat::pay::{v2, v3};

use super::{Pay, Shop};
use crate::upstream::{PayAnswer, PayError};

impl Pay {
    /// Any call of v3. What is [marked](v3::MARK) in the body is sealed first.
    ///
    /// # Errors
    /// Why there is no answer that can be believed.
    pub async fn call_v3(&self, shop: &Shop, call: v3::AnyCall) -> Result<PayAnswer, PayError> {
        self.0.gateway.any_v3(&shop.merchant, &shop.merchant.party(&shop.app), call).await
    }

    /// Any call of v2.
    ///
    /// # Errors
    /// Why there is no answer that can be believed.
    pub async fn call_v2(&self, shop: &Shop, call: &v2::AnyCall) -> Result<Value, PayError> {
        self.0.gateway.any_v2(&shop.merchant, &shop.merchant.party(&shop.app), call).await
    }
}
