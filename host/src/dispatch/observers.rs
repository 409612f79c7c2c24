//! Tells the plugins that an app names as observers of its messages. No answer waits for them.

use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use weft_wechat::{message::Message, reply::Reply};

use super::subject;
use crate::{
    accounts::Account,
    failure_lines::FailureLines,
    model::PluginTarget,
    plugins::{EntryKind, Observation, Plugins},
    shares::{Place, Room},
};

/// Messages that are observed at once. Observers that are slower than the messages come miss some.
const AT_ONCE: usize = 1024;

/// How many of them may be of one app: each counts until it has been answered, which may take seconds.
const OF_ONE_APP: usize = 128;

/// Tells observers. Clones share what is under way.
#[derive(Clone)]
pub(super) struct Observers {
    plugins: Plugins,
    failures: FailureLines,
    room: Room,
    tasks: TaskTracker,
}

/// A message that is being observed: what becomes of it is told when it is known.
pub(super) struct Observed(Option<oneshot::Sender<Ending>>);

/// What became of a message.
pub(super) enum Ending {
    /// It was answered with this, or with nothing.
    Handled(Option<Reply>),
    /// Something failed; why, for people.
    Failed(String),
}

/// What observers are told of.
struct Subjects {
    account: Arc<Account>,
    message: Message,
    delivery_id: Arc<str>,
    raw: Arc<str>,
}

impl Observers {
    pub(super) fn new(plugins: Plugins, failures: FailureLines) -> Self {
        Self { plugins, failures, room: Room::new(AT_ONCE, OF_ONE_APP), tasks: TaskTracker::new() }
    }

    /// Tells the account's observers, if it has any, that a message has come.
    pub(super) fn received(
        &self,
        account: &Arc<Account>,
        message: &Message,
        delivery_id: &Arc<str>,
        raw: &Arc<str>,
    ) -> Observed {
        if account.app.settings.message_observers.is_empty() {
            return Observed(None);
        }
        let app = &account.app.name;
        let Some(place) = self.room.place(app) else {
            self.failures.tell(app, format_args!("observers"), "behind", || {
                tracing::warn!(
                    app,
                    delivery = &**delivery_id,
                    "the observers are {OF_ONE_APP} messages behind, or those of all apps {AT_ONCE}: they do not hear of \
                     this one"
                );
            });
            return Observed(None);
        };
        let (ended, ending) = oneshot::channel();
        let subjects = Subjects {
            account: Arc::clone(account),
            message: message.clone(),
            delivery_id: Arc::clone(delivery_id),
            raw: Arc::clone(raw),
        };
        self.tasks.spawn(observe(self.plugins.clone(), self.failures.clone(), subjects, ending, place));
        Observed(Some(ended))
    }

    /// Waits until all is told.
    pub(super) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Observed {
    /// Tells what became of the message.
    pub(super) fn finish(self, ending: impl FnOnce() -> Ending) {
        if let Some(ended) = self.0 {
            // Nobody listens when the process ends.
            drop(ended.send(ending()));
        }
    }
}

/// Each observer hears of the message before it hears of the end; one that is slow holds up no other.
async fn observe(
    plugins: Plugins,
    failures: FailureLines,
    subjects: Subjects,
    ending: oneshot::Receiver<Ending>,
    _place: Place,
) {
    // None when the process ends.
    let ending = ending.map(|ending| ending.ok().map(Arc::new)).shared();
    let message = &subjects.message;
    let told = subjects.account.app.settings.message_observers.iter().map(async |target| {
        tell(&plugins, &failures, &subjects, target, Observation::Received(message)).await;
        match ending.clone().await.as_deref() {
            Some(Ending::Handled(reply)) => {
                tell(&plugins, &failures, &subjects, target, Observation::Handled(message, reply.as_ref())).await;
            }
            Some(Ending::Failed(reason)) => {
                tell(&plugins, &failures, &subjects, target, Observation::Failed(message, reason)).await;
            }
            None => {}
        }
    });
    futures::future::join_all(told).await;
}

async fn tell(
    plugins: &Plugins,
    failures: &FailureLines,
    subjects: &Subjects,
    target: &PluginTarget,
    observation: Observation<'_>,
) {
    let Subjects { account, delivery_id, raw, .. } = subjects;
    let subject = subject(account, target, Arc::clone(delivery_id), Arc::clone(raw));
    if let Err(error) = plugins.observe(target, subject, observation).await {
        let app = &account.app.name;
        failures.tell(app, format_args!("observer {target}"), error.code(), || {
            let (plugin, observer) = (&target.plugin, plugins.entry_name(EntryKind::Observer, target));
            let (delivery, backtrace, error) = (&**delivery_id, error.backtrace(), error.in_log());
            tracing::warn!(app, plugin, observer, delivery, backtrace, %error, "an observer failed");
        });
    }
}
