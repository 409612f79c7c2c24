//! Drafts on their way to readers. What becomes of one is told by an event; where none comes, WeChat is asked.

use std::time::Duration;

use weft_wechat::api::freepublish::{
    get::{GetPublish, PublishStatus},
    getarticle::GetArticle,
    submit::SubmitPublish,
};

use super::{ArticleError, Articles, drafts::no_draft, is_unknown};
use crate::{
    model::{App, ArticleKind, ArticleSet, Publication, PublicationOutcome, PublicationState},
    storage::{StoreError, with_causes},
};

/// How often to look for publications that WeChat is to be asked about.
const POLL: Duration = Duration::from_secs(5);

/// About how many of them it is asked in one round.
const ROUND: usize = 20;

impl Articles {
    /// Hands a draft to WeChat to be published. Goes on to its end when nobody waits for it any more: it would be
    /// published, and nobody here would know.
    ///
    /// # Errors
    /// Why it was not handed in.
    pub async fn publish(&self, app: &App, media_id: &str) -> Result<Publication, ArticleError> {
        let turn = self.turn(app, media_id)?;
        let latest = self.store.publications().list(&app.name, Some(media_id), None, 1).await?.pop();
        if let Some(latest) = latest.filter(|latest| latest.state == PublicationState::Publishing) {
            return Err(ArticleError::Publishing { publish_id: latest.publish_id });
        }
        let (articles, app, media_id) = (self.clone(), app.clone(), media_id.to_owned());
        let publishing = self.running.spawn(async move {
            let _turn = turn;
            let submitted = match articles.wechat.call(&app, &SubmitPublish { media_id: &media_id }).await {
                Err(error) if is_unknown(&error) => return Err(no_draft(&media_id)),
                submitted => submitted?,
            };
            let draft = articles.store.articles().find(&app.name, ArticleKind::Draft, &media_id).await?;
            let title = draft.and_then(|draft| draft.items.into_iter().next()).map(|item| item.title);
            let (publications, id) = (articles.store.publications(), submitted.publish_id);
            publications.begin(&app.name, &id, &media_id, &title.unwrap_or_default()).await?;
            tracing::info!(app = app.name, media_id, publish_id = id, "a draft was handed in to be published");
            publications.find(&app.name, &id).await?.ok_or_else(|| no_publication(&id))
        });
        publishing.await.map_err(ArticleError::Ended)?
    }

    /// Asks WeChat what became of a publication, and for its articles; gives it back as it stands then.
    ///
    /// # Errors
    /// [`ArticleError::NotFound`] when there is no such publication; and when WeChat does not tell.
    pub async fn follow_up(&self, app: &App, publish_id: &str) -> Result<Publication, ArticleError> {
        let publications = self.store.publications();
        let publication = publications.find(&app.name, publish_id).await?.ok_or_else(|| no_publication(publish_id))?;
        if publication.state == PublicationState::Publishing {
            let status = self.wechat.call(app, &GetPublish { publish_id }).await?;
            publications.note(&app.name, &outcome(publish_id, status)).await?;
        }
        let publication = publications.find(&app.name, publish_id).await?.ok_or_else(|| no_publication(publish_id))?;
        match (&publication.state, &publication.article_id) {
            (PublicationState::Published, Some(article_id)) => {
                self.fetch_published(app, article_id, publication.media_id.as_deref()).await?;
                publications.settle(&app.name, publish_id).await?;
            }
            (PublicationState::Publishing, _) => {}
            _ => publications.settle(&app.name, publish_id).await?,
        }
        Ok(publication)
    }

    /// Follows publications up as they are due, for as long as it is polled.
    pub async fn follow(self) {
        loop {
            if let Err(error) = self.follow_up_due().await {
                tracing::warn!(error = %with_causes(&error), "publications could not be followed up");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// One round of [`follow`](Self::follow). What WeChat fails at is logged, and tried again later.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn follow_up_due(&self) -> Result<(), StoreError> {
        for (app, publication) in self.store.publications().take_due(ROUND).await? {
            let Some(app) = self.store.apps().find(&app).await? else { continue };
            match self.follow_up(&app, &publication.publish_id).await {
                Ok(_) => {}
                Err(ArticleError::Store(error)) => return Err(error),
                Err(error) => {
                    let publish_id = publication.publish_id;
                    let error = with_causes(&error);
                    tracing::warn!(app = app.name, publish_id, %error, "WeChat did not tell of a publication");
                }
            }
        }
        Ok(())
    }

    /// Keeps what was published, and forgets the draft, which has become it.
    async fn fetch_published(&self, app: &App, article_id: &str, draft: Option<&str>) -> Result<(), ArticleError> {
        let items = self.wechat.call(app, &GetArticle { article_id }).await?.news_item;
        let now_ms = self.clock.now_ms();
        let set = ArticleSet { id: article_id.to_owned(), items, updated_at: now_ms / 1000, created_at: now_ms / 1000 };
        self.store.articles().put(&app.name, ArticleKind::Published, &[set], now_ms).await?;
        if let Some(media_id) = draft {
            self.store.articles().delete(&app.name, ArticleKind::Draft, media_id).await?;
        }
        Ok(())
    }
}

fn outcome(publish_id: &str, status: PublishStatus) -> PublicationOutcome {
    PublicationOutcome {
        publish_id: publish_id.to_owned(),
        state: PublicationState::of_status(status.publish_status),
        article_id: (!status.article_id.is_empty()).then_some(status.article_id),
        failed_indexes: status.fail_idx,
    }
}

fn no_publication(publish_id: &str) -> ArticleError {
    ArticleError::NotFound { kind: "publication", id: publish_id.to_owned() }
}
