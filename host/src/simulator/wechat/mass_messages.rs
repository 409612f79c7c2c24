//! `/cgi-bin/message/mass/…`: messages to many followers at once.

use serde_json::{Value, json};
use weft_wechat::api::message::mass::{MassContent, SPEEDS, send::USERS};

use super::{
    Wechat,
    account::{Account, Answered, INVALID_MEDIA_ID, INVALID_OPENID, INVALID_PARAMETER, No, Reply, done, new_id},
    asked::Asked,
};

/// How long a `clientmsgid` is known, in seconds.
const KNOWN_FOR: u64 = 24 * 3600;

const INVALID_MESSAGE: No = No(40008, "invalid message type");

/// The mass messages of an account.
pub(super) struct MassMessages {
    sent: Vec<MassMessage>,
    previews: Vec<Value>,
    speed: u8,
}

struct MassMessage {
    msg_id: u64,
    at: u64,
    body: Value,
    deleted: bool,
}

impl Default for MassMessages {
    fn default() -> Self {
        Self { sent: Vec::new(), previews: Vec::new(), speed: 3 }
    }
}

impl MassMessages {
    /// As the bodies came, each with its `msg_id`.
    pub(super) fn told(&self) -> Vec<Value> {
        let with_id = |message: &MassMessage| {
            let mut body = message.body.clone();
            body["msg_id"] = message.msg_id.into();
            body
        };
        self.sent.iter().map(with_id).collect()
    }
}

impl Wechat {
    /// The mass messages that the account has sent, as their bodies, each with its `msg_id`.
    pub fn mass_messages(&self, appid: &str) -> Vec<Value> {
        self.with(appid, |account, _| account.mass_messages.told())
    }

    /// The previews of mass messages that were shown, as their bodies.
    pub fn mass_previews(&self, appid: &str) -> Vec<Value> {
        self.with(appid, |account, _| account.mass_messages.previews.clone())
    }
}

pub(super) fn sendall(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    let filter = &asked.json["filter"];
    if filter["is_to_all"] != true {
        let tag = filter["tag_id"].as_u64().and_then(|tag| u32::try_from(tag).ok());
        let is_known = |tag: &u32| account.has_tag(*tag);
        tag.filter(is_known).ok_or(No(45159, "invalid tag"))?;
    }
    take(account, asked, now)
}

pub(super) fn send(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    let openids = asked.json["touser"].as_array().ok_or(No(40031, "invalid openid list"))?;
    if !USERS.contains(&openids.len()) {
        return Err(No(40032, "invalid openid list size"));
    }
    take(account, asked, now)
}

fn take(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    check(account, asked, now)?;
    let clientmsgid = asked.text("clientmsgid");
    if clientmsgid.len() > 64 {
        return Err(No(45067, "clientmsgid size out of limit"));
    }
    let masses = &mut account.mass_messages.sent;
    let is_same = |message: &&MassMessage| message.body["clientmsgid"] == clientmsgid && message.at + KNOWN_FOR > now;
    if !clientmsgid.is_empty() && masses.iter().any(|message| is_same(&message)) {
        return Err(No(45065, "clientmsgid exist"));
    }
    let msg_id = 3_000_000_000 + masses.len() as u64;
    masses.push(MassMessage { msg_id, at: now, body: asked.json.clone(), deleted: false });
    let mut answer = json!({"errcode": 0, "errmsg": "send job submission success", "msg_id": msg_id});
    if asked.json["msgtype"] == "mpnews" {
        answer["msg_data_id"] = (msg_id + 1_000_000).into();
    }
    Ok(Reply::Json(answer))
}

pub(super) fn preview(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    match (asked.text("touser"), asked.text("towxname")) {
        ("", "") => return Err(INVALID_OPENID),
        ("", _) => {}
        (openid, _) if account.users.get(openid).is_none() => return Err(INVALID_OPENID),
        _ => {}
    }
    if asked.json["msgtype"] == "image" {
        account
            .find_media(asked.json["image"]["media_id"].as_str().unwrap_or_default(), now)
            .ok_or(INVALID_MEDIA_ID)?;
    } else {
        check(account, asked, now)?;
    }
    account.mass_messages.previews.push(asked.json.clone());
    Ok(done())
}

/// Whether WeChat would take what a message says.
fn check(account: &Account, asked: &Asked, now: u64) -> Result<(), No> {
    let content: MassContent = serde_json::from_value(asked.json.clone()).map_err(|_| INVALID_MESSAGE)?;
    let find = |media_id: &str| account.find_media(media_id, now).ok_or(INVALID_MEDIA_ID);
    match content {
        MassContent::Text { text } if text.content.is_empty() => Err(No(44004, "empty content")),
        MassContent::Voice { voice } => find(&voice.media_id),
        MassContent::Image { images } => images.media_ids.iter().try_for_each(|media_id| find(media_id)),
        MassContent::MpVideo { mpvideo } if !mpvideo.media_id.starts_with("mass-") => Err(INVALID_MEDIA_ID),
        _ => Ok(()),
    }
}

pub(super) fn upload_video(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    account.find_media(asked.text("media_id"), now).ok_or(INVALID_MEDIA_ID)?;
    Ok(Reply::Json(json!({"type": "video", "media_id": format!("mass-{}", new_id()), "created_at": now})))
}

pub(super) fn delete(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    find(account, asked)?.deleted = true;
    Ok(done())
}

pub(super) fn get(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let message = find(account, asked)?;
    let status = if message.deleted { "DELETE" } else { "SEND_SUCCESS" };
    Ok(Reply::Json(json!({"msg_id": message.msg_id, "msg_status": status})))
}

fn find<'a>(account: &'a mut Account, asked: &Asked) -> Result<&'a mut MassMessage, No> {
    let msg_id = asked.json["msg_id"].as_u64();
    let mut messages = account.mass_messages.sent.iter_mut();
    messages.find(|message| Some(message.msg_id) == msg_id).ok_or(INVALID_PARAMETER)
}

pub(super) fn speed(account: &Account) -> Reply {
    /// In ten thousands of messages a minute.
    const REAL: [u32; 5] = [80, 60, 45, 30, 10];
    let speed = account.mass_messages.speed;
    Reply::Json(json!({"speed": speed, "realspeed": REAL.get(usize::from(speed))}))
}

pub(super) fn set_speed(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let speed = asked.json["speed"].as_u64().ok_or(No(45084, "miss speed"))?;
    let speed = u8::try_from(speed).ok().filter(|speed| SPEEDS.contains(speed));
    account.mass_messages.speed = speed.ok_or(No(45083, "speed error"))?;
    Ok(done())
}
