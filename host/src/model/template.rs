//! A template of an app: the text that template and subscribe messages fill with values.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weft_wechat::api::message::TemplateData;

use super::FieldError;
use super::words::words;

/// The most characters of an alias.
const ALIAS_CHARACTERS: usize = 64;
/// The most characters of a comment.
const COMMENT_CHARACTERS: usize = 1000;

/// A template, as WeChat tells it, with what is noted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// WeChat's id.
    pub template_id: String,
    /// What messages it is for.
    pub kind: TemplateKind,
    /// What it is called.
    pub title: String,
    /// The text, with `{{name.DATA}}` where a value goes.
    pub content: String,
    /// The text with values in it; may be empty.
    pub example: String,
    /// 一级行业; empty for those of subscribe messages.
    pub primary_industry: String,
    /// 二级行业; empty for those of subscribe messages.
    pub deputy_industry: String,
    /// Of subscribe messages: whether a consent lasts, instead of being for one message.
    pub lasting: bool,
    /// A name for it that WeChat does not know, unique in the app; may be empty.
    pub alias: String,
    /// Notes that WeChat does not know.
    pub comment: String,
    /// When it was first seen; seconds since 1970.
    pub created_at: u64,
    /// When anything here last changed; seconds since 1970.
    pub updated_at: u64,
}

/// What messages a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TemplateKind {
    /// Template messages (模板消息).
    Template,
    /// Subscribe messages (订阅消息, 订阅通知), which a user must have agreed to.
    Subscribe,
}

/// What is noted of a template. What is `None` stays; an empty text takes away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateChange {
    /// A name for it, unique in the app.
    pub alias: Option<String>,
    /// Notes.
    pub comment: Option<String>,
}

words!(TemplateKind { Template: "template", Subscribe: "subscribe" }, UnknownTemplateKind);

/// A text that is no [`TemplateKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("template or subscribe")]
pub struct UnknownTemplateKind;

impl Template {
    /// The names between `{{` and `.DATA}}`, in their order, each once.
    pub fn keywords(&self) -> Vec<&str> {
        let mut keywords = Vec::new();
        for rest in self.content.split("{{").skip(1) {
            let name = rest.split_once("}}").and_then(|(inside, _)| inside.trim().strip_suffix(".DATA"));
            if let Some(name) = name.map(str::trim).filter(|name| !name.is_empty())
                && !keywords.contains(&name)
            {
                keywords.push(name);
            }
        }
        keywords
    }

    /// What WeChat, or whoever reads the message, may miss in `data`; in words for the operator.
    pub fn warnings(&self, data: &TemplateData) -> Vec<String> {
        let keywords = self.keywords();
        if keywords.is_empty() {
            return Vec::new();
        }
        let missing = keywords.iter().filter(|name| !data.contains_key(**name));
        let missing = missing.map(|name| format!("data.{name} is missing: the template has a place for it"));
        let unknown = data.keys().filter(|name| !keywords.contains(&name.as_str()));
        let unknown = unknown.map(|name| format!("data.{name} is not shown: the template has {}", keywords.join(", ")));
        let mut warnings: Vec<String> = missing.chain(unknown).collect();
        if self.kind == TemplateKind::Subscribe {
            warnings.extend(data.iter().filter_map(|(name, value)| beyond_its_kind(name, &value.value)));
        }
        warnings
    }
}

/// How long the values of subscribe messages may be, in characters, by what their names begin with. WeChat refuses
/// longer ones with 47003.
const VALUE_LENGTHS: &[(&str, usize)] = &[
    ("thing", 20),
    ("character_string", 32),
    ("number", 32),
    ("letter", 32),
    ("symbol", 5),
    ("phone_number", 17),
    ("car_number", 8),
    ("name", 20),
    ("phrase", 5),
];

fn beyond_its_kind(name: &str, value: &str) -> Option<String> {
    let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let (_, most) = VALUE_LENGTHS.iter().find(|(known, _)| *known == kind)?;
    let length = value.chars().count();
    (length > *most).then(|| format!("data.{name} has {length} characters: WeChat takes {most} of a {kind}"))
}

impl TemplateChange {
    /// The fields that break their rules.
    pub fn check(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let fits = |alias: &str| {
            alias.chars().count() <= ALIAS_CHARACTERS && !alias.chars().any(|c| c.is_control() || c == '/')
        };
        if self.alias.as_deref().is_some_and(|alias| !fits(alias)) {
            errors.push(FieldError::new("alias", format!("at most {ALIAS_CHARACTERS} characters without `/`")));
        }
        let fits = |comment: &str| comment.chars().count() <= COMMENT_CHARACTERS && !comment.contains('\0');
        if self.comment.as_deref().is_some_and(|comment| !fits(comment)) {
            errors.push(FieldError::new("comment", format!("at most {COMMENT_CHARACTERS} characters")));
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use weft_wechat::api::message::TemplateValue;

    use super::*;

    fn template(kind: TemplateKind, content: &str) -> Template {
        Template {
            template_id: "T".to_owned(),
            kind,
            title: String::new(),
            content: content.to_owned(),
            example: String::new(),
            primary_industry: String::new(),
            deputy_industry: String::new(),
            lasting: false,
            alias: String::new(),
            comment: String::new(),
            created_at: 0,
            updated_at: 0,
        }
    }

    fn data(values: &[(&str, &str)]) -> TemplateData {
        let value = |value: &str| TemplateValue { value: value.to_owned(), color: String::new() };
        values.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect()
    }

    #[test]
    fn keywords_are_what_stands_in_double_braces() {
        for (content, keywords) in [
            ("{{first.DATA}}\n商品：{{keyword1.DATA}}{{first.DATA}}", &["first", "keyword1"][..]),
            ("{{ thing1.DATA }}", &["thing1"]),
            ("{{thing1}} {{.DATA}} {{thing2.DATA", &[]),
            ("{{a.DATA}}}} {b.DATA}", &["a"]),
            ("", &[]),
        ] {
            assert_eq!(template(TemplateKind::Template, content).keywords(), keywords, "{content}");
        }
    }

    #[test]
    fn values_that_are_missing_unknown_or_too_long_are_told() {
        let order = template(TemplateKind::Template, "{{first.DATA}}{{remark.DATA}}");
        assert_eq!(order.warnings(&data(&[("first", "a"), ("remark", "b")])), [""; 0]);
        let warnings = order.warnings(&data(&[("first", "a"), ("foot", "b")]));
        assert!(matches!(&warnings[..], [missing, unknown] if missing.starts_with("data.remark is missing")
            && unknown.starts_with("data.foot is not shown")));
        let notice = template(TemplateKind::Subscribe, "{{thing1.DATA}}{{phrase2.DATA}}{{date3.DATA}}");
        let long = "字".repeat(21);
        let warnings = notice.warnings(&data(&[("thing1", &long), ("phrase2", "已发货"), ("date3", &long)]));
        assert_eq!(warnings, ["data.thing1 has 21 characters: WeChat takes 20 of a thing"]);
    }
}
