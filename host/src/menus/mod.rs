//! Menus between here and WeChat: what is live there, taking it over, and publishing.

mod console;
mod difference;
mod live;
mod publish;

use std::collections::HashSet;

use tokio_util::task::TaskTracker;
use weft_wechat::api::menu::delete::DeleteMenu;

use crate::{
    bilingual::{all, because},
    model::{App, Condition, FieldError, Handler, HandlerSource},
    storage::{HandlerChanges, MenuDraft, MenuVersion, Store, StoreError},
    turns::Turns,
    upstream::{CallError, Wechat},
};

pub use difference::{Difference, differences};
pub use live::LiveMenu;

use console::CLICK;

/// WeChat's code for an account that has no menu.
const NO_MENU: i64 = 46003;

/// Reads and writes the menus at WeChat. Clones share what runs.
#[derive(Clone)]
pub struct Menus {
    store: Store,
    wechat: Wechat,
    /// The apps whose menus are being published.
    publishing: Turns,
    running: TaskTracker,
}

/// What a sync has done.
#[derive(Debug)]
pub struct MenuSync {
    /// The draft, which is now what is live.
    pub draft: MenuDraft,
    /// Handlers that were made for buttons which only WeChat's console knows.
    pub created: Vec<Handler>,
    /// What could not be taken over as it is.
    pub warnings: Vec<String>,
}

/// What was published.
#[derive(Debug)]
pub struct Published {
    /// What is live now.
    pub version: MenuVersion,
    /// What of the menus before could not be taken away.
    pub warnings: Vec<String>,
}

/// Why menus were not published or taken over.
#[derive(Debug, thiserror::Error)]
pub enum MenuError {
    /// Another one has not ended yet.
    #[error("the menus of the app are being published already: try again when that is done · 菜单正在发布，请稍后再试")]
    Running,
    /// There is nothing to publish.
    #[error(
        "the draft has no buttons: set it first; to take the menu away from users, delete what is live · 草稿中没有按钮：请先编辑；要撤下菜单，请删除线上菜单"
    )]
    Empty,
    /// There is nothing to take over.
    #[error("the account has no menu at WeChat · 账号在微信上没有菜单")]
    NoMenu,
    /// WeChat would not take the draft.
    #[error("the draft cannot be published as it is · 草稿有误，不能发布")]
    Invalid(Vec<FieldError>),
    /// Nothing was changed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Publishing has failed on its way.
    #[error("{}", unfinished(menu, error, outcome))]
    Unfinished {
        /// `buttons`, or `conditional[1]`.
        menu: String,
        /// Why.
        error: CallError,
        /// What users see now.
        outcome: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug.
    #[error("publishing has ended early · 发布中断")]
    Ended(#[source] tokio::task::JoinError),
}

fn unfinished(menu: &str, error: &CallError, outcome: &str) -> String {
    let menu = format!("{menu} was not published · {menu} 没有发布");
    all(&[because(&menu, &error.explained()), outcome.to_owned()])
}

impl Menus {
    /// Keeps drafts and versions in `store`.
    pub fn new(store: Store, wechat: Wechat) -> Self {
        Self { store, wechat, publishing: Turns::default(), running: TaskTracker::new() }
    }

    /// What users see now; none when there is no menu.
    ///
    /// # Errors
    /// When WeChat does not tell.
    pub async fn live(&self, app: &App) -> Result<Option<LiveMenu>, CallError> {
        live::read(&self.wechat, app).await
    }

    /// Replaces the draft by what is live. Buttons that only WeChat's console knows get handlers, each once.
    ///
    /// # Errors
    /// Why nothing has changed.
    pub async fn sync(&self, app: &App) -> Result<MenuSync, MenuError> {
        let LiveMenu { menu, handlers, warnings, .. } = self.live(app).await?.ok_or(MenuError::NoMenu)?;
        let put = menu.clone();
        let change = |before: Vec<Handler>| {
            let known: HashSet<&str> = before.iter().filter_map(generated_key).collect();
            let is_new = |handler: &Handler| generated_key(handler).is_some_and(|key| !known.contains(key));
            let put_handlers = handlers.into_iter().filter(is_new).collect();
            Ok::<_, StoreError>(HandlerChanges { put: put_handlers, menu: Some(put), ..HandlerChanges::default() })
        };
        let created = self.store.handlers().change_all(&app.name, change).await?;
        let no_app = || StoreError::NotFound { kind: "app", name: app.name.clone() };
        let draft = self.store.menus().draft(&app.name).await?.ok_or_else(no_app)?;
        Ok(MenuSync { draft, created, warnings })
    }

    /// Shows the draft to users. Goes on to its end when nobody waits for it any more: users would see what is half
    /// done.
    ///
    /// # Errors
    /// What has failed, and what users see now.
    pub async fn publish(&self, app: App) -> Result<Published, MenuError> {
        let turn = self.publishing.take(&app.name).ok_or(MenuError::Running)?;
        let (store, wechat) = (self.store.clone(), self.wechat.clone());
        let publishing = self.running.spawn(async move {
            let _turn = turn;
            publish::run(&store, &wechat, &app).await
        });
        publishing.await.map_err(MenuError::Ended)?
    }

    /// Takes all menus away from users.
    ///
    /// # Errors
    /// When WeChat does not do it.
    pub async fn delete_live(&self, app: &App) -> Result<(), MenuError> {
        let _turn = self.publishing.take(&app.name).ok_or(MenuError::Running)?;
        match self.wechat.call(app, &DeleteMenu).await {
            Err(error) if error.errcode() != Some(NO_MENU) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Waits for what runs.
    pub async fn finish(&self) {
        self.running.close();
        self.running.wait().await;
    }
}

/// The key of the button that a handler was made for; none for other handlers.
fn generated_key(handler: &Handler) -> Option<&str> {
    let key = |condition: &'_ Condition| -> bool {
        matches!(condition, Condition::EventKey { event, .. } if event.eq_ignore_ascii_case(CLICK))
    };
    let rule = handler.rules.iter().find(|rule| key(&rule.condition))?;
    match &rule.condition {
        Condition::EventKey { key, .. } if handler.source == HandlerSource::Menu => Some(key),
        _ => None,
    }
}
