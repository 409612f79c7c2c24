//! `/cgi-bin/draft/…`: articles before they are published, with WeChat's checks.

use serde_json::{Value, json};
use weft_wechat::api::{
    draft::{MAX_ARTICLES, MAX_AUTHOR, MAX_CONTENT, MAX_DIGEST, MAX_SOURCE_URL, MAX_TITLE},
    material::NewsItem,
};

use super::{
    account::{Account, Answered, INVALID_MEDIA_ID, INVALID_PARAMETER, No, Reply, done, new_id, to_json},
    asked::Asked,
    publishing::{Publication, Published, Publishing},
};

/// The drafts of an account, and what they were published as.
#[derive(Default)]
pub(super) struct Drafts {
    /// Oldest first.
    pub(super) all: Vec<Draft>,
    pub(super) publishing: Publishing,
    pub(super) publications: Vec<Publication>,
    /// Oldest first.
    pub(super) published: Vec<Published>,
}

/// A draft.
pub(super) struct Draft {
    pub(super) media_id: String,
    pub(super) items: Vec<NewsItem>,
    pub(super) updated_at: u64,
}

impl Drafts {
    pub(super) fn add(&mut self, items: Vec<NewsItem>, now: u64) -> String {
        let media_id = new_id();
        self.all.push(Draft { media_id: media_id.clone(), items, updated_at: now });
        media_id
    }

    pub(super) fn position(&self, media_id: &str) -> Result<usize, No> {
        self.all.iter().position(|draft| draft.media_id == media_id).ok_or(INVALID_MEDIA_ID)
    }
}

pub(super) fn add(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    let articles = asked.json["articles"].as_array().ok_or(No(44003, "empty news data"))?;
    if articles.is_empty() {
        return Err(No(44003, "empty news data"));
    }
    if articles.len() > MAX_ARTICLES {
        return Err(No(45008, "article size out of limit"));
    }
    let items = articles.iter().map(|article| item(account, asked, article)).collect::<Result<_, _>>()?;
    Ok(Reply::Json(json!({ "media_id": account.drafts.add(items, now) })))
}

pub(super) fn get(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let at = account.drafts.position(asked.text("media_id"))?;
    let draft = &account.drafts.all[at];
    Ok(Reply::Json(json!({"news_item": to_json(&draft.items), "update_time": draft.updated_at})))
}

pub(super) fn update(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    let at = account.drafts.position(asked.text("media_id"))?;
    let item = item(account, asked, &asked.json["articles"])?;
    let index = asked.json["index"].as_u64().and_then(|index| usize::try_from(index).ok());
    let draft = &mut account.drafts.all[at];
    *index.and_then(|index| draft.items.get_mut(index)).ok_or(No(40060, "invalid article idx"))? = item;
    draft.updated_at = now;
    Ok(done())
}

pub(super) fn delete(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let at = account.drafts.position(asked.text("media_id"))?;
    account.drafts.all.remove(at);
    Ok(done())
}

pub(super) fn count(account: &Account) -> Reply {
    Reply::Json(json!({ "total_count": account.drafts.all.len() }))
}

/// Every account has drafts.
pub(super) fn switch() -> Reply {
    Reply::Json(json!({"errcode": 0, "errmsg": "ok", "is_open": 1}))
}

pub(super) fn batchget(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let all = account.drafts.all.iter().rev();
    page(asked, all.map(|draft| ("media_id", draft.media_id.as_str(), draft.items.as_slice(), draft.updated_at)))
}

/// A page of a list, newest first: the name of the id, the id, the articles, and when they changed.
pub(super) fn page<'a>(
    asked: &Asked,
    all: impl ExactSizeIterator<Item = (&'static str, &'a str, &'a [NewsItem], u64)>,
) -> Answered {
    let number = |name: &str| asked.json[name].as_u64().and_then(|number| usize::try_from(number).ok());
    let (Some(offset), Some(count @ 1..=20)) = (number("offset"), number("count")) else {
        return Err(INVALID_PARAMETER);
    };
    let without_content = number("no_content") == Some(1);
    let total = all.len();
    let item = |(name, id, items, updated_at): (&str, &str, &[NewsItem], u64)| {
        let mut items = to_json(&items);
        if without_content {
            items.as_array_mut().into_iter().flatten().for_each(|item| item["content"] = "".into());
        }
        json!({name: id, "content": {"news_item": items}, "update_time": updated_at})
    };
    let items: Vec<_> = all.skip(offset).take(count).map(item).collect();
    Ok(Reply::Json(json!({"total_count": total, "item_count": items.len(), "item": items})))
}

/// An article that may stand in a draft.
fn item(account: &Account, asked: &Asked, article: &Value) -> Result<NewsItem, No> {
    let mut item: NewsItem = serde_json::from_value(article.clone()).map_err(|_| No(47001, "data format error"))?;
    let longer = |text: &str, most| text.chars().count() > most;
    if item.title.is_empty() || longer(&item.title, MAX_TITLE) {
        return Err(No(45003, "title size out of limit"));
    }
    if longer(&item.author, MAX_AUTHOR) {
        return Err(No(45110, "author size out of limit"));
    }
    if longer(&item.digest, MAX_DIGEST) {
        return Err(No(45004, "description size out of limit"));
    }
    if item.content.is_empty() || item.content.chars().count() >= MAX_CONTENT {
        return Err(No(45002, "content size out of limit"));
    }
    if item.content_source_url.len() > MAX_SOURCE_URL {
        return Err(No(45005, "url size out of limit"));
    }
    if !account.has_picture(&item.thumb_media_id) {
        return Err(INVALID_MEDIA_ID);
    }
    item.thumb_url = format!("{}/files/{}", asked.base, item.thumb_media_id);
    item.url = format!("{}/preview/{}", asked.base, new_id());
    if item.digest.is_empty() {
        item.digest = item.content.chars().take(54).collect();
    }
    Ok(item)
}
