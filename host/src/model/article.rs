//! Articles that stand together: in a draft, in what was published, or in permanent material.

use weft_wechat::api::{
    draft::{MAX_ARTICLES, MAX_AUTHOR, MAX_CONTENT, MAX_CONTENT_BYTES, MAX_DIGEST, MAX_SOURCE_URL, MAX_TITLE},
    material::NewsItem,
};

use super::{
    FieldError,
    flat::{is_text, is_url},
};

/// Where articles stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArticleKind {
    /// In a draft.
    Draft,
    /// Before the eyes of readers.
    Published,
    /// In permanent material.
    Material,
}

impl ArticleKind {
    /// The text in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Material => "material",
        }
    }
}

/// Articles that stand together. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleSet {
    /// The `media_id` of a draft or a material, the `article_id` of what was published.
    pub id: String,
    /// The articles in their order.
    pub items: Vec<NewsItem>,
    /// When they last changed at WeChat.
    pub updated_at: u64,
    /// When they were first known here.
    pub created_at: u64,
}

/// The fields of a draft that break their rules; empty when WeChat would take it.
pub fn check_draft(items: &[NewsItem]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if !(1..=MAX_ARTICLES).contains(&items.len()) {
        errors.push(FieldError::new("articles", format!("1 to {MAX_ARTICLES} articles · 1 到 {MAX_ARTICLES} 篇文章")));
    }
    for (index, item) in items.iter().enumerate().take(MAX_ARTICLES) {
        check_article(&format!("articles[{index}]"), item, &mut errors);
    }
    errors
}

fn check_article(path: &str, item: &NewsItem, errors: &mut Vec<FieldError>) {
    let mut rule = |field: &str, holds: bool, rule: String| {
        if !holds {
            errors.push(FieldError::new(format!("{path}.{field}"), rule));
        }
    };
    let is_line = |text: &str, limit| is_text(text, limit) && !text.contains(['\n', '\r', '\t']);
    let has_title = !item.title.trim().is_empty() && is_line(&item.title, MAX_TITLE);
    rule("title", has_title, format!("1 to {MAX_TITLE} characters on one line · 1 到 {MAX_TITLE} 个字符，不换行"));
    rule(
        "author",
        is_line(&item.author, MAX_AUTHOR),
        format!("at most {MAX_AUTHOR} characters on one line · 最多 {MAX_AUTHOR} 个字符，不换行"),
    );
    rule(
        "digest",
        is_text(&item.digest, MAX_DIGEST),
        format!("at most {MAX_DIGEST} characters · 最多 {MAX_DIGEST} 个字符"),
    );
    let has_content = !item.content.trim().is_empty()
        && item.content.len() < MAX_CONTENT_BYTES
        && is_text(&item.content, MAX_CONTENT - 1);
    rule(
        "content",
        has_content,
        format!("1 to {0} characters, less than 1 MB · 1 到 {0} 个字符，小于 1 MB", MAX_CONTENT - 1),
    );
    let source = &item.content_source_url;
    rule(
        "content_source_url",
        source.is_empty() || source.len() <= MAX_SOURCE_URL && is_url(source),
        format!(
            "an http or https URL of at most {MAX_SOURCE_URL} bytes, without user and password · http 或 https 网址，最多 {MAX_SOURCE_URL} 字节，不带用户名和密码"
        ),
    );
    let thumb = &item.thumb_media_id;
    let has_thumb = (1..=512).contains(&thumb.len()) && thumb.bytes().all(|byte| byte.is_ascii_graphic());
    rule(
        "thumb_media_id",
        has_thumb,
        "the media_id of a permanent picture: it is the cover · 永久图片素材的 media_id，用作封面".to_owned(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn article() -> NewsItem {
        let text = |text: &str| text.to_owned();
        NewsItem {
            title: text("标题"), content: text("<p>文</p>"), thumb_media_id: text("T"), ..NewsItem::default()
        }
    }

    fn wrong(change: impl FnOnce(&mut NewsItem)) -> Vec<String> {
        let mut item = article();
        change(&mut item);
        check_draft(&[article(), item]).into_iter().map(|error| error.field.into_owned()).collect()
    }

    #[test]
    fn a_draft_keeps_to_wechats_limits() {
        assert_eq!(check_draft(&vec![article(); MAX_ARTICLES]), []);
        assert_eq!(check_draft(&[])[0].field, "articles");
        assert_eq!(check_draft(&vec![article(); MAX_ARTICLES + 1])[0].field, "articles");
        let full = wrong(|item| {
            item.title = "题".repeat(64);
            item.author = "人".repeat(16);
            item.digest = "摘".repeat(128);
            item.content = "文".repeat(19_999);
            item.content_source_url = format!("https://shop.example/{}", "a".repeat(1003));
        });
        assert_eq!(full, [""; 0]);
        let over = wrong(|item| {
            item.title = "题".repeat(65);
            item.author = "人".repeat(17);
            item.digest = "摘".repeat(129);
            item.content = "文".repeat(20_000);
            item.content_source_url = format!("https://shop.example/{}", "a".repeat(1004));
            item.thumb_media_id.clear();
        });
        let fields = ["title", "author", "digest", "content", "content_source_url", "thumb_media_id"];
        assert_eq!(over, fields.map(|field| format!("articles[1].{field}")));
        assert_eq!(wrong(|item| item.title = " ".to_owned()), ["articles[1].title"]);
        assert_eq!(wrong(|item| item.content = String::new()), ["articles[1].content"]);
        assert_eq!(
            wrong(|item| item.content_source_url = "javascript:1".to_owned()),
            ["articles[1].content_source_url"]
        );
    }
}
