//! Messages made of templates, sent to one user at once or to many by a job.
//!
//! Each user gets a message once at most. Before WeChat is asked the database says so, and afterwards what came of it;
//! of what a crash or a time-out leaves open nobody knows, unless WeChat knows the message when it comes again
//! (`REPEATABLE`).

mod call;
mod work;

use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::{
    jobs::{Jobs, Started},
    model::{App, MessageSend, NewJob, Recipient, SendOutcome},
    storage::{NewSend, SettledAs, Store, StoreError, with_causes},
    upstream::{CallError, Wechat},
};

pub use work::{SendInput, SendWork};

/// For how long a message may be sent again whose outcome is not known, in seconds. WeChat knows a `client_msg_id` for
/// about ten minutes.
const REPEATABLE: u64 = 9 * 60;

/// Who may see and cancel the jobs.
const PERMISSION: &str = "template";

/// How long a message to one user may take, in seconds: what is longer under way was cut off by a crash.
const CUT_OFF: u64 = 2 * 60;
/// How often such messages, and old ones, are looked for.
const LOOK: Duration = Duration::from_mins(1);

/// What is said of a message that a crash cut off.
const CUT_OFF_REASON: &str = "the process ended while WeChat was asked; WeChat may have sent it";

/// Sends messages. Clones share what runs.
#[derive(Clone)]
pub struct Sends {
    store: Store,
    wechat: Wechat,
    running: TaskTracker,
}

/// A message that was sent to one user, or was before.
#[derive(Debug)]
pub struct SentToOne {
    /// The message.
    pub send: MessageSend,
    /// What became of it.
    pub recipient: Recipient,
    /// Why WeChat did not take it just now.
    pub error: Option<CallError>,
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// There is one of that `client_msg_id`, and it says something else or goes to somebody else.
    #[error("client_msg_id {0:?} was used for another message: take a new one")]
    Reused(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug.
    #[error("sending has ended early")]
    Ended(#[source] tokio::task::JoinError),
}

impl Sends {
    /// Keeps messages in `store`.
    pub fn new(store: Store, wechat: Wechat) -> Self {
        Self { store, wechat, running: TaskTracker::new() }
    }

    /// Has a job send a message to many: to `openids`, each of them named once, or to all with the tag that it names.
    /// The same `client_msg_id` again gives the job that is there; it may be over.
    ///
    /// # Errors
    /// When the `client_msg_id` was used for another message, or the database fails; then nothing is sent.
    pub async fn to_many(&self, jobs: &Jobs, new: &NewSend, openids: &[String]) -> Result<Started, SendError> {
        let (send, _) = self.keep(new, openids, SendOutcome::Queued).await?;
        if let Some(id) = &send.job
            && let Some(job) = self.store.jobs().find(id).await?
        {
            return Ok(Started { job, existed: true });
        }
        let job = NewJob {
            app: send.app,
            kind: SendWork::KIND,
            key: send.id.clone(),
            permission: PERMISSION,
            created_by: new.created_by.clone(),
            input: serde_json::json!(SendInput { send: send.id.clone() }),
        };
        let started = jobs.start(&job).await?;
        self.store.sends().set_job(&send.id, &started.job.id).await?;
        Ok(started)
    }

    /// Keeps a message, unless there is one of its `client_msg_id`. The second value says whether it was there.
    async fn keep(
        &self,
        new: &NewSend,
        openids: &[String],
        outcome: SendOutcome,
    ) -> Result<(MessageSend, bool), SendError> {
        if let Some(id) = &new.client_msg_id
            && let Some(known) = self.known(new, openids, id).await?
        {
            return Ok((known, true));
        }
        match self.store.sends().add(new, openids, outcome).await {
            Ok(send) => Ok((send, false)),
            // Another request was faster.
            Err(StoreError::AlreadyExists { kind, name }) => match self.known(new, openids, &name).await? {
                Some(known) => Ok((known, true)),
                None => Err(StoreError::AlreadyExists { kind, name }.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    async fn known(&self, new: &NewSend, openids: &[String], id: &str) -> Result<Option<MessageSend>, SendError> {
        let Some(known) = self.store.sends().of_client_msg_id(&new.app, id).await? else { return Ok(None) };
        // The same number of other users would be another message.
        let same = known.message == new.message
            && known.to == new.to
            && self.store.sends().has_recipients(&known, openids).await?;
        if same { Ok(Some(known)) } else { Err(SendError::Reused(id.to_owned())) }
    }

    /// Sends a message to one user, and goes on to the end when nobody waits for it any more. The same `client_msg_id`
    /// again sends nothing again, unless WeChat did not take the message, or knows it when it comes again.
    ///
    /// # Errors
    /// When the `client_msg_id` was used for another message, or the database fails; then nothing was sent.
    pub async fn to_one(&self, app: App, new: NewSend, openid: String) -> Result<SentToOne, SendError> {
        let sends = self.clone();
        let sending = self.running.spawn(async move { sends.send(&app, &new, openid).await });
        sending.await.map_err(SendError::Ended)?
    }

    async fn send(&self, app: &App, new: &NewSend, openid: String) -> Result<SentToOne, SendError> {
        let openids = [openid];
        let (send, existed) = self.keep(new, &openids, SendOutcome::Sending).await?;
        let [openid] = openids;
        let since = if send.message.is_known_again() { REPEATABLE } else { 0 };
        let mut error = None;
        if !existed || self.store.sends().take_again(&send.id, &openid, since).await? {
            let id = new.client_msg_id.clone().unwrap_or_else(|| call::client_msg_id(&send.id, &openid));
            let called = call::send(&self.wechat, app, &send.message, &openid, &id).await;
            self.store.sends().settle(&send, &openid, &call::settled(&called)).await?;
            error = called.err();
        }
        let gone = || StoreError::NotFound { kind: "message", name: send.id.clone() };
        let recipient = self.recipient(&send, &openid).await?.ok_or_else(gone)?;
        Ok(SentToOne { send, recipient, error })
    }

    async fn recipient(&self, send: &MessageSend, openid: &str) -> Result<Option<Recipient>, StoreError> {
        self.store.sends().recipient(&send.id, openid).await
    }

    /// Deletes what is old, and says of what a crash cut off that nobody knows; for as long as it is polled.
    pub async fn look_after(self) {
        loop {
            let sends = self.store.sends();
            let looked = async {
                sends.give_up_cut_off(CUT_OFF, CUT_OFF_REASON).await?;
                self.store.mass_messages().give_up_cut_off(CUT_OFF, CUT_OFF_REASON).await?;
                sends.prune().await
            };
            if let Err(error) = looked.await {
                tracing::warn!(error = %with_causes(&error), "sent messages cannot be looked after");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits for what is being sent.
    pub async fn finish(&self) {
        self.running.close();
        self.running.wait().await;
    }
}

impl SettledAs {
    fn unknown(error: &CallError) -> Self {
        Self::Unknown(format!("{}; it is not sent again by itself", error.explained()))
    }
}
