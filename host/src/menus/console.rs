//! Buttons as WeChat tells them become ours. Those that only its console knows send something by themselves: here they
//! become click buttons, with a handler that answers with the same.

use sha2::{Digest, Sha256};
use weft_wechat::{
    api::menu::current_selfmenu_info::SelfmenuButton,
    reply::{Article, MAX_ARTICLES, Reply},
};

use crate::{
    bilingual::{because, of},
    model::{Button, ButtonType, Condition, Handler, HandlerSource, ReplyContent, ReplyTemplate, Rule, in_words},
};

/// The event of a click button.
pub(super) const CLICK: &str = "CLICK";
/// How many characters of the digest make a key.
const KEY_DIGITS: usize = 20;
/// The longest name of a handler, in characters.
const HANDLER_NAME: usize = 60;

/// Reads buttons, and collects what belongs to them.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) app: &'a str,
    /// One for each thing that buttons send.
    pub(super) handlers: Vec<Handler>,
    pub(super) warnings: Vec<String>,
}

impl Reader<'_> {
    /// Buttons of any level; `path` is where they will stand.
    pub(super) fn buttons(&mut self, path: &str, buttons: &[SelfmenuButton]) -> Vec<Button> {
        let mut read = Vec::with_capacity(buttons.len());
        for button in buttons {
            let path = format!("{path}[{}]", read.len());
            read.extend(self.button(&path, button));
        }
        read
    }

    fn button(&mut self, path: &str, button: &SelfmenuButton) -> Option<Button> {
        let name = button.name.clone();
        let below = button.sub_button.as_ref().map(|below| &*below.list).unwrap_or_default();
        if !below.is_empty() {
            let sub_buttons = self.buttons(&format!("{path}.sub_buttons"), below);
            return (!sub_buttons.is_empty()).then(|| Button { name, sub_buttons, ..Button::default() });
        }
        if let Some(kind) = ButtonType::of(&button.r#type) {
            return Some(known(kind, button));
        }
        let Some(content) = content(button) else {
            self.warnings.push(format!(
                "`{name}` is left out: a button of type `{0}` cannot be made through the API · 略去 `{name}`：接口不能创建类型为 `{0}` 的按钮",
                button.r#type
            ));
            return None;
        };
        let key = key(button);
        self.answer(path, &key, button, content);
        Some(Button { kind: Some(ButtonType::Click), name, key, ..Button::default() })
    }

    /// Has a handler answer the key.
    fn answer(&mut self, path: &str, key: &str, button: &SelfmenuButton, content: ReplyContent) {
        let condition = Condition::EventKey { event: CLICK.to_owned(), key: key.to_owned() };
        let rules = vec![Rule::from(condition)];
        if self.handlers.iter().any(|handler| handler.rules == rules) {
            return;
        }
        let name = button.name.chars().filter(|c| !c.is_control()).take(HANDLER_NAME).collect::<String>();
        let handler = Handler {
            source: HandlerSource::Menu,
            rules,
            replies: vec![ReplyTemplate::from(content)],
            ..Handler::new(self.app, if name.trim().is_empty() { key } else { &name })
        };
        let wrong = handler.check();
        if wrong.is_empty() {
            self.handlers.push(handler);
        } else {
            let warning = format!(
                "what the button `{0}` sends cannot be a reply, make a handler for its key `{key}` · 按钮 `{0}` \
                 发送的内容不能用作回复，请为它的 key `{key}` 建一条自动回复",
                button.name
            );
            self.warnings.push(of(path, &because(&warning, &in_words(&wrong))));
        }
    }
}

/// A button that the API knows too.
fn known(kind: ButtonType, button: &SelfmenuButton) -> Button {
    let or_value = |text: &String| if text.is_empty() { button.value.clone() } else { text.clone() };
    let mut read = Button { kind: Some(kind), name: button.name.clone(), ..Button::default() };
    match kind {
        ButtonType::View => read.url = or_value(&button.url),
        ButtonType::Miniprogram => {
            (read.url, read.appid, read.pagepath) = (button.url.clone(), button.appid.clone(), button.pagepath.clone());
        }
        ButtonType::MediaId | ButtonType::ViewLimited => read.media_id = or_value(&button.media_id),
        ButtonType::ArticleId | ButtonType::ArticleViewLimited => read.article_id = or_value(&button.article_id),
        ButtonType::Click
        | ButtonType::ScancodePush
        | ButtonType::ScancodeWaitmsg
        | ButtonType::PicSysphoto
        | ButtonType::PicPhotoOrAlbum
        | ButtonType::PicWeixin
        | ButtonType::LocationSelect => read.key = or_value(&button.key),
    }
    read
}

/// What a button of the console sends; none when nobody knows.
fn content(button: &SelfmenuButton) -> Option<ReplyContent> {
    let value = button.value.clone();
    Some(match button.r#type.as_str() {
        // A video is told as the address of its file.
        "text" | "video" => ReplyContent::Static(Reply::Text(value)),
        "img" | "photo" => ReplyContent::Static(Reply::Image(value)),
        "voice" => ReplyContent::Static(Reply::Voice(value)),
        "news" => match button.news_info.as_ref().map(|news| &*news.list).unwrap_or_default() {
            [] => ReplyContent::Material { media_id: value },
            articles => {
                let articles = articles.iter().take(MAX_ARTICLES).map(|article| Article {
                    title: article.title.clone(),
                    description: article.digest.clone(),
                    pic_url: article.cover_url.clone(),
                    url: article.content_url.clone(),
                });
                ReplyContent::Static(Reply::News(articles.collect()))
            }
        },
        _ => return None,
    })
}

/// The same for the same content, so that another sync finds the handler of the one before. Addresses of covers are not
/// part of it: they may be others each time.
fn key(button: &SelfmenuButton) -> String {
    let mut digest = Sha256::new();
    let mut add = |text: &str| {
        digest.update(text.len().to_be_bytes());
        digest.update(text);
    };
    add(&button.r#type);
    add(&button.value);
    for article in button.news_info.iter().flat_map(|news| &news.list) {
        add(&article.title);
        add(&article.content_url);
    }
    let digest = hex::encode(digest.finalize());
    format!("menu-{}", digest.get(..KEY_DIGITS).unwrap_or_default())
}
