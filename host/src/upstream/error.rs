//! Why a call came to nothing, in words for the person who can change it.

use std::sync::Arc;
use std::time::Duration;

use weft_wechat::api::errcode::{Class, Meaning};
use weft_wechat::api::{ApiError, Refusal};

use crate::bilingual::{because, of};
use crate::model::{Inability, JobError};
use crate::storage::StoreError;
use crate::time::rfc3339;

/// Why there is no answer of WeChat's API.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// The app may not do that; nothing was sent.
    #[error(transparent)]
    Unable(#[from] Inability),
    /// WeChat said that it is called too often; nothing was sent.
    #[error(
        "{path} was called too often (errcode {errcode}); calls go on at {at} · {path} 调用过于频繁（错误码 {errcode}），{at} 恢复",
        at = rfc3339(*.until)
    )]
    Paused {
        /// What was to be called.
        path: String,
        /// What WeChat had said.
        errcode: i64,
        /// Seconds since 1970.
        until: u64,
        /// How many seconds that is from now.
        wait: u64,
    },
    /// There is no access token or ticket; the call itself was not sent, or WeChat refused its token and there is no
    /// other.
    #[error("{}", no_token(.0))]
    Token(#[source] Arc<TokenError>),
    /// WeChat says no.
    #[error("{path}: {refusal}")]
    Refused {
        /// What was called.
        path: String,
        /// What WeChat said.
        refusal: Refusal,
    },
    /// WeChat answered something else than it promises.
    #[error("{path}: {what}; WeChat may have done what was asked · {path}：应答有误，微信可能已经处理")]
    Unreadable {
        /// What was called.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// The call did not get through.
    #[error("{}", of(path, &error.to_string()))]
    Transport {
        /// What was to be called.
        path: String,
        /// What happened.
        error: Arc<TransportError>,
    },
    /// The call cannot be written.
    #[error("{path}: the call cannot be written as JSON · {path}：无法写成 JSON")]
    Encoding {
        /// What was to be called.
        path: String,
    },
}

fn no_token(error: &TokenError) -> String {
    because("the app has no access token or ticket · 账号没有可用的 access_token 或 ticket", &error.to_string())
}

impl CallError {
    /// WeChat's `errcode`, when it said no.
    pub fn errcode(&self) -> Option<i64> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.errcode),
            Self::Paused { errcode, .. } => Some(*errcode),
            Self::Token(error) => match &**error {
                TokenError::Refused(refusal) => Some(refusal.errcode),
                TokenError::Paused { errcode, .. } => Some(*errcode),
                TokenError::Call(error) => error.errcode(),
                _ => None,
            },
            _ => None,
        }
    }

    /// The id under which WeChat's support finds the request.
    pub fn rid(&self) -> Option<&str> {
        match self {
            Self::Refused { refusal, .. } => refusal.rid.as_deref(),
            Self::Token(error) => error.refusal()?.rid.as_deref(),
            _ => None,
        }
    }

    /// What the app may not do, when that is why.
    pub fn inability(&self) -> Option<Inability> {
        match self {
            Self::Unable(inability) => Some(*inability),
            Self::Token(error) => match &**error {
                TokenError::Unable(inability) => Some(*inability),
                TokenError::Call(error) => error.inability(),
                _ => None,
            },
            _ => None,
        }
    }

    /// For how many seconds nothing is sent, because WeChat was called too often.
    pub fn wait(&self) -> Option<u64> {
        match self {
            Self::Paused { wait, .. } => Some(*wait),
            Self::Token(error) => match &**error {
                TokenError::Paused { wait, .. } => Some(*wait),
                TokenError::Call(error) => error.wait(),
                _ => None,
            },
            _ => None,
        }
    }

    /// Until when nothing is sent, because WeChat was called too often, in seconds since 1970.
    fn paused_until(&self) -> Option<u64> {
        match self {
            Self::Paused { until, .. } => Some(*until),
            Self::Token(error) => match &**error {
                TokenError::Paused { until, .. } => Some(*until),
                TokenError::Call(error) => error.paused_until(),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether trying again makes sense, and when; none when it was not WeChat who said no.
    pub fn class(&self) -> Option<Class> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.class()),
            _ => self.errcode().map(weft_wechat::api::errcode::class),
        }
    }

    /// What WeChat's `errcode` means and what to do, in both languages.
    pub fn meaning(&self) -> Option<Meaning> {
        self.errcode().and_then(weft_wechat::api::errcode::meaning)
    }

    /// The error with what its `errcode` means in both languages, for people.
    pub fn explained(&self) -> String {
        let text = self.to_string();
        match self.meaning() {
            Some(meaning) => because(&text, &meaning.to_string()),
            None => text,
        }
    }

    /// Whether WeChat may have done what was asked although there is no answer that says so.
    pub fn outcome_is_unknown(&self) -> bool {
        match self {
            Self::Unreadable { .. } => true,
            Self::Transport { error, .. } => !error.was_not_sent(),
            _ => false,
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn may_succeed_later(&self) -> bool {
        match self {
            Self::Unable(_) | Self::Encoding { .. } => false,
            Self::Paused { .. } | Self::Unreadable { .. } | Self::Transport { .. } => true,
            Self::Token(error) => error.may_succeed_later(),
            Self::Refused { refusal, .. } => is_passing(refusal.class()),
        }
    }
}

/// What a job does about it: what time helps is tried again, not before WeChat takes calls again.
impl From<CallError> for JobError {
    fn from(error: CallError) -> Self {
        let why = error.explained();
        let not_before = error.paused_until();
        if error.may_succeed_later() { Self::Later { why, not_before } } else { Self::Failed(why) }
    }
}

/// Why a request came to nothing before there was an answer to read.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection: nothing was sent.
    #[error(
        "the server cannot be reached: check the network, the DNS and the firewall ({why}) · 连接不上服务器：请检查网络、DNS 和防火墙",
        why = cause(.0)
    )]
    Connect(reqwest::Error),
    /// The connection ended before the answer did.
    #[error("the connection was cut before the answer was complete ({why}) · 应答没有收全，连接就断了", why = cause(.0))]
    Cut(reqwest::Error),
    /// It took too long.
    #[error("no complete answer within {seconds} seconds · {seconds} 秒内没有收全应答", seconds = .0.as_secs_f32())]
    Timeout(Duration),
    /// Another status than 2xx.
    #[error("the server answered with HTTP status {0} · 服务器返回 HTTP 状态码 {0}")]
    Status(u16),
    /// The answer is longer than it may be.
    #[error("the answer is longer than {0} bytes · 应答超过 {0} 字节")]
    TooLarge(usize),
    /// The app has as many requests on their way as it may have: nothing was sent.
    #[error(
        "{0} requests of the app are on their way, and there may be no more at once · 账号已有 {0} 个请求在途，不能再多"
    )]
    Crowded(usize),
    /// The file that was to be sent cannot be read: nothing was sent.
    #[error("the file that was to be sent cannot be read: {0} · 无法读取要发送的文件")]
    File(std::io::Error),
}

impl TransportError {
    /// Whether the server cannot have seen the request.
    pub fn was_not_sent(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Crowded(_) | Self::File(_))
    }

    /// Whether another try may end otherwise.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Cut(_) | Self::Timeout(_) | Self::Crowded(_) => true,
            Self::Status(status) => *status >= 500,
            Self::TooLarge(_) | Self::File(_) => false,
        }
    }
}

/// Why there is no access token or ticket.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// WeChat says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// WeChat said that tokens are fetched too often.
    #[error(
        "tokens were fetched too often (errcode {errcode}); that goes on at {at} · 获取 token 过于频繁（错误码 {errcode}），{at} 恢复",
        at = rfc3339(*.until)
    )]
    Paused {
        /// What WeChat had said.
        errcode: i64,
        /// Seconds since 1970.
        until: u64,
        /// How many seconds that is from now.
        wait: u64,
    },
    /// The answer holds no token.
    #[error("the server that hands out tokens: {0} · 发放 token 的服务器返回的内容有误")]
    Unreadable(String),
    /// The request did not get through.
    #[error("{}", no_answer(.0))]
    Transport(TransportError),
    /// The app lacks what tokens are fetched with.
    #[error(transparent)]
    Unable(#[from] Inability),
    /// The address that hands out tokens is no URL.
    #[error("access_token_url is not an http or https URL · access_token_url 不是 http 或 https 网址")]
    Url,
    /// The call for a ticket came to nothing.
    #[error(transparent)]
    Call(Box<CallError>),
    /// Where tokens are kept.
    #[error("{}", unstored(.0))]
    Store(#[from] StoreError),
    /// Another process has been fetching one for too long.
    #[error(
        "another process is fetching the token and does not come to an end · 另一个进程正在获取 token，迟迟没有结束"
    )]
    Waiting,
    /// This process stops.
    #[error("the process stops · 服务正在停止")]
    Stopping,
}

fn no_answer(error: &TransportError) -> String {
    because("the server that hands out tokens · 发放 token 的服务器", &error.to_string())
}

fn unstored(error: &StoreError) -> String {
    because("the token cannot be stored or read · 无法保存或读取 token", &error.to_string())
}

impl TokenError {
    /// What WeChat says, when it was WeChat who said no.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Call(error) => match &**error {
                CallError::Refused { refusal, .. } => Some(refusal),
                CallError::Token(error) => error.refusal(),
                _ => None,
            },
            _ => None,
        }
    }

    fn may_succeed_later(&self) -> bool {
        match self {
            Self::Refused(refusal) => is_passing(refusal.class()),
            Self::Unable(_) | Self::Url => false,
            Self::Call(error) => error.may_succeed_later(),
            Self::Paused { .. }
            | Self::Unreadable(_)
            | Self::Transport(_)
            | Self::Store(_)
            | Self::Waiting
            | Self::Stopping => true,
        }
    }
}

impl From<ApiError> for TokenError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Refused(refusal) => Self::Refused(refusal),
            ApiError::Unreadable(what) => Self::Unreadable(what),
        }
    }
}

fn is_passing(class: Class) -> bool {
    match class {
        Class::Busy | Class::Token | Class::DayQuota | Class::MinuteQuota | Class::Slow => true,
        Class::Done | Class::User | Class::Configuration | Class::Caller => false,
    }
}

/// The innermost cause: what the system said. The ones around it only say that there was one.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::with_causes;

    #[test]
    fn what_the_database_says_of_a_token_is_told_to_operators_alone() {
        let full = sqlx::Error::Io(std::io::Error::other("no space left"));
        let token = |error| CallError::Token(Arc::new(error));
        let stored = token(TokenError::Store(full.into()));
        // A ticket is asked for with a token.
        let ticket = token(TokenError::Call(Box::new(stored.clone())));
        let told = "the app has no access token or ticket: the token cannot be stored or read: the database failed";
        let chinese = "账号没有可用的 access_token 或 ticket：无法保存或读取 token：数据库出错";
        let said = "error communicating with database: no space left";
        assert_eq!(stored.to_string(), format!("{told} · {chinese}"));
        assert_eq!(with_causes(&stored), format!("{told}: {said} · {chinese}"));
        for error in [stored, ticket] {
            let JobError::Later { why, .. } = JobError::from(error.clone()) else { panic!("{error:?}") };
            for text in [error.to_string(), error.explained(), why] {
                assert!(text.contains("the database failed") && !text.contains("no space left"), "{text}");
            }
            assert!(with_causes(&error).contains(": no space left"), "{}", with_causes(&error));
        }
    }

    #[test]
    fn a_job_waits_until_wechat_takes_calls_again_whichever_of_them_it_was() {
        let paused = || CallError::Paused {
            path: "/cgi-bin/ticket/getticket".to_owned(),
            errcode: 45009,
            until: 9000,
            wait: 60,
        };
        let token = TokenError::Paused { errcode: 45009, until: 9000, wait: 60 };
        let ticket = TokenError::Call(Box::new(CallError::Token(Arc::new(TokenError::Call(Box::new(paused()))))));
        for error in [paused(), CallError::Token(Arc::new(token)), CallError::Token(Arc::new(ticket))] {
            let JobError::Later { not_before, .. } = JobError::from(error.clone()) else { panic!("{error:?}") };
            assert_eq!(not_before, Some(9000), "{error:?}");
        }
    }
}
