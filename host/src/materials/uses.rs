//! What uses the materials of an app, its drafts and its published articles: replies of handlers, buttons of menus, and drafts.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use weft_wechat::{api::material::NewsItem, reply::Reply};

use crate::{
    model::{ArticleKind, Button, Menu, ReplyContent},
    storage::{Store, StoreError},
};

/// How many drafts are looked at together: their texts are long.
const PAGE: usize = 20;

/// Where a material is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UseKind {
    /// In a reply of a handler.
    Handler,
    /// In a button of the menus' draft.
    MenuDraft,
    /// In a button of the menus that were published last.
    Menu,
    /// In a draft of articles, as a cover or in the text.
    Draft,
}

impl UseKind {
    /// The text in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::MenuDraft => "menu_draft",
            Self::Menu => "menu",
            Self::Draft => "draft",
        }
    }
}

/// Something that uses a material.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// What it is.
    pub kind: UseKind,
    /// The handler's id, the draft's `media_id`, the version of the menus; empty for the menus' draft.
    pub id: String,
    /// The handler's name, the draft's first title; empty for menus.
    pub name: String,
}

impl fmt::Display for Use {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, id, name } = self;
        match kind {
            UseKind::Handler => {
                write!(formatter, "the handler `{name}` ({id}) · 自动回复 `{name}`（{id}）")
            }
            UseKind::MenuDraft => formatter.write_str("the draft of the menus · 菜单草稿"),
            UseKind::Menu => formatter.write_str("the menus that were published last · 最近发布的菜单"),
            UseKind::Draft => write!(formatter, "the draft `{name}` ({id}) · 草稿 `{name}`（{id}）"),
        }
    }
}

/// What uses the materials of an app.
#[derive(Debug, Default)]
pub struct Uses {
    by_media_id: HashMap<String, BTreeSet<Use>>,
    /// Pictures in the texts of drafts, by [`place`].
    by_url: HashMap<String, BTreeSet<Use>>,
}

impl Uses {
    /// Looks through everything that the app has here.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(store: &Store, app: &str) -> Result<Self, StoreError> {
        let mut all = Self::default();
        for handler in store.handlers().list(app).await? {
            let used = Use { kind: UseKind::Handler, id: handler.id, name: handler.name };
            handler.replies.iter().for_each(|reply| all.add_reply(&reply.content, &used));
        }
        if let Some(draft) = store.menus().draft(app).await? {
            all.add_menu(&draft.menu, &Use { kind: UseKind::MenuDraft, id: String::new(), name: String::new() });
        }
        for version in store.menus().versions(app, None, 1).await? {
            all.add_menu(&version.menu, &Use { kind: UseKind::Menu, id: version.id, name: String::new() });
        }
        let mut after: Option<(u64, String)> = None;
        loop {
            let behind = after.as_ref().map(|(updated_at, id)| (*updated_at, id.as_str()));
            let drafts = store.articles().list(app, ArticleKind::Draft, None, behind, PAGE).await?;
            after = drafts.last().map(|draft| (draft.updated_at, draft.id.clone()));
            let is_last = drafts.len() < PAGE;
            for draft in drafts {
                let name = draft.items.first().map(|item| item.title.clone()).unwrap_or_default();
                let used = Use { kind: UseKind::Draft, id: draft.id, name };
                draft.items.iter().for_each(|item| all.add_article(item, &used));
            }
            if is_last {
                return Ok(all);
            }
        }
    }

    /// What uses a material, a draft or an article by its id; a picture also by its address.
    pub fn of_material(&self, media_id: &str, url: Option<&str>) -> Vec<Use> {
        let by_url = url.and_then(|url| self.by_url.get(place(url)));
        let found: BTreeSet<&Use> = self.by_media_id.get(media_id).into_iter().chain(by_url).flatten().collect();
        found.into_iter().cloned().collect()
    }

    fn add(&mut self, media_id: &str, used: &Use) {
        if !media_id.is_empty() {
            self.by_media_id.entry(media_id.to_owned()).or_default().insert(used.clone());
        }
    }

    fn add_reply(&mut self, content: &ReplyContent, used: &Use) {
        match content {
            ReplyContent::Material { media_id }
            | ReplyContent::Static(Reply::Image(media_id) | Reply::Voice(media_id)) => self.add(media_id, used),
            ReplyContent::Static(Reply::Video(video)) => self.add(&video.media_id, used),
            ReplyContent::Static(Reply::Music(music)) => self.add(&music.thumb_media_id, used),
            ReplyContent::Static(Reply::Text(_) | Reply::News(_) | Reply::TransferCustomerService(_))
            | ReplyContent::Custom(_)
            | ReplyContent::Forward { .. } => {}
        }
    }

    fn add_menu(&mut self, menu: &Menu, used: &Use) {
        let all = menu.buttons.iter().chain(menu.conditional.iter().flat_map(|menu| &menu.buttons));
        all.for_each(|button| self.add_button(button, used));
    }

    fn add_button(&mut self, button: &Button, used: &Use) {
        self.add(&button.media_id, used);
        self.add(&button.article_id, used);
        button.sub_buttons.iter().for_each(|button| self.add_button(button, used));
    }

    fn add_article(&mut self, item: &NewsItem, used: &Use) {
        self.add(&item.thumb_media_id, used);
        for url in urls(&item.content) {
            self.by_url.entry(place(url).to_owned()).or_default().insert(used.clone());
        }
    }
}

/// The addresses in a text, wherever in its markup.
fn urls(content: &str) -> impl Iterator<Item = &str> {
    let parts = content.split(|c: char| c.is_whitespace() || "\"'<>()&;".contains(c));
    parts.filter(|part| part.starts_with("http://") || part.starts_with("https://"))
}

/// An address without its scheme and its query: one picture has several, which say its size and format.
fn place(url: &str) -> &str {
    let url = url.split_once("://").map_or(url, |(_, place)| place);
    url.split(['?', '#']).next().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_found_in_attributes_and_styles() {
        let content = "<img data-src=\"https://p/1?wx_fmt=png\"><p style=\"background:url(&quot;http://p/2&quot;)\">\
             https://p/3 text</p>";
        let found: Vec<_> = urls(content).map(place).collect();
        assert_eq!(found, ["p/1", "p/2", "p/3"]);
    }
}
