//! Why a message is answered by this handler and not by the others.

use std::{iter, sync::Arc};

use super::{Asked, Match, index};
use crate::{
    bilingual::{all, of},
    model::{Availability, Condition, Handler},
};

/// What became of a message, handler by handler.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The handler that answers.
    pub matched: Option<Match>,
    /// All handlers in the order in which they are tried.
    pub handlers: Vec<Explained>,
}

/// What became of a message at one handler.
#[derive(Debug, Clone)]
pub struct Explained {
    /// The handler.
    pub handler: Arc<Handler>,
    /// Whether it answers.
    pub outcome: Outcome,
    /// Why, for people.
    pub why: String,
}

/// Whether a handler answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It does.
    Matched,
    /// None of its rules matches.
    NoRuleMatched,
    /// It is switched off.
    Disabled,
    /// Its time has not come.
    NotYet,
    /// Its time is over.
    Over,
    /// One before it answers.
    NotTried,
}

impl Outcome {
    /// The text in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::NoRuleMatched => "no_rule_matched",
            Self::Disabled => "disabled",
            Self::NotYet => "not_yet",
            Self::Over => "over",
            Self::NotTried => "not_tried",
        }
    }
}

impl Explanation {
    pub(super) fn new(handlers: &[Arc<Handler>], matched: Option<Match>, asked: &Asked<'_>, now: u64) -> Self {
        let mut done = false;
        let handlers = handlers.iter().map(|handler| {
            let matched = matched.as_ref().filter(|matched| Arc::ptr_eq(&matched.handler, handler));
            let (outcome, why) = match (handler.availability(now), matched) {
                (_, Some(matched)) => (Outcome::Matched, why_it_matched(matched)),
                (Availability::Disabled, _) => (Outcome::Disabled, "it is switched off · 已停用".to_owned()),
                (Availability::NotYet, _) => (Outcome::NotYet, "its time has not come · 还没到生效时间".to_owned()),
                (Availability::Over, _) => (Outcome::Over, "its time is over · 已过生效时间".to_owned()),
                _ if done => (Outcome::NotTried, "one before it answers · 前面已有一条回复".to_owned()),
                _ => (Outcome::NoRuleMatched, why_nothing_matched(handler, asked)),
            };
            done |= outcome == Outcome::Matched;
            Explained { handler: Arc::clone(handler), outcome, why }
        });
        let handlers = handlers.collect();
        Self { matched, handlers }
    }
}

fn why_it_matched(matched: &Match) -> String {
    let kind = matched.handler.rules.get(matched.rule).map_or("", |rule| rule.condition.kind().as_str());
    format!("rules[{0}] of type {kind} matches · rules[{0}]（{kind}）匹配", matched.rule)
}

fn why_nothing_matched(handler: &Handler, asked: &Asked<'_>) -> String {
    if handler.rules.is_empty() {
        return "it has no rules · 没有规则".to_owned();
    }
    let unanswered = handler.rules.iter().enumerate().filter_map(|(place, rule)| {
        let Condition::Custom(target) = &rule.condition else { return None };
        let reason = match asked.get(target) {
            Some(Some(Err(reason))) => reason.clone(),
            Some(_) => return None,
            None => format!(
                "it is not asked, as {0} rules of plugins come before it · 在它之前已有 {0} 条插件规则，不再询问",
                index::ASKED
            ),
        };
        Some(of(&format!("rules[{place}], custom {target}"), &reason))
    });
    let none = "none of its rules matches · 规则都不匹配".to_owned();
    all(&iter::once(none).chain(unanswered).collect::<Vec<_>>())
}
