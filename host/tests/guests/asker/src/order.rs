//! Does with orders what it is asked for, and says what came of it.

use serde::Deserialize;
use weft_plugin::{
    Error, Order, TradeType,
    orders::{self, NewOrder, NewRefund},
};

/// What to do with an order.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Ask {
    Find {
        merchant: Option<String>,
        out_trade_no: String,
    },
    Create {
        merchant: Option<String>,
        out_trade_no: String,
        total_fee: u64,
        openid: Option<String>,
        expires_at: Option<u64>,
    },
    Prepay {
        merchant: Option<String>,
        out_trade_no: String,
    },
    Query {
        merchant: Option<String>,
        out_trade_no: String,
    },
    Refund {
        merchant: Option<String>,
        out_trade_no: String,
        out_refund_no: String,
        refund_fee: u64,
    },
}

pub(crate) fn answer(ask: &Ask) -> Result<String, Error> {
    match ask {
        Ask::Find { merchant, out_trade_no } => {
            let found = orders::find(merchant.as_deref(), out_trade_no)?;
            Ok(found.as_ref().map_or_else(|| "none".to_owned(), said))
        }
        Ask::Create { merchant, out_trade_no, total_fee, openid, expires_at } => {
            let new = NewOrder {
                merchant: merchant.clone(),
                out_trade_no: out_trade_no.clone(),
                body: "茶".to_owned(),
                total_fee: *total_fee,
                trade_type: if openid.is_some() { TradeType::Jsapi } else { TradeType::Native },
                openid: openid.clone(),
                attach: Some("a=1".to_owned()),
                expires_at: *expires_at,
            };
            orders::create(&new).map(|order| said(&order))
        }
        Ask::Prepay { merchant, out_trade_no } => {
            let fields = orders::prepay(merchant.as_deref(), out_trade_no)?;
            let fields: Vec<_> = fields.iter().map(|field| format!("{}={}", field.path, field.value)).collect();
            Ok(fields.join(" "))
        }
        Ask::Query { merchant, out_trade_no } => {
            orders::query(merchant.as_deref(), out_trade_no).map(|order| said(&order))
        }
        Ask::Refund { merchant, out_trade_no, out_refund_no, refund_fee } => {
            let new = NewRefund {
                merchant: merchant.clone(),
                out_trade_no: out_trade_no.clone(),
                out_refund_no: out_refund_no.clone(),
                refund_fee: *refund_fee,
                reason: None,
            };
            let refund = orders::create_refund(&new)?;
            Ok(format!("{} {} {}", refund.out_refund_no, refund.refund_fee, refund.status))
        }
    }
}

fn said(order: &Order) -> String {
    let Order { merchant, out_trade_no, total_fee, state, openid, attach, .. } = order;
    let (openid, attach) = (openid.as_deref().unwrap_or("-"), attach.as_deref().unwrap_or("-"));
    format!("{merchant} {out_trade_no} {total_fee} {state:?} {openid} {attach}")
}
