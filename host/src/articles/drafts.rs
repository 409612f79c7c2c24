//! Drafts: written here, kept at WeChat.

use weft_wechat::api::{
    draft::{DraftArticle, add::AddDraft, delete::DeleteDraft, get::GetDraft, update::UpdateDraft},
    material::NewsItem,
};

use super::{ArticleError, Articles, is_id, is_unknown};
use crate::{
    model::{App, ArticleKind, ArticleSet, FieldError, check_draft},
    storage::with_causes,
    turns::Turn,
};

const KIND: ArticleKind = ArticleKind::Draft;

impl Articles {
    /// Makes a draft. Goes on to its end when nobody waits for it any more: WeChat would have a draft that nobody here
    /// knows.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn create_draft(&self, app: &App, items: Vec<NewsItem>) -> Result<ArticleSet, ArticleError> {
        check(&items)?;
        let (articles, app) = (self.clone(), app.clone());
        let making = self.running.spawn(async move {
            let written: Vec<_> = items.iter().map(DraftArticle::from).collect();
            let added = articles.wechat.call(&app, &AddDraft { articles: &written }).await?;
            articles.keep_draft(&app, &added.media_id, items).await
        });
        making.await.map_err(ArticleError::Ended)?
    }

    /// Replaces the articles of a draft; those that stay the same are not sent. Goes on to its end when nobody waits for
    /// it any more.
    ///
    /// # Errors
    /// [`ArticleError::Invalid`] also when their number is another: WeChat keeps it.
    pub async fn update_draft(
        &self,
        app: &App,
        media_id: &str,
        items: Vec<NewsItem>,
    ) -> Result<ArticleSet, ArticleError> {
        check(&items)?;
        let turn = self.turn(app, media_id)?;
        let before = self.fetched(app, media_id).await?;
        if before.len() != items.len() {
            let rule = format!(
                "the draft has {0}, and WeChat keeps their number: make another draft · 草稿有 {0} 篇文章，篇数不能改：请另建草稿",
                before.len()
            );
            return Err(ArticleError::Invalid(vec![FieldError::new("articles", rule)]));
        }
        let (articles, app, media_id) = (self.clone(), app.clone(), media_id.to_owned());
        let changing = self.running.spawn(async move {
            let _turn = turn;
            for (index, (old, item)) in before.iter().zip(&items).enumerate() {
                let wanted = DraftArticle::from(item);
                if DraftArticle::from(old) == wanted {
                    continue;
                }
                let update = UpdateDraft { media_id: &media_id, index, articles: wanted };
                if let Err(error) = articles.wechat.call(&app, &update).await {
                    let mixed = items.iter().take(index).chain(before.iter().skip(index)).cloned().collect();
                    articles.keep_draft(&app, &media_id, mixed).await?;
                    return Err(ArticleError::Unfinished { index, error });
                }
            }
            articles.keep_draft(&app, &media_id, items).await
        });
        changing.await.map_err(ArticleError::Ended)?
    }

    /// Deletes a draft, at WeChat and then here. One that WeChat does not know any more counts as deleted there.
    ///
    /// # Errors
    /// [`ArticleError::InUse`] when something here uses it, unless `force` says that this does not matter;
    /// [`ArticleError::NotFound`] when nobody knows it.
    pub async fn delete_draft(&self, app: &App, media_id: &str, force: bool) -> Result<(), ArticleError> {
        let _turn = self.turn(app, media_id)?;
        self.check_unused(app, media_id, force).await?;
        let is_gone = match self.wechat.call(app, &DeleteDraft { media_id }).await {
            Err(error) if is_unknown(&error) => true,
            deleted => deleted.map(|_| false)?,
        };
        let was_known = self.store.articles().delete(&app.name, KIND, media_id).await?;
        if is_gone && !was_known { Err(no_draft(media_id)) } else { Ok(()) }
    }

    /// The right to change a draft.
    pub(super) fn turn(&self, app: &App, media_id: &str) -> Result<Turn, ArticleError> {
        if !is_id(media_id) {
            return Err(no_draft(media_id));
        }
        self.changing.take(&format!("{}/{media_id}", app.name)).ok_or(ArticleError::Running)
    }

    /// The articles of a draft, as WeChat has them now.
    pub(super) async fn fetched(&self, app: &App, media_id: &str) -> Result<Vec<NewsItem>, ArticleError> {
        match self.wechat.call(app, &GetDraft { media_id }).await {
            Err(error) if is_unknown(&error) => Err(no_draft(media_id)),
            got => Ok(got?.news_item),
        }
    }

    /// Keeps a draft here as WeChat tells it, with its addresses; as it was written when WeChat does not tell.
    async fn keep_draft(&self, app: &App, media_id: &str, written: Vec<NewsItem>) -> Result<ArticleSet, ArticleError> {
        let items = match self.fetched(app, media_id).await {
            Ok(items) => items,
            Err(error) => {
                let error = with_causes(&error);
                tracing::debug!(app = app.name, media_id, %error, "the draft is kept as it was written");
                written
            }
        };
        let now_ms = self.clock.now_ms();
        let set = ArticleSet { id: media_id.to_owned(), items, updated_at: now_ms / 1000, created_at: now_ms / 1000 };
        self.store.articles().put(&app.name, KIND, std::slice::from_ref(&set), now_ms).await?;
        Ok(self.store.articles().find(&app.name, KIND, media_id).await?.unwrap_or(set))
    }
}

fn check(items: &[NewsItem]) -> Result<(), ArticleError> {
    let wrong = check_draft(items);
    if wrong.is_empty() { Ok(()) } else { Err(ArticleError::Invalid(wrong)) }
}

pub(super) fn no_draft(media_id: &str) -> ArticleError {
    ArticleError::NotFound { kind: "draft · 草稿", id: media_id.to_owned() }
}
