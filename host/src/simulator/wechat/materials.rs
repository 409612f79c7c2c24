//! `/cgi-bin/material/…`: files and articles for good.

use serde_json::{Value, json};
use weft_wechat::api::material::NewsItem;

use super::{
    account::{Account, Answered, INVALID_MEDIA_ID, INVALID_PARAMETER, Reply, new_id, to_json},
    asked::Asked,
    media::Upload,
};

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

    fn url(&self) -> String {
        format!("http://mmbiz.example/{}", self.media_id)
    }

    /// As it stands in a list.
    fn item(&self) -> Value {
        match &self.what {
            What::News(items) => json!({
                "media_id": self.media_id, "update_time": self.updated_at, "content": {"news_item": to_json(items)},
            }),
            What::File(file) | What::Video { file, .. } => json!({
                "media_id": self.media_id, "update_time": self.updated_at, "name": file.filename, "url": self.url(),
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
}

pub(super) fn add(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    let file = Upload::of(asked, now)?;
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
        answer["url"] = material.url().into();
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
            Reply::Json(json!({"title": title, "description": introduction, "down_url": material.url()}))
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
    let page: Vec<_> = all.skip(offset).take(count).map(Material::item).collect();
    Ok(Reply::Json(json!({"total_count": total, "item_count": page.len(), "item": page})))
}
