//! The users behind the messages: noted before anything answers, looked up at WeChat in the background, and changed
//! there by operators and plugins, with the tags that the account gives them.

mod at_wechat;
mod bulk;
mod changes;
mod error;
mod halves;
pub mod jobs;
mod profiles;
mod tags;

use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use weft_wechat::message::{Content, Event, Message, UserAuthorization};

use crate::{
    clock::Clock,
    model::{App, AppType, UserNote, is_openid},
    storage::{Store, StoreError, with_causes},
    upstream::Wechat,
};

pub use bulk::{BulkChange, BulkOutcome, RefusedUser};
pub use error::UserError;
pub use profiles::FetchError;
pub use tags::TagSync;

use profiles::Pauses;

/// How many users are remembered to be known, over all apps: their messages cost no query.
const REMEMBERED: usize = 100_000;

/// How long an answer waits for its user to be written, at most. The writing goes on.
const WAIT: Duration = Duration::from_secs(1);

/// Knows users. Clones share what they know.
#[derive(Clone)]
pub struct Users {
    store: Store,
    wechat: Wechat,
    clock: Clock,
    known: Arc<Cache<String, ()>>,
    /// Says that somebody new should be looked up.
    wanted: Arc<Notify>,
    /// Apps whose users cannot be looked up for now.
    pauses: Arc<Pauses>,
    /// Apps whose tags are not asked for again for now because a user had one that is not known.
    tag_pauses: Arc<Pauses>,
    writing: TaskTracker,
}

/// What a message tells of a user.
enum Sighting {
    Subscribed {
        at: u64,
        qr_scene: Option<String>,
    },
    Unsubscribed {
        at: u64,
    },
    Seen,
    /// They have changed what WeChat tells of them.
    Modified,
    /// They want nothing to be kept of them.
    Revoked,
}

impl Users {
    /// Keeps users in `store`.
    pub fn new(store: Store, wechat: Wechat, clock: Clock) -> Self {
        Self {
            store,
            wechat,
            clock,
            known: Arc::new(Cache::new(REMEMBERED)),
            wanted: Arc::default(),
            pauses: Arc::default(),
            tag_pauses: Arc::default(),
            writing: TaskTracker::new(),
        }
    }

    /// Writes down what a message tells of a user, before anything runs for it: that they are there, follow the
    /// account, left it, or want to be forgotten. A user seen lately costs nothing; a database that fails or is slow stops no answer.
    pub async fn note(&self, app: &App, message: &Message) -> UserNote {
        let Some((openid, sighting)) = Sighting::of(app, message) else { return UserNote::default() };
        // An app of the same name that was deleted is another app.
        let key = format!("{}/{}/{openid}", app.name, app.created_at);
        if matches!(sighting, Sighting::Seen) && self.known.get(&key).is_some() {
            return UserNote::default();
        }
        let (users, name, openid) = (self.clone(), app.name.clone(), openid.to_owned());
        let wants_profile = has_profiles(app);
        let written = self.writing.spawn(async move {
            let stored = !matches!(sighting, Sighting::Modified | Sighting::Revoked);
            let written = users.write(&name, &openid, sighting, wants_profile).await;
            if stored && written.is_ok() {
                users.known.insert(key, ());
            }
            written
        });
        let error = match tokio::time::timeout(WAIT, written).await {
            Ok(Ok(Ok(note))) => return note,
            Ok(Ok(Err(error))) => with_causes(&error),
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
            Sighting::Modified if wants_profile => {
                users.modified(app, openid).await?;
                UserNote::default()
            }
            Sighting::Modified => UserNote::default(),
            Sighting::Revoked => {
                users.forget(app, openid).await?;
                UserNote::default()
            }
        };
        let is_due = note.new || matches!(sighting, Sighting::Subscribed { .. } | Sighting::Modified);
        if wants_profile && is_due {
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
    /// Who it is about, and what; none when it is about no user: then WeChat speaks itself.
    fn of<'a>(app: &App, message: &'a Message) -> Option<(&'a str, Self)> {
        let (at, sender) = (message.created_at, message.sender.as_str());
        let (openid, sighting) = match &message.content {
            Content::Event(Event::Subscribe(subscribe)) => {
                (sender, Self::Subscribed { at, qr_scene: subscribe.scene.clone() })
            }
            Content::Event(Event::Unsubscribe) => (sender, Self::Unsubscribed { at }),
            // Whoever sends it: the event names the user itself.
            Content::Event(Event::UserInfoModified(about)) => (of_app(app, about)?, Self::Modified),
            Content::Event(Event::UserAuthorizationRevoke(about) | Event::UserAuthorizationCancellation(about)) => {
                (of_app(app, about)?, Self::Revoked)
            }
            Content::Event(
                Event::MassSendJobFinish(_)
                | Event::PublishJobFinish(_)
                | Event::AccountVerification(_)
                | Event::Other(_),
            ) => return None,
            _ => (sender, Self::Seen),
        };
        is_openid(openid).then_some((openid, sighting))
    }
}

/// The user, when the event is about one of the app and not of another account of its owner.
fn of_app<'a>(app: &App, about: &'a UserAuthorization) -> Option<&'a str> {
    (about.appid.is_empty() || about.appid == app.appid).then_some(about.openid.as_str())
}

/// Whether WeChat answers questions about the app's users.
fn has_profiles(app: &App) -> bool {
    matches!(app.app_type, AppType::Service | AppType::Subscription)
}
