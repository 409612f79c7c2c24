//! `handlers`: answer a message.

use serde::{Deserialize, Serialize};
use weft_wechat::{
    message::Message,
    reply::{self, MAX_ARTICLES, MAX_TEXT, Reply},
};

use super::{Call, Inside, Outcome, exported};
use crate::{
    model::PluginTarget,
    plugins::{
        CallError, EntryKind, LineLevel, Plugins, Subject,
        bindings::imported::{message as wit, reply as wit_reply},
        convert,
        limits::kib,
        sandbox::Unsendable,
    },
};

/// Lets a handler answer a message.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Handle {
    pub(super) message: wit::Message,
}

impl Call for Handle {
    type Answer = Option<wit_reply::Reply>;
    const KIND: EntryKind = EntryKind::Handler;

    fn openid(&self) -> Option<&str> {
        Some(&self.message.sender)
    }

    async fn call(&self, Inside { store, instance, exports, entry }: Inside<'_>) -> Outcome<Self::Answer> {
        let handlers = exported(exports.handlers.as_ref())?.load(&mut *store, instance)?;
        let mut answer = handlers.call_handle(&mut *store, entry, &self.message).await?;
        let (bytes, most) = (answer.iter().flatten().map(bytes).sum(), kib(store.data().limits.reply_kib));
        if bytes > most {
            return Err(Unsendable::too_long(bytes, most, "plugins.reply_kib").into());
        }
        // Empty articles have no bytes, and there may be tens of thousands.
        if let Ok(Some(wit_reply::Reply::News(articles))) = &mut answer {
            articles.truncate(MAX_ARTICLES);
        }
        // Who left gets no answer, whatever it is.
        if let Ok(Some(answer)) = &answer
            && !matches!(self.message.content, wit::Content::Event(wit::Event::Unsubscribe))
        {
            check(answer)?;
        }
        // The author and the operator would not know why users miss the end.
        if let Ok(Some(wit_reply::Reply::Text(text))) = &answer
            && text.len() > MAX_TEXT
        {
            let bytes = text.len();
            let cut = format!("the text has {bytes} bytes, of which WeChat takes {MAX_TEXT}: the rest is cut off");
            store.data_mut().log_line(LineLevel::Warn, &cut);
        }
        Ok(answer)
    }
}

impl Plugins {
    /// Lets the handler that `target` names answer a message, within the operator's limits.
    ///
    /// # Errors
    /// When there is no such handler, or it fails; the caller logs it.
    pub async fn handle(
        &self,
        target: &PluginTarget,
        subject: Subject,
        message: &Message,
    ) -> Result<Option<Reply>, CallError> {
        let reply = self.ask(target, subject, Handle { message: convert::message(message) }).await?;
        Ok(reply.map(convert::reply))
    }
}

/// Whether a reply can reach anybody: one that cannot counts as the plugin's failure.
fn check(answer: &wit_reply::Reply) -> Result<(), Unsendable> {
    let checked = match answer {
        // Most are texts, which need not be copied to be looked at.
        wit_reply::Reply::Text(text) => reply::check_text(text),
        answer => convert::reply(answer.clone()).check_itself(),
    };
    checked.map_err(|error| Unsendable::Unfit(error.to_string()))
}

/// Bytes of all texts of a reply.
fn bytes(reply: &wit_reply::Reply) -> usize {
    use wit_reply::Reply;
    match reply {
        Reply::Text(text) | Reply::Image(text) | Reply::Voice(text) => text.len(),
        Reply::Video(video) => video.media_id.len() + video.title.len() + video.description.len(),
        Reply::Music(music) => {
            let urls = music.music_url.len() + music.hq_music_url.len();
            music.title.len() + music.description.len() + urls + music.thumb_media_id.len()
        }
        Reply::News(articles) => {
            let bytes = articles.iter().map(|article| {
                article.title.len() + article.description.len() + article.pic_url.len() + article.url.len()
            });
            bytes.sum()
        }
        Reply::TransferCustomerService(account) => account.as_ref().map_or(0, String::len),
    }
}
