//! Why a message has no answer, or not the one that it should have.

use weft_wechat::reply::ReplyError;

use crate::{
    bilingual::because,
    model::PluginTarget,
    plugins::CallError,
    upstream::{self, ForwardError, SendError},
};

/// Why a reply could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// A plugin should have answered.
    #[error("{}", by_plugin(target, error))]
    Plugin { target: PluginTarget, error: Box<CallError> },
    /// A server should have answered.
    #[error("{}", because("forward · 转发", &.0.to_string()))]
    Forward(#[from] ForwardError),
    /// It did, with something else than a reply.
    #[error("{}", because("forward: the server's answer is no reply · 转发：服务器返回的不是回复", .0))]
    Unreadable(String),
    /// WeChat should have told the articles.
    #[error("{}", because("the articles of a material could not be read · 无法读取素材中的图文", &.0.explained()))]
    Articles(#[from] upstream::CallError),
    /// It told something else.
    #[error("the material {media_id} has no articles · 素材 {media_id} 中没有图文")]
    NoArticles { media_id: String },
    /// WeChat would not take the reply.
    #[error("{}", because("the reply cannot be sent · 回复无法发送", &.0.to_string()))]
    Reply(#[from] ReplyError),
    /// There is nobody to take it.
    #[error(
        "no user and no account of WeChat's has a name as long as the message's FromUserName or ToUserName · 消息的 FromUserName 或 ToUserName 太长，不是微信的用户或账号"
    )]
    Names,
    /// It was to go out as a customer-service message.
    #[error("{}", because("customer service · 客服消息", &.0.to_string()))]
    NotSent(#[from] SendError),
}

fn by_plugin(target: &PluginTarget, error: &CallError) -> String {
    because(&format!("plugin {target} · 插件 {target}"), &error.to_string())
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
