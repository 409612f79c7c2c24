//! Which handler answers a message: the rules of an app, compiled once and shared by all messages. No I/O.

mod explain;
mod index;
mod reply;

use std::{collections::HashMap, sync::Arc};

use futures::future::BoxFuture;
use weft_wechat::message::Message;

use crate::model::{Availability, Handler, PluginTarget};

pub use explain::{Explained, Explanation, Outcome};
pub use reply::{Plan, forwarded};

use index::Index;

/// The handlers of one app, ready to be matched. Never changes; a change of the handlers makes a new one.
#[derive(Default)]
pub struct RuleSet {
    /// In the order in which they are tried.
    handlers: Vec<Arc<Handler>>,
    index: Index,
}

/// The handler that answers, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The handler.
    pub handler: Arc<Handler>,
    /// Where the rule that matched stands in the handler.
    pub rule: usize,
}

/// What a plugin said of a message: whether its rule matches, or why it could not be asked, which is no match.
pub type Answer = Result<bool, String>;

/// Lets plugins say whether their rules match the message that is looked at.
pub trait Ask: Sync {
    /// What the rule that `target` names says.
    fn ask<'a>(&'a self, target: &'a PluginTarget) -> BoxFuture<'a, Answer>;
}

/// What the custom rules said of a message that were asked, each once.
type Asked<'r> = HashMap<&'r PluginTarget, Option<Answer>>;

impl RuleSet {
    /// Arranges the handlers: by weight, the greatest first, then the newest. Takes milliseconds when there are many.
    pub fn compile(mut handlers: Vec<Handler>) -> Self {
        handlers.sort_by(|one, other| {
            let key = |handler: &Handler| (handler.weight, handler.created_at);
            key(other).cmp(&key(one)).then_with(|| other.id.cmp(&one.id))
        });
        let handlers: Vec<_> = handlers.into_iter().map(Arc::new).collect();
        let index = Index::new(handlers.iter().map(|handler| &**handler));
        Self { handlers, index }
    }

    /// The handlers, in the order in which they are tried.
    pub fn handlers(&self) -> impl Iterator<Item = &Handler> {
        self.handlers.iter().map(AsRef::as_ref)
    }

    /// Whether no message can match.
    pub fn is_empty(&self) -> bool {
        self.handlers.iter().all(|handler| !handler.enabled || handler.rules.is_empty())
    }

    /// The first handler that is available at `now`, in seconds since 1970, and has a rule that matches. Of
    /// `plugins`, one is asked only while nothing before that rule's handler has matched.
    pub async fn find(&self, message: &Message, now: u64, plugins: &dyn Ask) -> Option<Match> {
        self.walk(message, now, plugins, &mut self.unasked()).await
    }

    /// As [`find`](Self::find), and says of every handler why it answers or does not.
    pub async fn explain(&self, message: &Message, now: u64, plugins: &dyn Ask) -> Explanation {
        let mut answers = self.unasked();
        let matched = self.walk(message, now, plugins, &mut answers).await;
        let asked: Asked<'_> = self.index.targets.iter().zip(answers).collect();
        Explanation::new(&self.handlers, matched, &asked, now)
    }

    /// Room for what each of the plugins' rules says.
    fn unasked(&self) -> Vec<Option<Answer>> {
        vec![None; self.index.targets.len()]
    }

    async fn walk(
        &self,
        message: &Message,
        now: u64,
        plugins: &dyn Ask,
        answers: &mut [Option<Answer>],
    ) -> Option<Match> {
        let handler = |place: u32| self.handlers.get(usize::try_from(place).ok()?);
        let open = |place: u32| handler(place).is_some_and(|one| one.availability(now) == Availability::Available);
        let first = self.index.first(message, open);
        let found = |place: u32, rule: u32| {
            Some(Match { handler: Arc::clone(handler(place)?), rule: usize::try_from(rule).ok()? })
        };
        for (at, place) in &self.index.custom {
            if first.is_some_and(|first| first.handler <= at.handler) {
                break;
            }
            if !open(at.handler) {
                continue;
            }
            let (Some(target), Some(answer)) = (self.index.targets.get(*place), answers.get_mut(*place)) else {
                continue;
            };
            if answer.is_none() {
                *answer = Some(plugins.ask(target).await);
            }
            if *answer == Some(Ok(true)) {
                return found(at.handler, at.rule);
            }
        }
        first.and_then(|first| found(first.handler, first.rule))
    }
}
