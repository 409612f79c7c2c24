//! Articles between here and WeChat: drafts, publishing them, and what was published.

mod drafts;
mod error;
mod publishing;

use tokio_util::task::TaskTracker;
use weft_wechat::api::{
    FilePart,
    freepublish::delete::DeletePublished,
    media::uploadimg::{MAX_BYTES, UploadImg},
};

use crate::{
    clock::Clock,
    materials::Uses,
    model::{App, ArticleKind, FieldError, FileKind},
    storage::Store,
    turns::Turns,
    upstream::{CallError, Wechat},
};

pub use error::ArticleError;

/// WeChat's code for a `media_id` that stands for nothing.
const INVALID_MEDIA_ID: i64 = 40007;
/// WeChat's code for an `article_id` that stands for nothing.
const INVALID_ARTICLE_ID: i64 = 53600;

/// Articles between here and WeChat. Clones share what runs.
#[derive(Clone)]
pub struct Articles {
    store: Store,
    wechat: Wechat,
    clock: Clock,
    /// Drafts that are being changed or handed in, by app and `media_id`.
    changing: Turns,
    running: TaskTracker,
}

impl Articles {
    /// Keeps what is known of articles in `store`.
    pub fn new(store: Store, wechat: Wechat, clock: Clock) -> Self {
        Self { store, wechat, clock, changing: Turns::default(), running: TaskTracker::new() }
    }

    /// Uploads a picture for the text of articles; gives its address. It is no material.
    ///
    /// # Errors
    /// [`ArticleError::Invalid`] when it is no PNG or JPG of at most 1 MB, and when WeChat does not take it.
    pub async fn upload_image(&self, app: &App, bytes: bytes::Bytes) -> Result<String, ArticleError> {
        let kind = FileKind::of(&bytes).filter(|kind| matches!(kind, FileKind::Png | FileKind::Jpeg));
        let kind = kind.filter(|_| bytes.len() <= MAX_BYTES).ok_or_else(|| {
            ArticleError::Invalid(vec![FieldError::new(
                "media",
                "a png or jpg, by its content, of at most 1 MB · png 或 jpg，以内容为准，最大 1 MB",
            )])
        })?;
        let file = FilePart::media(&format!("picture.{}", kind.ending()), kind.content_type(), bytes);
        Ok(self.wechat.call(app, &UploadImg { file }).await?.url)
    }

    /// Takes published articles away from readers: the one at that place, of which the first is 0, or all of them. What
    /// WeChat does not know any more counts as taken away.
    ///
    /// # Errors
    /// [`ArticleError::InUse`] when something here uses them, unless `force` says that this does not matter;
    /// [`ArticleError::NotFound`] when nobody knows them.
    pub async fn delete_published(
        &self,
        app: &App,
        article_id: &str,
        place: Option<u32>,
        force: bool,
    ) -> Result<(), ArticleError> {
        let not_found = || ArticleError::NotFound { kind: "article · 文章", id: article_id.to_owned() };
        if !is_id(article_id) {
            return Err(not_found());
        }
        self.check_unused(app, article_id, force).await?;
        let index = place.map_or(0, |place| place.saturating_add(1));
        let is_gone = match self.wechat.call(app, &DeletePublished { article_id, index }).await {
            Err(error) if error.errcode() == Some(INVALID_ARTICLE_ID) => true,
            deleted => deleted.map(|_| false)?,
        };
        let articles = self.store.articles();
        let known = articles.find(&app.name, ArticleKind::Published, article_id).await?;
        let was_known = known.is_some();
        match (known, place.and_then(|place| usize::try_from(place).ok())) {
            (Some(mut set), Some(place)) if !is_gone => {
                if let Some(item) = set.items.get_mut(place) {
                    item.is_deleted = true;
                }
                articles.put(&app.name, ArticleKind::Published, &[set], self.clock.now_ms()).await?;
            }
            _ => drop(articles.delete(&app.name, ArticleKind::Published, article_id).await?),
        }
        if is_gone && !was_known { Err(not_found()) } else { Ok(()) }
    }

    /// Waits for what runs.
    pub async fn finish(&self) {
        self.running.close();
        self.running.wait().await;
    }

    async fn check_unused(&self, app: &App, id: &str, force: bool) -> Result<(), ArticleError> {
        if force {
            return Ok(());
        }
        let uses = Uses::of(&self.store, &app.name).await?.of_material(id, None);
        if uses.is_empty() { Ok(()) } else { Err(ArticleError::InUse { id: id.to_owned(), uses }) }
    }
}

/// Whether `text` may be an id of WeChat's.
fn is_id(text: &str) -> bool {
    (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether WeChat knows no such draft.
fn is_unknown(error: &CallError) -> bool {
    error.errcode() == Some(INVALID_MEDIA_ID)
}
