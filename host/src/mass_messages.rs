//! Messages to many followers at once: what would be sent to how many, and sending it.

use tokio_util::task::TaskTracker;
use weft_wechat::api::{
    errcode::Class,
    message::mass::{
        MassContent, TakenMassMessage,
        delete::MassDelete,
        get::MassGet,
        preview::{MassPreview, PreviewTo},
        send::MassSend,
        sendall::{Filter, MassSendall},
        speed_get::{MassSpeed, MassSpeedGet},
        speed_set::MassSpeedSet,
        uploadvideo::UploadVideo,
    },
    tags::get::GetTags,
    user::get::GetUsers,
};

use crate::{
    model::{App, MassDraft, MassMessage, MassState, MassTarget},
    storage::{NewMassMessage, Store, StoreError},
    upstream::{CallError, Wechat},
};

/// For how long a message whose outcome nobody knows may be sent again, in seconds. WeChat knows a `clientmsgid` for a
/// day.
const REPEATABLE: u64 = 23 * 60 * 60;

/// Sends mass messages. Clones share what runs.
#[derive(Clone)]
pub struct MassMessages {
    store: Store,
    wechat: Wechat,
    running: TaskTracker,
}

/// A mass message that an operator wants.
#[derive(Debug, Clone)]
pub struct WantedMassMessage {
    /// What they get.
    pub draft: MassDraft,
    /// Who gets it.
    pub target: MassTarget,
    /// Whether articles that WeChat takes for a reprint are sent as one.
    pub send_ignore_reprint: bool,
    /// By which it is known when it comes again.
    pub clientmsgid: String,
    /// The name of the token that sends it.
    pub created_by: String,
}

/// A mass message that was sent, or was before.
#[derive(Debug)]
pub struct SentMassMessage {
    /// The message.
    pub message: MassMessage,
    /// Whether it was there already, and nothing was sent.
    pub existed: bool,
    /// Why WeChat did not take it.
    pub error: Option<CallError>,
}

/// Why a mass message was not sent, or not changed.
#[derive(Debug, thiserror::Error)]
pub enum MassError {
    /// There is one of that `clientmsgid`, and it says something else or goes to others.
    #[error("clientmsgid {0:?} was used for another message: take a new one")]
    Reused(String),
    /// It may have been sent, and WeChat no longer knows its `clientmsgid`.
    #[error(
        "nobody knows whether WeChat has sent the message of clientmsgid {0:?}, and by now WeChat would send it a second \
         time: look in its console, and take a new clientmsgid if it was not sent"
    )]
    Forgotten(String),
    /// The tag does not exist.
    #[error("the account has no tag {0}")]
    NoTag(u32),
    /// WeChat has not taken it, or did not say so: it has no id there.
    #[error("WeChat has not given the message an id: it was not taken, or there was no answer")]
    NoId,
    /// WeChat did not do it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug.
    #[error("sending has ended early")]
    Ended(#[source] tokio::task::JoinError),
}

impl MassMessages {
    /// Keeps messages in `store`.
    pub fn new(store: Store, wechat: Wechat) -> Self {
        Self { store, wechat, running: TaskTracker::new() }
    }

    /// How many users a message would go to, as WeChat counts them now.
    ///
    /// # Errors
    /// When WeChat does not tell, or there is no such tag.
    pub async fn count(&self, app: &App, target: &MassTarget) -> Result<u64, MassError> {
        Ok(match target {
            MassTarget::ToAll => self.wechat.call(app, &GetUsers { next_openid: "" }).await?.total,
            MassTarget::TagId(id) => {
                let tags = self.wechat.call(app, &GetTags).await?.tags;
                tags.iter().find(|tag| tag.id == *id).ok_or(MassError::NoTag(*id))?.count
            }
            MassTarget::Openids(openids) => u64::try_from(openids.len()).unwrap_or(u64::MAX),
        })
    }

    /// Sends a message, and goes on to the end when nobody waits for it any more. The same `clientmsgid` again sends
    /// nothing again, unless WeChat did not take it, or did not say whether it did: for a day WeChat itself sees to it
    /// then that it goes out once.
    ///
    /// # Errors
    /// When nothing was sent. What WeChat says to it stands in [`SentMassMessage::error`].
    pub async fn send(&self, app: App, wanted: WantedMassMessage) -> Result<SentMassMessage, MassError> {
        let masses = self.clone();
        let sending = self.running.spawn(async move { masses.run(&app, wanted).await });
        sending.await.map_err(MassError::Ended)?
    }

    async fn run(&self, app: &App, wanted: WantedMassMessage) -> Result<SentMassMessage, MassError> {
        let masses = self.store.mass_messages();
        let known = masses.of_clientmsgid(&app.name, &wanted.clientmsgid).await?;
        let mut message = match known {
            Some(known) => {
                if !is_same(&known, &wanted) {
                    return Err(MassError::Reused(wanted.clientmsgid));
                }
                if !masses.begin_again(&app.name, &known.id, REPEATABLE).await? {
                    let message = masses.find(&app.name, &known.id).await?.unwrap_or(known);
                    if message.state == MassState::Unknown {
                        return Err(MassError::Forgotten(wanted.clientmsgid));
                    }
                    return Ok(SentMassMessage { message, existed: true, error: None });
                }
                known
            }
            None => masses.add(wanted.new_message(app)).await?,
        };
        let error = match self.ask(app, &message, wanted.draft.video.as_ref()).await {
            Ok(taken) => {
                (message.state, message.errcode, message.reason) = (MassState::Taken, None, None);
                (message.msg_id, message.msg_data_id) = (taken.msg_id, taken.msg_data_id);
                None
            }
            // An earlier try sent it, and only the answer was lost.
            Err(error) if error.class() == Some(Class::Done) => {
                (message.state, message.errcode) = (MassState::Taken, error.errcode());
                message.reason = Some(error.explained());
                None
            }
            Err(error) => {
                message.state = if error.outcome_is_unknown() { MassState::Unknown } else { MassState::Refused };
                (message.errcode, message.reason) = (error.errcode(), Some(error.explained()));
                Some(error)
            }
        };
        masses.update(&app.name, &message).await?;
        let message = masses.find(&app.name, &message.id).await?.unwrap_or(message);
        tracing::info!(app = app.name, id = message.id, state = message.state.as_str(), "a mass message was sent");
        Ok(SentMassMessage { message, existed: false, error })
    }

    async fn ask(
        &self,
        app: &App,
        message: &MassMessage,
        video: Option<&(String, String)>,
    ) -> Result<TakenMassMessage, CallError> {
        let converted = match (&message.content, video) {
            (MassContent::MpVideo { mpvideo }, Some((title, description))) => {
                let media_id = &mpvideo.media_id;
                let upload = UploadVideo { media_id, title, description };
                let mut mpvideo = mpvideo.clone();
                mpvideo.media_id = self.wechat.call(app, &upload).await?.media_id;
                Some(MassContent::MpVideo { mpvideo })
            }
            _ => None,
        };
        let content = converted.as_ref().unwrap_or(&message.content);
        let (send_ignore_reprint, clientmsgid) = (u8::from(message.send_ignore_reprint), message.clientmsgid.as_str());
        let filter = match &message.target {
            MassTarget::ToAll => Filter { is_to_all: true, tag_id: None },
            MassTarget::TagId(id) => Filter { is_to_all: false, tag_id: Some(*id) },
            MassTarget::Openids(touser) => {
                let send = MassSend { touser, content, send_ignore_reprint, clientmsgid };
                return self.wechat.call(app, &send).await;
            }
        };
        self.wechat.call(app, &MassSendall { filter, content, send_ignore_reprint, clientmsgid }).await
    }

    /// Shows a message to one follower.
    ///
    /// # Errors
    /// When WeChat does not do it.
    pub async fn preview(&self, app: &App, draft: &MassDraft, to: PreviewTo<'_>) -> Result<(), CallError> {
        self.wechat.call(app, &MassPreview { to, content: &draft.content }).await.map(drop)
    }

    /// Asks WeChat how far a message is.
    ///
    /// # Errors
    /// When WeChat does not tell, or the message has no id there.
    pub async fn refresh(&self, app: &App, message: MassMessage) -> Result<MassMessage, MassError> {
        let msg_id = message.msg_id.ok_or(MassError::NoId)?;
        let told = self.wechat.call(app, &MassGet { msg_id }).await?;
        let masses = self.store.mass_messages();
        masses.set_msg_status(&app.name, &message.id, &told.msg_status).await?;
        Ok(masses.find(&app.name, &message.id).await?.unwrap_or(message))
    }

    /// Takes what a message leads to away: an article, counted from 1, or all of them with 0.
    ///
    /// # Errors
    /// When WeChat does not do it, or the message has no id there.
    pub async fn delete(&self, app: &App, mut message: MassMessage, article_idx: u32) -> Result<(), MassError> {
        let msg_id = message.msg_id.ok_or(MassError::NoId)?;
        self.wechat.call(app, &MassDelete { msg_id, article_idx }).await?;
        if article_idx == 0 {
            message.state = MassState::Deleted;
            self.store.mass_messages().update(&app.name, &message).await?;
        }
        Ok(())
    }

    /// How fast messages go out.
    ///
    /// # Errors
    /// When WeChat does not tell.
    pub async fn speed(&self, app: &App) -> Result<MassSpeed, CallError> {
        self.wechat.call(app, &MassSpeedGet).await
    }

    /// Sets how fast messages go out.
    ///
    /// # Errors
    /// When WeChat does not do it.
    pub async fn set_speed(&self, app: &App, speed: u8) -> Result<(), CallError> {
        self.wechat.call(app, &MassSpeedSet { speed }).await.map(drop)
    }

    /// Waits for what is being sent.
    pub async fn finish(&self) {
        self.running.close();
        self.running.wait().await;
    }
}

impl WantedMassMessage {
    fn new_message(&self, app: &App) -> NewMassMessage {
        NewMassMessage {
            app: app.name.clone(),
            clientmsgid: self.clientmsgid.clone(),
            content: self.draft.content.clone(),
            target: self.target.clone(),
            send_ignore_reprint: self.send_ignore_reprint,
            created_by: self.created_by.clone(),
        }
    }
}

fn is_same(known: &MassMessage, wanted: &WantedMassMessage) -> bool {
    known.content == wanted.draft.content
        && known.target == wanted.target
        && known.send_ignore_reprint == wanted.send_ignore_reprint
}
