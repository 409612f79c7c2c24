//! A handler (自动回复): the messages it is for, and what they are answered.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::flat::is_text;
use super::words::words;
use super::{Condition, FieldError, PluginTarget, ReplyContent, ReplyFields, ReplyTemplate, Rule, RuleFields};

/// The longest name, in characters.
const NAME_LENGTH: usize = 60;
/// The most rules of one handler.
const RULES: usize = 100;
/// The most replies of one handler.
const REPLIES: usize = 20;
/// How large the regular expressions of one handler may get together when they are compiled, in bytes.
const REGEX_BYTES: usize = 8 << 20;
/// How many bytes a byte of text takes in the automaton that finds it.
const TEXT_FACTOR: usize = 4;

/// The most handlers of one app.
const HANDLERS: usize = 5000;
/// How large the handlers of one app may be together, by [`Handler::size`].
const HANDLERS_SIZE: usize = 32 << 20;

/// A handler. They are tried by weight, the greatest first, then the newest; the first with a rule that matches
/// answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// Unique in its app; UUIDs of version 7, so that newer ones are greater.
    pub id: String,
    /// The app's name.
    pub app: String,
    /// For people; 1 to 60 characters, not unique.
    pub name: String,
    /// Who made it.
    pub source: HandlerSource,
    /// Which of the replies are sent.
    pub strategy: ReplyStrategy,
    /// Whether it is tried at all.
    pub enabled: bool,
    /// It is not tried before; seconds since 1970.
    pub starts: Option<u64>,
    /// It is not tried from then on; seconds since 1970.
    pub ends: Option<u64>,
    /// Greater ones are tried first.
    pub weight: i32,
    /// Whether messages that it answers are kept in the message log, whatever the app says.
    pub log_message: bool,
    /// Whether a reply that fails keeps the ones after it from being sent.
    pub stop_on_exception: bool,
    /// One of them must match.
    pub rules: Vec<Rule>,
    /// What is answered.
    pub replies: Vec<ReplyTemplate>,
    /// Seconds since 1970.
    pub created_at: u64,
    /// Seconds since 1970.
    pub updated_at: u64,
}

/// Who made a handler.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HandlerSource {
    /// The operator.
    #[default]
    #[serde(rename = "self")]
    Own,
    /// A menu button.
    Menu,
    /// The account's own auto-reply settings at WeChat.
    Mp,
    /// Another app or another system.
    Migrate,
}

/// Which replies of a handler are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplyStrategy {
    /// All in their order: the last one as the answer, those before it as customer-service messages.
    #[default]
    ReplyAll,
    /// One at random, as the answer.
    RandomOne,
    /// None.
    None,
}

words!(HandlerSource { Own: "self", Menu: "menu", Mp: "mp", Migrate: "migrate" }, UnknownHandlerWord);

words!(ReplyStrategy { ReplyAll: "reply_all", RandomOne: "random_one", None: "none" }, UnknownHandlerWord);

/// No source or strategy has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a source is one of self, menu, mp, migrate; a strategy one of reply_all, random_one, none · source 可选 self、menu、mp、migrate，strategy 可选 reply_all、random_one、none"
)]
pub struct UnknownHandlerWord;

/// Whether a handler is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// It is.
    Available,
    /// Somebody switched it off.
    Disabled,
    /// Its time has not come.
    NotYet,
    /// Its time is over.
    Over,
}

impl Handler {
    /// A handler that is tried, with no rule and no reply; the storage gives it its id and times.
    pub fn new(app: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: String::new(),
            app: app.into(),
            name: name.into(),
            source: HandlerSource::Own,
            strategy: ReplyStrategy::ReplyAll,
            enabled: true,
            starts: None,
            ends: None,
            weight: 0,
            log_message: false,
            stop_on_exception: false,
            rules: Vec::new(),
            replies: Vec::new(),
            created_at: 0,
            updated_at: 0,
        }
    }

    /// What its rules and replies name in plugins.
    pub fn plugin_targets(&self) -> impl Iterator<Item = &PluginTarget> {
        let rules = self.rules.iter().filter_map(|rule| match &rule.condition {
            Condition::Custom(target) => Some(target),
            _ => None,
        });
        let replies = self.replies.iter().filter_map(|reply| match &reply.content {
            ReplyContent::Custom(target) => Some(target),
            _ => None,
        });
        rules.chain(replies)
    }

    /// Whether it is tried at `now`, in seconds since 1970.
    pub fn availability(&self, now: u64) -> Availability {
        if !self.enabled {
            Availability::Disabled
        } else if self.starts.is_some_and(|starts| now < starts) {
            Availability::NotYet
        } else if self.ends.is_some_and(|ends| now >= ends) {
            Availability::Over
        } else {
            Availability::Available
        }
    }

    /// The fields that break their rules; empty when the handler may be stored.
    pub fn check(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut regex_bytes = 0;
        if self.name.trim().is_empty() || !is_text(&self.name, NAME_LENGTH) || self.name.contains(['\n', '\r']) {
            errors.push(FieldError::new("name", format!("1 to {NAME_LENGTH} characters · 1 到 {NAME_LENGTH} 个字符")));
        }
        if let (Some(starts), Some(ends)) = (self.starts, self.ends)
            && starts >= ends
        {
            errors.push(FieldError::new("ends", "later than starts · 须晚于 starts"));
        }
        if self.rules.len() > RULES {
            errors.push(FieldError::new("rules", format!("at most {RULES} rules · 最多 {RULES} 条规则")));
        }
        if self.replies.len() > REPLIES {
            errors.push(FieldError::new("replies", format!("at most {REPLIES} replies · 最多 {REPLIES} 条回复")));
        }
        for (index, rule) in self.rules.iter().enumerate().take(RULES) {
            match rule.condition.check() {
                // Found out early, before much has been compiled.
                Ok(bytes) => regex_bytes += bytes,
                Err((field, rule)) => errors.push(FieldError::new(format!("rules[{index}].{field}"), rule)),
            }
            if regex_bytes > REGEX_BYTES {
                errors.push(FieldError::new(
                    "rules",
                    "the regular expressions get too large together · 正则表达式合计太大",
                ));
                break;
            }
        }
        for (index, reply) in self.replies.iter().enumerate().take(REPLIES) {
            let wrong = reply.content.check().into_iter();
            errors.extend(wrong.map(|(field, rule)| FieldError::new(format!("replies[{index}].{field}"), rule)));
        }
        errors
    }

    /// About how many bytes it takes to keep the handler ready.
    pub fn size(&self) -> usize {
        let bytes = |json: serde_json::Result<String>| json.map_or(0, |json| json.len());
        let texts =
            self.name.len() + bytes(serde_json::to_string(&self.rules)) + bytes(serde_json::to_string(&self.replies));
        let regexes: usize = self.rules.iter().map(|rule| rule.condition.regex_bytes()).sum();
        texts * TEXT_FACTOR + regexes
    }
}

/// Whether an app may have `count` handlers of `size` together, by [`Handler::size`].
///
/// # Errors
/// What there may be at most.
pub fn check_together(count: usize, size: usize) -> Result<(), String> {
    if count > HANDLERS {
        return Err(format!("an app has at most {HANDLERS} handlers · 每个账号最多 {HANDLERS} 条自动回复"));
    }
    if size > HANDLERS_SIZE {
        return Err(format!(
            "the handlers of an app may take {0} MiB of memory together; regular expressions take the most · 一个账号的自动回复合计最多占 {0} MiB 内存，其中正则表达式占用最多",
            HANDLERS_SIZE >> 20
        ));
    }
    Ok(())
}

/// Rules as JSON has them; what their types do not allow goes to `errors`.
pub fn read_rules(fields: Vec<RuleFields>, errors: &mut Vec<FieldError>) -> Vec<Rule> {
    fields.into_iter().enumerate().map(|(index, rule)| rule.read(&format!("rules[{index}]"), errors)).collect()
}

/// Replies as JSON has them; what their types do not allow goes to `errors`.
pub fn read_replies(fields: Vec<ReplyFields>, errors: &mut Vec<FieldError>) -> Vec<ReplyTemplate> {
    fields.into_iter().enumerate().map(|(index, reply)| reply.read(&format!("replies[{index}]"), errors)).collect()
}
