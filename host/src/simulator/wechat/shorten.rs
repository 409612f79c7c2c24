//! `/cgi-bin/shorten/…`: texts under short keys.

use serde_json::json;

use super::{
    account::{Account, Answered, INVALID_PARAMETER, Reply, new_id},
    asked::Asked,
};

/// The longest text, in bytes.
const LONGEST: usize = 4 << 10;
/// The longest that one is kept, in seconds.
const KEPT: u64 = 2_592_000;
/// Characters of a key.
const KEY: usize = 15;

/// A text that is kept.
pub(super) struct Shortened {
    long_data: String,
    created_at: u64,
    expires_at: u64,
}

pub(super) fn generate(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    let long_data = asked.text("long_data");
    let lifetime = asked.json["expire_seconds"].as_u64().unwrap_or(KEPT);
    if !(1..=LONGEST).contains(&long_data.len()) || lifetime > KEPT {
        return Err(INVALID_PARAMETER);
    }
    let key: String = new_id().chars().take(KEY).collect();
    let kept = Shortened { long_data: long_data.to_owned(), created_at: now, expires_at: now + lifetime };
    account.short_keys.insert(key.clone(), kept);
    Ok(Reply::Json(json!({"errcode": 0, "errmsg": "ok", "short_key": key})))
}

pub(super) fn fetch(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    let kept = account.short_keys.get(asked.text("short_key")).filter(|kept| kept.expires_at > now);
    let Shortened { long_data, created_at, expires_at } = kept.ok_or(INVALID_PARAMETER)?;
    let left = expires_at - now;
    Ok(Reply::Json(json!({"long_data": long_data, "create_time": created_at, "expire_seconds": left})))
}
