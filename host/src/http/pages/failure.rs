//! What people see when there is no page: short, in both languages, and nothing of why.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use crate::plugins::CallError;

/// Why there is no page.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    /// When it can be tried again.
    retry_after: Option<Duration>,
    /// What the log and the receipt call it; for people who ask.
    reference: Option<String>,
}

impl Failure {
    pub(super) fn new(status: StatusCode) -> Self {
        Self { status, retry_after: None, reference: None }
    }

    /// 404: whatever of it is missing.
    pub(super) fn nothing_here() -> Self {
        Self::new(StatusCode::NOT_FOUND)
    }

    /// 503.
    pub(super) fn busy(retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE) }
    }

    /// What a call that failed looks like. An error, a crash and a call that takes too long are all 500, as the contract
    /// with plugins has it; 502 is an answer that cannot be sent.
    pub(super) fn of(error: &CallError, reference: &str) -> Self {
        let failure = match error {
            CallError::NotLoaded(_)
            | CallError::Disabled(_)
            | CallError::NoSuchEntry { .. }
            | CallError::NotForApp { .. }
            | CallError::PagesNotGranted { .. } => {
                return Self::nothing_here();
            }
            CallError::KeepsFailing { refused_for, .. } => Self::busy(*refused_for),
            CallError::Busy { .. } | CallError::Shed { .. } | CallError::PoolBusy { .. } => {
                Self::busy(Duration::from_secs(1))
            }
            CallError::BadReply(_) | CallError::ReplyTooLong(_) => Self::new(StatusCode::BAD_GATEWAY),
            CallError::TimedOut { .. }
            | CallError::CpuExhausted { .. }
            | CallError::Crashed(_)
            | CallError::Failed(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR),
        };
        Self { reference: Some(reference.to_owned()), ..failure }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    fn words(&self) -> (&'static str, &'static str) {
        match self.status {
            StatusCode::NOT_FOUND => ("页面不存在", "There is no such page"),
            StatusCode::PAYLOAD_TOO_LARGE => ("提交的内容太大", "What was sent is too large"),
            StatusCode::URI_TOO_LONG | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
                ("请求太长", "The request is too long")
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::BAD_REQUEST => {
                ("提交的内容不完整，请重试", "What was sent did not arrive; please try again")
            }
            StatusCode::NOT_IMPLEMENTED => ("不支持这种请求", "Requests like this are not supported"),
            StatusCode::SERVICE_UNAVAILABLE => ("服务繁忙，请稍后再试", "Busy right now; please try again later"),
            _ => ("页面出错了，请稍后再试", "Something went wrong; please try again later"),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (chinese, english) = self.words();
        let reference = self.reference.as_ref();
        let reference = reference.map(|id| format!("<p><small>编号 Reference: {id}</small></p>")).unwrap_or_default();
        let page = format!(
            "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{chinese}</title>\
             <style>:root{{color-scheme:light dark;font:16px/1.6 system-ui,sans-serif}}\
             body{{margin:20vh 8vw;text-align:center;overflow-wrap:anywhere}}h1{{font-size:1.25rem}}\
             p{{opacity:.7}}</style>\
             <h1>{chinese}</h1><p lang=\"en\">{english}</p>{reference}</html>\n"
        );
        let mut response = (self.status, Html(page)).into_response();
        let headers = response.headers_mut();
        let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after {
            // Rounded up to whole seconds, one at least.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}
