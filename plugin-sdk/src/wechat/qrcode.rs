//! QR codes with a scene (带参数的二维码): whoever scans one and follows, or follows already, arrives with
//! the scene.
//!
//! ```
//! use weft_plugin::{wechat::qrcode, Error};
//!
//! fn poster(shop: u32) -> Result<String, Error> {
//!     let code = qrcode::permanent(shop)?;
//!     Ok(code.picture_url())
//! }
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Request, post};
use crate::{error::Error, pay::segment};

/// What the event says: a number, or a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scene {
    /// Not 0; at most 100 000 in permanent codes.
    #[serde(rename = "scene_id")]
    Id(u32),
    /// 1 to 64 characters.
    #[serde(rename = "scene_str")]
    Text(String),
}

/// A code that was made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QrCode {
    /// By which WeChat draws it.
    pub ticket: String,
    /// What the code says, for those who draw it themselves.
    pub url: String,
    /// How long it works, in seconds; 0 for good.
    #[serde(default)]
    pub expire_seconds: u32,
}

impl From<u32> for Scene {
    fn from(id: u32) -> Self {
        Self::Id(id)
    }
}

impl From<&str> for Scene {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Scene {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl QrCode {
    /// Where everybody can see it.
    pub fn picture_url(&self) -> String {
        format!("https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket={}", segment(&self.ticket))
    }

    /// The picture, a JPEG: `/cgi-bin/showqrcode`.
    pub fn picture(&self) -> Result<Vec<u8>, Error> {
        Ok(Request::get("/cgi-bin/showqrcode").query("ticket", &self.ticket).send()?.body)
    }
}

/// Makes a code that works for `lifetime`, at most 30 days: `/cgi-bin/qrcode/create`.
pub fn temporary(scene: impl Into<Scene>, lifetime: Duration) -> Result<QrCode, Error> {
    create(&scene.into(), "QR_SCENE", "QR_STR_SCENE", Some(lifetime.as_secs()))
}

/// Makes a code that works for good, of which an account has 100 000: `/cgi-bin/qrcode/create`.
pub fn permanent(scene: impl Into<Scene>) -> Result<QrCode, Error> {
    create(&scene.into(), "QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE", None)
}

fn create(scene: &Scene, by_id: &str, by_text: &str, expire_seconds: Option<u64>) -> Result<QrCode, Error> {
    let action = match scene {
        Scene::Id(_) => by_id,
        Scene::Text(_) => by_text,
    };
    let mut code = json!({"action_name": action, "action_info": {"scene": scene}});
    if let (Some(seconds), Some(fields)) = (expire_seconds, code.as_object_mut()) {
        fields.insert("expire_seconds".to_owned(), seconds.into());
    }
    post("/cgi-bin/qrcode/create", &code)
}
