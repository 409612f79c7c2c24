//! What the admin API answers when it cannot do what it was asked: `application/problem+json`
//! (RFC 9457).

use std::{error::Error, time::Duration};

use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{JsonDataError, JsonRejection, PathRejection},
    },
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Serialize, Serializer, de::DeserializeOwned};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{admission::AdmissionView, failed_requests::Failed, json_errors::told, problem_kind::ProblemKind};
use crate::{
    bilingual::{all, because, languages, of},
    json_object::parts,
    model::Inability,
    plugins::Refused,
    storage::{StoreError, with_causes},
    upstream::{CallError, PayError},
};

/// A problem, in words that a person can act on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Problem {
    /// A stable word for programs, such as `not-found`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The type in words, in both languages.
    #[schema(value_type = String)]
    title: Title,
    /// The HTTP status.
    status: u16,
    /// What is wrong and what to do.
    #[schema(value_type = String)]
    detail: Box<str>,
    /// WeChat's error code, when it was WeChat who said no.
    #[serde(skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    /// The id under which WeChat's support finds the request, when WeChat told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    rid: Option<Box<str>>,
    /// How many seconds to wait before it can go well; also the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
    /// What is wrong with single fields.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<FieldProblem>)]
    errors: Box<[FieldProblem]>,
    /// How far a plugin's file came that is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AdmissionView>)]
    admission: Option<Box<AdmissionView>>,
    /// What failed on our side, for the log alone.
    #[serde(skip)]
    #[schema(value_type = Option<String>)]
    cause: Option<Box<str>>,
    /// Whether what was asked for may have been done all the same, or a part of it.
    #[serde(skip)]
    may_be_done: bool,
}

/// A kind of problem that is written in words.
#[derive(Debug, Clone, Copy)]
struct Title(ProblemKind);

impl Serialize for Title {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.title())
    }
}

/// Stands in the extensions of an answer: what was asked for may have been done although it says otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct MayBeDone;

/// What is wrong with one field of a request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct FieldProblem {
    /// Its name.
    pub field: String,
    /// What would be right.
    pub detail: String,
}

impl Problem {
    fn new(status: StatusCode, kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind: kind.word(),
            title: Title(kind),
            status: status.as_u16(),
            detail: detail.into().into(),
            errcode: None,
            rid: None,
            retry_after: None,
            errors: Box::default(),
            admission: None,
            cause: None,
            may_be_done: false,
        }
    }

    /// The same problem, of what may have been done all the same, or in part.
    pub(super) fn may_be_done(self) -> Self {
        Self { may_be_done: true, ..self }
    }

    /// The same problem in other words.
    pub(super) fn in_words(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into().into(), ..self }
    }

    /// 404. What is missing is named in both languages, or in English alone.
    pub(super) fn not_found(what: &str, name: &str) -> Self {
        let (what, in_chinese) = languages(what);
        let in_chinese = if in_chinese == what { "" } else { in_chinese };
        let detail = format!("there is no {what} `{name}` · 没有{in_chinese} `{name}`");
        Self::new(StatusCode::NOT_FOUND, ProblemKind::NotFound, detail)
    }

    /// 409.
    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, ProblemKind::Conflict, detail)
    }

    /// 409: something would be without it.
    pub(super) fn in_use(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, ProblemKind::InUse, detail)
    }

    /// 400: the request is not one.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ProblemKind::BadRequest, detail)
    }

    /// 422: the request is one, and says something that cannot be.
    pub(super) fn invalid(errors: Vec<(String, String)>) -> Self {
        let texts: Vec<_> = errors.iter().map(|(field, detail)| of(field, detail)).collect();
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, ProblemKind::Invalid, all(&texts));
        problem.errors = errors.into_iter().map(|(field, detail)| FieldProblem { field, detail }).collect();
        problem
    }

    /// 422 for JSON that is not what the call takes, with the path of what is wrong.
    fn unreadable(error: &JsonDataError) -> Self {
        let cause = error.source().and_then(Error::source);
        cause.and_then(|cause| cause.downcast_ref()).map_or_else(|| Self::unfit_for(error.body_text()), Self::unfit)
    }

    /// The same for JSON that was read already.
    pub(super) fn unfit(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let detail = told(error.inner());
        if error.path().iter().next().is_some() {
            Self::invalid(vec![(error.path().to_string(), detail)])
        } else {
            Self::unfit_for(detail)
        }
    }

    fn unfit_for(detail: String) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, ProblemKind::Invalid, detail)
    }

    /// 422 with a `type` of its own.
    pub(super) fn refused(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, detail)
    }

    /// 422 for a plugin's file; the `type` is the code that says why.
    pub(super) fn not_admitted(refused: &Refused) -> Self {
        let (kind, admission) = (refused.error.code(), Some(Box::new(AdmissionView::from(&refused.report))));
        Self { kind, admission, ..Self::refused(ProblemKind::NotAdmitted, refused.to_string()) }
    }

    /// 413.
    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, ProblemKind::TooLarge, detail)
    }

    /// 415.
    pub(super) fn unsupported(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, ProblemKind::UnsupportedMediaType, detail)
    }

    /// 405.
    pub(super) fn method_not_allowed(method: &Method) -> Self {
        let detail = format!(
            "this path does not take {method}; the header `Allow` names what it takes · 这个路径不支持 {method}，支持的方法见响应头 \
             `Allow`"
        );
        Self::new(StatusCode::METHOD_NOT_ALLOWED, ProblemKind::MethodNotAllowed, detail)
    }

    /// 503: to be tried again after a second.
    pub(super) fn busy(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, ProblemKind::Busy, detail) }
    }

    /// 429: to be tried again after so many seconds.
    pub(super) fn too_often(retry_after: u64, detail: impl Into<String>) -> Self {
        let retry_after = u32::try_from(retry_after).ok();
        Self { retry_after, ..Self::new(StatusCode::TOO_MANY_REQUESTS, ProblemKind::TooOften, detail) }
    }

    /// 504.
    pub(super) fn timeout(limit: Duration) -> Self {
        let detail = format!(
            "the request took longer than {0} s; what it asked for may have been done · 请求超过了 {0} 秒，操作可能已经完成",
            limit.as_secs()
        );
        Self::new(StatusCode::GATEWAY_TIMEOUT, ProblemKind::Timeout, detail)
    }

    /// 504: nobody waits for it any more, and it is done nevertheless.
    pub(super) fn goes_on(limit: Duration) -> Self {
        let detail = format!(
            "it takes longer than {0} s and goes on: ask again later · 超过了 {0} 秒，仍在进行，请稍后再查",
            limit.as_secs()
        );
        Self::new(StatusCode::GATEWAY_TIMEOUT, ProblemKind::Timeout, detail)
    }

    /// 401.
    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            ProblemKind::Unauthorized,
            "send `Authorization: Bearer <token>` with a token that is valid; `weft token create --name NAME` makes one · 请在请求头 `Authorization: Bearer <令牌>` 中带上有效的令牌，用 `weft token create --name NAME` 创建",
        )
    }

    /// 403.
    pub(super) fn forbidden(permission: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            ProblemKind::Forbidden,
            format!("the token lacks the permission `{permission}` · 令牌缺少权限 `{permission}`"),
        )
    }

    /// 500; the cause goes to the log and not to the caller.
    pub(super) fn internal(error: &(dyn Error + 'static)) -> Self {
        let cause = Some(with_causes(error).into());
        let detail = "it failed on our side; the log says why · 服务内部出错，原因见日志";
        Self { cause, ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, ProblemKind::Internal, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        if self.may_be_done {
            response.extensions_mut().insert(MayBeDone);
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status.is_server_error() {
            let Self { kind: problem, detail, cause, .. } = self;
            response.extensions_mut().insert(Failed { problem, detail, cause });
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::AlreadyExists { .. } | StoreError::Contended { .. } => Self::conflict(error.to_string()),
            StoreError::NotFound { kind, name } => Self::not_found(kind, &name),
            StoreError::LimitReached(detail) => Self::refused(ProblemKind::LimitReached, detail),
            error => Self::internal(&error),
        }
    }
}

impl Problem {
    /// 502: WeChat Pay refused, or was not reached; 504: nobody knows whether it did what was asked.
    pub(super) fn gateway(error: &PayError) -> Self {
        match error {
            PayError::Unusable(_) | PayError::Unsealed => Self::refused(ProblemKind::Unable, error.to_string()),
            _ if error.outcome_is_unknown() => {
                let advice = "WeChat Pay may have done it: ask about it, or repeat exactly the same · 微信支付可能已经处理：请查询，或原样重试";
                let detail = because(&error.to_string(), advice);
                Self::new(StatusCode::GATEWAY_TIMEOUT, ProblemKind::WechatPayOutcomeUnknown, detail)
            }
            PayError::Refused { .. } => {
                Self::new(StatusCode::BAD_GATEWAY, ProblemKind::WechatPayRefused, error.to_string())
            }
            _ => Self::new(StatusCode::BAD_GATEWAY, ProblemKind::WechatPayUnreachable, error.to_string()),
        }
    }
}

impl From<Inability> for Problem {
    fn from(inability: Inability) -> Self {
        Self::refused(ProblemKind::Unable, inability.to_string())
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        if let Some(inability) = error.inability() {
            return inability.into();
        }
        let errcode = error.errcode();
        let rid = error.rid().map(Box::from);
        if let Some(wait) = error.wait() {
            return Self { errcode, ..Self::too_often(wait, error.explained()) };
        }
        let kind = if errcode.is_some() { ProblemKind::WechatRefused } else { ProblemKind::WechatUnreachable };
        let may_be_done = error.outcome_is_unknown();
        Self { errcode, rid, may_be_done, ..Self::new(StatusCode::BAD_GATEWAY, kind, error.explained()) }
    }
}

/// What is wrong, and why in the words of what found it.
fn explained(what: &str, rejection: &dyn Error) -> String {
    rejection.source().map_or_else(|| what.to_owned(), |why| because(what, &why.to_string()))
}

/// The most [parts] that a JSON body may have: of values that are read whatever they are, each takes some two
/// hundred bytes.
const BODY_PARTS: usize = 100_000;

/// Refuses JSON that would take much more memory than it is long.
///
/// # Errors
/// 413.
pub(super) fn check_parts(json: &[u8]) -> Result<(), Problem> {
    if parts(json) > BODY_PARTS {
        let detail = format!("the body has more than {BODY_PARTS} values · 请求体超过 {BODY_PARTS} 个值");
        return Err(Problem::too_large(detail));
    }
    Ok(())
}

/// A JSON body whose problems are answered as such.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let read = match Json::<Box<RawValue>>::from_request(request, state).await {
            Ok(Json(text)) => {
                check_parts(text.get().as_bytes())?;
                Json::from_bytes(text.get().as_bytes())
            }
            Err(error) => Err(error),
        };
        match read {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::JsonDataError(error)) => Err(Problem::unreadable(&error)),
            Err(JsonRejection::JsonSyntaxError(error)) => {
                Err(Problem::bad_request(explained("the body is not JSON · 请求体不是 JSON", &error)))
            }
            Err(JsonRejection::MissingJsonContentType(_)) => {
                let detail =
                    "send it with `Content-Type: application/json` · 请求头要有 `Content-Type: application/json`";
                Err(Problem::bad_request(detail))
            }
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Problem::too_large(explained("the body is too large · 请求体太大", &error)))
            }
            Err(error) => {
                Err(Problem::bad_request(explained("the body did not arrive whole · 请求体没有收全", &error)))
            }
        }
    }
}

/// A body that may be left out, and then has no type.
impl<T: DeserializeOwned, S: Send + Sync> axum::extract::OptionalFromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
        } else {
            Ok(None)
        }
    }
}

/// Path parameters whose problems are answered as such.
pub(super) struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(error) => Err(Problem::bad_request(because(
                "the path cannot be read · 路径有误",
                &PathRejection::body_text(&error),
            ))),
        }
    }
}

/// Query parameters whose problems are answered as such.
pub(super) struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => Err(Problem::bad_request(explained("the query cannot be read · 查询参数有误", &error))),
        }
    }
}
