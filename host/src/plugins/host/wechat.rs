//! `wechat`: calls of WeChat's API by the paths that the operator grants.

use uuid::Uuid;
use weft_wechat::api::{self, AnyCall, ApiPath, FormPart, Method, PathError};

use super::{
    Grant, HostError,
    api_request::{check_length, get_or_post, parse_path},
};
use crate::{
    plugins::{
        bindings::imported::{
            types::{Error, WechatError},
            wechat::{self, Body, Request, Response},
        },
        instance::State,
        limits::kib,
    },
    upstream::{CallError, TransportError},
};

impl wechat::Host for State {
    async fn call(&mut self, request: Request) -> Result<Response, HostError> {
        let path = self.granted_path(&request.path)?;
        let has_body = !matches!(request.body, Body::Empty);
        let method = get_or_post(&request.method, has_body, Method::Get, Method::Post)?;
        let body = body(request.body, kib(self.limits.request_kib))?;
        let call = AnyCall { method, path, query: request.query, body };
        let outbound = self.wechat_call()?;
        let mut request = call.request();
        request.timeout = outbound.timeout;
        request.max_answer = kib(self.limits.wechat_response_kib);
        let (to, app) = (request.path.clone(), outbound.app());
        let wechat = self.services.wechat.clone();
        let asking = async move {
            let answer = wechat.exchange(&app, &request).await.map_err(|failure| error(&failure))?;
            Ok(Response { content_type: answer.content_type, body: answer.body.into() })
        };
        outbound.run(&to, asking).await
    }
}

impl State {
    /// Reads a path of WeChat's API that plugins may call at all and that is granted.
    fn granted_path(&mut self, path: &str) -> Result<ApiPath, HostError> {
        let path = parse_path::<ApiPath>(path, &PathError::Malformed)?;
        self.require(Grant::WechatApi(path.as_str()))?;
        Ok(path)
    }
}

fn body(body: Body, most: usize) -> Result<api::Body, Error> {
    let length = match &body {
        Body::Empty => 0,
        Body::Json(json) => json.len(),
        Body::Multipart(parts) => parts.iter().map(|part| part.data.len()).sum(),
    };
    check_length(length, most)?;
    match body {
        Body::Empty => Ok(api::Body::Empty),
        Body::Json(json) => Ok(api::Body::Json(json.into())),
        Body::Multipart(parts) => {
            let parts: Vec<_> = parts
                .iter()
                .map(|part| FormPart {
                    name: &part.name,
                    filename: part.filename.as_deref(),
                    content_type: part.content_type.as_deref(),
                    content: &part.data,
                })
                .collect();
            let boundary = Uuid::new_v4().simple().to_string();
            api::form(&boundary, &parts).map_err(|error| Error::Invalid(error.to_string()))
        }
    }
}

/// What the failure of a call of WeChat's API is to a guest.
pub(super) fn error(error: &CallError) -> Error {
    let text = error.to_string();
    match error {
        CallError::Refused { refusal, .. } => {
            Error::Wechat(WechatError { errcode: refusal.errcode, errmsg: refusal.errmsg.clone() })
        }
        CallError::Unable(_) | CallError::Encoding { .. } => Error::Invalid(text),
        CallError::Paused { .. } => Error::Limited(text),
        CallError::Unreadable { .. } => Error::Other(text),
        CallError::Token(_) => Error::Unavailable(text),
        CallError::Transport { error, .. } => match &**error {
            TransportError::Timeout(_) => Error::TimedOut(text),
            TransportError::TooLarge(_) => Error::Limited(text),
            _ => Error::Unavailable(text),
        },
    }
}
