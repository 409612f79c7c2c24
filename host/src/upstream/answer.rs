//! An answer as it arrives: its beginning in memory, the rest as it comes, and never more than it may be.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, stream};
use reqwest::Response;
use tokio::sync::OwnedSemaphorePermit;
use weft_wechat::api::RawAnswer;

use super::TransportError;
use super::http::failure;
use crate::secret::Secret;

/// How long the beginning is that is read before anything is handed on, in bytes. What WeChat says in place of an
/// answer is much shorter.
const BEGINNING: usize = 64 << 10;

/// How much of an answer is read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// All of it; another status than 2xx is an error.
    All,
    /// Its beginning, whatever the status; a redirect is an error.
    Some,
}

/// An answer whose beginning has arrived.
#[derive(Debug)]
pub struct AnswerStream {
    /// HTTP's status: 200, and others from what stands between here and WeChat.
    pub status: u16,
    /// `Content-Type`; WeChat also calls JSON `text/plain`.
    pub content_type: String,
    /// `Content-Disposition`, where files have their name.
    pub content_disposition: String,
    beginning: Bytes,
    rest: Option<Rest>,
}

#[derive(Debug)]
struct Rest {
    response: Response,
    /// How many bytes may still come.
    left: usize,
    limit: usize,
    timeout: Duration,
    _turn: Option<OwnedSemaphorePermit>,
}

impl AnswerStream {
    /// Reads the beginning. `limit` is for the whole answer, in bytes.
    pub(super) async fn open(
        response: Response,
        beginning: Beginning,
        limit: usize,
        timeout: Duration,
    ) -> Result<Self, TransportError> {
        let status = response.status();
        let is_answer = match beginning {
            Beginning::All => status.is_success(),
            Beginning::Some => !status.is_redirection(),
        };
        if !is_answer {
            return Err(TransportError::Status(status.as_u16()));
        }
        let text = |name: &str| {
            let value =
                response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            value.unwrap_or_default()
        };
        let (content_type, content_disposition) = (text("content-type"), text("content-disposition"));
        let enough = if beginning == Beginning::All { usize::MAX } else { BEGINNING };
        let mut rest = Some(Rest::of(response, limit, timeout)?);
        let mut bytes = Vec::new();
        while bytes.len() < enough {
            let Some(coming) = &mut rest else { break };
            match coming.chunk().await? {
                Some(chunk) => bytes.extend_from_slice(&chunk),
                None => rest = None,
            }
        }
        let beginning = bytes.into();
        Ok(Self { status: status.as_u16(), content_type, content_disposition, beginning, rest })
    }

    /// Ends `turn` when nothing can come any more.
    pub(super) fn keep(&mut self, turn: OwnedSemaphorePermit) {
        self.rest = self.rest.take().map(|rest| Rest { _turn: Some(turn), ..rest });
    }

    /// What has arrived, when that is all there is.
    pub(super) fn whole(&self) -> Option<&Bytes> {
        self.rest.is_none().then_some(&self.beginning)
    }

    /// What has arrived.
    pub(super) fn into_raw(self) -> RawAnswer {
        let Self { content_type, content_disposition, beginning, .. } = self;
        RawAnswer { content_type, content_disposition, body: beginning }
    }

    /// Takes `token` out of what has arrived. WeChat repeats no tokens, but whatever stands before it may.
    pub(super) fn hide(&mut self, token: &Secret) {
        let token = token.expose().as_bytes();
        if token.is_empty() {
            return;
        }
        let mut hidden = Vec::new();
        let mut rest = &self.beginning[..];
        while let Some(at) = rest.windows(token.len()).position(|window| window == token) {
            hidden.extend_from_slice(&rest[..at]);
            hidden.extend_from_slice(b"***");
            rest = &rest[at + token.len()..];
        }
        if rest.len() < self.beginning.len() {
            hidden.extend_from_slice(rest);
            self.beginning = hidden.into();
        }
    }

    /// The body as it comes. It ends with an error when the connection is cut or more comes than may.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, TransportError>> + Send + use<> {
        let state = (Some(self.beginning), self.rest);
        stream::try_unfold(state, async |(beginning, mut rest)| {
            if let Some(beginning) = beginning {
                return Ok(Some((beginning, (None, rest))));
            }
            let chunk = match &mut rest {
                Some(coming) => coming.chunk().await?,
                None => None,
            };
            Ok(chunk.map(|chunk| (chunk, (None, rest))))
        })
    }
}

/// The whole of a body, when it is not too long.
pub(super) async fn body(response: Response, limit: usize, timeout: Duration) -> Result<Bytes, TransportError> {
    let mut rest = Rest::of(response, limit, timeout)?;
    let mut body = Vec::new();
    while let Some(chunk) = rest.chunk().await? {
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

impl Rest {
    fn of(response: Response, limit: usize, timeout: Duration) -> Result<Self, TransportError> {
        if response.content_length().unwrap_or(0) > limit as u64 {
            return Err(TransportError::TooLarge(limit));
        }
        Ok(Self { response, left: limit, limit, timeout, _turn: None })
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        let chunk = self.response.chunk().await.map_err(|error| failure(error, self.timeout))?;
        if let Some(chunk) = &chunk {
            self.left = self.left.checked_sub(chunk.len()).ok_or(TransportError::TooLarge(self.limit))?;
        }
        Ok(chunk)
    }
}
