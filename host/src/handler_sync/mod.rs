//! Takes the auto-replies over that were set in WeChat's console: `get_current_autoreply_info` becomes handlers.
//!
//! A sync can be repeated: what nobody has touched follows the settings, with its id. What was edited here stays as it
//! is and stands for its auto-reply from then on, so that there are never two of one. An edit is known by the handler
//! not being what the last sync left (a digest is kept beside it); taking it back counts as none.
//!
//! Pictures and voice messages, which the settings have as temporary media, are made permanent before the transaction
//! that writes the handlers, and never twice: [`materials`](crate::materials)
//! knows a file by its `media_id` and its content.

mod media;
mod plan;
mod reply;
mod settings;

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use weft_wechat::api::current_autoreply_info::CurrentAutoreplyInfo;

use crate::{
    clock::Clock,
    materials::Materials,
    model::{App, Handler},
    storage::{Store, StoreError, with_causes},
    upstream::{CallError, Wechat},
};

pub use plan::{Kept, KeptBecause};

use media::Media;
use plan::Ready;
use settings::Draft;

/// From then on no file is begun: what is left comes with the next sync, which does not repeat what is done.
const FILES_TIME: Duration = Duration::from_secs(40);
/// How long a sync that has died keeps others away, in seconds: longer than one can take. The last file begins
/// within [`FILES_TIME`] and is asked for three times and sent once, each for at most a minute.
const LEASE_SECONDS: u64 = 6 * 60;

/// Syncs handlers. Clones share what runs.
#[derive(Clone)]
pub struct HandlerSync {
    store: Store,
    wechat: Wechat,
    materials: Materials,
    clock: Clock,
    running: TaskTracker,
}

/// What a sync has done.
#[derive(Debug, Default)]
pub struct SyncReport {
    /// New handlers.
    pub created: Vec<Handler>,
    /// Handlers whose auto-reply has changed at WeChat.
    pub replaced: Vec<Handler>,
    /// Handlers that are as they were.
    pub unchanged: Vec<Handler>,
    /// Handlers whose auto-reply WeChat has no more.
    pub removed: Vec<Handler>,
    /// Handlers that do not follow WeChat, and why.
    pub kept: Vec<Kept>,
    /// What could not be taken over.
    pub skipped: Vec<Skipped>,
    /// How many files were made permanent materials.
    pub uploaded: usize,
}

/// A part of the settings that could not be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// What the handler is called.
    pub handler: String,
    /// Where it stands in WeChat's answer, such as `reply_list_info[1]`.
    pub part: String,
    /// Why.
    pub reason: String,
}

/// Why a sync has changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Another one has not ended yet.
    #[error("the handlers of the app are being synced already: ask again when that is done")]
    Running,
    /// WeChat did not tell its settings.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug.
    #[error("the sync has ended early")]
    Ended(#[source] tokio::task::JoinError),
}

impl HandlerSync {
    /// Reads from `wechat` and writes to `store`.
    pub fn new(store: Store, wechat: Wechat, materials: Materials, clock: Clock) -> Self {
        Self { store, wechat, materials, clock, running: TaskTracker::new() }
    }

    /// Syncs the handlers of an app. Goes on to its end when nobody waits for it any more: an upload that is cut off
    /// might have to be repeated.
    ///
    /// # Errors
    /// Why nothing has changed.
    pub async fn run(&self, app: App) -> Result<SyncReport, SyncError> {
        let sync = self.clone();
        let running = self.running.spawn(async move {
            if !sync.store.handler_syncs().begin(&app.name, LEASE_SECONDS).await? {
                return Err(SyncError::Running);
            }
            let outcome = sync.sync(&app).await;
            if let Err(error) = sync.store.handler_syncs().end(&app.name).await {
                let error = with_causes(&error);
                tracing::warn!(app = app.name, %error, "the next sync has to wait until this one counts as dead");
            }
            outcome
        });
        running.await.map_err(SyncError::Ended)?
    }

    /// Waits for what runs.
    pub async fn finish(&self) {
        self.running.close();
        self.running.wait().await;
    }

    async fn sync(&self, app: &App) -> Result<SyncReport, SyncError> {
        let deadline = Instant::now() + FILES_TIME;
        let info = self.wechat.call(app, &CurrentAutoreplyInfo).await?;
        let mut report = SyncReport::default();
        let drafts = settings::read(app, info, self.clock.now(), &mut report.skipped);
        let mut media = Media::new(&self.store, &self.materials, app, deadline);
        let mut ready = Vec::with_capacity(drafts.len());
        for draft in drafts {
            ready.push(complete(draft, &mut media, &mut report.skipped).await?);
        }
        report.uploaded = media.uploaded;
        let synced = self.store.handler_syncs().synced(&app.name).await?;
        let change = |before: Vec<Handler>| Ok::<_, StoreError>(plan::changes(before, synced, ready, &mut report));
        self.store.handlers().change_all(&app.name, change).await?;
        for Skipped { handler, part, reason } in &report.skipped {
            tracing::warn!(app = app.name, handler, part, reason, "an auto-reply of WeChat's was not taken over");
        }
        Ok(report)
    }
}

/// Adds the replies to a draft, all that can be had.
async fn complete(draft: Draft, media: &mut Media<'_>, skipped: &mut Vec<Skipped>) -> Result<Ready, StoreError> {
    let Draft { origin, mut handler, contents } = draft;
    let mut waits = false;
    for (part, content) in contents {
        match reply::of(content, media).await? {
            Ok(reply) => handler.replies.push(reply),
            Err(failure) => {
                waits |= failure.may_pass;
                skipped.push(Skipped { handler: handler.name.clone(), part, reason: failure.reason });
            }
        }
    }
    if handler.replies.is_empty() && !handler.rules.is_empty() {
        let reason = "without a reply it would keep others from answering: it is left out".to_owned();
        skipped.push(Skipped { handler: handler.name.clone(), part: String::new(), reason });
    }
    Ok(Ready { origin, handler, waits })
}
