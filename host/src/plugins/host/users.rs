//! `users`: the app's own users, as Weft knows them and as WeChat does.

use std::{future::Future, sync::Arc};

use weft_wechat::api::{
    Endpoint,
    tags::members::{batchtagging::BatchTagging, batchuntagging::BatchUntagging},
    user::{info::UserInfo, info_updateremark::UpdateRemark},
};

use super::{Grant, HostError, asker::Asker, wechat};
use crate::{
    model::{self, App, in_words, is_openid},
    plugins::{
        bindings::imported::{
            types::Error,
            users::{self, Tag, User},
        },
        instance::State,
    },
    shares::InTurn,
    storage::{Store, StoreError},
    users::{UserError, Users},
};

/// What a question to WeChat about users needs. It asks the database in between, when it is the app's turn.
struct Asked {
    store: Store,
    users: Users,
    in_turn: InTurn,
    app: Arc<App>,
}

impl users::Host for State {
    async fn find(&mut self, openid: String) -> Result<Option<User>, HostError> {
        self.require(Grant::Users)?;
        self.ask_database(async move |services, asker| {
            if !is_openid(&openid) {
                return Ok(None);
            }
            let found = async {
                match services.store.users().find(&asker.app.name, &openid).await? {
                    Some(found) => user(&services.store, &asker.app, found).await.map(Some),
                    None => Ok(None),
                }
            };
            found.await.map_err(|error| broken(&asker, &error))
        })
        .await
    }

    async fn fetch(&mut self, openid: String) -> Result<User, HostError> {
        self.ask_for_users(UserInfo::PATH, async move |asked| {
            let Asked { store, users, in_turn, app } = &asked;
            let fetched = users.fetch(app, &openid).await?;
            Ok(in_turn.ask(user(store, app, fetched)).await?)
        })
        .await
    }

    async fn set_remark(&mut self, openid: String, remark: String) -> Result<(), HostError> {
        self.ask_for_users(UpdateRemark::PATH, async move |asked| {
            asked.users.set_remark(&asked.app, &openid, &remark).await.map(drop)
        })
        .await
    }

    async fn add_tag(&mut self, openid: String, name: String) -> Result<(), HostError> {
        self.ask_for_users(BatchTagging::PATH, async move |asked| {
            let tag = match asked.tag(&name).await? {
                Some(tag) => tag,
                None => asked.users.create_tag(&asked.app, &name).await?,
            };
            asked.users.add_tag(&asked.app, &openid, tag.id).await.map(drop)
        })
        .await
    }

    async fn remove_tag(&mut self, openid: String, name: String) -> Result<(), HostError> {
        self.ask_for_users(BatchUntagging::PATH, async move |asked| {
            match asked.tag(&name).await? {
                Some(tag) => asked.users.remove_tag(&asked.app, &openid, tag.id).await.map(drop),
                // Nobody has it.
                None => Ok(()),
            }
        })
        .await
    }
}

impl State {
    /// Runs `ask`, which needs WeChat, where `users` is granted. `to` is the path that stands in the log for it.
    async fn ask_for_users<T, Asking>(&mut self, to: &str, ask: impl FnOnce(Asked) -> Asking) -> Result<T, HostError>
    where
        T: Send + 'static,
        Asking: Future<Output = Result<T, UserError>> + Send + 'static,
    {
        self.require(Grant::Users)?;
        let (call, asker) = (self.wechat_call()?, self.asker()?);
        let in_turn = self.in_turn()?;
        let (store, users) = (self.services.store.clone(), self.services.users.with_turns(in_turn.clone()));
        let asking = ask(Asked { store, users, in_turn, app: call.app() });
        call.run_detached(to, async move { asking.await.map_err(|failure| error(&asker, &failure)) }).await
    }
}

impl Asked {
    /// The tag with this name. WeChat is asked for the app's tags when none has it.
    async fn tag(&self, name: &str) -> Result<Option<model::Tag>, UserError> {
        let find = |tags: Vec<model::Tag>| tags.into_iter().find(|tag| tag.name == name);
        if let Some(tag) = find(self.in_turn.ask(self.store.tags().list(&self.app.name)).await?) {
            return Ok(Some(tag));
        }
        Ok(find(self.users.sync_tags(&self.app).await?.tags))
    }
}

async fn user(store: &Store, app: &App, user: model::User) -> Result<User, StoreError> {
    let mut known = Vec::new();
    if !user.tag_ids.is_empty() {
        known = store.tags().list(&app.name).await?;
    }
    let name = |id: u32| known.iter().find(|tag| tag.id == id).map(|tag| tag.name.clone()).unwrap_or_default();
    Ok(User {
        openid: user.openid,
        unionid: user.unionid,
        subscribed: user.subscribed,
        subscribed_at: user.subscribed_at,
        subscribe_scene: user.subscribe_scene,
        nickname: user.nickname,
        avatar_url: user.avatar_url,
        remark: user.remark,
        tags: user.tag_ids.into_iter().map(|id| Tag { id, name: name(id) }).collect(),
    })
}

fn error(asker: &Asker, error: &UserError) -> Error {
    let text = error.to_string();
    match error {
        UserError::UnknownUser(_) | UserError::UnknownTag(_) => Error::NotFound(text),
        UserError::SystemTag(_) => Error::Invalid(text),
        UserError::TooManyTags | UserError::TooManyUsers => Error::Limited(text),
        UserError::Invalid(wrong) => Error::Invalid(in_words(wrong)),
        UserError::Call(error) | UserError::Unfinished { error, .. } => wechat::error(error),
        UserError::Store(error) => broken(asker, error),
    }
}

fn broken(asker: &Asker, error: &StoreError) -> Error {
    asker.unavailable("users", error)
}
