//! Copies from one app to another, as a job: materials, drafts, handlers, and the draft of the menus. Media that only the
//! other account has become permanent material of the new one, each file once.
//!
//! It can be repeated. A handler has the id that it has in the other app, and a draft says what it says there, so that
//! they are known again; what is there already stays as it is, and the report says so. Materials and drafts are those
//! that are known here: they are synced first.

mod drafts;
mod handlers;
mod materials;
mod media;
mod menus;
mod report;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    articles::Articles,
    jobs::{Running, Work},
    materials::Materials,
    model::JobError,
    storage::Store,
};

pub use report::{
    CopyReport, HandlerReport, LeftCopy, LeftHandler, LeftOut, MenuOutcome, MenuReport, MigratedHandler,
    MigrationReport,
};

use media::Media;

/// Does the work.
pub struct Migration {
    store: Store,
    materials: Materials,
    articles: Articles,
}

/// What is to be copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationInput {
    /// The name of the other app.
    pub from: String,
    /// What of it.
    pub parts: Vec<MigrationPart>,
    /// Whether to say only what would be copied.
    pub dry_run: bool,
}

/// What of an app is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MigrationPart {
    /// Pictures, voice messages and videos.
    Materials,
    /// The drafts of articles.
    Drafts,
    /// The handlers.
    Handlers,
    /// The draft of the menus.
    Menus,
}

impl MigrationPart {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Materials, Self::Drafts, Self::Handlers, Self::Menus];
}

impl Migration {
    /// The kind of such jobs.
    pub const KIND: &'static str = "migrate";

    /// Copies in `store`, files by way of `materials`, and drafts by way of `articles`.
    pub fn new(store: Store, materials: Materials, articles: Articles) -> Self {
        Self { store, materials, articles }
    }

    async fn migrate(&self, job: &Running) -> Result<Value, JobError> {
        let MigrationInput { from, parts, dry_run } = job.input()?;
        let to = job.app().await?;
        let gone = || JobError::failed(format!("there is no app `{from}` any more · 账号 `{from}` 已不存在"));
        let from = self.store.apps().find(&from).await?.ok_or_else(gone)?;
        let begin = || MigrationReport { from: from.name.clone(), dry_run, ..MigrationReport::default() };
        let mut report: MigrationReport = job.checkpoint().unwrap_or_else(begin);
        let mut media = Media::new(&self.store, &self.materials, (&from, &to), dry_run);
        if parts.contains(&MigrationPart::Materials) {
            materials::copy(&self.store, job, &mut media, &mut report).await?;
        }
        if parts.contains(&MigrationPart::Drafts) {
            drafts::copy(&self.store, &self.articles, job, &mut media, &mut report).await?;
        }
        report.uploaded += media.take_uploaded();
        if parts.contains(&MigrationPart::Handlers) {
            handlers::copy(&self.store, job, &mut media, &mut report).await?;
        }
        if parts.contains(&MigrationPart::Menus) && report.menus.is_none() {
            report.menus = Some(menus::copy(&self.store, &mut media, dry_run).await?);
        }
        report.uploaded += media.take_uploaded();
        Ok(json!(report.finished()))
    }
}

impl Work for Migration {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    fn run<'a>(&'a self, job: &'a Running) -> BoxFuture<'a, Result<Value, JobError>> {
        Box::pin(self.migrate(job))
    }
}
