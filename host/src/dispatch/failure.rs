//! Why a message has no answer, or not the one that it should have.

use weft_wechat::reply::ReplyError;

use crate::{
    model::PluginTarget,
    plugins::CallError,
    upstream::{self, ForwardError, SendError},
};

/// Why a reply could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// A plugin should have answered.
    #[error("plugin {target}: {error}")]
    Plugin { target: PluginTarget, error: Box<CallError> },
    /// A server should have answered.
    #[error("forward: {0}")]
    Forward(#[from] ForwardError),
    /// It did, with something else than a reply.
    #[error("forward: the server's answer is no reply: {0}")]
    Unreadable(String),
    /// WeChat should have told the articles.
    #[error("the articles of a material could not be read: {}", .0.explained())]
    Articles(#[from] upstream::CallError),
    /// It told something else.
    #[error("the material {media_id} has no articles")]
    NoArticles { media_id: String },
    /// WeChat would not take the reply.
    #[error("the reply cannot be sent: {0}")]
    Reply(#[from] ReplyError),
    /// There is nobody to take it.
    #[error("no user and no account of WeChat's has a name as long as the message's FromUserName or ToUserName")]
    Names,
    /// It was to go out as a customer-service message.
    #[error("customer service: {0}")]
    NotSent(#[from] SendError),
}

impl Failure {
    /// A stable word: lines of the log with the same one are about the same failure.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Plugin { error, .. } => error.code(),
            Self::Forward(_) | Self::Unreadable(_) => "forward",
            Self::Articles(_) | Self::NoArticles { .. } => "articles",
            Self::Reply(_) | Self::Names => "reply",
            Self::NotSent(_) => "not_sent",
        }
    }
}
