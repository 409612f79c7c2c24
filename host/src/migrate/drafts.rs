//! Copies drafts, each with the pictures on its covers.

use std::collections::HashSet;

use sha2::{Digest, Sha256};
use weft_wechat::api::{material::NewsItem, media::MediaType};

use super::{
    media::Media,
    report::{CopyReport, MigrationReport},
};
use crate::{
    articles::{ArticleError, Articles},
    jobs::Running,
    model::{ArticleKind, ArticleSet, JobError},
    storage::Store,
};

/// How many are read at a time.
const PAGE: usize = 20;

pub(super) async fn copy(
    store: &Store,
    articles: &Articles,
    job: &Running,
    media: &mut Media<'_>,
    report: &mut MigrationReport,
) -> Result<(), JobError> {
    let mut there = fingerprints(store, &media.to.name).await?;
    loop {
        let told = report.drafts.get_or_insert_default();
        if told.is_over {
            return Ok(());
        }
        let page = page(store, &media.from.name, told.after.as_ref()).await?;
        if page.is_empty() {
            told.is_over = true;
        }
        for draft in page {
            let told = report.drafts.get_or_insert_default();
            let after = (draft.updated_at, draft.id.clone());
            if there.insert(fingerprint(&draft.items)) {
                one(articles, media, told, draft).await?;
            } else {
                told.unchanged += 1;
            }
            told.after = Some(after);
            // Each is a draft at WeChat, which a run that goes on must not make again.
            job.save(report, report.done(), None).await?;
        }
    }
}

async fn one(
    articles: &Articles,
    media: &mut Media<'_>,
    told: &mut CopyReport,
    draft: ArticleSet,
) -> Result<(), JobError> {
    let title = draft.items.first().map(|item| item.title.clone()).unwrap_or_default();
    let mut items = draft.items;
    for (index, item) in items.iter_mut().enumerate() {
        match media.copy_of(&[MediaType::Image, MediaType::Thumb], &item.thumb_media_id).await? {
            Ok(copy) => item.thumb_media_id = copy,
            Err(reason) => {
                told.fail(&draft.id, &title, format!("articles[{index}].thumb_media_id: {reason}"));
                return Ok(());
            }
        }
    }
    if media.is_dry_run() {
        told.copied += 1;
        return Ok(());
    }
    match articles.create_draft(media.to, items).await {
        Ok(_) => told.copied += 1,
        // Made again it might be there twice: a sync will show whether it is there.
        Err(ArticleError::Call(error)) if error.outcome_is_unknown() => {
            let reason =
                format!("{}. It may be there: sync the drafts of this app, then do this again", error.explained());
            told.fail(&draft.id, &title, reason);
        }
        Err(ArticleError::Call(error)) if error.may_succeed_later() => return Err(error.into()),
        Err(ArticleError::Store(error)) => return Err(error.into()),
        Err(error @ (ArticleError::Running | ArticleError::Ended(_))) => {
            return Err(JobError::later(error.to_string()));
        }
        Err(ArticleError::Call(error)) => told.fail(&draft.id, &title, error.explained()),
        Err(ArticleError::Invalid(errors)) => {
            let rules: Vec<_> = errors.into_iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
            told.fail(&draft.id, &title, rules.join("; "));
        }
        Err(error) => told.fail(&draft.id, &title, error.to_string()),
    }
    Ok(())
}

/// What the drafts of an app say.
async fn fingerprints(store: &Store, app: &str) -> Result<HashSet<[u8; 32]>, JobError> {
    let mut all = HashSet::new();
    let mut after = None;
    loop {
        let page = page(store, app, after.as_ref()).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some((last.updated_at, last.id.clone()));
        all.extend(page.iter().map(|draft| fingerprint(&draft.items)));
    }
}

async fn page(store: &Store, app: &str, after: Option<&(u64, String)>) -> Result<Vec<ArticleSet>, JobError> {
    let after = after.map(|(at, id)| (*at, id.as_str()));
    Ok(store.articles().list(app, ArticleKind::Draft, None, after, PAGE).await?)
}

/// What articles say, whatever account they are of: its covers have other ids, and WeChat writes summaries.
fn fingerprint(items: &[NewsItem]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for item in items {
        for text in [&item.title, &item.author, &item.content, &item.content_source_url] {
            digest.update(text.len().to_be_bytes());
            digest.update(text);
        }
    }
    digest.finalize().into()
}
