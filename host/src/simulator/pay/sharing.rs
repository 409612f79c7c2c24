//! Profit sharing: parts of a payment that go to others.

use std::collections::{BTreeSet, HashMap};

use axum::http::Method;
use serde_json::{Value, json};

use super::book::{Book, INVALID, NO_RESOURCE, NOT_ENOUGH, No};

/// What is shared, of all merchants.
#[derive(Default)]
pub(super) struct Sharing {
    receivers: BTreeSet<(String, String)>,
    splits: HashMap<(String, String), Split>,
    returns: HashMap<(String, String), Value>,
}

struct Split {
    asked: Value,
    transaction_id: String,
    shares: Vec<Value>,
    /// What was taken back of it.
    returned: u64,
}

pub(super) fn answer(
    book: &mut Book,
    mch_id: &str,
    method: &Method,
    (path, query): (&str, &HashMap<String, String>),
    asked: &Value,
) -> Result<Value, No> {
    let text = |name: &str| asked[name].as_str().ok_or(INVALID);
    let parts: Vec<_> = path.split('/').collect();
    match (method.as_str(), &*parts) {
        ("POST", ["receivers", what @ ("add" | "delete")]) => {
            let receiver = (mch_id.to_owned(), format!("{}/{}", text("type")?, text("account")?));
            if *what == "add" {
                text("relation_type")?;
                book.sharing.receivers.insert(receiver);
            } else {
                book.sharing.receivers.remove(&receiver);
            }
            let mut told = asked.clone();
            told.as_object_mut().ok_or(INVALID)?.remove("appid");
            Ok(told)
        }
        ("POST", ["orders"]) => split(book, mch_id, asked),
        ("POST", ["orders", "unfreeze"]) => {
            let mut all = asked.clone();
            all["receivers"] = json!([]);
            all["unfreeze_unsplit"] = true.into();
            split(book, mch_id, &all)
        }
        ("GET", ["orders", number]) => {
            let key = (mch_id.to_owned(), (*number).to_owned());
            let split = book.sharing.splits.get(&key).ok_or(NO_RESOURCE)?;
            let is_own = query.get("transaction_id") == Some(&split.transaction_id);
            if is_own { Ok(told(number, split, "FINISHED")) } else { Err(NO_RESOURCE) }
        }
        ("GET", ["transactions", transaction, "amounts"]) => {
            let left = left(book, mch_id, transaction).ok_or(NO_RESOURCE)?;
            Ok(json!({"transaction_id": transaction, "unsplit_amount": left}))
        }
        ("POST", ["return-orders"]) => take_back(book, mch_id, asked),
        ("GET", ["return-orders", number]) => {
            let known = book.sharing.returns.get(&(mch_id.to_owned(), (*number).to_owned()));
            known.cloned().ok_or(NO_RESOURCE)
        }
        _ => Err(NO_RESOURCE),
    }
}

/// What of a payment is not given to anybody.
fn left(book: &Book, mch_id: &str, transaction_id: &str) -> Option<u64> {
    let total = book.paid_total(mch_id, transaction_id)?;
    let own = book
        .sharing
        .splits
        .iter()
        .filter(|((owner, _), split)| owner == mch_id && split.transaction_id == transaction_id);
    let mut left = total;
    for (_, split) in own {
        let given: u64 = split.shares.iter().filter_map(|share| share["amount"].as_u64()).sum();
        left = left.saturating_sub(given);
        if split.asked["unfreeze_unsplit"] == true {
            left = 0;
        }
    }
    Some(left)
}

fn split(book: &mut Book, mch_id: &str, asked: &Value) -> Result<Value, No> {
    let text = |name: &str| asked[name].as_str().ok_or(INVALID);
    let (transaction_id, number) = (text("transaction_id")?, text("out_order_no")?);
    let key = (mch_id.to_owned(), number.to_owned());
    if let Some(known) = book.sharing.splits.get(&key) {
        return if known.asked == *asked { Ok(told(number, known, "PROCESSING")) } else { Err(INVALID) };
    }
    let shares = asked["receivers"].as_array().ok_or(INVALID)?.clone();
    let mut sum: u64 = 0;
    for share in &shares {
        let account = |name: &str| share[name].as_str().ok_or(INVALID);
        let receiver = (mch_id.to_owned(), format!("{}/{}", account("type")?, account("account")?));
        if !book.sharing.receivers.contains(&receiver) {
            return Err(No { v2: "RECEIVER_INVALID", v3: "INVALID_REQUEST", status: 400 });
        }
        sum = sum.saturating_add(share["amount"].as_u64().filter(|amount| *amount > 0).ok_or(INVALID)?);
    }
    if sum > left(book, mch_id, transaction_id).ok_or(NO_RESOURCE)? {
        return Err(NOT_ENOUGH);
    }
    let split = Split { asked: asked.clone(), transaction_id: transaction_id.to_owned(), shares, returned: 0 };
    let answer = told(number, &split, "PROCESSING");
    book.sharing.splits.insert(key, split);
    Ok(answer)
}

fn take_back(book: &mut Book, mch_id: &str, asked: &Value) -> Result<Value, No> {
    let text = |name: &str| asked[name].as_str().ok_or(INVALID);
    let (number, amount) = (text("out_return_no")?, asked["amount"].as_u64().ok_or(INVALID)?);
    let (order, merchant) = (text("out_order_no")?, text("return_mchid")?);
    let key = (mch_id.to_owned(), number.to_owned());
    if let Some(known) = book.sharing.returns.get(&key) {
        return if known["amount"] == amount { Ok(known.clone()) } else { Err(INVALID) };
    }
    let split = book.sharing.splits.get_mut(&(mch_id.to_owned(), order.to_owned())).ok_or(NO_RESOURCE)?;
    let own = split.shares.iter().filter(|share| share["account"] == merchant);
    let given: u64 = own.filter_map(|share| share["amount"].as_u64()).sum();
    if amount == 0 || split.returned + amount > given {
        return Err(NOT_ENOUGH);
    }
    split.returned += amount;
    let told = json!({
        "out_order_no": order, "out_return_no": number, "return_no": format!("3008{number}"), "return_mchid": merchant,
        "amount": amount, "description": asked["description"], "result": "SUCCESS",
    });
    book.sharing.returns.insert(key, told.clone());
    Ok(told)
}

fn told(number: &str, split: &Split, state: &str) -> Value {
    let result = if state == "FINISHED" { "SUCCESS" } else { "PENDING" };
    let share = |share: &Value| {
        let mut told = share.clone();
        told["result"] = result.into();
        told
    };
    json!({
        "transaction_id": split.transaction_id, "out_order_no": number, "order_id": format!("3008{number}"),
        "state": state, "receivers": split.shares.iter().map(share).collect::<Vec<_>>(),
    })
}
