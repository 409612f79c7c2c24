//! `POST /v3/combine-transactions/{jsapi,native,h5,app}` and what belongs to it: several orders paid at once.

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::parse;
use super::transactions::Prepaid;
use super::{Call, CallError, Method, encode_path};
use crate::pay::{Fen, Party, TradeType, UnknownTradeState, time};

const BASE: &str = "/v3/combine-transactions";

/// One of the orders that are paid together. Refunds are made of each by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubOrder {
    /// The merchant that gets the money.
    pub mch_id: String,
    /// Its number of the order.
    pub out_trade_no: String,
    /// What is bought, for the user.
    pub description: String,
    /// How much.
    pub total: Fen,
    /// Handed back unchanged; WeChat wants one.
    pub attach: String,
}

/// Tells WeChat of orders that are paid together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepay {
    /// Not [`TradeType::Micropay`].
    pub trade_type: TradeType,
    /// The number of all together.
    pub combine_out_trade_no: String,
    /// 2 to 10 of them.
    pub sub_orders: Vec<SubOrder>,
    /// Who pays, for [`TradeType::Jsapi`].
    pub openid: Option<String>,
    /// Until when, in seconds since 1970.
    pub time_expire: Option<u64>,
    /// Where WeChat tells of the payment; without a query.
    pub notify_url: String,
    /// Where the payment is called from.
    pub client_ip: Option<String>,
}

/// Orders that are paid together, as WeChat tells them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Combined {
    /// The number of all together.
    pub combine_out_trade_no: String,
    /// What became of each.
    pub sub_orders: Vec<CombinedOrder>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CombinedOrder {
    /// The merchant that gets the money.
    pub mchid: String,
    /// Its number of the order.
    pub out_trade_no: String,
    /// WeChat's number, once it is paid.
    pub transaction_id: Option<String>,
    /// The text of a [`TradeState`](crate::pay::TradeState).
    pub trade_state: String,
    /// How much.
    pub amount: CombinedAmount,
}

/// What one of them is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CombinedAmount {
    /// In fen.
    pub total_amount: Fen,
}

impl CombinedOrder {
    /// Where it is.
    ///
    /// # Errors
    /// When WeChat names a state that is not known here.
    pub fn state(&self) -> Result<crate::pay::TradeState, UnknownTradeState> {
        self.trade_state.parse()
    }
}

impl Call for Prepay {
    const METHOD: Method = Method::Post;
    type Answer = Prepaid;

    fn target(&self, _: &Party) -> String {
        let kind = match self.trade_type {
            TradeType::Jsapi | TradeType::Micropay => "jsapi",
            TradeType::Native => "native",
            TradeType::App => "app",
            TradeType::Mweb => "h5",
        };
        format!("{BASE}/{kind}")
    }

    fn body(&self, party: &Party) -> Value {
        let sub_order = |order: &SubOrder| {
            json!({
                "mchid": order.mch_id,
                "out_trade_no": order.out_trade_no,
                "description": order.description,
                "attach": order.attach,
                "amount": {"total_amount": order.total, "currency": "CNY"},
            })
        };
        let mut body = json!({
            "combine_appid": party.appid,
            "combine_mchid": party.mch_id,
            "combine_out_trade_no": self.combine_out_trade_no,
            "sub_orders": self.sub_orders.iter().map(sub_order).collect::<Vec<_>>(),
            "notify_url": self.notify_url,
        });
        if let Some(openid) = &self.openid {
            body["combine_payer_info"] = json!({"openid": openid});
        }
        if let Some(time_expire) = self.time_expire {
            body["time_expire"] = time::to_rfc3339(time_expire).into();
        }
        if let Some(client_ip) = &self.client_ip {
            body["scene_info"] = json!({"payer_client_ip": client_ip});
            if self.trade_type == TradeType::Mweb {
                body["scene_info"]["h5_info"] = json!({"type": "Wap"});
            }
        }
        body
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<Prepaid, CallError> {
        Prepaid::read(body, self.trade_type)
    }
}

/// Asks where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The number of all together.
    pub combine_out_trade_no: String,
}

impl Call for Query {
    const METHOD: Method = Method::Get;
    type Answer = Combined;

    fn target(&self, _: &Party) -> String {
        format!("{BASE}/out-trade-no/{}", encode_path(&self.combine_out_trade_no))
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<Combined, CallError> {
        let told: Combined = parse(body)?;
        if told.combine_out_trade_no == self.combine_out_trade_no {
            Ok(told)
        } else {
            Err(CallError::Other("combine_out_trade_no"))
        }
    }
}

/// Closes them, when nobody has paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The number of all together.
    pub combine_out_trade_no: String,
    /// Merchant and number of each.
    pub sub_orders: Vec<(String, String)>,
}

impl Call for Close {
    const METHOD: Method = Method::Post;
    type Answer = ();

    fn target(&self, _: &Party) -> String {
        format!("{BASE}/out-trade-no/{}/close", encode_path(&self.combine_out_trade_no))
    }

    fn body(&self, party: &Party) -> Value {
        let sub_order = |(mch_id, number): &(String, String)| json!({"mchid": mch_id, "out_trade_no": number});
        let sub_orders: Vec<_> = self.sub_orders.iter().map(sub_order).collect();
        json!({"combine_appid": party.appid, "sub_orders": sub_orders})
    }

    fn read(&self, _: &Party, _: &[u8]) -> Result<(), CallError> {
        Ok(())
    }
}
