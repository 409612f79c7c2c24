//! `/cgi-bin/openapi/…` and `/cgi-bin/clear_quota`: how often what is called, and what was refused.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};

use super::{
    account::{Account, Answered, No, Reply, done},
    asked::Asked,
    routes,
};
use crate::time::{china_day, china_month};

/// How often an API may be called in a day that nobody has set a limit for.
const DAILY_LIMIT: u64 = 100_000;
/// How often the counts can be cleared in a month.
const CLEARS: usize = 10;
/// How many refused requests are remembered.
const REMEMBERED: usize = 100;

/// How often an account may call what, and has.
#[derive(Default)]
pub(super) struct Quotas {
    day: String,
    used: HashMap<String, u64>,
    limits: HashMap<String, u64>,
    /// The month of each time that they were cleared.
    cleared: Vec<String>,
    /// By `rid`.
    refused: VecDeque<(String, Value)>,
}

impl Quotas {
    pub(super) fn set_limit(&mut self, path: &str, calls: u64) {
        self.limits.insert(path.to_owned(), calls);
    }

    /// Counts a call, unless there were too many today.
    pub(super) fn take(&mut self, path: &str, now: u64) -> Result<(), No> {
        let today = china_day(now);
        if self.day != today {
            self.used.clear();
            self.day = today;
        }
        let limit = self.limit(path);
        let used = self.used.entry(path.to_owned()).or_default();
        // Who has used up the day must be able to ask and to clear.
        if *used >= limit && !path.contains("quota") {
            return Err(No(45009, "reach max api daily quota limit"));
        }
        *used += 1;
        Ok(())
    }

    fn limit(&self, path: &str) -> u64 {
        self.limits.get(path).copied().unwrap_or(DAILY_LIMIT)
    }

    /// Remembers what was refused with `no`.
    pub(super) fn remember(&mut self, no: &Value, asked: &Asked, now: u64) {
        let Some((_, rid)) = no["errmsg"].as_str().and_then(|errmsg| errmsg.split_once("rid: ")) else { return };
        let request = json!({
            "invoke_time": now, "cost_in_ms": 3, "request_url": asked.url(), "request_body": asked.json.to_string(),
            "response_body": no.to_string(), "client_ip": "127.0.0.1",
        });
        if self.refused.len() == REMEMBERED {
            self.refused.pop_front();
        }
        self.refused.push_back((rid.to_owned(), request));
    }
}

pub(super) fn get(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let path = asked.text("cgi_path");
    if !routes::is_known(path) {
        return Err(No(76021, "cgi_path not found, please check"));
    }
    let (limit, used) = (account.quotas.limit(path), account.quotas.used.get(path).copied().unwrap_or_default());
    let quota = json!({"daily_limit": limit, "used": used, "remain": limit.saturating_sub(used)});
    Ok(Reply::Json(json!({"errcode": 0, "errmsg": "ok", "quota": quota})))
}

pub(super) fn rid(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let rid = asked.text("rid");
    let found = account.quotas.refused.iter().find(|(known, _)| known == rid);
    let (_, request) = found.ok_or(No(76001, "rid not found"))?;
    Ok(Reply::Json(json!({"errcode": 0, "errmsg": "ok", "request": request})))
}

pub(super) fn clear(account: &mut Account, _: &Asked, now: u64) -> Answered {
    let month = china_month(now);
    let quotas = &mut account.quotas;
    if quotas.cleared.iter().filter(|cleared| **cleared == month).count() >= CLEARS {
        return Err(No(48006, "forbid to clear quota because of reaching the limit"));
    }
    quotas.cleared.push(month);
    quotas.used.clear();
    Ok(done())
}
