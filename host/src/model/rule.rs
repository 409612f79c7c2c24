//! A rule of a handler: which messages it is for.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::flat::{Flat, is_text};
use super::{FieldError, PluginTarget};
use crate::bilingual::{because, of};

/// The longest pattern or key, in characters.
const TEXT_LENGTH: usize = 1000;
/// How large a regular expression may get when it is compiled, in bytes.
/// A letter of any script (`\w`) takes 50 KiB each time it is repeated by a number.
const REGEX_BYTES: usize = 4 << 20;
/// As exactly as the size of a compiled regular expression is told.
const REGEX_SIZES: [usize; 4] = [16 << 10, 128 << 10, 1 << 20, REGEX_BYTES];
/// The types of messages that a rule may name.
const MSG_TYPES: [&str; 10] =
    ["text", "image", "voice", "video", "shortvideo", "location", "link", "file", "miniprogrampage", "event"];

/// A rule. The rules of a handler are tried by weight, the greatest first, and those of the same weight in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "RuleFields", try_from = "RuleFields")]
pub struct Rule {
    /// Greater ones are tried first.
    pub weight: i32,
    /// What a message must be.
    pub condition: Condition,
}

/// What a message must be for a rule to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Anything.
    All,
    /// A message of that `MsgType`.
    MsgType(String),
    /// An event of that name, whatever its case.
    Event(String),
    /// An event of that name with exactly that `EventKey`.
    EventKey {
        /// The event's name, whatever its case.
        event: String,
        /// The `EventKey`.
        key: String,
    },
    /// A text that contains this.
    Contain(String),
    /// Exactly this text.
    Equal(String),
    /// A text in which the regular expression finds something.
    Regex(Pattern),
    /// What a plugin's rule says of the message.
    Custom(PluginTarget),
}

/// A regular expression. How large it gets is found out once, by compiling it: what was checked takes no more time when
/// it is stored, while others wait to write.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    size: OnceLock<usize>,
}

/// The type of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RuleType)]
pub enum RuleType {
    /// Every message and event.
    All,
    /// The type of the message.
    MsgType,
    /// The name of the event.
    Event,
    /// The name and the key of the event.
    #[serde(rename = "eventkey")]
    EventKey,
    /// A part of the text.
    Contain,
    /// The whole text.
    Equal,
    /// A regular expression.
    Regex,
    /// A plugin's rule.
    Custom,
}

impl RuleType {
    /// The text in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::MsgType => "msg_type",
            Self::Event => "event",
            Self::EventKey => "eventkey",
            Self::Contain => "contain",
            Self::Equal => "equal",
            Self::Regex => "regex",
            Self::Custom => "custom",
        }
    }
}

/// A rule as JSON has it: which fields it needs is said by its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rule)]
pub struct RuleFields {
    #[serde(rename = "type")]
    kind: RuleType,
    /// Greater ones are tried first; 0 without.
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<i32>,
    /// For contain, equal and regex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    /// For `msg_type`: text, image, voice, video, shortvideo, location, link, file, miniprogrampage or event.
    #[serde(skip_serializing_if = "Option::is_none")]
    msg_type: Option<String>,
    /// For event and eventkey, such as subscribe, whatever its case.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// For eventkey: exactly the event's key; of a QR code the scene, with or without `qrscene_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// For custom: `plugin` or `plugin/rule`.
    #[serde(skip_serializing_if = "Option::is_none")]
    handler: Option<String>,
}

impl RuleFields {
    /// The rule; what is missing or too much for its type goes to `errors`, under `path`.
    pub fn read(mut self, path: &str, errors: &mut Vec<FieldError>) -> Rule {
        let mut flat = Flat { path, kind: self.kind.as_str(), errors };
        let condition = match self.kind {
            RuleType::All => Condition::All,
            RuleType::MsgType => Condition::MsgType(flat.needed("msg_type", self.msg_type.take())),
            RuleType::Event => Condition::Event(flat.needed("event", self.event.take())),
            RuleType::EventKey => Condition::EventKey {
                event: flat.needed("event", self.event.take()),
                key: flat.needed("key", self.key.take()),
            },
            RuleType::Contain => Condition::Contain(flat.needed("pattern", self.pattern.take())),
            RuleType::Equal => Condition::Equal(flat.needed("pattern", self.pattern.take())),
            RuleType::Regex => Condition::Regex(flat.needed("pattern", self.pattern.take()).into()),
            RuleType::Custom => Condition::Custom(flat.target(self.handler.take())),
        };
        flat.unknown("pattern", self.pattern.is_some());
        flat.unknown("msg_type", self.msg_type.is_some());
        flat.unknown("event", self.event.is_some());
        flat.unknown("key", self.key.is_some());
        flat.unknown("handler", self.handler.is_some());
        Rule { weight: self.weight.unwrap_or(0), condition }
    }
}

impl TryFrom<RuleFields> for Rule {
    type Error = String;

    fn try_from(fields: RuleFields) -> Result<Self, String> {
        let mut errors = Vec::new();
        let rule = fields.read("rule", &mut errors);
        errors.pop().map_or(Ok(rule), |error| Err(of(&error.field, &error.message)))
    }
}

impl From<Rule> for RuleFields {
    fn from(rule: Rule) -> Self {
        let mut fields = Self {
            kind: rule.condition.kind(),
            weight: (rule.weight != 0).then_some(rule.weight),
            pattern: None,
            msg_type: None,
            event: None,
            key: None,
            handler: None,
        };
        match rule.condition {
            Condition::All => {}
            Condition::MsgType(msg_type) => fields.msg_type = Some(msg_type),
            Condition::Event(event) => fields.event = Some(event),
            Condition::EventKey { event, key } => (fields.event, fields.key) = (Some(event), Some(key)),
            Condition::Contain(pattern) | Condition::Equal(pattern) => fields.pattern = Some(pattern),
            Condition::Regex(pattern) => fields.pattern = Some(pattern.text),
            Condition::Custom(target) => fields.handler = Some(target.to_string()),
        }
        fields
    }
}

impl From<Condition> for Rule {
    fn from(condition: Condition) -> Self {
        Self { weight: 0, condition }
    }
}

impl Condition {
    /// The type.
    pub fn kind(&self) -> RuleType {
        match self {
            Self::All => RuleType::All,
            Self::MsgType(_) => RuleType::MsgType,
            Self::Event(_) => RuleType::Event,
            Self::EventKey { .. } => RuleType::EventKey,
            Self::Contain(_) => RuleType::Contain,
            Self::Equal(_) => RuleType::Equal,
            Self::Regex(_) => RuleType::Regex,
            Self::Custom(_) => RuleType::Custom,
        }
    }

    /// About how many bytes the regular expression takes when it is compiled; 0 for other rules.
    pub(super) fn regex_bytes(&self) -> usize {
        match self {
            Self::Regex(pattern) => pattern.size().unwrap_or(0),
            _ => 0,
        }
    }

    /// About how many bytes it takes when it is compiled, as [`regex_bytes`](Self::regex_bytes).
    ///
    /// # Errors
    /// The field that breaks its rule, and what would be right.
    pub(super) fn check(&self) -> Result<usize, (&'static str, String)> {
        let wrong = match self {
            Self::All | Self::Custom(_) => None,
            Self::MsgType(msg_type) => {
                let right = MSG_TYPES.contains(&msg_type.as_str());
                (!right)
                    .then(|| ("msg_type", format!("one of {} · 可选 {}", MSG_TYPES.join(", "), MSG_TYPES.join("、"))))
            }
            Self::Event(event) => check_event(event),
            Self::EventKey { event, key } => check_event(event).or_else(|| check_text("key", key)),
            Self::Contain(pattern) | Self::Equal(pattern) => check_text("pattern", pattern),
            Self::Regex(pattern) => match check_text("pattern", pattern.as_str()) {
                None => return pattern.size().map_err(|error| ("pattern", why_not_a_regex(&error))),
                wrong => wrong,
            },
        };
        wrong.map_or(Ok(0), Err)
    }
}

/// Compiles a rule's regular expression, within the limit.
///
/// # Errors
/// When it is none, or gets too large.
pub fn regex(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(REGEX_BYTES).build()
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self { text, size: OnceLock::new() }
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// About how many bytes it takes when it is compiled.
    ///
    /// # Errors
    /// When it is none, or gets too large.
    fn size(&self) -> Result<usize, regex::Error> {
        if let Some(size) = self.size.get() {
            return Ok(*size);
        }
        let size = regex_size(&self.text)?;
        Ok(*self.size.get_or_init(|| size))
    }
}

/// About how many bytes a rule's regular expression takes when it is compiled.
///
/// # Errors
/// When it is none, or gets too large.
fn regex_size(pattern: &str) -> Result<usize, regex::Error> {
    let fits = |size: &usize| RegexBuilder::new(pattern).size_limit(*size).build().is_ok();
    match REGEX_SIZES.into_iter().find(fits) {
        Some(size) => Ok(size),
        None => regex(pattern).map(|_| REGEX_BYTES),
    }
}

fn check_event(event: &str) -> Option<(&'static str, String)> {
    let is_event = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let right = (1..=64).contains(&event.len()) && event.bytes().all(is_event);
    (!right).then(|| ("event", "1 to 64 letters, digits or `_`, such as subscribe or CLICK · 1 到 64 个字母、数字或 `_`，如 subscribe、CLICK".to_owned()))
}

fn check_text(field: &'static str, text: &str) -> Option<(&'static str, String)> {
    let right = !text.is_empty() && is_text(text, TEXT_LENGTH);
    (!right).then(|| (field, format!("1 to {TEXT_LENGTH} characters · 1 到 {TEXT_LENGTH} 个字符")))
}

/// Without the pattern, which the engine draws with an arrow under it.
fn why_not_a_regex(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => {
            "the regular expression gets too large: repeat less, or count to smaller numbers · 正则表达式太大：请减少重复，或把重复次数改小".to_owned()
        }
        error => {
            let text = error.to_string();
            let why = text.rsplit("error: ").next().unwrap_or_default().trim();
            because("not a regular expression · 正则表达式有误", why)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(pattern: &str) -> String {
        Condition::Regex(pattern.into()).check().unwrap_err().1
    }

    #[test]
    fn a_wrong_regular_expression_is_told_what_is_wrong_with_it() {
        assert_eq!(why("(secret"), "not a regular expression: unclosed group · 正则表达式有误");
        assert!(why("a(?=b)").contains("look-around"), "{}", why("a(?=b)"));
        assert!(why(r"\w{1000}").contains("too large"), "{}", why(r"\w{1000}"));
        assert!(why("(a{1000}){1000}").contains("too large"));
    }

    #[test]
    fn what_was_checked_is_not_compiled_again_to_be_measured() {
        let condition = Condition::Regex(r"\w{1,60}".into());
        let timed = |condition: &Condition| {
            let began = std::time::Instant::now();
            (condition.regex_bytes(), began.elapsed())
        };
        let (bytes, first) = timed(&condition.clone());
        assert_eq!(condition.check(), Ok(bytes));
        // What else runs on this machine makes it longer, and never shorter.
        let (again, second) = (0..5).map(|_| timed(&condition.clone())).min_by_key(|(_, took)| *took).unwrap();
        assert_eq!(again, bytes);
        assert!(second < first / 10, "{second:?} after {first:?}");
    }

    #[test]
    fn regular_expressions_as_people_write_them_are_small_enough() {
        for pattern in [
            r"^\w{1,20}@\w+\.\w+$",
            r"(?i)\b(?:订单|快递|物流)\s*[:：]?\s*(\d{6,20})\b",
            r"^[\p{Han}\w\s]{1,30}$",
            r"^\w{1,50}$",
            &"优惠券|".repeat(200),
        ] {
            assert!(Condition::Regex(pattern.into()).check().is_ok(), "{pattern}");
        }
    }
}
