//! Permanent material of an app: a file or articles that WeChat keeps until they are deleted.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weft_wechat::api::{material::batchget_material, media::MediaType};

use super::{FieldError, flat::is_text, words::words};

/// The most characters of a material's alias.
const ALIAS_CHARACTERS: usize = 64;
/// The most characters of the comment on a material.
const COMMENT_CHARACTERS: usize = 1000;

/// What a material is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MaterialType {
    /// A picture.
    Image,
    /// A voice message.
    Voice,
    /// A video.
    Video,
    /// The small picture of music and videos. WeChat does not list them.
    Thumb,
    /// Articles.
    News,
}

words!(MaterialType { Image: "image", Voice: "voice", Video: "video", Thumb: "thumb", News: "news" });

impl MaterialType {
    /// What it is as a file; none for articles.
    pub fn media_type(self) -> Option<MediaType> {
        match self {
            Self::Image => Some(MediaType::Image),
            Self::Voice => Some(MediaType::Voice),
            Self::Video => Some(MediaType::Video),
            Self::Thumb => Some(MediaType::Thumb),
            Self::News => None,
        }
    }

    /// What WeChat lists it as; none when it does not.
    pub fn listed(self) -> Option<batchget_material::MaterialType> {
        match self {
            Self::Image => Some(batchget_material::MaterialType::Image),
            Self::Voice => Some(batchget_material::MaterialType::Voice),
            Self::Video => Some(batchget_material::MaterialType::Video),
            Self::News => Some(batchget_material::MaterialType::News),
            Self::Thumb => None,
        }
    }
}

impl From<MediaType> for MaterialType {
    fn from(media_type: MediaType) -> Self {
        match media_type {
            MediaType::Image => Self::Image,
            MediaType::Voice => Self::Voice,
            MediaType::Video => Self::Video,
            MediaType::Thumb => Self::Thumb,
        }
    }
}

/// A material. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// As WeChat gave it.
    pub media_id: String,
    /// What it is.
    pub material_type: MaterialType,
    /// What the file is called; the title of the first article for articles.
    pub name: String,
    /// Where a picture is, for articles of this account.
    pub url: Option<String>,
    /// A name that WeChat does not know, unique in the app; may be empty.
    pub alias: String,
    /// Notes that WeChat does not know; may be empty.
    pub comment: String,
    /// When it last changed at WeChat.
    pub updated_at: u64,
    /// When it was first known here.
    pub created_at: u64,
}

/// Which materials to list. What is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaterialFilter {
    /// What they are.
    pub material_type: Option<MaterialType>,
    /// The whole alias.
    pub alias: Option<String>,
    /// A part of alias, name or comment, or the whole `media_id`; ASCII letters in either case.
    pub search: Option<String>,
    /// Only those that last changed at WeChat before.
    pub updated_before: Option<u64>,
}

/// Changes of what only Weft knows of a material; none keeps what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaterialChange {
    /// See [`Material::alias`].
    pub alias: Option<String>,
    /// See [`Material::comment`].
    pub comment: Option<String>,
}

impl MaterialChange {
    /// The fields that break their rules; empty when the change may be stored.
    pub fn check(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let is_alias = |alias: &String| is_text(alias, ALIAS_CHARACTERS) && !alias.contains(['\n', '\r', '\t']);
        if !self.alias.as_ref().is_none_or(is_alias) {
            errors.push(FieldError::new("alias", format!("at most {ALIAS_CHARACTERS} characters on one line")));
        }
        if !self.comment.as_ref().is_none_or(|comment| is_text(comment, COMMENT_CHARACTERS)) {
            errors.push(FieldError::new("comment", format!("at most {COMMENT_CHARACTERS} characters")));
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_a_line_and_a_comment_may_have_several() {
        let fields = |alias: &str, comment: &str| {
            let change = MaterialChange { alias: Some(alias.to_owned()), comment: Some(comment.to_owned()) };
            change.check().into_iter().map(|error| error.field).collect::<Vec<_>>()
        };
        assert_eq!(MaterialChange::default().check(), []);
        assert_eq!(fields(&"名".repeat(64), &"注\n".repeat(500)), [""; 0]);
        assert_eq!(fields(&"名".repeat(65), &"注".repeat(1001)), ["alias", "comment"]);
        assert_eq!(fields("a\tb", "a\0b"), ["alias", "comment"]);
    }

    #[test]
    fn every_type_is_found_by_its_name() {
        for kind in MaterialType::ALL {
            assert_eq!(MaterialType::of(kind.as_str()), Some(kind));
        }
        assert_eq!(MaterialType::of("file"), None);
    }
}
