//! The users behind the messages: noted before anything answers, and looked up at WeChat in the background.

mod at_wechat;
mod profiles;

use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use weft_wechat::message::{Content, Event, Message};

use crate::{
    clock::Clock,
    model::{App, AppType, UserNote, is_openid},
    storage::{Store, StoreError},
};

pub use profiles::FetchError;

use profiles::Pauses;

/// How many users are remembered to be known, over all apps: their messages cost no query.
const REMEMBERED: usize = 100_000;

/// How long an answer waits for its user to be written, at most. The writing goes on.
const WAIT: Duration = Duration::from_secs(1);

/// Notes users. Clones share what they know.
#[derive(Clone)]
pub struct Users {
    store: Store,
    clock: Clock,
    known: Arc<Cache<String, ()>>,
    /// Says that somebody new should be looked up.
    wanted: Arc<Notify>,
    /// Apps whose users cannot be looked up for now.
    pauses: Arc<Pauses>,
    writing: TaskTracker,
}

/// What a message tells of its sender.
enum Sighting {
    Subscribed { at: u64, qr_scene: Option<String> },
    Unsubscribed { at: u64 },
    Seen,
}

impl Users {
    /// Keeps users in `store`.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            known: Arc::new(Cache::new(REMEMBERED)),
            wanted: Arc::default(),
            pauses: Arc::default(),
            writing: TaskTracker::new(),
        }
    }

    /// Writes down what a message tells of its sender, before anything runs for it: that they are there, follow the
    /// account, or left it. A user seen lately costs nothing; a database that fails or is slow stops no answer.
    pub async fn note(&self, app: &App, message: &Message) -> UserNote {
        let Some(sighting) = Sighting::of(message) else { return UserNote::default() };
        // An app of the same name that was deleted is another app.
        let key = format!("{}/{}/{}", app.name, app.created_at, message.sender);
        if matches!(sighting, Sighting::Seen) && self.known.get(&key).is_some() {
            return UserNote::default();
        }
        let (users, name, openid) = (self.clone(), app.name.clone(), message.sender.clone());
        let wants_profile = has_profiles(app);
        let written = self.writing.spawn(async move {
            let written = users.write(&name, &openid, sighting, wants_profile).await;
            if written.is_ok() {
                users.known.insert(key, ());
            }
            written
        });
        let error = match tokio::time::timeout(WAIT, written).await {
            Ok(Ok(Ok(note))) => return note,
            Ok(Ok(Err(error))) => error_with_causes(&error),
            Ok(Err(panic)) => panic.to_string(),
            Err(_) => format!("it takes longer than {} ms and goes on", WAIT.as_millis()),
        };
        tracing::warn!(app = app.name, openid = message.sender, error, "the user could not be written down in time");
        UserNote::default()
    }

    async fn write(
        &self,
        app: &str,
        openid: &str,
        sighting: Sighting,
        wants_profile: bool,
    ) -> Result<UserNote, StoreError> {
        let users = self.store.users();
        let note = match &sighting {
            Sighting::Seen => users.seen(app, openid, wants_profile).await?,
            Sighting::Subscribed { at, qr_scene } => {
                users.subscribed(app, openid, *at, qr_scene.as_deref(), wants_profile).await?
            }
            Sighting::Unsubscribed { at } => users.unsubscribed(app, openid, *at).await?,
        };
        if wants_profile && (note.new || matches!(sighting, Sighting::Subscribed { .. })) {
            self.wanted.notify_one();
        }
        Ok(note)
    }

    /// Waits for what is still being written.
    pub async fn finish(&self) {
        self.writing.close();
        self.writing.wait().await;
    }
}

impl Sighting {
    /// None when the sender is no user: then WeChat speaks itself, or of somebody who takes leave of it.
    fn of(message: &Message) -> Option<Self> {
        if !is_openid(&message.sender) {
            return None;
        }
        let at = message.created_at;
        match &message.content {
            Content::Event(Event::Subscribe(subscribe)) => {
                Some(Self::Subscribed { at, qr_scene: subscribe.scene.clone() })
            }
            Content::Event(Event::Unsubscribe) => Some(Self::Unsubscribed { at }),
            Content::Event(
                Event::MassSendJobFinish(_)
                | Event::PublishJobFinish(_)
                | Event::AccountVerification(_)
                | Event::UserInfoModified(_)
                | Event::UserAuthorizationRevoke(_)
                | Event::UserAuthorizationCancellation(_)
                | Event::Other(_),
            ) => None,
            _ => Some(Self::Seen),
        }
    }
}

/// Whether WeChat answers questions about the app's users.
fn has_profiles(app: &App) -> bool {
    matches!(app.app_type, AppType::Service | AppType::Subscription)
}

fn error_with_causes(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
