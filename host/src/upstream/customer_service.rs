//! Sends replies as customer-service messages (客服消息): those that cannot be the answer to WeChat's request.

use weft_wechat::{
    api::{
        Ability,
        message::custom_send::{CustomMessage, CustomSend, INVALID_MESSAGE_TYPE},
    },
    reply::{Reply, ReplyError},
};

use super::{CallError, Wechat};
use crate::model::App;

/// What WeChat also answers to more articles than an account may send.
const TOO_MANY_ARTICLES: i64 = 45008;

/// Sends customer-service messages. Clones share what they send with.
#[derive(Debug, Clone)]
pub struct CustomerService {
    wechat: Wechat,
}

/// Why a reply did not go out.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It hands the user over, which only an answer can.
    #[error(
        "transfer_customer_service is no message: only the answer to WeChat's request can be one · transfer_customer_service 不是消息，只能用于被动回复"
    )]
    NoMessage,
    /// It cannot be sent to anybody.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// WeChat did not take it.
    #[error("{}", .0.explained())]
    Call(#[from] CallError),
}

impl CustomerService {
    /// By calls of `wechat`.
    pub fn new(wechat: Wechat) -> Self {
        Self { wechat }
    }

    /// Whether the app may send any.
    pub fn may_send(app: &App) -> bool {
        app.may(Ability::CustomerService).is_ok()
    }

    /// Sends `reply` to a user. Of several articles an account may not send together the first one goes out.
    ///
    /// # Errors
    /// Why it did not go out, or may not have.
    pub async fn send(&self, app: &App, openid: &str, reply: &Reply) -> Result<(), SendError> {
        reply.check_itself()?;
        let message = CustomMessage::from_reply(reply).ok_or(SendError::NoMessage)?;
        let send = CustomSend::new(openid, message);
        match self.wechat.call(app, &send).await {
            Ok(_) => Ok(()),
            Err(error) => match send.with_one_article() {
                Some(one) if matches!(error.errcode(), Some(INVALID_MESSAGE_TYPE | TOO_MANY_ARTICLES)) => {
                    self.wechat.call(app, &one).await?;
                    Ok(())
                }
                _ => Err(error.into()),
            },
        }
    }
}
