//! `wechat`: calls of WeChat's API by the paths that the operator grants.

use uuid::Uuid;
use weft_wechat::api::{self, AnyCall, ApiPath, FormPart, Method, PathError};

use super::{Grant, HostError};
use crate::{
    bilingual::all,
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
        let (method, query) = (method(&request)?, request.query);
        let call = AnyCall { method, path, query, body: body(request.body, kib(self.limits.request_kib))? };
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
    /// The path, when it may be called at all and is granted.
    fn granted_path(&mut self, path: &str) -> Result<ApiPath, HostError> {
        let parsed = if path.starts_with('/') { path.parse() } else { Err(PathError::Malformed) };
        let path: ApiPath = parsed.map_err(|error: PathError| match error {
            PathError::Malformed => {
                Error::Invalid(all(&[error.to_string(), "it begins with a slash · 以斜杠开头".to_owned()]))
            }
            PathError::Refused { .. } => Error::Denied(error.to_string()),
        })?;
        self.require(Grant::WechatApi(path.as_str()))?;
        Ok(path)
    }
}

fn method(request: &Request) -> Result<Method, Error> {
    match (request.method.as_str(), &request.body) {
        ("GET", Body::Empty) => Ok(Method::Get),
        ("GET", _) => Err(Error::Invalid("a GET request has no body".to_owned())),
        ("POST", _) => Ok(Method::Post),
        _ => Err(Error::Invalid("the method is GET or POST".to_owned())),
    }
}

fn body(body: Body, most: usize) -> Result<api::Body, Error> {
    let length = match &body {
        Body::Empty => 0,
        Body::Json(json) => json.len(),
        Body::Multipart(parts) => parts.iter().map(|part| part.data.len()).sum(),
    };
    if length > most {
        return Err(Error::Limited(format!("the body of a call has at most {most} bytes")));
    }
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

/// What a call's failure is to a guest.
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
