//! A button of a menu.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weft_wechat::api::menu::{self, MAX_BUTTONS, MAX_KEY, MAX_NAME, MAX_SUB_BUTTONS, MAX_SUB_NAME, MAX_URL};

use super::FieldError;
use super::flat::is_url;
use super::words::words;

/// A button: flat, as WeChat has it. Its type says which other fields it needs; one that opens others has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MenuButton)]
pub struct Button {
    /// What it does; none for a button that opens others.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ButtonType>,
    /// What stands on it: at most 16 bytes, 60 on a button below another. A Chinese character takes 3.
    pub name: String,
    /// What the event brings: at most 128 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// For view, and for miniprogram where the client knows none: at most 1024 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// For `media_id` and `view_limited`: permanent material.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_id: String,
    /// For `article_id` and `article_view_limited`: a published article.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub article_id: String,
    /// For miniprogram: which.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub appid: String,
    /// For miniprogram: its page.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pagepath: String,
    /// The buttons that it opens, from top to bottom: at most 5, and these open none.
    #[serde(default, alias = "sub_button", skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 5, no_recursion)]
    pub sub_buttons: Vec<Button>,
}

/// What a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MenuButtonType)]
pub enum ButtonType {
    /// Sends the event `CLICK`.
    Click,
    /// Opens a page.
    View,
    /// Opens a mini program.
    Miniprogram,
    /// Scans a code.
    ScancodePush,
    /// Scans a code, and waits for what is answered.
    ScancodeWaitmsg,
    /// Takes a picture.
    PicSysphoto,
    /// Takes a picture, or chooses one.
    PicPhotoOrAlbum,
    /// Chooses a picture in WeChat's album.
    PicWeixin,
    /// Chooses a place.
    LocationSelect,
    /// Sends permanent material.
    MediaId,
    /// Opens the article of permanent material.
    ViewLimited,
    /// Sends a published article.
    ArticleId,
    /// Opens a published article.
    ArticleViewLimited,
}

words!(ButtonType {
    Click: "click",
    View: "view",
    Miniprogram: "miniprogram",
    ScancodePush: "scancode_push",
    ScancodeWaitmsg: "scancode_waitmsg",
    PicSysphoto: "pic_sysphoto",
    PicPhotoOrAlbum: "pic_photo_or_album",
    PicWeixin: "pic_weixin",
    LocationSelect: "location_select",
    MediaId: "media_id",
    ViewLimited: "view_limited",
    ArticleId: "article_id",
    ArticleViewLimited: "article_view_limited",
});

impl ButtonType {
    /// The fields that it needs, and the only ones that it has.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Click
            | Self::ScancodePush
            | Self::ScancodeWaitmsg
            | Self::PicSysphoto
            | Self::PicPhotoOrAlbum
            | Self::PicWeixin
            | Self::LocationSelect => &["key"],
            Self::View => &["url"],
            Self::Miniprogram => &["url", "appid", "pagepath"],
            Self::MediaId | Self::ViewLimited => &["media_id"],
            Self::ArticleId | Self::ArticleViewLimited => &["article_id"],
        }
    }
}

/// Buttons of the first level under `path`; what breaks its rule goes to `errors`.
pub(super) fn check_buttons(path: &str, buttons: &[Button], errors: &mut Vec<FieldError>) {
    if buttons.len() > MAX_BUTTONS {
        errors.push(FieldError::new(
            path.to_owned(),
            format!("at most {MAX_BUTTONS} buttons · 最多 {MAX_BUTTONS} 个按钮"),
        ));
    }
    for (index, button) in buttons.iter().enumerate().take(MAX_BUTTONS) {
        button.check(&format!("{path}[{index}]"), errors);
    }
}

impl Button {
    fn check(&self, path: &str, errors: &mut Vec<FieldError>) {
        self.check_name(path, MAX_NAME, errors);
        if self.sub_buttons.is_empty() {
            return self.check_action(path, errors);
        }
        let mut too_much = |field: &str| {
            let rule = "a button that opens others has no field besides `name` and `sub_buttons` · 有子菜单的按钮只能有 `name` 和 `sub_buttons`";
            errors.push(FieldError::new(format!("{path}.{field}"), rule));
        };
        if self.kind.is_some() {
            too_much("type");
        }
        self.fields().into_iter().filter(|(_, value)| !value.is_empty()).for_each(|(field, _)| too_much(field));
        if self.sub_buttons.len() > MAX_SUB_BUTTONS {
            let rule = format!("at most {MAX_SUB_BUTTONS} buttons below one · 每个按钮最多 {MAX_SUB_BUTTONS} 个子按钮");
            errors.push(FieldError::new(format!("{path}.sub_buttons"), rule));
        }
        for (index, button) in self.sub_buttons.iter().enumerate().take(MAX_SUB_BUTTONS) {
            let path = format!("{path}.sub_buttons[{index}]");
            button.check_name(&path, MAX_SUB_NAME, errors);
            if button.sub_buttons.is_empty() {
                button.check_action(&path, errors);
            } else {
                errors.push(FieldError::new(format!("{path}.sub_buttons"), "two levels at most · 最多两级"));
            }
        }
    }

    fn check_name(&self, path: &str, limit: usize, errors: &mut Vec<FieldError>) {
        if self.name.trim().is_empty() || self.name.len() > limit || self.name.chars().any(char::is_control) {
            let rule =
                format!("1 to {limit} bytes; a Chinese character takes 3 · 1 到 {limit} 字节，一个汉字占 3 字节");
            errors.push(FieldError::new(format!("{path}.name"), rule));
        }
    }

    fn check_action(&self, path: &str, errors: &mut Vec<FieldError>) {
        let Some(kind) = self.kind else {
            errors.push(FieldError::new(
                format!("{path}.type"),
                "needed, unless there are `sub_buttons` · 没有 `sub_buttons` 时必填",
            ));
            return;
        };
        for (field, value) in self.fields() {
            let error = match (kind.fields().contains(&field), value.is_empty()) {
                (false, true) => continue,
                (false, false) => {
                    Some(format!("type `{0}` has no such field · 类型 `{0}` 没有这个字段", kind.as_str()))
                }
                (true, true) => Some(format!("type `{0}` needs it · 类型 `{0}` 需要它", kind.as_str())),
                (true, false) => wrong(field, value).map(ToOwned::to_owned),
            };
            errors.extend(error.map(|error| FieldError::new(format!("{path}.{field}"), error)));
        }
    }

    /// The fields that depend on the type.
    fn fields(&self) -> [(&'static str, &str); 6] {
        [
            ("key", &self.key),
            ("url", &self.url),
            ("media_id", &self.media_id),
            ("article_id", &self.article_id),
            ("appid", &self.appid),
            ("pagepath", &self.pagepath),
        ]
    }
}

/// What would be right, when the value is not.
fn wrong(field: &str, value: &str) -> Option<&'static str> {
    const { assert!(MAX_KEY == 128 && MAX_URL == 1024, "the rules below say so") }
    let is_id = |limit: usize| value.len() <= limit && value.bytes().all(|byte| byte.is_ascii_graphic());
    let is_plain = |limit: usize| value.len() <= limit && !value.chars().any(char::is_control);
    let (right, rule) = match field {
        "key" => (is_plain(MAX_KEY), "at most 128 bytes · 最多 128 字节"),
        "url" => (
            value.len() <= MAX_URL && is_url(value),
            "an http or https URL of at most 1024 bytes, without user and password · http 或 https 网址，最多 1024 字节，不带用户名和密码",
        ),
        "media_id" => (is_id(512), "a media_id as WeChat gave it · 微信给出的 media_id"),
        "article_id" => (is_id(512), "an article_id as WeChat gave it · 微信给出的 article_id"),
        "appid" => (is_id(64), "the appid of a mini program · 小程序的 appid"),
        _ => (is_plain(MAX_URL), "at most 1024 bytes · 最多 1024 字节"),
    };
    (!right).then_some(rule)
}

impl From<&Button> for menu::Button {
    fn from(button: &Button) -> Self {
        Self {
            r#type: button.kind.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            name: button.name.clone(),
            key: button.key.clone(),
            url: button.url.clone(),
            media_id: button.media_id.clone(),
            article_id: button.article_id.clone(),
            appid: button.appid.clone(),
            pagepath: button.pagepath.clone(),
            sub_button: button.sub_buttons.iter().map(Self::from).collect(),
        }
    }
}
