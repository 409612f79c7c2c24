//! `/cgi-bin/freepublish/…`: drafts on their way to readers, and what became of them.

use serde_json::{Value, json};
use weft_wechat::api::material::NewsItem;

use super::{
    account::{Account, Answered, No, Reply, done, new_id, to_json},
    asked::Asked,
    drafts::{self, Drafts},
};
use crate::simulator::Incoming;

/// WeChat's code for an `article_id` that stands for nothing.
const INVALID_ARTICLE_ID: No = No(53600, "invalid article_id");

/// What becomes of drafts that are handed in to be published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Publishing {
    /// They are published at once.
    #[default]
    Succeeds,
    /// Nothing, until something else is set: then that becomes of them.
    Waits,
    /// They are not published.
    Fails {
        /// WeChat's `publish_status`: 2 originality failed, 3 failed, 4 audit rejected.
        status: u32,
        /// The places of the articles that stand against it; the first is 1.
        articles: Vec<u32>,
    },
}

/// A draft that was handed in.
pub(super) struct Publication {
    publish_id: String,
    media_id: String,
    /// 1 while it waits.
    status: u32,
    article_id: Option<String>,
    failed: Vec<u32>,
}

/// Articles before readers.
pub(super) struct Published {
    article_id: String,
    items: Vec<NewsItem>,
    updated_at: u64,
}

impl Drafts {
    /// Decides what waits.
    pub(super) fn set_publishing(&mut self, publishing: Publishing, now: u64) {
        self.publishing = publishing;
        for at in 0..self.publications.len() {
            self.decide(at, now);
        }
    }

    fn decide(&mut self, at: usize, now: u64) {
        let Some(publication) = self.publications.get_mut(at).filter(|publication| publication.status == 1) else {
            return;
        };
        match &self.publishing {
            Publishing::Waits => {}
            Publishing::Fails { status, articles } => {
                (publication.status, publication.failed) = (*status, articles.clone());
            }
            Publishing::Succeeds => {
                let Some(at) = self.all.iter().position(|draft| draft.media_id == publication.media_id) else {
                    publication.status = 3;
                    return;
                };
                // What is published is no draft any more.
                let (mut items, article_id) = (self.all.remove(at).items, new_id());
                for (index, item) in items.iter_mut().enumerate() {
                    item.url = format!("http://mp.weixin.example/s/{article_id}/{}", index + 1);
                }
                (publication.status, publication.article_id) = (0, Some(article_id.clone()));
                self.published.push(Published { article_id, items, updated_at: now });
            }
        }
    }

    fn find(&self, publish_id: &str) -> Option<&Publication> {
        self.publications.iter().find(|publication| publication.publish_id == publish_id)
    }

    /// Where each of the articles is: its place, of which the first is 1, and its address.
    fn addresses(&self, publication: &Publication) -> Vec<(usize, &str)> {
        let of = |published: &&Published| Some(&published.article_id) == publication.article_id.as_ref();
        let items = self.published.iter().find(of).map(|published| published.items.as_slice()).unwrap_or_default();
        items.iter().enumerate().map(|(index, item)| (index + 1, item.url.as_str())).collect()
    }

    /// The event PUBLISHJOBFINISH; none while nothing is decided.
    pub(super) fn event(&self, publish_id: &str) -> Option<Incoming> {
        let publication = self.find(publish_id).filter(|publication| publication.status != 1)?;
        let item = |(place, url): (usize, &str)| {
            format!("<item><idx>{place}</idx><article_url><![CDATA[{url}]]></article_url></item>")
        };
        let items: Vec<_> = self.addresses(publication).into_iter().map(item).collect();
        let article = publication.article_id.as_ref().map(|article_id| {
            let (count, items) = (items.len(), items.concat());
            format!(
                "<article_id>{article_id}</article_id><article_detail><count>{count}</count>{items}</article_detail>"
            )
        });
        let failed: Vec<_> = publication.failed.iter().map(|place| format!("<fail_idx>{place}</fail_idx>")).collect();
        let elements = format!(
            "<PublishEventInfo><publish_id>{publish_id}</publish_id><publish_status>{}</publish_status>{}{}</PublishEventInfo>",
            publication.status,
            article.unwrap_or_default(),
            failed.concat()
        );
        Some(Incoming::event("oAuthor", "PUBLISHJOBFINISH", &elements))
    }
}

pub(super) fn submit(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    let media_id = asked.text("media_id");
    let at = account.drafts.position(media_id)?;
    let covers = account.drafts.all[at].items.iter().map(|item| &item.thumb_media_id);
    if !covers.into_iter().all(|cover| account.has_picture(cover)) {
        return Err(No(53503, "the draft does not pass the checks"));
    }
    let publish_id = format!("{}", 2_247_483_650 + account.drafts.publications.len());
    let waits = Publication {
        publish_id: publish_id.clone(),
        media_id: media_id.to_owned(),
        status: 1,
        article_id: None,
        failed: Vec::new(),
    };
    account.drafts.publications.push(waits);
    account.drafts.decide(account.drafts.publications.len() - 1, now);
    Ok(Reply::Json(json!({"errcode": 0, "errmsg": "ok", "publish_id": publish_id, "msg_data_id": 1})))
}

pub(super) fn get(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let publish_id = asked.text("publish_id");
    let publication = account.drafts.find(publish_id).ok_or(No(53502, "invalid publish_id"))?;
    let mut answer = json!({
        "publish_id": publish_id, "publish_status": publication.status, "fail_idx": publication.failed,
    });
    if let Some(article_id) = &publication.article_id {
        let detail = account.drafts.addresses(publication).into_iter();
        let items: Vec<Value> = detail.map(|(place, url)| json!({"idx": place, "article_url": url})).collect();
        answer["article_id"] = article_id.as_str().into();
        answer["article_detail"] = json!({"count": items.len(), "item": items});
    }
    Ok(Reply::Json(answer))
}

pub(super) fn get_article(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let published = &mut account.drafts.published;
    let article_id = asked.text("article_id");
    let found = published.iter().find(|published| published.article_id == article_id).ok_or(INVALID_ARTICLE_ID)?;
    Ok(Reply::Json(json!({ "news_item": to_json(&found.items) })))
}

pub(super) fn batchget(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let all = account.drafts.published.iter().rev();
    drafts::page(asked, all.map(|one| ("article_id", one.article_id.as_str(), one.items.as_slice(), one.updated_at)))
}

/// One of the articles is marked; all of them are gone.
pub(super) fn delete(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let published = &mut account.drafts.published;
    let article_id = asked.text("article_id");
    let at = published.iter().position(|published| published.article_id == article_id).ok_or(INVALID_ARTICLE_ID)?;
    match asked.json["index"].as_u64().unwrap_or(0) {
        0 => {
            published.remove(at);
        }
        place => {
            let place = usize::try_from(place).unwrap_or(usize::MAX) - 1;
            let item = published[at].items.get_mut(place).ok_or(No(40060, "invalid article idx"))?;
            item.is_deleted = true;
            let all_gone = published[at].items.iter().all(|item| item.is_deleted);
            if all_gone {
                published.remove(at);
            }
        }
    }
    Ok(done())
}
