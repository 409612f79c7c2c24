//! `/cgi-bin/token` and `/cgi-bin/stable_token`, which leave each other's tokens alone.

use std::collections::HashMap;

use serde_json::json;

use super::{
    account::{Account, Answered, No, Reply, new_id},
    asked::Asked,
};

/// How long a token lives.
const LIFE: u64 = 7200;
/// How long the token before goes on working, and how long before its end there is a new one.
const OVERLAP: u64 = 300;
/// How often a new stable token can be forced.
const FORCED_EVERY: u64 = 30;
const FORCED_A_DAY: usize = 20;

pub(super) const INVALID: No = No(40001, "invalid credential, access_token is invalid or not latest");

#[derive(Default)]
pub(super) struct Tokens {
    /// When each token ends.
    ends: HashMap<String, u64>,
    stable: Option<String>,
    classic: Option<String>,
    forced: Vec<u64>,
}

impl Tokens {
    pub(super) fn knows(&self, token: &str) -> bool {
        self.ends.contains_key(token)
    }

    pub(super) fn check(&self, token: &str, now: u64) -> Result<(), No> {
        match self.ends.get(token) {
            None => Err(INVALID),
            Some(end) if *end <= now => Err(No(42001, "access_token expired")),
            Some(_) => Ok(()),
        }
    }

    fn issue(&mut self, before: Option<String>, overlap: u64, now: u64) -> String {
        if let Some(end) = before.and_then(|before| self.ends.get_mut(&before)) {
            *end = (*end).min(now + overlap);
        }
        let token = format!("{}_{}{}", rand::random_range(10..100), new_id(), new_id());
        self.ends.insert(token.clone(), now + LIFE);
        token
    }
}

impl Account {
    pub(super) fn invalidate_tokens(&mut self) {
        self.tokens.ends.clear();
        self.tokens.stable = None;
        self.tokens.classic = None;
    }
}

pub(super) fn classic(account: Option<&mut Account>, asked: &Asked, now: u64) -> Answered {
    if asked.parameter("grant_type") != "client_credential" {
        return Err(No(40002, "invalid grant_type"));
    }
    let account = authenticated(account, asked.parameter("secret"))?;
    let before = account.tokens.classic.take();
    let token = account.tokens.issue(before, OVERLAP, now);
    account.tokens.classic = Some(token.clone());
    Ok(Reply::Json(json!({"access_token": token, "expires_in": LIFE})))
}

pub(super) fn stable(account: Option<&mut Account>, asked: &Asked, now: u64) -> Answered {
    if asked.text("grant_type") != "client_credential" {
        return Err(No(40002, "invalid grant_type"));
    }
    let tokens = &mut authenticated(account, asked.text("secret"))?.tokens;
    let current = tokens.stable.clone();
    let left = current.as_ref().and_then(|token| tokens.ends.get(token)).map_or(0, |end| end.saturating_sub(now));
    let forced = asked.json["force_refresh"] == true && may_force(&mut tokens.forced, now)?;
    let token = match current {
        Some(token) if left > OVERLAP && !forced => token,
        before => {
            let overlap = if forced { 0 } else { OVERLAP };
            let token = tokens.issue(before, overlap, now);
            tokens.stable = Some(token.clone());
            token
        }
    };
    let left = tokens.ends.get(&token).map_or(0, |end| end.saturating_sub(now));
    Ok(Reply::Json(json!({"access_token": token, "expires_in": left})))
}

/// Too soon after the one before it counts as not forced.
fn may_force(forced: &mut Vec<u64>, now: u64) -> Result<bool, No> {
    forced.retain(|at| at + 24 * 3600 > now);
    if forced.last().is_some_and(|at| at + FORCED_EVERY > now) {
        return Ok(false);
    }
    if forced.len() >= FORCED_A_DAY {
        return Err(No(45009, "reach max api daily quota limit"));
    }
    forced.push(now);
    Ok(true)
}

fn authenticated<'a>(account: Option<&'a mut Account>, secret: &str) -> Result<&'a mut Account, No> {
    let account = account.ok_or(No(40013, "invalid appid"))?;
    if secret.is_empty() {
        return Err(No(41004, "appsecret missing"));
    }
    if account.secret != secret {
        return Err(No(40125, "invalid appsecret"));
    }
    Ok(account)
}
