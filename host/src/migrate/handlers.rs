//! Copies handlers, some at a time.

use weft_wechat::api::media::MediaType;
use weft_wechat::reply::Reply;

use super::{
    media::Media,
    report::{HandlerReport, LeftHandler, MigratedHandler, MigrationReport},
};
use crate::{
    bilingual::of,
    jobs::Running,
    model::{Handler, HandlerSource, JobError, ReplyContent, ReplyTemplate},
    storage::{HandlerChanges, Store, StoreError},
};

/// How many are copied in one transaction.
const BATCH: usize = 20;

pub(super) async fn copy(
    store: &Store,
    job: &Running,
    media: &mut Media<'_>,
    report: &mut MigrationReport,
) -> Result<(), JobError> {
    let mut handlers = store.handlers().list(&report.from).await?;
    let total = u64::try_from(handlers.len()).ok();
    let told = report.handlers.get_or_insert_default().ids();
    handlers.retain(|handler| !told.contains(&handler.id));
    let mut done = told.len();
    for batch in handlers.chunks(BATCH) {
        let told = report.handlers.get_or_insert_default();
        let mut ready = Vec::with_capacity(batch.len());
        for handler in batch {
            match mapped(handler, &job.job().app, media).await? {
                Ok(handler) => {
                    // Its regular expressions are compiled here, and not while others wait to write.
                    handler.size();
                    ready.push(handler);
                }
                Err(reason) => told.failed.push(left(handler, reason)),
            }
        }
        if report.dry_run {
            let before = store.handlers().list(&job.job().app).await?;
            sort(ready, &before, told);
        } else {
            let change = |before: Vec<Handler>| {
                let put = sort(ready, &before, told);
                Ok::<_, StoreError>(HandlerChanges { put, ..HandlerChanges::default() })
            };
            store.handlers().change_all(&job.job().app, change).await?;
        }
        done += batch.len();
        report.uploaded += media.take_uploaded();
        job.save(report, u64::try_from(done).unwrap_or(u64::MAX), total).await?;
    }
    Ok(())
}

/// Tells what becomes of handlers, and gives those that are new.
fn sort(ready: Vec<Handler>, before: &[Handler], report: &mut HandlerReport) -> Vec<Handler> {
    let mut put = Vec::with_capacity(ready.len());
    for handler in ready {
        let known = MigratedHandler { id: handler.id.clone(), name: handler.name.clone() };
        let Some(there) = before.iter().find(|there| there.id == handler.id) else {
            report.copied.push(known);
            put.push(handler);
            continue;
        };
        let same = Handler {
            source: handler.source,
            created_at: handler.created_at,
            updated_at: handler.updated_at,
            ..there.clone()
        };
        if same == handler {
            report.unchanged.push(known);
        } else {
            let reason =
                "it is there already and has changed since, here or in the other app · 已存在，并且有一方之后修改过"
                    .to_owned();
            report.kept.push(left(&handler, reason));
        }
    }
    put
}

fn left(handler: &Handler, reason: String) -> LeftHandler {
    LeftHandler { id: handler.id.clone(), name: handler.name.clone(), reason }
}

/// The handler as the new app has it; or why it cannot.
async fn mapped(handler: &Handler, app: &str, media: &mut Media<'_>) -> Result<Result<Handler, String>, JobError> {
    let mut mapped = Handler { app: app.to_owned(), source: HandlerSource::Migrate, ..handler.clone() };
    for (index, ReplyTemplate { content, .. }) in mapped.replies.iter_mut().enumerate() {
        let (media_type, media_id) = match content {
            ReplyContent::Static(Reply::Image(media_id)) => (MediaType::Image, media_id),
            ReplyContent::Static(Reply::Voice(media_id)) => (MediaType::Voice, media_id),
            ReplyContent::Static(Reply::Music(music)) => (MediaType::Thumb, &mut music.thumb_media_id),
            ReplyContent::Static(Reply::Video(video)) => (MediaType::Video, &mut video.media_id),
            ReplyContent::Material { .. } => {
                return Ok(Err(format!(
                    "replies[{index}]: articles of the other account are not copied · replies[{index}]：对方账号的文章不会复制"
                )));
            }
            ReplyContent::Static(_) | ReplyContent::Custom(_) | ReplyContent::Forward { .. } => continue,
        };
        match media.copy_of(&[media_type], media_id).await? {
            Ok(copy) => *media_id = copy,
            Err(reason) => return Ok(Err(of(&format!("replies[{index}]"), &reason))),
        }
    }
    Ok(Ok(mapped))
}
