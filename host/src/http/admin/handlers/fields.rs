//! A handler in JSON, as it is written and as it is read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    http::{
        AppState,
        admin::change::{Change, set},
    },
    model::{
        FieldError, Handler, HandlerSource, ReplyFields, ReplyStrategy, ReplyTemplate, Rule, RuleFields, read_replies,
        read_rules,
    },
    time,
};

/// A handler as it is written. In a new one what is absent has its default, in a change it stays.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct HandlerFields {
    /// For people; 1 to 60 characters. A new handler needs it.
    name: Option<String>,
    /// Who made it; self without.
    source: Option<HandlerSource>,
    /// `reply_all` without.
    strategy: Option<ReplyStrategy>,
    /// Whether it is tried; true without.
    enabled: Option<bool>,
    /// RFC 3339: it is not tried before. Null takes it away.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    starts: Change<Timestamp>,
    /// RFC 3339: it is not tried from then on. Null takes it away.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    ends: Change<Timestamp>,
    /// Greater ones are tried first; 0 without.
    weight: Option<i32>,
    /// Whether messages that it answers are kept in the message log, whatever the app says.
    log_message: Option<bool>,
    /// Whether a reply that fails keeps the ones after it from being sent.
    stop_on_exception: Option<bool>,
    /// One of them must match; at most 100.
    rules: Option<Vec<RuleFields>>,
    /// At most 20.
    replies: Option<Vec<ReplyFields>>,
}

impl HandlerFields {
    /// Sets what is there, and checks the outcome.
    ///
    /// # Errors
    /// What is wrong, field by field.
    pub(super) fn apply(self, handler: &mut Handler) -> Result<(), Vec<FieldError>> {
        let mut errors = Vec::new();
        set(&mut handler.name, self.name);
        set(&mut handler.source, self.source);
        set(&mut handler.strategy, self.strategy);
        set(&mut handler.enabled, self.enabled);
        self.starts.map(|at| seconds("starts", at, &mut errors)).apply(&mut handler.starts);
        self.ends.map(|at| seconds("ends", at, &mut errors)).apply(&mut handler.ends);
        set(&mut handler.weight, self.weight);
        set(&mut handler.log_message, self.log_message);
        set(&mut handler.stop_on_exception, self.stop_on_exception);
        set(&mut handler.rules, self.rules.map(|rules| read_rules(rules, &mut errors)));
        set(&mut handler.replies, self.replies.map(|replies| read_replies(replies, &mut errors)));
        if errors.is_empty() {
            errors = handler.check();
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

fn seconds(field: &'static str, at: Timestamp, errors: &mut Vec<FieldError>) -> u64 {
    u64::try_from(at.as_second()).unwrap_or_else(|_| {
        errors.push(FieldError::new(field, "a time since 1970 · 1970 年以后的时间"));
        0
    })
}

/// A handler as it is read.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct HandlerView {
    id: String,
    /// For people.
    name: String,
    /// Who made it.
    source: HandlerSource,
    /// Which of the replies are sent.
    strategy: ReplyStrategy,
    /// Whether it is tried.
    enabled: bool,
    /// RFC 3339.
    starts: Option<String>,
    /// RFC 3339.
    ends: Option<String>,
    /// Greater ones are tried first.
    weight: i32,
    /// Whether messages that it answers are kept in the message log, whatever the app says.
    log_message: bool,
    /// Whether a reply that fails keeps the ones after it from being sent.
    stop_on_exception: bool,
    #[schema(value_type = Vec<RuleFields>)]
    rules: Vec<Rule>,
    #[schema(value_type = Vec<ReplyFields>)]
    replies: Vec<ReplyTemplate>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
    /// What should be looked at, such as a plugin that is not there yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

pub(super) fn view(state: &AppState, handler: Handler) -> HandlerView {
    HandlerView {
        warnings: warnings(state, &handler),
        id: handler.id,
        name: handler.name,
        source: handler.source,
        strategy: handler.strategy,
        enabled: handler.enabled,
        starts: handler.starts.map(time::rfc3339),
        ends: handler.ends.map(time::rfc3339),
        weight: handler.weight,
        log_message: handler.log_message,
        stop_on_exception: handler.stop_on_exception,
        rules: handler.rules,
        replies: handler.replies,
        created_at: time::rfc3339(handler.created_at),
        updated_at: time::rfc3339(handler.updated_at),
    }
}

/// What the operator should know of a handler that is right in itself.
pub(super) fn warnings(state: &AppState, handler: &Handler) -> Vec<String> {
    let mut warnings = Vec::new();
    if handler.rules.is_empty() {
        warnings.push(
            "rules: without one the handler matches nothing · rules：没有规则的自动回复不会匹配任何消息".to_owned(),
        );
    }
    warnings.extend(state.plugins.lacking_in_handler(handler));
    warnings
}
