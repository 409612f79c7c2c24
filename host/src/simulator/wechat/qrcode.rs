//! `/cgi-bin/qrcode/create`: QR codes with a scene.

use serde_json::{Value, json};

use super::{
    Wechat,
    account::{Account, Answered, INVALID_PARAMETER, Reply, new_id},
    asked::Asked,
};

/// The longest that a temporary code works, in seconds, and how long without a word of it.
const LONGEST: u64 = 2_592_000;
/// See [`LONGEST`].
const USUALLY: u64 = 60;
/// The highest scene of a permanent code.
const PERMANENT: u64 = 100_000;
/// The longest text of a scene, in characters.
const SCENE_CHARACTERS: usize = 64;

impl Wechat {
    /// The QR codes that were made for the account: the scene's number or text, and the ticket.
    pub fn qrcodes(&self, appid: &str) -> Vec<(Value, String)> {
        self.with(appid, |account, _| account.qrcodes.clone())
    }
}

pub(super) fn create(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let scene = &asked.json["action_info"]["scene"];
    let (id, text) = (scene["scene_id"].as_u64(), scene["scene_str"].as_str());
    let (scene, is_temporary) = match asked.text("action_name") {
        "QR_SCENE" => (id.filter(|id| (1..=u32::MAX.into()).contains(id)).map(Value::from), true),
        "QR_LIMIT_SCENE" => (id.filter(|id| (1..=PERMANENT).contains(id)).map(Value::from), false),
        name @ ("QR_STR_SCENE" | "QR_LIMIT_STR_SCENE") => {
            let text = text.filter(|text| (1..=SCENE_CHARACTERS).contains(&text.chars().count()));
            (text.map(Value::from), name == "QR_STR_SCENE")
        }
        _ => (None, false),
    };
    let expire_seconds = asked.json["expire_seconds"].as_u64().unwrap_or(USUALLY);
    let scene = scene.filter(|_| !is_temporary || expire_seconds <= LONGEST).ok_or(INVALID_PARAMETER)?;
    let ticket = format!("g{}==", new_id());
    account.qrcodes.push((scene, ticket.clone()));
    let mut code = json!({"ticket": ticket, "url": format!("http://weixin.qq.com/q/{}", new_id())});
    if is_temporary {
        code["expire_seconds"] = expire_seconds.into();
    }
    Ok(Reply::Json(code))
}
