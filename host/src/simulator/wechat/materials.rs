//! `/cgi-bin/material/…`: files and articles for good.

use serde_json::{Value, json};
use weft_wechat::api::material::NewsItem;

use super::{
    account::{Account, Answered, INVALID_MEDIA_ID, INVALID_PARAMETER, No, Reply, done, new_id, to_json},
    asked::Asked,
    media::Upload,
};

/// How many pictures and articles an account may keep together.
const MAX_IMAGES: usize = 100_000;
/// How many voice messages, and how many videos.
const MAX_OTHERS: usize = 1000;

/// How much an account may keep, and what stands against deleting.
pub(super) struct Keeping {
    /// Pictures and articles.
    pub(super) images: usize,
    /// Voice messages, and as many videos.
    pub(super) others: usize,
}

impl Default for Keeping {
    fn default() -> Self {
        Self { images: MAX_IMAGES, others: MAX_OTHERS }
    }
}

/// A permanent material.
pub(super) struct Material {
    pub(super) media_id: String,
    updated_at: u64,
    what: What,
}

enum What {
    File(Upload),
    Video { file: Upload, title: String, introduction: String },
    News(Vec<NewsItem>),
}

impl Material {
    fn material_type(&self) -> &str {
        match &self.what {
            What::File(file) | What::Video { file, .. } => &file.media_type,
            What::News(_) => "news",
        }
    }

    fn url(&self, asked: &Asked) -> String {
        format!("{}/files/{}", asked.base, self.media_id)
    }

    /// As it stands in a list.
    fn item(&self, asked: &Asked) -> Value {
        match &self.what {
            What::News(items) => json!({
                "media_id": self.media_id, "update_time": self.updated_at, "content": {"news_item": to_json(items)},
            }),
            What::File(file) | What::Video { file, .. } => json!({
                "media_id": self.media_id, "update_time": self.updated_at, "name": file.filename, "url": self.url(asked),
            }),
        }
    }
}

impl Account {
    pub(super) fn add_news(&mut self, items: Vec<NewsItem>, now: u64) -> String {
        let media_id = new_id();
        self.materials.push(Material { media_id: media_id.clone(), updated_at: now, what: What::News(items) });
        media_id
    }

    /// The file of a permanent material.
    pub(super) fn material_file(&self, media_id: &str) -> Option<&Upload> {
        match &self.materials.iter().find(|material| material.media_id == media_id)?.what {
            What::File(file) | What::Video { file, .. } => Some(file),
            What::News(_) => None,
        }
    }

    /// Whether a permanent picture has this id: what a cover must be.
    pub(super) fn has_picture(&self, media_id: &str) -> bool {
        self.material_file(media_id).is_some_and(|file| ["image", "thumb"].contains(&file.media_type.as_str()))
    }

    fn has_room_for(&self, material_type: &str) -> bool {
        let count =
            |types: &[&str]| self.materials.iter().filter(|material| types.contains(&material.material_type())).count();
        match material_type {
            "voice" | "video" => count(&[material_type]) < self.keeping.others,
            _ => count(&["image", "thumb", "news"]) < self.keeping.images,
        }
    }
}

pub(super) fn add(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    let file = Upload::of(asked, now)?;
    if !account.has_room_for(&file.media_type) {
        return Err(No(45101, "hit upload limit"));
    }
    let what = if file.media_type == "video" {
        let description = asked.fields.iter().find(|(name, _)| name == "description");
        let description: Value =
            description.and_then(|(_, text)| serde_json::from_str(text).ok()).ok_or(INVALID_PARAMETER)?;
        let text = |name: &str| description[name].as_str().unwrap_or_default().to_owned();
        What::Video { title: text("title"), introduction: text("introduction"), file }
    } else {
        What::File(file)
    };
    let material = Material { media_id: new_id(), updated_at: now, what };
    let mut answer = json!({"media_id": material.media_id});
    if material.material_type() == "image" {
        answer["url"] = material.url(asked).into();
    }
    account.materials.push(material);
    Ok(Reply::Json(answer))
}

pub(super) fn get(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let media_id = asked.text("media_id");
    let material = account.materials.iter().find(|material| material.media_id == media_id).ok_or(INVALID_MEDIA_ID)?;
    Ok(match &material.what {
        What::File(file) => file.file(),
        What::News(items) => Reply::Json(json!({"news_item": to_json(items)})),
        What::Video { title, introduction, .. } => {
            Reply::Json(json!({"title": title, "description": introduction, "down_url": material.url(asked)}))
        }
    })
}

pub(super) fn batchget(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let number = |name: &str| asked.json[name].as_u64().and_then(|number| usize::try_from(number).ok());
    let (Some(offset), Some(count @ 1..=20)) = (number("offset"), number("count")) else {
        return Err(INVALID_PARAMETER);
    };
    let wanted = asked.text("type");
    // Newest first.
    let all = account.materials.iter().rev().filter(|material| material.material_type() == wanted);
    let total = all.clone().count();
    let page: Vec<_> = all.skip(offset).take(count).map(|material| material.item(asked)).collect();
    Ok(Reply::Json(json!({"total_count": total, "item_count": page.len(), "item": page})))
}

pub(super) fn delete(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let media_id = asked.text("media_id");
    let at = account.materials.iter().position(|material| material.media_id == media_id).ok_or(INVALID_MEDIA_ID)?;
    if account.menus.uses(media_id) {
        return Err(No(48005, "media is in use"));
    }
    account.materials.remove(at);
    Ok(done())
}

pub(super) fn count(account: &Account) -> Reply {
    let count = |name: &str| account.materials.iter().filter(|material| material.material_type() == name).count();
    Reply::Json(json!({
        "voice_count": count("voice"), "video_count": count("video"), "image_count": count("image"),
        "news_count": count("news"),
    }))
}
