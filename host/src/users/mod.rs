//! The users behind the messages: noted before anything answers, looked up at WeChat in the background, and changed
//! there by operators and plugins, with the tags that the account gives them.

mod at_wechat;
mod bulk;
mod changes;
mod error;
mod halves;
pub mod jobs;
mod known;
mod profiles;
mod sightings;
mod tags;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use weft_wechat::message::{Content, Event, Message, UserAuthorization};

use crate::{
    clock::Clock,
    model::{App, AppType, UserNote, is_openid},
    shares::InTurn,
    storage::{Sighted, Sighting, Store},
    upstream::Wechat,
};

pub use bulk::{BulkChange, BulkOutcome, RefusedUser};
pub use error::UserError;
pub use profiles::FetchError;
pub use tags::TagSync;

use known::Known;
use profiles::Pauses;
use sightings::Lines;

/// Knows users. Clones share what they know.
#[derive(Clone)]
pub struct Users {
    store: Store,
    wechat: Wechat,
    clock: Clock,
    known: Arc<Known>,
    /// Says that somebody new should be looked up.
    wanted: Arc<Notify>,
    /// Apps whose users cannot be looked up for now.
    pauses: Arc<Pauses>,
    /// Apps whose tags are not asked for again for now because a user had one that is not known.
    tag_pauses: Arc<Pauses>,
    /// What is to be written of users.
    lines: Arc<Lines>,
    writing: TaskTracker,
    /// How it asks the database about one user, or about tags.
    in_turn: InTurn,
}

impl Users {
    /// Keeps users in `store`.
    pub fn new(store: Store, wechat: Wechat, clock: Clock) -> Self {
        Self {
            store,
            wechat,
            clock,
            known: Arc::default(),
            wanted: Arc::default(),
            pauses: Arc::default(),
            tag_pauses: Arc::default(),
            lines: Arc::default(),
            writing: TaskTracker::new(),
            in_turn: InTurn::default(),
        }
    }

    /// The same, for who has to wait for a turn whenever one user or the tags are read or written, and has none while
    /// WeChat is asked.
    #[must_use]
    pub fn with_turns(&self, in_turn: InTurn) -> Self {
        Self { in_turn, ..self.clone() }
    }

    /// Writes down what a message tells of a user, before anything runs for it: that they are there, follow the
    /// account, left it, or want to be forgotten. A user seen lately costs nothing; a database that fails or is slow stops no answer.
    pub async fn note(&self, app: &App, message: &Message) -> UserNote {
        let Some((openid, sighted)) = told(app, message) else { return UserNote::default() };
        // An app of the same name that was deleted is another app.
        let key = format!("{}/{}/{openid}", app.name, app.created_at);
        let wants_profile = has_profiles(app);
        let is_no_news = match sighted {
            Sighted::Seen => self.known.has(&key),
            Sighted::Modified => !wants_profile,
            _ => false,
        };
        if is_no_news {
            return UserNote::default();
        }
        let sighting = Sighting { openid: openid.to_owned(), sighted, wants_profile };
        // Boxed, as it is rare: the state of its query would make every message's larger.
        Box::pin(self.write_down(app, key, sighting)).await
    }

    /// Waits for what is still being written.
    pub async fn finish(&self) {
        self.writing.close();
        self.writing.wait().await;
    }
}

/// Whom a message is about, and what it tells of them; none when it is about no user: then WeChat speaks itself.
fn told<'a>(app: &App, message: &'a Message) -> Option<(&'a str, Sighted)> {
    let (at, sender) = (message.created_at, message.sender.as_str());
    let (openid, sighted) = match &message.content {
        Content::Event(Event::Subscribe(subscribe)) => {
            (sender, Sighted::Subscribed { at, qr_scene: subscribe.scene.clone() })
        }
        Content::Event(Event::Unsubscribe) => (sender, Sighted::Unsubscribed { at }),
        // Whoever sends it: the event names the user itself.
        Content::Event(Event::UserInfoModified(about)) => (of_app(app, about)?, Sighted::Modified),
        Content::Event(Event::UserAuthorizationRevoke(about) | Event::UserAuthorizationCancellation(about)) => {
            (of_app(app, about)?, Sighted::Revoked)
        }
        Content::Event(
            Event::MassSendJobFinish(_) | Event::PublishJobFinish(_) | Event::AccountVerification(_) | Event::Other(_),
        ) => return None,
        _ => (sender, Sighted::Seen),
    };
    is_openid(openid).then_some((openid, sighted))
}

/// The user, when the event is about one of the app and not of another account of its owner.
fn of_app<'a>(app: &App, about: &'a UserAuthorization) -> Option<&'a str> {
    (about.appid.is_empty() || about.appid == app.appid).then_some(about.openid.as_str())
}

/// Whether WeChat answers questions about the app's users.
fn has_profiles(app: &App) -> bool {
    matches!(app.app_type, AppType::Service | AppType::Subscription)
}
