//! What is uploaded to be handed on: in memory while it is short, in a temporary file otherwise.

use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use hyper::body::Body as _;
use tempfile::{NamedTempFile, TempPath};
use tokio::{fs::File, io::AsyncWriteExt};
use weft_wechat::api::Content;

use super::{AppState, error::Problem};
use crate::bilingual::because;
use crate::shares::Place;

/// What stays in memory, in bytes.
const IN_MEMORY: usize = 1 << 20;

/// What somebody uploaded. Its file, if there is one, is gone when it is dropped.
pub(super) struct Upload {
    /// To be sent.
    pub content: Content,
    _spool: Option<Spool>,
}

/// A file, and the place for it.
struct Spool {
    _path: TempPath,
    _place: Place,
}

impl Upload {
    /// Takes a body of at most `limit` bytes whole, for an app. One that says that it is longer is not read at all.
    ///
    /// # Errors
    /// 413 when it is too long, 400 when it does not arrive, 503 while too many others are on their way, of
    /// the app's or of all.
    pub(super) async fn receive(state: &AppState, app: &str, body: Body, limit: u64) -> Result<Self, Problem> {
        let too_large = || Problem::too_large(format!("the body may have {limit} bytes · 请求体最大 {limit} 字节"));
        if body.size_hint().lower() > limit {
            return Err(too_large());
        }
        let mut chunks = body.into_data_stream();
        let mut bytes = BytesMut::new();
        while let Some(chunk) = next(&mut chunks).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > limit {
                return Err(too_large());
            }
            if bytes.len() > IN_MEMORY {
                return spooled(state, app, bytes.freeze(), chunks, limit).await?.ok_or_else(too_large);
            }
        }
        Ok(Self { content: Content::Bytes(bytes.freeze()), _spool: None })
    }
}

/// Writes what has come and what is to come into a file; none when that is more than it may be.
async fn spooled(
    state: &AppState,
    app: &str,
    come: Bytes,
    mut chunks: BodyDataStream,
    limit: u64,
) -> Result<Option<Upload>, Problem> {
    let Some(place) = state.spools.place(app) else {
        return Err(Problem::busy(
            "other uploads are on their way; try again in a second · 正在上传其他文件，请稍后再试",
        ));
    };
    let failed = |error: std::io::Error| Problem::internal(&error);
    let file = tokio::task::spawn_blocking(NamedTempFile::new).await.map_err(|error| Problem::internal(&error))?;
    let (file, path) = file.map_err(failed)?.into_parts();
    let mut file = File::from_std(file);
    file.write_all(&come).await.map_err(failed)?;
    let mut length = come.len() as u64;
    while let Some(chunk) = next(&mut chunks).await? {
        length += chunk.len() as u64;
        if length > limit {
            return Ok(None);
        }
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    let content = Content::File { path: Arc::from(&*path), length };
    Ok(Some(Upload { content, _spool: Some(Spool { _path: path, _place: place }) }))
}

async fn next(chunks: &mut BodyDataStream) -> Result<Option<Bytes>, Problem> {
    let broken = |error: axum::Error| {
        Problem::bad_request(because("the body did not arrive whole · 请求体没有收全", &error.to_string()))
    };
    chunks.try_next().await.map_err(broken)
}
