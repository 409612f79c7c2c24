//! POST /cgi-bin/message/mass/preview

use serde::Serialize;

use super::super::custom_send::Media;
use super::MassContent;
use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Sends what a mass message would say to one follower; a hundred a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MassPreview<'a> {
    /// Who gets it.
    pub to: PreviewTo<'a>,
    /// What they get; of several pictures the first.
    pub content: &'a MassContent,
}

/// Who looks at a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum PreviewTo<'a> {
    /// By openid.
    #[serde(rename = "touser")]
    Openid(&'a str),
    /// By the name that they are found by in WeChat (微信号).
    #[serde(rename = "towxname")]
    WechatName(&'a str),
}

impl Endpoint for MassPreview<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/message/mass/preview";
    const NEEDS: Ability = Ability::MassMessages;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        #[derive(Serialize)]
        struct Preview<'a, T> {
            #[serde(flatten)]
            to: PreviewTo<'a>,
            #[serde(flatten)]
            content: T,
        }
        #[derive(Serialize)]
        struct OneImage {
            msgtype: &'static str,
            image: Media,
        }
        match self.content {
            MassContent::Image { images } => {
                let image = Media { media_id: images.media_ids.first().cloned().unwrap_or_default() };
                Body::json(&Preview { to: self.to, content: OneImage { msgtype: "image", image } })
            }
            content => Body::json(&Preview { to: self.to, content }),
        }
    }
}
