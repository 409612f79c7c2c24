//! Telling WeChat of an order, and what a user's page, mini program or app needs to pay it.

use std::net::IpAddr;

use serde_json::{Map, Value};
use uuid::Uuid;
use weft_wechat::pay::v2::unifiedorder::UnifiedOrder;
use weft_wechat::pay::v3::transactions;
use weft_wechat::pay::{TradeState, TradeType};

use super::{Pay, PayActionError, Shop};
use crate::model::{Observation, ObservationSource, Order, OrderTerms, PayVersion, UnusableMerchant};
use crate::upstream::PayError;

/// Where a payment is called from when nobody says it.
pub(super) const NOWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// What a user needs to pay, the same for v2 and v3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepaid {
    /// Good for two hours.
    pub prepay_id: Option<String>,
    /// What the QR code of a NATIVE order says; good for two hours.
    pub code_url: Option<String>,
    /// Where the browser goes for an MWEB order; good for five minutes.
    pub mweb_url: Option<String>,
    /// What the page, mini program or app hands to WeChat's payment call: names and texts.
    pub parameters: Vec<(&'static str, String)>,
}

impl Pay {
    /// Tells WeChat of an order. Repeated, it says the same again but where the payment is called from.
    ///
    /// # Errors
    /// When the order cannot be paid any more, or there is no answer that can be believed.
    pub async fn prepay(
        &self,
        shop: &Shop,
        order: &Order,
        client_ip: Option<IpAddr>,
    ) -> Result<Prepaid, PayActionError> {
        must_be_open(order)?;
        if order.terms.time_expire <= self.0.clock.now() {
            return Err(PayActionError::State("the order's time has run out: create another one".to_owned()));
        }
        if order.terms.trade_type == TradeType::Micropay {
            return Err(PayActionError::State("a payment by code is made in one step".to_owned()));
        }
        let asked_at = self.0.clock.now_ms();
        let prepaid = match shop.merchant.api_version {
            PayVersion::V2 => self.prepay_v2(shop, order, client_ip).await,
            PayVersion::V3 => self.prepay_v3(shop, order, client_ip).await,
        };
        if let Err(error) = &prepaid
            && error.is_refused_with("ORDERPAID")
        {
            let now = self.query(shop, order).await?;
            return Err(PayActionError::State(format!("the order is {} already", now.state)));
        }
        let prepaid = prepaid?;
        let seen = Observation::done(ObservationSource::Prepay, TradeState::Notpay, asked_at, "prepay");
        // It may have been closed here while WeChat was told of it: nobody may pay it then.
        must_be_open(&self.apply(order, &seen).await?.order)?;
        Ok(prepaid)
    }

    async fn prepay_v2(&self, shop: &Shop, order: &Order, client_ip: Option<IpAddr>) -> Result<Prepaid, PayError> {
        let terms = &order.terms;
        let mut more = more_of_v2(terms);
        // NATIVE needs one, and WeChat asks for nothing about it.
        let product_id =
            terms.product_id.as_ref().or((terms.trade_type == TradeType::Native).then_some(&order.out_trade_no));
        more.extend(product_id.map(|product| ("product_id".to_owned(), product.clone())));
        let call = UnifiedOrder {
            body: terms.body.clone(),
            out_trade_no: order.out_trade_no.clone(),
            total: terms.total_fee,
            client_ip: client_ip.or(terms.client_ip).unwrap_or(NOWHERE).to_string(),
            notify_url: self.notify_url(shop, "notify"),
            trade_type: terms.trade_type,
            time_start: Some(terms.time_start),
            time_expire: Some(terms.time_expire),
            openid: terms.openid.clone(),
            sub_openid: terms.sub_openid.clone(),
            more,
        };
        let told = self.0.gateway.v2(&shop.merchant, &order.party, &call).await?;
        let signer = shop.merchant.v2(order.party.clone())?;
        let (now, nonce) = (self.0.clock.now(), Uuid::new_v4().simple().to_string());
        let parameters = match terms.trade_type {
            TradeType::Jsapi => signer.jsapi_parameters(&shop.app.appid, &told.prepay_id, now, &nonce).into_named(),
            TradeType::App => signer.app_parameters(&told.prepay_id, now, &nonce).into_named(),
            TradeType::Native | TradeType::Mweb | TradeType::Micropay => Vec::new(),
        };
        Ok(Prepaid { prepay_id: Some(told.prepay_id), code_url: told.code_url, mweb_url: told.mweb_url, parameters })
    }

    async fn prepay_v3(&self, shop: &Shop, order: &Order, client_ip: Option<IpAddr>) -> Result<Prepaid, PayError> {
        let terms = &order.terms;
        // Said again, the order says the same members: whether the address is one of them depends on the order alone.
        let own = terms.client_ip.or((terms.trade_type == TradeType::Mweb).then_some(NOWHERE));
        let client_ip = own.map(|own| client_ip.unwrap_or(own));
        let call = transactions::Prepay {
            trade_type: terms.trade_type,
            description: terms.body.clone(),
            out_trade_no: order.out_trade_no.clone(),
            total: terms.total_fee,
            time_expire: Some(terms.time_expire),
            notify_url: self.notify_url(shop, "notify"),
            attach: terms.attach.clone(),
            openid: terms.openid.clone(),
            sub_openid: terms.sub_openid.clone(),
            client_ip: client_ip.map(|ip| ip.to_string()),
            more: more_of_v3(terms),
        };
        let told = self.0.gateway.v3(&shop.merchant, &order.party, &call).await?;
        let signer = shop.merchant.v3(order.party.clone())?;
        let (now, nonce) = (self.0.clock.now(), Uuid::new_v4().simple().to_string());
        let unusable = |_| UnusableMerchant("private_key");
        let parameters = match (terms.trade_type, &told.prepay_id) {
            (TradeType::Jsapi, Some(prepay_id)) => {
                signer.jsapi_parameters(&shop.app.appid, prepay_id, now, &nonce).map_err(unusable)?.into_named()
            }
            (TradeType::App, Some(prepay_id)) => {
                signer.app_parameters(prepay_id, now, &nonce).map_err(unusable)?.into_named()
            }
            _ => Vec::new(),
        };
        Ok(Prepaid { prepay_id: told.prepay_id, code_url: told.code_url, mweb_url: told.h5_url, parameters })
    }
}

fn must_be_open(order: &Order) -> Result<(), PayActionError> {
    if order.state.is_open() {
        return Ok(());
    }
    Err(PayActionError::State(format!("the order is {}: it cannot be paid any more", order.state)))
}

/// What v2 has besides what every order has.
pub(super) fn more_of_v2(terms: &OrderTerms) -> Vec<(String, String)> {
    let optional = [
        ("attach", &terms.attach),
        ("detail", &terms.detail),
        ("goods_tag", &terms.goods_tag),
        ("limit_pay", &terms.limit_pay),
        ("scene_info", &terms.scene_info),
        ("device_info", &terms.device_info),
    ];
    let mut more = Vec::new();
    for (name, text) in optional {
        more.extend(text.iter().map(|text| (name.to_owned(), text.clone())));
    }
    if terms.receipt {
        more.push(("receipt".to_owned(), "Y".to_owned()));
    }
    more
}

/// What v3 calls otherwise, or writes as JSON where v2 has texts.
fn more_of_v3(terms: &OrderTerms) -> Map<String, Value> {
    let mut more = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        more.extend(value.map(|value| (name.to_owned(), value)));
    };
    let object = |text: &String| serde_json::from_str(text).ok();
    put("goods_tag", terms.goods_tag.clone().map(Value::from));
    put("detail", terms.detail.as_ref().and_then(object));
    put("scene_info", terms.scene_info.as_ref().and_then(object));
    put("limit_pay", terms.limit_pay.clone().map(|limit| vec![limit].into()));
    put("support_fapiao", terms.receipt.then_some(true.into()));
    more
}
