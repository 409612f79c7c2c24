//! Copies files, with what people note of them, some at a time.

use weft_wechat::api::media::MediaType;

use super::{
    media::Media,
    report::{CopyReport, MigrationReport},
};
use crate::{
    jobs::Running,
    model::{JobError, Material, MaterialChange, MaterialFilter, MaterialType},
    storage::{Store, StoreError},
};

/// How many are read at a time.
const PAGE: usize = 20;

pub(super) async fn copy(
    store: &Store,
    job: &Running,
    media: &mut Media<'_>,
    report: &mut MigrationReport,
) -> Result<(), JobError> {
    loop {
        let told = report.materials.get_or_insert_default();
        if told.is_over {
            return Ok(());
        }
        let after = told.after.as_ref().map(|(at, media_id)| (*at, media_id.as_str()));
        let page = store.materials().list(&media.from.name, &MaterialFilter::default(), after, PAGE).await?;
        told.is_over = page.len() < PAGE;
        let is_over = told.is_over;
        for (index, material) in page.iter().enumerate() {
            let told = report.materials.get_or_insert_default();
            one(store, media, told, material).await?;
            told.after = Some((material.updated_at, material.media_id.clone()));
            told.is_over = is_over && index + 1 == page.len();
            job.save(report, report.done(), None).await?;
        }
    }
}

async fn one(store: &Store, media: &mut Media<'_>, told: &mut CopyReport, material: &Material) -> Result<(), JobError> {
    let media_type = match material.material_type {
        MaterialType::Image => MediaType::Image,
        MaterialType::Voice => MediaType::Voice,
        MaterialType::Video => MediaType::Video,
        MaterialType::Thumb => MediaType::Thumb,
        // WeChat takes articles as drafts alone.
        MaterialType::News => {
            let reason = "articles of permanent material are not copied · 永久图文素材不会复制";
            told.fail(&material.media_id, &material.name, reason.to_owned());
            return Ok(());
        }
    };
    let before = media.uploads();
    let copy = match media.copy_of(&[media_type], &material.media_id).await? {
        Ok(copy) => copy,
        Err(reason) => {
            told.fail(&material.media_id, &material.name, reason);
            return Ok(());
        }
    };
    if media.uploads() > before {
        told.copied += 1;
    } else {
        told.unchanged += 1;
    }
    if media.is_dry_run() {
        return Ok(());
    }
    note(store, &media.to.name, &copy, material).await
}

/// What people note of the file goes with it, where nobody has noted anything.
async fn note(store: &Store, app: &str, media_id: &str, material: &Material) -> Result<(), JobError> {
    let materials = store.materials();
    let Some(copy) = materials.find(app, media_id).await? else { return Ok(()) };
    let alias = (copy.alias.is_empty() && !material.alias.is_empty()).then(|| material.alias.clone());
    let comment = (copy.comment.is_empty() && !material.comment.is_empty()).then(|| material.comment.clone());
    let change = MaterialChange { alias, comment };
    if change == MaterialChange::default() {
        return Ok(());
    }
    match materials.change(app, media_id, &change).await {
        // Another material has the alias: then this one goes without.
        Err(StoreError::AlreadyExists { .. }) => {
            materials.change(app, media_id, &MaterialChange { alias: None, ..change }).await?;
        }
        changed => drop(changed?),
    }
    Ok(())
}
