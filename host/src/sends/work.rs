//! The job that sends a message to many: a batch at a time, each user once at most.

use std::time::Duration;

use futures::{StreamExt, future::BoxFuture, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;
use weft_wechat::api::{errcode::Class, user::tag_get::GetTagUsers};

use super::{
    CUT_OFF_REASON, REPEATABLE,
    call::{self, About},
};
use crate::{
    clock::Clock,
    jobs::{Running, Work},
    model::{App, JobError, MessageSend, Recipients, SendOutcome},
    storage::{SettledAs, Store},
    upstream::{CallError, Wechat},
};

/// How many users are taken at once, and asked about at the same time.
const BATCH: usize = 25;
/// How long a batch takes at least, so that WeChat is asked a hundred times a second at most.
const PACE: Duration = Duration::from_millis(250);
/// After so many refusals in a row, none of which WeChat explains by the user, something is wrong with the message.
const REFUSALS: usize = 50;

/// Sends a message to many.
pub struct SendWork {
    store: Store,
    wechat: Wechat,
    clock: Clock,
}

/// What the job is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SendInput {
    /// The message.
    pub send: String,
}

/// Where to go on.
#[derive(Debug, Default, Serialize, Deserialize)]
struct At {
    /// Whether all users are known.
    collected: bool,
    /// Of a tag: the last user that is known.
    next_openid: String,
}

/// What a batch has come to.
#[derive(Default)]
struct Batch {
    /// How many do not wait any more.
    settled: u64,
    /// How many WeChat has taken.
    taken: usize,
    /// How many WeChat refused, for reasons that it does not explain by the user.
    refused: usize,
    /// Why the rest has to wait, or cannot be sent at all.
    end: Option<(About, CallError)>,
}

impl SendWork {
    /// The kind of the job.
    pub const KIND: &'static str = "template_send";

    /// Sends what `store` holds.
    pub fn new(store: Store, wechat: Wechat, clock: Clock) -> Self {
        Self { store, wechat, clock }
    }

    async fn send(&self, job: &Running) -> Result<Value, JobError> {
        let app = job.app().await?;
        let SendInput { send } = job.input()?;
        let send = self.store.sends().find(&app.name, &send).await?;
        let send = send.ok_or_else(|| JobError::failed("the message was deleted, as all are after 30 days"))?;
        let mut at: At = job.checkpoint().unwrap_or_default();
        self.collect(job, &app, &send, &mut at).await?;
        self.settle_cut_off(&app, &send).await?;
        let (mut done, total) = self.progress(&send).await?;
        let mut refused = 0;
        loop {
            let began = Instant::now();
            let openids = self.store.sends().take(&send.id, BATCH).await?;
            if openids.is_empty() {
                break;
            }
            let batch = self.send_batch(&app, &send, openids).await?;
            refused = if batch.taken > 0 { 0 } else { refused + batch.refused };
            done += batch.settled;
            job.save(&at, done, Some(total)).await?;
            match batch.end {
                Some((About::Now, error)) => return Err(error.into()),
                Some((_, error)) => return Err(JobError::failed(given_up(&error.explained()))),
                None if refused >= REFUSALS => {
                    return Err(JobError::failed(given_up(
                        "WeChat refused the last ones; see the list of users for why",
                    )));
                }
                None => {}
            }
            tokio::select! {
                () = tokio::time::sleep_until(began + PACE) => {}
                () = job.stopped() => return Err(JobError::Stopped),
            }
        }
        let outcomes = self.store.sends().counts(&send.id).await?;
        Ok(json!({"send": send.id, "outcomes": outcomes}))
    }

    /// Asks WeChat who has the tag, and writes them down.
    async fn collect(&self, job: &Running, app: &App, send: &MessageSend, at: &mut At) -> Result<(), JobError> {
        let Recipients::TagId(tagid) = send.to else { return Ok(()) };
        while !at.collected {
            let page = self.wechat.call(app, &GetTagUsers { tagid, next_openid: &at.next_openid }).await?;
            let openids = page.data.openid;
            at.collected = openids.is_empty() || page.next_openid.is_empty() || page.next_openid == at.next_openid;
            self.store.sends().add_recipients(&send.id, &openids).await?;
            at.next_openid = page.next_openid;
            job.save(at, 0, at.collected.then_some(page.total)).await?;
        }
        Ok(())
    }

    /// Nobody knows what became of those whom a crash cut off, unless WeChat knows the message when it soon comes again.
    async fn settle_cut_off(&self, app: &App, send: &MessageSend) -> Result<(), JobError> {
        loop {
            let cut_off = self.store.sends().cut_off(&send.id, BATCH).await?;
            if cut_off.is_empty() {
                return Ok(());
            }
            let since = self.clock.now().saturating_sub(REPEATABLE);
            let repeated = |at: u64| send.message.is_known_again() && at > since;
            let (again, lost): (Vec<_>, Vec<_>) = cut_off.into_iter().partition(|(_, at)| repeated(*at));
            for (openid, _) in &lost {
                let unknown = SettledAs::Unknown(CUT_OFF_REASON.to_owned());
                self.store.sends().settle(send, openid, &unknown).await?;
            }
            let again = again.into_iter().map(|(openid, _)| openid).collect();
            if let Some((about, error)) = self.send_batch(app, send, again).await?.end {
                return Err(if about == About::Now { error.into() } else { JobError::failed(error.explained()) });
            }
        }
    }

    /// Asks WeChat for each of the users, who are taken, and writes down what came of it.
    async fn send_batch(&self, app: &App, send: &MessageSend, openids: Vec<String>) -> Result<Batch, JobError> {
        let mut asking = stream::iter(openids)
            .map(|openid| async move {
                let id = call::client_msg_id(&send.id, &openid);
                let called = call::send(&self.wechat, app, &send.message, &openid, &id).await;
                self.store.sends().settle(send, &openid, &settled(&called)).await.map(|()| called.err())
            })
            .buffer_unordered(BATCH);
        let mut batch = Batch::default();
        let mut failed = None;
        while let Some(asked) = asking.next().await {
            match asked {
                Ok(None) => {
                    batch.taken += 1;
                    batch.settled += 1;
                }
                Ok(Some(error)) => match call::about(&error) {
                    About::User => {
                        batch.settled += 1;
                        batch.refused += usize::from(!is_explained_by_the_user(&error));
                    }
                    About::Unknown => batch.settled += 1,
                    // A fault of the message outweighs one of the moment.
                    about => match &batch.end {
                        Some((About::Everybody, _)) => {}
                        _ => batch.end = Some((about, error)),
                    },
                },
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(batch),
        }
    }

    /// How many users do not wait any more, and how many there are.
    async fn progress(&self, send: &MessageSend) -> Result<(u64, u64), JobError> {
        let counts = self.store.sends().counts(&send.id).await?;
        let total: u64 = counts.values().sum();
        Ok((total - counts.get(&SendOutcome::Queued).copied().unwrap_or_default(), total))
    }
}

impl Work for SendWork {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    fn run<'a>(&'a self, job: &'a Running) -> BoxFuture<'a, Result<Value, JobError>> {
        Box::pin(self.send(job))
    }
}

/// What came of it for one of many. Whoever did not get it because of the moment, or of the message, waits.
fn settled(called: &Result<Option<u64>, CallError>) -> SettledAs {
    match called {
        Err(error) if matches!(call::about(error), About::Now | About::Everybody) => SettledAs::Queued,
        called => call::settled(called),
    }
}

fn is_explained_by_the_user(error: &CallError) -> bool {
    matches!(error.class(), Some(Class::User | Class::Slow))
}

fn given_up(why: &str) -> String {
    format!("{why}. Those who are queued did not get it: put right what is wrong, and send to them anew")
}
