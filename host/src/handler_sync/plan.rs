//! What a sync changes: WeChat's auto-replies beside the handlers that earlier syncs have left.

use std::collections::{HashMap, HashSet, VecDeque};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::SyncReport;
use crate::{
    model::{Handler, HandlerSource},
    storage::{HandlerChanges, SyncedHandler},
};

/// An auto-reply as a handler.
pub(super) struct Ready {
    pub(super) origin: String,
    pub(super) handler: Handler,
    /// Whether a reply is missing that the next sync may bring.
    pub(super) waits: bool,
}

/// A handler that does not follow WeChat.
#[derive(Debug)]
pub struct Kept {
    /// The handler.
    pub handler: Handler,
    /// Why.
    pub because: KeptBecause,
}

/// Why a handler does not follow WeChat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptBecause {
    /// Somebody has changed it here.
    Edited,
    /// What WeChat has now could not be had whole; what was had before is better than a part.
    Incomplete,
}

/// What is to be done to the handlers `before`, of which `synced` stand for an auto-reply; told to `report` too.
pub(super) fn changes(
    before: Vec<Handler>,
    synced: Vec<SyncedHandler>,
    ready: Vec<Ready>,
    report: &mut SyncReport,
) -> HandlerChanges {
    let mut standing = Standing::new(before, synced);
    let mut changes = HandlerChanges::default();
    for Ready { origin, handler, waits } in ready {
        let digest = digest(&handler);
        let mut mark = |handler: &Handler| {
            let (origin, digest) = (origin.clone(), digest.clone());
            changes.synced.push(SyncedHandler { origin, handler_id: handler.id.clone(), digest });
        };
        match standing.take(&origin, &handler.name) {
            Some(stands) if self::digest(&stands.handler) == digest => {
                if stands.digest.as_ref() != Some(&digest) {
                    mark(&stands.handler);
                }
                report.unchanged.push(stands.handler);
            }
            Some(stands) if stands.is_edited() => {
                report.kept.push(Kept { handler: stands.handler, because: KeptBecause::Edited });
            }
            Some(stands) if waits || handler.replies.is_empty() => {
                report.kept.push(Kept { handler: stands.handler, because: KeptBecause::Incomplete });
            }
            Some(stands) => {
                let (id, created_at) = (stands.handler.id, stands.handler.created_at);
                let handler = Handler { id, created_at, ..handler };
                mark(&handler);
                changes.put.push(handler.clone());
                report.replaced.push(handler);
            }
            None if handler.replies.is_empty() => {}
            None => {
                let handler = Handler { id: Uuid::now_v7().to_string(), ..handler };
                mark(&handler);
                changes.put.push(handler.clone());
                report.created.push(handler);
            }
        }
    }
    for stands in standing.rest() {
        if stands.is_edited() {
            report.kept.push(Kept { handler: stands.handler, because: KeptBecause::Edited });
        } else {
            changes.deleted.push(stands.handler.id.clone());
            report.removed.push(stands.handler);
        }
    }
    changes
}

/// A handler that stands for an auto-reply.
struct Stands {
    handler: Handler,
    /// What it was like when it was synced; none when no sync has left it.
    digest: Option<String>,
}

impl Stands {
    fn is_edited(&self) -> bool {
        self.digest.as_ref() != Some(&digest(&self.handler))
    }
}

/// The handlers that stand for an auto-reply.
struct Standing {
    synced: HashMap<String, Stands>,
    /// Handlers of the same source that no sync has left: they came in a file, or somebody wrote them. Each stands for
    /// the auto-reply of its name, which would be there twice otherwise.
    others: HashMap<String, VecDeque<Handler>>,
}

impl Standing {
    fn new(before: Vec<Handler>, synced: Vec<SyncedHandler>) -> Self {
        let ids: HashSet<String> = synced.iter().map(|synced| synced.handler_id.clone()).collect();
        let (marked, rest): (Vec<_>, Vec<_>) = before.into_iter().partition(|handler| ids.contains(&handler.id));
        let mut marked: HashMap<_, _> = marked.into_iter().map(|handler| (handler.id.clone(), handler)).collect();
        let stands = |synced: SyncedHandler| {
            let handler = marked.remove(&synced.handler_id)?;
            Some((synced.origin, Stands { handler, digest: Some(synced.digest) }))
        };
        let mut others: HashMap<String, VecDeque<Handler>> = HashMap::new();
        for handler in rest.into_iter().filter(|handler| handler.source == HandlerSource::Mp) {
            others.entry(handler.name.clone()).or_default().push_back(handler);
        }
        Self { synced: synced.into_iter().filter_map(stands).collect(), others }
    }

    fn take(&mut self, origin: &str, name: &str) -> Option<Stands> {
        self.synced.remove(origin).or_else(|| {
            let handler = self.others.get_mut(name)?.pop_front()?;
            Some(Stands { handler, digest: None })
        })
    }

    /// Those whose auto-reply WeChat has no more, in a lasting order.
    fn rest(self) -> Vec<Stands> {
        let mut rest: Vec<_> = self.synced.into_iter().collect();
        rest.sort_by(|(left, _), (right, _)| left.cmp(right));
        rest.into_iter().map(|(_, stands)| stands).collect()
    }
}

/// Tells whether two handlers do the same: everything that somebody may edit.
fn digest(handler: &Handler) -> String {
    let Handler { name, source, strategy, enabled, starts, ends, weight, log_message, stop_on_exception, .. } = handler;
    let settings = (name, source, strategy, enabled, starts, ends, weight, log_message, stop_on_exception);
    let json = serde_json::to_vec(&(settings, &handler.rules, &handler.replies)).unwrap_or_default();
    hex::encode(Sha256::digest(json))
}
