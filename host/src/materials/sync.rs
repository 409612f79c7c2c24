//! What WeChat lists, taken over page by page: materials of each type, drafts, and what was published.
//!
//! Lists move while they are read: what is added or deleted at WeChat shifts the pages. So what was not seen counts as
//! gone only when a list had the same length from its first page to its last; otherwise it is read again.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use weft_wechat::api::{
    draft::batchget::BatchgetDrafts,
    freepublish::batchget::BatchgetPublished,
    material::{
        NewsItem,
        batchget_material::{BatchgetMaterial, MAX_COUNT, MaterialItem},
    },
};

use crate::{
    clock::Clock,
    jobs::{Running, Work},
    model::{App, ArticleKind, ArticleSet, JobError, MaterialType},
    storage::{ListedMaterial, Store},
    upstream::Wechat,
};

/// The kind of jobs that take materials over.
pub const MATERIAL_SYNC: &str = "material_sync";
/// The kind of jobs that take drafts and published articles over.
pub const ARTICLE_SYNC: &str = "article_sync";

/// How often a list that moves is read, at most.
const PASSES: u8 = 3;

/// A list of WeChat's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum List {
    /// Permanent pictures.
    Image,
    /// Permanent voice messages.
    Voice,
    /// Permanent videos.
    Video,
    /// Permanent articles.
    News,
    /// Drafts of articles.
    Draft,
    /// Published articles.
    Published,
}

/// What a sync is to take over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncInput {
    /// Each of them once.
    pub lists: Vec<List>,
}

/// The work of jobs that take lists over.
pub struct ListSync {
    kind: &'static str,
    store: Store,
    wechat: Wechat,
    clock: Clock,
}

/// Where a sync is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Checkpoint {
    /// What is done.
    reports: Vec<Report>,
    /// Where the list behind them is.
    list: Reading,
}

/// Where a list is that is being read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Reading {
    /// When the first pass began, in milliseconds since 1970; 0 when none has.
    began_at_ms: u64,
    pass: u8,
    offset: u32,
    total: u32,
    /// Whether its length has changed in this pass.
    moved: bool,
}

/// What has come of a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Report {
    list: List,
    /// How many WeChat has.
    total: u32,
    /// How many were known here and are gone.
    removed: u64,
    /// Whether the list moved all the time, so that what is gone could not be told from what was not seen.
    moved: bool,
}

impl ListSync {
    /// Jobs of that kind.
    pub fn new(kind: &'static str, store: Store, wechat: Wechat, clock: Clock) -> Self {
        Self { kind, store, wechat, clock }
    }

    async fn sync(&self, job: &Running) -> Result<Value, JobError> {
        let SyncInput { lists } = job.input()?;
        let mut at: Checkpoint = job.checkpoint().unwrap_or_default();
        while let Some(list) = lists.get(at.reports.len()).copied() {
            let app = job.app().await?;
            if let Some(report) = self.read_page(&app, list, &mut at.list).await? {
                at.reports.push(report);
                at.list = Reading::default();
            }
            let done = at.reports.iter().map(|report| report.total).sum::<u32>() + at.list.offset;
            let is_last = at.reports.len() + 1 >= lists.len();
            let total = is_last.then(|| done - at.list.offset + at.list.total);
            job.save(&at, done.into(), total.map(u64::from)).await?;
        }
        Ok(serde_json::json!({ "lists": at.reports }))
    }

    /// Takes one page over, and moves `at` behind it; what has come of the list when it was the last page.
    pub(super) async fn read_page(&self, app: &App, list: List, at: &mut Reading) -> Result<Option<Report>, JobError> {
        let now_ms = self.clock.now_ms();
        if at.began_at_ms == 0 {
            at.began_at_ms = now_ms;
        }
        // Another process, with another clock, may have begun.
        let seen_at_ms = now_ms.max(at.began_at_ms);
        let (total, seen) = self.take_page(app, list, at.offset, seen_at_ms).await?;
        at.moved |= at.offset > 0 && total != at.total;
        at.total = total;
        at.offset += seen;
        if seen > 0 && at.offset < total {
            return Ok(None);
        }
        // An empty page before the end: the list has become shorter.
        at.moved |= at.offset < total;
        if at.moved && at.pass + 1 < PASSES {
            *at = Reading { began_at_ms: at.began_at_ms, pass: at.pass + 1, total, ..Reading::default() };
            return Ok(None);
        }
        let removed = if at.moved { 0 } else { self.remove_unseen(app, list, at.began_at_ms).await? };
        Ok(Some(Report { list, total, removed, moved: at.moved }))
    }

    /// How many WeChat has altogether, and how many were in the page.
    async fn take_page(&self, app: &App, list: List, offset: u32, seen_at_ms: u64) -> Result<(u32, u32), JobError> {
        let count = MAX_COUNT;
        let (total, seen) = match list.what() {
            What::Material(material_type) => {
                let Some(listed) = material_type.listed() else { return Ok((0, 0)) };
                let page = BatchgetMaterial { material_type: listed, offset, count };
                let page = self.wechat.call(app, &page).await?;
                let items: Vec<_> = page.item.into_iter().map(|item| material(material_type, item)).collect();
                self.store.materials().put_listed(&app.name, &items, seen_at_ms).await?;
                (page.total_count, items.len())
            }
            What::Articles(ArticleKind::Published) => {
                let page = self.wechat.call(app, &BatchgetPublished { offset, count, no_content: 0 }).await?;
                let set = |item: weft_wechat::api::freepublish::batchget::Publication| {
                    set(item.article_id, item.content.news_item, item.update_time)
                };
                let sets: Vec<_> = page.item.into_iter().map(set).collect();
                self.store.articles().put(&app.name, ArticleKind::Published, &sets, seen_at_ms).await?;
                (page.total_count, sets.len())
            }
            What::Articles(kind) => {
                let page = self.wechat.call(app, &BatchgetDrafts { offset, count, no_content: 0 }).await?;
                let sets = page.item.into_iter();
                let sets =
                    sets.map(|item| set(item.media_id, item.content.unwrap_or_default().news_item, item.update_time));
                let sets: Vec<_> = sets.collect();
                self.store.articles().put(&app.name, kind, &sets, seen_at_ms).await?;
                (page.total_count, sets.len())
            }
        };
        Ok((total, u32::try_from(seen).unwrap_or(u32::MAX)))
    }

    async fn remove_unseen(&self, app: &App, list: List, since_ms: u64) -> Result<u64, JobError> {
        Ok(match list.what() {
            What::Material(kind) => self.store.materials().remove_unseen(&app.name, kind, since_ms).await?,
            What::Articles(kind) => self.store.articles().remove_unseen(&app.name, kind, since_ms).await?,
        })
    }
}

impl Work for ListSync {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn run<'a>(&'a self, job: &'a Running) -> BoxFuture<'a, Result<Value, JobError>> {
        Box::pin(self.sync(job))
    }
}

/// Where a list goes.
enum What {
    Material(MaterialType),
    Articles(ArticleKind),
}

impl List {
    /// Which materials are in it; none when it is drafts or published articles.
    pub fn material_type(self) -> Option<MaterialType> {
        match self.what() {
            What::Material(material_type) => Some(material_type),
            What::Articles(_) => None,
        }
    }

    fn what(self) -> What {
        match self {
            Self::Image => What::Material(MaterialType::Image),
            Self::Voice => What::Material(MaterialType::Voice),
            Self::Video => What::Material(MaterialType::Video),
            Self::News => What::Material(MaterialType::News),
            Self::Draft => What::Articles(ArticleKind::Draft),
            Self::Published => What::Articles(ArticleKind::Published),
        }
    }
}

fn material(material_type: MaterialType, item: MaterialItem) -> ListedMaterial {
    let MaterialItem { media_id, name, update_time, url, content } = item;
    let articles = content.map(|content| set(media_id.clone(), content.news_item, update_time));
    let first_title = articles.as_ref().and_then(|articles| articles.items.first()).map(|item| item.title.clone());
    ListedMaterial {
        media_id,
        material_type,
        name: if name.is_empty() { first_title.unwrap_or_default() } else { name },
        url: (!url.is_empty()).then_some(url),
        updated_at: update_time,
        articles,
    }
}

fn set(id: String, items: Vec<NewsItem>, updated_at: u64) -> ArticleSet {
    ArticleSet { id, items, updated_at, created_at: updated_at }
}
