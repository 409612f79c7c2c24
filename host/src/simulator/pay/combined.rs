//! Orders that are paid together.

use std::collections::HashMap;

use axum::http::Method;
use serde_json::{Value, json};
use weft_wechat::pay::TradeState;

use super::book::{Book, INVALID, NOT_FOUND, No, PAID, USED};

/// What is paid together, of all merchants.
#[derive(Default)]
pub(super) struct Combined(HashMap<(String, String), Together>);

struct Together {
    asked: Value,
    state: TradeState,
}

impl Combined {
    /// A user pays; whether there is something to pay.
    pub(super) fn pay(&mut self, mch_id: &str, number: &str) -> bool {
        let together = self.0.get_mut(&(mch_id.to_owned(), number.to_owned()));
        let open = together.filter(|together| together.state == TradeState::Notpay);
        open.map(|together| together.state = TradeState::Success).is_some()
    }
}

/// `path` is below `/v3/combine-transactions/`.
pub(super) fn answer(book: &mut Book, mch_id: &str, method: &Method, path: &str, asked: &Value) -> Result<Value, No> {
    let parts: Vec<_> = path.split('/').collect();
    let all = &mut book.combined.0;
    let key = |number: &str| (mch_id.to_owned(), number.to_owned());
    match (method.as_str(), &*parts) {
        ("POST", [kind @ ("jsapi" | "app" | "native" | "h5")]) => {
            let number = asked["combine_out_trade_no"].as_str().ok_or(INVALID)?;
            let parts =
                asked["sub_orders"].as_array().filter(|parts| (2..=10).contains(&parts.len())).ok_or(INVALID)?;
            let is_right = |part: &Value| {
                part["amount"]["total_amount"].as_u64().is_some_and(|total| total > 0)
                    && part["out_trade_no"].is_string()
            };
            if !parts.iter().all(is_right) {
                return Err(INVALID);
            }
            let new = Together { asked: asked.clone(), state: TradeState::Notpay };
            let together = all.entry(key(number)).or_insert(new);
            match together.state {
                _ if together.asked != *asked => Err(USED),
                TradeState::Notpay => Ok(match *kind {
                    "native" => json!({"code_url": format!("weixin://wxpay/bizpayurl?pr={number}")}),
                    "h5" => {
                        json!({"h5_url": format!("https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={number}")})
                    }
                    _ => json!({"prepay_id": format!("wx{number}")}),
                }),
                _ => Err(PAID),
            }
        }
        ("GET", ["out-trade-no", number]) => {
            all.get(&key(number)).map(|together| told(number, together)).ok_or(NOT_FOUND)
        }
        ("POST", ["out-trade-no", number, "close"]) => {
            let together = all.get_mut(&key(number)).ok_or(NOT_FOUND)?;
            if together.state == TradeState::Success {
                return Err(PAID);
            }
            together.state = TradeState::Closed;
            Ok(Value::Null)
        }
        _ => Err(NOT_FOUND),
    }
}

fn told(number: &str, together: &Together) -> Value {
    let asked = &together.asked;
    let part = |part: &Value| {
        let mut told = json!({
            "mchid": part["mchid"], "out_trade_no": part["out_trade_no"], "attach": part["attach"],
            "trade_state": together.state, "amount": part["amount"],
        });
        if together.state == TradeState::Success {
            told["transaction_id"] = format!("42000{}", part["out_trade_no"].as_str().unwrap_or_default()).into();
        }
        told
    };
    let parts = asked["sub_orders"].as_array().into_iter().flatten().map(part);
    json!({
        "combine_appid": asked["combine_appid"], "combine_mchid": asked["combine_mchid"],
        "combine_out_trade_no": number, "sub_orders": parts.collect::<Vec<_>>(),
    })
}
