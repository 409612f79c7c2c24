//! `/cgi-bin/message/template/…` and `/cgi-bin/message/subscribe/…`: messages made of templates, and who agreed to them.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    Wechat,
    account::{Account, Answered, INVALID_OPENID, No, Reply},
    asked::Asked,
    templates::INVALID_TEMPLATE,
};

/// How long a `client_msg_id` is known, in seconds.
const KNOWN_FOR: u64 = 600;
/// The longest value of a `thing`, in characters.
const MAX_THING: usize = 20;

const NO_CONSENT: No = No(43101, "user refuse to accept the msg");
const WRONG_DATA: No = No(47003, "argument invalid! data");

/// The messages of an account.
#[derive(Default)]
pub(super) struct TemplateMessages {
    /// As they came, each with its `msgid`.
    pub(super) sent: Vec<Value>,
    /// By `client_msg_id`: the `msgid`, and when.
    known: HashMap<String, (u64, u64)>,
    /// How many messages of a template a user agreed to; lasting ones are never used up.
    consents: HashMap<(String, String), u32>,
}

impl Wechat {
    /// A user agrees to so many messages of a template of subscribe messages, or of one-time subscriptions; with 0 they
    /// take it back (43101 from then on).
    pub fn consent(&self, appid: &str, openid: &str, template_id: &str, messages: u32) {
        self.with(appid, |account, _| account.consent(openid, template_id, messages));
    }

    /// The template and subscribe messages that the account has sent, as their bodies, each with its `msgid`.
    pub fn template_messages(&self, appid: &str) -> Vec<Value> {
        self.with(appid, |account, _| account.template_messages.sent.clone())
    }
}

impl Account {
    pub(super) fn consent(&mut self, openid: &str, template_id: &str, messages: u32) {
        self.template_messages.consents.insert((openid.to_owned(), template_id.to_owned()), messages);
    }

    fn accept(&mut self, asked: &Asked) -> u64 {
        let msgid = 2_000_000_000 + self.template_messages.sent.len() as u64;
        let mut message = asked.json.clone();
        message["msgid"] = msgid.into();
        self.template_messages.sent.push(message);
        msgid
    }

    fn use_consent(&mut self, openid: &str, template_id: &str) -> Result<(), No> {
        let template = self.templates.subscribe.iter().find(|template| template.template_id == template_id);
        let lasting = template.ok_or(INVALID_TEMPLATE)?.r#type == 3;
        let key = (openid.to_owned(), template_id.to_owned());
        let left = self.template_messages.consents.get_mut(&key).filter(|left| **left > 0).ok_or(NO_CONSENT)?;
        *left -= u32::from(!lasting);
        Ok(())
    }
}

pub(super) fn send(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    check(asked)?;
    let template_id = asked.text("template_id");
    if !account.templates.private.iter().any(|template| template.template_id == template_id) {
        return Err(INVALID_TEMPLATE);
    }
    let user = account.users.get(asked.text("touser")).ok_or(INVALID_OPENID)?;
    if user.subscribe == 0 {
        return Err(No(43004, "require subscribe"));
    }
    let client_msg_id = asked.text("client_msg_id");
    let known = account.template_messages.known.get(client_msg_id).filter(|(_, at)| at + KNOWN_FOR > now);
    let msgid = match known {
        Some((msgid, _)) => *msgid,
        None => account.accept(asked),
    };
    if !client_msg_id.is_empty() {
        account.template_messages.known.insert(client_msg_id.to_owned(), (msgid, now));
    }
    Ok(Reply::Json(json!({"errcode": 0, "errmsg": "ok", "msgid": msgid})))
}

/// Tells no `msgid`: the event of the outcome has one.
pub(super) fn bizsend(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    subscribed(account, asked)?;
    account.accept(asked);
    Ok(Reply::Json(json!({"errcode": 0, "errmsg": "ok"})))
}

pub(super) fn subscribe_send(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    subscribed(account, asked)?;
    let msgid = account.accept(asked);
    Ok(Reply::Json(json!({"errcode": 0, "errmsg": "ok", "msgid": msgid})))
}

fn subscribed(account: &mut Account, asked: &Asked) -> Result<(), No> {
    check(asked)?;
    let (openid, template_id) = (asked.text("touser"), asked.text("template_id"));
    if account.users.get(openid).is_none() {
        return Err(INVALID_OPENID);
    }
    let template = account.templates.subscribe.iter().find(|template| template.template_id == template_id);
    let content = &template.ok_or(INVALID_TEMPLATE)?.content;
    let fits = |(name, value): (&String, &Value)| {
        let length = value["value"].as_str().unwrap_or_default().chars().count();
        content.contains(&format!("{{{{{name}.DATA}}}}")) && !(name.starts_with("thing") && length > MAX_THING)
    };
    let data = asked.json["data"].as_object().ok_or(WRONG_DATA)?;
    if content.matches(".DATA}}").count() != data.len() || !data.iter().all(fits) {
        return Err(WRONG_DATA);
    }
    account.use_consent(openid, template_id)
}

/// One-time subscriptions: consents are for templates that no list tells of.
pub(super) fn one_time(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    check(asked)?;
    let scene: Option<u32> = asked.text("scene").parse().ok();
    if scene.is_none_or(|scene| scene > 10_000) || asked.text("title").is_empty() {
        return Err(No(40035, "invalid parameter"));
    }
    let key = (asked.text("touser").to_owned(), asked.text("template_id").to_owned());
    let left = account.template_messages.consents.get_mut(&key).filter(|left| **left > 0).ok_or(NO_CONSENT)?;
    *left -= 1;
    account.accept(asked);
    Ok(Reply::Json(json!({"errcode": 0, "errmsg": "ok"})))
}

fn check(asked: &Asked) -> Result<(), No> {
    if asked.json.is_null() {
        return Err(No(47001, "data format error"));
    }
    if asked.text("touser").is_empty() {
        return Err(INVALID_OPENID);
    }
    if asked.text("client_msg_id").len() > 32 {
        return Err(No(40035, "invalid parameter"));
    }
    Ok(())
}
