//! Custom menus (自定义菜单). Weft keeps the account's menu, too: one that a plugin sets shows up there
//! as a difference.
//!
//! ```
//! use weft_plugin::{prelude::*, testing::TestHost, wechat::menu::{self, Button}};
//!
//! fn set() -> Result<()> {
//!     let shops = Button::heading("门店", [Button::click("杭州", "hangzhou"), Button::click("上海", "shanghai")]);
//!     menu::create(&[Button::view("商城", "https://shop.example.com/"), shops])?;
//!     Ok(())
//! }
//!
//! let host = TestHost::new().grant_wechat_apis(&["/cgi-bin/menu/"]);
//! host.on_wechat(|_| Ok(serde_json::json!({"errcode": 0, "errmsg": "ok"})));
//! set().unwrap();
//! assert_eq!(host.wechat_requests()[0].path, "/cgi-bin/menu/create");
//! ```

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{get, post, tell};
use crate::error::Error;

/// A button, or a heading with buttons below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Button {
    /// `click`, `view`, `miniprogram`, `scancode_push` …; empty for a heading.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// What stands on it.
    pub name: String,
    /// What the event says; at most 128 bytes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Where it leads; what a mini program's button opens in old clients.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The mini program.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub appid: String,
    /// Its page.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pagepath: String,
    /// What a tap sends.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub media_id: String,
    /// The published article that a tap sends or opens.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub article_id: String,
    /// At most five.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sub_button: Vec<Self>,
}

impl Button {
    /// Sends the event CLICK with `key`.
    pub fn click(name: impl Into<String>, key: impl Into<String>) -> Self {
        Self { kind: "click".to_owned(), name: name.into(), key: key.into(), ..Self::default() }
    }

    /// Opens `url`.
    pub fn view(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self { kind: "view".to_owned(), name: name.into(), url: url.into(), ..Self::default() }
    }

    /// Opens a page of a mini program, and `url` where the client has none.
    pub fn mini_program(
        name: impl Into<String>,
        appid: impl Into<String>,
        pagepath: impl Into<String>,
        url: impl Into<String>,
    ) -> Self {
        let (appid, pagepath) = (appid.into(), pagepath.into());
        Self { kind: "miniprogram".to_owned(), name: name.into(), appid, pagepath, url: url.into(), ..Self::default() }
    }

    /// Opens `buttons`.
    pub fn heading(name: impl Into<String>, buttons: impl IntoIterator<Item = Self>) -> Self {
        Self { name: name.into(), sub_button: buttons.into_iter().collect(), ..Self::default() }
    }
}

/// Sets the menu of all users, at most three buttons: `/cgi-bin/menu/create`.
pub fn create(buttons: &[Button]) -> Result<(), Error> {
    tell("/cgi-bin/menu/create", &json!({"button": buttons}))
}

/// The menus that were set by API; 46003 when there is none: `/cgi-bin/menu/get`.
pub fn read() -> Result<Value, Error> {
    get("/cgi-bin/menu/get", &[])
}

/// The menu as users see it, wherever it was set: `/cgi-bin/get_current_selfmenu_info`.
pub fn current() -> Result<Value, Error> {
    get("/cgi-bin/get_current_selfmenu_info", &[])
}

/// Deletes all menus: `/cgi-bin/menu/delete`.
pub fn delete() -> Result<(), Error> {
    get::<serde::de::IgnoredAny>("/cgi-bin/menu/delete", &[]).map(drop)
}

/// Sets a menu for the users with a tag; returns its id: `/cgi-bin/menu/addconditional`.
pub fn add_for_tag(buttons: &[Button], tag_id: u32) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Added {
        menuid: Value,
    }
    let menu = json!({"button": buttons, "matchrule": {"tag_id": tag_id.to_string()}});
    let added: Added = post("/cgi-bin/menu/addconditional", &menu)?;
    Ok(added.menuid.as_str().map_or_else(|| added.menuid.to_string(), str::to_owned))
}

/// Deletes the menu of a tag: `/cgi-bin/menu/delconditional`.
pub fn delete_conditional(menu_id: &str) -> Result<(), Error> {
    tell("/cgi-bin/menu/delconditional", &json!({"menuid": menu_id}))
}

/// The buttons that a user sees: `/cgi-bin/menu/trymatch`.
pub fn try_match(openid: &str) -> Result<Vec<Button>, Error> {
    #[derive(Deserialize)]
    struct Matched {
        #[serde(default)]
        button: Vec<Button>,
    }
    Ok(post::<Matched>("/cgi-bin/menu/trymatch", &json!({"user_id": openid}))?.button)
}
