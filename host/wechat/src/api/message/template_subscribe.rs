//! POST /cgi-bin/message/template/subscribe

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::{Serialize, Serializer};

use super::{LinkedMiniProgram, SentMessage, TemplateData};
use crate::api::{Ability, Body, Endpoint, Method};

/// What `scene` may be.
pub const SCENES: RangeInclusive<u32> = 0..=10_000;
/// The longest title, in characters.
pub const MAX_TITLE: usize = 15;

/// Sends the message of a one-time subscription (一次性订阅) to a user who agreed to it on the [page](page_url); they
/// need not follow the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TemplateSubscribe<'a> {
    /// The user's openid.
    pub touser: &'a str,
    /// A template of one-time subscriptions.
    pub template_id: &'a str,
    /// Where a tap leads; may be empty.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub url: &'a str,
    /// Where a tap leads instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<&'a LinkedMiniProgram>,
    /// What the user agreed to; one of [`SCENES`]. WeChat wants a text.
    #[serde(serialize_with = "collect_str")]
    pub scene: u32,
    /// The message's title; at most [`MAX_TITLE`] characters.
    pub title: &'a str,
    /// The values; WeChat knows `content`.
    pub data: &'a TemplateData,
}

impl Endpoint for TemplateSubscribe<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/message/template/subscribe";
    const NEEDS: Ability = Ability::Templates;
    type Answer = SentMessage;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}

fn collect_str<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// The page of WeChat's that asks a user for a one-time subscription, to be opened inside WeChat. It leads on to
/// `redirect_url` with `openid`, `template_id`, `action` (`confirm` or `cancel`), `scene` and `reserved`: whoever serves
/// that address checks that `reserved` is what it gave to this user.
pub fn page_url(appid: &str, template_id: &str, scene: u32, redirect_url: &str, reserved: &str) -> String {
    // WeChat compares the order, so that is as it is documented.
    let parameters = [
        ("action", "get_confirm"),
        ("appid", appid),
        ("scene", &scene.to_string()),
        ("template_id", template_id),
        ("redirect_url", redirect_url),
        ("reserved", reserved),
    ];
    let query: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    format!("https://mp.weixin.qq.com/mp/subscribemsg?{}#wechat_redirect", query.join("&"))
}

/// A value of a query: everything but unreserved characters as `%XX`.
fn encoded(value: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let one = |byte: u8| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(one).collect()
}
