//! POST /pay/unifiedorder

use super::answer::CallError;
use super::{Call, Fields};
use crate::pay::{Fen, TradeType, time};

/// Tells WeChat of an order, so that a user can pay it. The same content may be sent again; another is refused with
/// `OUT_TRADE_NO_USED`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnifiedOrder {
    /// What is bought, for the user; at most 128 bytes.
    pub body: String,
    /// The merchant's number.
    pub out_trade_no: String,
    /// How much.
    pub total: Fen,
    /// Where the payment is called from.
    pub client_ip: String,
    /// Where WeChat tells of the payment; without a query.
    pub notify_url: String,
    /// Not [`TradeType::Micropay`].
    pub trade_type: TradeType,
    /// Seconds since 1970.
    pub time_start: Option<u64>,
    /// Seconds since 1970; a minute after the start at least.
    pub time_expire: Option<u64>,
    /// Who pays, for [`TradeType::Jsapi`].
    pub openid: Option<String>,
    /// Who pays, as the sub-merchant's account knows them.
    pub sub_openid: Option<String>,
    /// More fields, by WeChat's names: `detail`, `attach`, `goods_tag`, `product_id`, `limit_pay`, `receipt`,
    /// `scene_info`, `device_info`, `profit_sharing`, …
    pub more: Vec<(String, String)>,
}

/// What a user needs to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepaid {
    /// Good for two hours.
    pub prepay_id: String,
    /// What the QR code says, for [`TradeType::Native`]; good for two hours.
    pub code_url: Option<String>,
    /// Where the browser goes, for [`TradeType::Mweb`]; good for five minutes.
    pub mweb_url: Option<String>,
}

impl Call for UnifiedOrder {
    const PATH: &'static str = "/pay/unifiedorder";
    type Answer = Prepaid;

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.push("body", &self.body);
        fields.push("out_trade_no", &self.out_trade_no);
        fields.push("total_fee", self.total.to_string());
        fields.push("spbill_create_ip", &self.client_ip);
        fields.push("notify_url", &self.notify_url);
        fields.push("trade_type", self.trade_type.as_str());
        fields.push("time_start", self.time_start.map(time::to_compact).unwrap_or_default());
        fields.push("time_expire", self.time_expire.map(time::to_compact).unwrap_or_default());
        fields.push_some("openid", self.openid.as_deref());
        fields.push_some("sub_openid", self.sub_openid.as_deref());
        for (name, value) in &self.more {
            fields.push(name, value);
        }
        fields
    }

    fn read(&self, fields: &Fields) -> Result<Prepaid, CallError> {
        let code_url = fields.text("code_url");
        let mweb_url = fields.text("mweb_url");
        if self.trade_type == TradeType::Native && code_url.is_none() {
            return Err(CallError::Missing("code_url"));
        }
        if self.trade_type == TradeType::Mweb && mweb_url.is_none() {
            return Err(CallError::Missing("mweb_url"));
        }
        let prepay_id = fields.text("prepay_id").ok_or(CallError::Missing("prepay_id"))?;
        Ok(Prepaid { prepay_id, code_url, mweb_url })
    }
}
