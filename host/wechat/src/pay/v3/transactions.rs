//! POST /v3/pay/transactions/{jsapi,native,h5,app}, GET and POST …/out-trade-no/{out_trade_no}: orders.
//!
//! In partner mode the same stands under `/v3/pay/partner/transactions`, and both merchants are named.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::parse;
use super::{Call, CallError, Method, encode_path};
use crate::pay::{Fen, Party, TradeType, Transaction, time};

/// Tells WeChat of an order, so that a user can pay it. The same content may be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepay {
    /// Not [`TradeType::Micropay`], which v3 does not have.
    pub trade_type: TradeType,
    /// What is bought, for the user; at most 127 characters.
    pub description: String,
    /// The merchant's number.
    pub out_trade_no: String,
    /// How much.
    pub total: Fen,
    /// Seconds since 1970.
    pub time_expire: Option<u64>,
    /// Where WeChat tells of the payment; without a query.
    pub notify_url: String,
    /// Handed back unchanged.
    pub attach: Option<String>,
    /// Who pays, for [`TradeType::Jsapi`].
    pub openid: Option<String>,
    /// Who pays, as the sub-merchant's account knows them.
    pub sub_openid: Option<String>,
    /// Where the payment is called from; needed for [`TradeType::Mweb`].
    pub client_ip: Option<String>,
    /// More members, by WeChat's names: `goods_tag`, `detail`, `settle_info`, `limit_pay`, …
    pub more: Map<String, Value>,
}

/// What a user needs to pay: one of the three.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Prepaid {
    /// For JSAPI and apps; good for two hours.
    pub prepay_id: Option<String>,
    /// What the QR code says, for NATIVE; good for two hours.
    pub code_url: Option<String>,
    /// Where the browser goes, for H5; good for five minutes.
    pub h5_url: Option<String>,
}

fn base(party: &Party) -> &'static str {
    if party.is_partner() { "/v3/pay/partner/transactions" } else { "/v3/pay/transactions" }
}

/// The merchants, as members or as a query. A merchant of its own is `mchid`, a partner `sp_mchid`.
fn merchants(party: &Party) -> Vec<(&'static str, &str)> {
    match &party.sub_mch_id {
        None => vec![("mchid", &party.mch_id)],
        Some(sub_mch_id) => vec![("sp_mchid", &party.mch_id), ("sub_mchid", sub_mch_id)],
    }
}

impl Call for Prepay {
    const METHOD: Method = Method::Post;
    type Answer = Prepaid;

    fn target(&self, party: &Party) -> String {
        let kind = match self.trade_type {
            TradeType::Jsapi | TradeType::Micropay => "jsapi",
            TradeType::Native => "native",
            TradeType::App => "app",
            TradeType::Mweb => "h5",
        };
        format!("{}/{kind}", base(party))
    }

    fn body(&self, party: &Party) -> Value {
        let mut body = self.more.clone();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        for (name, value) in merchants(party) {
            put(name, value.into());
        }
        put(if party.is_partner() { "sp_appid" } else { "appid" }, (&*party.appid).into());
        if let Some(sub_appid) = &party.sub_appid {
            put("sub_appid", (&**sub_appid).into());
        }
        put("description", (&*self.description).into());
        put("out_trade_no", (&*self.out_trade_no).into());
        put("notify_url", (&*self.notify_url).into());
        put("amount", json!({"total": self.total, "currency": "CNY"}));
        if let Some(time_expire) = self.time_expire {
            put("time_expire", time::to_rfc3339(time_expire).into());
        }
        if let Some(attach) = &self.attach {
            put("attach", (&**attach).into());
        }
        if let Some(payer) = self.payer(party) {
            put("payer", payer);
        }
        if let Some(client_ip) = &self.client_ip {
            let mut scene = json!({"payer_client_ip": client_ip});
            if self.trade_type == TradeType::Mweb {
                scene["h5_info"] = json!({"type": "Wap"});
            }
            // What the order itself says of its scene counts more.
            let own = self.more.get("scene_info").and_then(Value::as_object);
            for (name, value) in own.into_iter().flatten() {
                scene[name] = value.clone();
            }
            put("scene_info", scene);
        }
        body.into()
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<Prepaid, CallError> {
        let prepaid: Prepaid = parse(body)?;
        let needed = match self.trade_type {
            TradeType::Native => &prepaid.code_url,
            TradeType::Mweb => &prepaid.h5_url,
            TradeType::Jsapi | TradeType::App | TradeType::Micropay => &prepaid.prepay_id,
        };
        if needed.is_none() {
            return Err(CallError::Unreadable("it has nothing to pay with".to_owned()));
        }
        Ok(prepaid)
    }
}

impl Prepay {
    fn payer(&self, party: &Party) -> Option<Value> {
        if self.trade_type != TradeType::Jsapi {
            return None;
        }
        let own = if party.is_partner() { "sp_openid" } else { "openid" };
        match (&self.sub_openid, &self.openid) {
            (Some(openid), _) if party.is_partner() => Some(json!({"sub_openid": openid})),
            (_, Some(openid)) => Some(json!({own: openid})),
            _ => None,
        }
    }
}

/// Asks where an order is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The merchant's number.
    pub out_trade_no: String,
}

impl Call for Query {
    const METHOD: Method = Method::Get;
    type Answer = Transaction;

    fn target(&self, party: &Party) -> String {
        let merchants = merchants(party);
        let query: Vec<_> = merchants.iter().map(|(name, value)| format!("{name}={}", encode_path(value))).collect();
        format!("{}/out-trade-no/{}?{}", base(party), encode_path(&self.out_trade_no), query.join("&"))
    }

    fn read(&self, party: &Party, body: &[u8]) -> Result<Transaction, CallError> {
        let transaction = read_transaction(body)?;
        check(&transaction, party)?;
        if transaction.out_trade_no == self.out_trade_no {
            Ok(transaction)
        } else {
            Err(CallError::Other("out_trade_no"))
        }
    }
}

/// Closes an order that nobody has paid. WeChat refuses with `ORDER_PAID` when somebody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The merchant's number.
    pub out_trade_no: String,
}

impl Call for Close {
    const METHOD: Method = Method::Post;
    type Answer = ();

    fn target(&self, party: &Party) -> String {
        format!("{}/out-trade-no/{}/close", base(party), encode_path(&self.out_trade_no))
    }

    fn body(&self, party: &Party) -> Value {
        let members = merchants(party).into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        Value::Object(members.collect())
    }

    fn read(&self, _: &Party, _: &[u8]) -> Result<(), CallError> {
        Ok(())
    }
}

/// Whether an order is this merchant's.
pub(super) fn check(transaction: &Transaction, party: &Party) -> Result<(), CallError> {
    let differs = |told: &Option<String>, own: &Option<String>| told.is_some() && own.is_some() && told != own;
    if transaction.mch_id != party.mch_id {
        return Err(CallError::Other("mchid"));
    }
    if transaction.appid.as_ref().is_some_and(|appid| *appid != party.appid) {
        return Err(CallError::Other("appid"));
    }
    if transaction.sub_mch_id != party.sub_mch_id {
        return Err(CallError::Other("sub_mchid"));
    }
    if differs(&transaction.sub_appid, &party.sub_appid) {
        return Err(CallError::Other("sub_appid"));
    }
    Ok(())
}

/// An order as v3 writes it, in answers and in notifications.
pub(super) fn read_transaction(body: &[u8]) -> Result<Transaction, CallError> {
    #[derive(Deserialize)]
    struct Told {
        #[serde(alias = "sp_mchid")]
        mchid: String,
        #[serde(alias = "sp_appid")]
        appid: Option<String>,
        sub_appid: Option<String>,
        sub_mchid: Option<String>,
        out_trade_no: String,
        transaction_id: Option<String>,
        trade_state: String,
        trade_type: Option<String>,
        success_time: Option<String>,
        attach: Option<String>,
        amount: Option<Amount>,
        payer: Option<Payer>,
        #[serde(flatten)]
        other: Map<String, Value>,
    }
    #[derive(Deserialize)]
    struct Amount {
        total: Option<Fen>,
        currency: Option<String>,
        #[serde(flatten)]
        other: Map<String, Value>,
    }
    #[derive(Deserialize)]
    struct Payer {
        #[serde(alias = "sp_openid")]
        openid: Option<String>,
        sub_openid: Option<String>,
    }
    let told: Told = parse(body)?;
    let unreadable = |field: &str| CallError::Unreadable(format!("its {field} makes no sense"));
    let full = |text: Option<String>| text.filter(|text| !text.is_empty());
    let paid_at = full(told.success_time).map(|text| time::from_rfc3339(&text)).transpose();
    let amount = told.amount;
    let total = amount.as_ref().and_then(|amount| amount.total);
    if total.is_some_and(|total| total > Fen::MAX) {
        return Err(unreadable("amount"));
    }
    let currency = amount.as_ref().and_then(|amount| amount.currency.clone());
    let in_amount = amount.into_iter().flat_map(|amount| amount.other);
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let (openid, sub_openid) = told.payer.map_or((None, None), |payer| (payer.openid, payer.sub_openid));
    Ok(Transaction {
        appid: full(told.appid),
        mch_id: told.mchid,
        sub_appid: full(told.sub_appid),
        sub_mch_id: full(told.sub_mchid),
        out_trade_no: told.out_trade_no,
        transaction_id: full(told.transaction_id),
        state: told.trade_state.parse().map_err(|_| unreadable("trade_state"))?,
        trade_type: full(told.trade_type),
        total,
        currency: full(currency),
        paid_at: paid_at.map_err(|_| unreadable("success_time"))?,
        openid: full(openid),
        sub_openid: full(sub_openid),
        attach: full(told.attach),
        other: told.other.into_iter().chain(in_amount).map(|(name, value)| (name, text(value))).collect(),
    })
}
