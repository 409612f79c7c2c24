//! Coupons (代金券) that are given to users. Every stock is there, of a yuan off for ten.

use std::collections::HashMap;

use axum::http::Method;
use serde_json::{Value, json};

use super::book::{Book, INVALID, NO_RESOURCE, No};

/// What was given, of all merchants: by merchant and number, in the order of the coupons' numbers.
#[derive(Default)]
pub(super) struct Coupons {
    numbers: HashMap<(String, String), usize>,
    given: Vec<Given>,
}

struct Given {
    openid: String,
    asked: Value,
}

/// `path` is below `/v3/marketing/favor/`.
pub(super) fn answer(book: &mut Book, mch_id: &str, method: &Method, path: &str, asked: &Value) -> Result<Value, No> {
    let Coupons { numbers, given } = &mut book.coupons;
    let parts: Vec<_> = path.split('/').collect();
    match (method.as_str(), &*parts) {
        ("POST", ["users", openid, "coupons"]) => {
            let text = |name: &str| asked[name].as_str().ok_or(INVALID);
            for needed in ["stock_id", "stock_creator_mchid", "appid"] {
                text(needed)?;
            }
            let key = (mch_id.to_owned(), text("out_request_no")?.to_owned());
            let number = *numbers.entry(key).or_insert_with(|| {
                given.push(Given { openid: (*openid).to_owned(), asked: asked.clone() });
                given.len() - 1
            });
            let known = given.get(number).filter(|known| known.openid == *openid && known.asked == *asked);
            known.map(|_| json!({"coupon_id": coupon_id(number)})).ok_or(INVALID)
        }
        ("GET", ["users", openid, "coupons"]) => {
            let own = given.iter().enumerate().filter(|(_, given)| given.openid == *openid);
            let own: Vec<_> = own.map(|(number, given)| told(number, given)).collect();
            Ok(json!({"total_count": own.len(), "data": own, "offset": 0, "limit": 20}))
        }
        ("GET", ["users", openid, "coupons", id]) => {
            let mut own = given.iter().enumerate().filter(|(_, given)| given.openid == *openid);
            let found = own.find(|(number, _)| coupon_id(*number) == *id);
            found.map(|(number, given)| told(number, given)).ok_or(NO_RESOURCE)
        }
        ("GET", ["stocks", stock]) => {
            let count = given.iter().filter(|given| given.asked["stock_id"] == *stock).count();
            Ok(json!({
                "stock_id": stock, "stock_name": "满十减一", "status": "running", "distributed_coupons": count,
            }))
        }
        _ => Err(NO_RESOURCE),
    }
}

fn coupon_id(number: usize) -> String {
    format!("{}", 9_867_041 + number)
}

fn told(number: usize, given: &Given) -> Value {
    json!({
        "coupon_id": coupon_id(number), "stock_id": given.asked["stock_id"], "coupon_name": "满十减一",
        "stock_creator_mchid": given.asked["stock_creator_mchid"], "status": "SENDED",
        "normal_coupon_information": {"coupon_amount": 100, "transaction_minimum": 1000},
    })
}
