//! `handlers`: answer a message.

use weft_wechat::{message::Message, reply::Reply};

use super::{Kind, exported};
use crate::{
    model::PluginTarget,
    plugins::{CallError, Plugins, Subject, convert, instance::ReplyTooLong, limits::kib},
};

const HANDLER: Kind = Kind {
    name: "handler",
    entries: |plugin| &plugin.handlers,
    timeout: |limits| limits.call_timeout_ms,
    setting: "plugins.call_timeout_ms",
    has_breaker: true,
};

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
        let reply = self.ask(&HANDLER, target, subject, async |store, instance, exports, handler| {
            let handlers = exported(exports.handlers.as_ref())?.load(&mut *store, instance)?;
            let answer = handlers.call_handle(&mut *store, handler, &convert::message(message)).await?;
            let reply = answer.map(|reply| reply.map(convert::reply));
            let (bytes, most) = (reply.iter().flatten().map(bytes).sum(), kib(store.data().limits.reply_kib));
            if bytes > most { Err(ReplyTooLong { bytes, most }.into()) } else { Ok(reply) }
        });
        reply.await
    }
}

/// Bytes of all texts of a reply.
fn bytes(reply: &Reply) -> usize {
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
