//! From what an operator wrote down to a reply: static ones as they are, others asked of plugins, WeChat and servers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;
use weft_wechat::{
    account::Query,
    api::material::get_material::{GetMaterial, Material},
    message::Message,
    reply::{Article, Reply, ReplyError},
};

use super::{failure::Failure, subject};
use crate::{
    accounts::Account,
    model::{PluginTarget, ReplyContent, Via},
    plugins::{CallError, Plugins},
    rules,
    storage::{Store, with_causes},
    upstream::{Forward, Wechat},
};

/// How long the articles of a material are remembered: they change rarely, and asking takes time that a user waits.
const FRESH: Duration = Duration::from_mins(5);

/// How many materials are remembered, over all apps.
const REMEMBERED_AT_MOST: usize = 1000;

/// The longest name of a user or an account that is answered, in bytes; WeChat's have 28. Both stand in the answer,
/// which is kept for a while.
const NAME_BYTES: usize = 256;

/// Makes replies.
pub(super) struct Replies {
    plugins: Plugins,
    store: Store,
    wechat: Wechat,
    forward: Forward,
    /// By the app's number, its appid and `media_id`: an app that is created anew under its name has nothing of the one
    /// before, nor of another account.
    materials: Cache<(u32, String, String), Known>,
}

/// The articles of a material, and when WeChat told them.
type Known = (Instant, Arc<[Article]>);

/// The message that is answered, and the account that it came to.
pub(super) struct Asking<'a> {
    pub(super) account: &'a Account,
    pub(super) message: &'a Message,
    pub(super) delivery_id: &'a Arc<str>,
    pub(super) raw: &'a Arc<str>,
    /// WeChat's own query.
    pub(super) query: &'a Query,
}

impl Replies {
    pub(super) fn new(plugins: Plugins, store: Store, wechat: Wechat, forward: Forward) -> Self {
        Self { plugins, store, wechat, forward, materials: Cache::new(REMEMBERED_AT_MOST) }
    }

    /// The reply that `content` stands for, checked; none when whoever was asked has none, and for a
    /// user who has left the account.
    pub(super) async fn of(&self, content: &ReplyContent, asking: &Asking<'_>) -> Result<Option<Reply>, Failure> {
        let reply = match content {
            ReplyContent::Static(reply) => Some(reply.clone()),
            // What is rare is boxed: its state would make every message's larger, by many pages.
            ReplyContent::Material { media_id } => Some(Box::pin(self.articles(media_id, asking.account)).await?),
            ReplyContent::Custom(target) => return self.of_plugin(target, asking).await,
            ReplyContent::Forward { url, pass_query } => Box::pin(self.of_server(url, *pass_query, asking)).await?,
        };
        checked(reply, asking.message)
    }

    /// What the plugin's handler that `target` names answers.
    pub(super) async fn of_plugin(&self, target: &PluginTarget, asking: &Asking<'_>) -> Result<Option<Reply>, Failure> {
        let Asking { account, message, delivery_id, raw, .. } = asking;
        let subject = subject(account, target, Arc::clone(delivery_id), Arc::clone(raw));
        let failed = |error| Failure::Plugin { target: target.clone(), error: Box::new(error) };
        let reply = self.plugins.handle(target, subject, message).await.map_err(failed)?;
        checked(reply, message).map_err(|error| match error {
            Failure::Reply(error) => failed(CallError::BadReply(error.to_string())),
            error => error,
        })
    }

    /// What the app answers when a plugin fails; none where that cannot be an answer to this message.
    pub(super) fn fallback(asking: &Asking<'_>) -> Option<Reply> {
        match &asking.account.app.settings.fallback_reply.as_ref()?.content {
            ReplyContent::Static(reply) => checked(Some(reply.clone()), asking.message).ok().flatten(),
            _ => None,
        }
    }

    async fn of_server(&self, url: &str, pass_query: bool, asking: &Asking<'_>) -> Result<Option<Reply>, Failure> {
        let query = pass_query.then(|| signed_query(asking));
        let content_type = if asking.raw.starts_with('{') { "application/json" } else { "text/xml; charset=utf-8" };
        let body = asking.raw.as_bytes().to_vec().into();
        let answer = self.forward.post(&asking.account.app, url, query.as_deref(), body, content_type).await?;
        let answer = str::from_utf8(&answer).map_err(|_| Failure::Unreadable("it is not UTF-8".to_owned()))?;
        rules::forwarded(answer).map_err(|error| Failure::Unreadable(error.to_string()))
    }

    /// The articles of a permanent material, a draft or what was published, as a reply shows them: those that are known
    /// here, else those that WeChat tells.
    async fn articles(&self, media_id: &str, account: &Account) -> Result<Reply, Failure> {
        let key = (account.number, account.app.appid.clone(), media_id.to_owned());
        if let Some((at, articles)) = self.materials.get(&key)
            && at.elapsed() < FRESH
        {
            return Ok(Reply::News(articles.to_vec()));
        }
        let known = self.store.articles().shown(&account.app.name, media_id).await.unwrap_or_else(|error| {
            tracing::warn!(error = %with_causes(&error), "the articles of a reply could not be read");
            None
        });
        let mut items = match known {
            Some(known) => known.items,
            None => match self.wechat.call(&account.app, &GetMaterial { media_id }).await? {
                Material::News(items) => items,
                _ => return Err(Failure::NoArticles { media_id: media_id.to_owned() }),
            },
        };
        items.retain(|item| !item.is_deleted);
        let articles = items.into_iter().map(|item| Article {
            title: item.title,
            description: item.digest,
            pic_url: item.thumb_url,
            url: item.url,
        });
        let articles: Vec<Article> = articles.collect();
        self.materials.insert(key, (Instant::now(), articles.clone().into()));
        Ok(Reply::News(articles))
    }
}

/// WeChat's query as a server that checks its signature wants it.
fn signed_query(asking: &Asking<'_>) -> String {
    let Query { signature, timestamp, nonce, .. } = asking.query;
    form_urlencoded::Serializer::new(String::new())
        .append_pair("signature", signature)
        .append_pair("timestamp", timestamp)
        .append_pair("nonce", nonce)
        .append_pair("openid", &asking.message.sender)
        .finish()
}

/// How a reply of that kind reaches the user when it is the answer.
pub(super) fn via(content: &ReplyContent) -> Via {
    if matches!(content, ReplyContent::Forward { .. }) { Via::Forward } else { Via::Passive }
}

fn checked(reply: Option<Reply>, message: &Message) -> Result<Option<Reply>, Failure> {
    let Some(reply) = reply else { return Ok(None) };
    if message.sender.len().max(message.receiver.len()) > NAME_BYTES {
        return Err(Failure::Names);
    }
    match reply.check(&message.content) {
        Ok(()) => Ok(Some(reply)),
        // A rule for every message also fits those who leave: that is no fault.
        Err(ReplyError::Unsubscribed) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
