//! Shows the draft to users. New conditional menus come before old ones go, so that nobody is without; and before a new
//! default menu where there is one already, so that a failure leaves everything as it was.

use weft_wechat::api::menu::{
    self, addconditional::AddConditionalMenu, create::CreateMenu, delconditional::DelConditionalMenu,
};

use super::{MenuError, Published, live};
use crate::{
    bilingual::{all, because},
    model::{App, Button, Menu},
    storage::Store,
    upstream::{CallError, Wechat},
};

/// WeChat's code for a conditional menu that is gone.
const NO_SUCH_MENU: i64 = 65301;

pub(super) async fn run(store: &Store, wechat: &Wechat, app: &App) -> Result<Published, MenuError> {
    let draft = store.menus().draft(&app.name).await?;
    let menu = draft.map(|draft| draft.menu).filter(|menu| !menu.is_empty()).ok_or(MenuError::Empty)?;
    let wrong = menu.check();
    if !wrong.is_empty() {
        return Err(MenuError::Invalid(wrong));
    }
    let before = live::api_menus(wechat, app).await?;
    let publishing = Publishing { wechat, app };
    let menuids = match before {
        Some(_) => publishing.conditional_first(&menu).await?,
        None => publishing.default_first(&menu).await?,
    };
    let mut warnings = Vec::new();
    for old in before.map(|before| before.conditionalmenu).unwrap_or_default() {
        if let Err(error) = publishing.delete(&old.menuid).await {
            let left = format!(
                "the conditional menu {0} of before could not be taken away, publish again to do so · 原来的个性化菜单 {0} \
                 没有撤下，请重新发布",
                old.menuid
            );
            warnings.push(because(&left, &error.explained()));
        }
    }
    let version = store.menus().add_version(&app.name, &menu, menuids).await?;
    tracing::info!(app = app.name, version = version.id, "the menus were published");
    Ok(Published { version, warnings })
}

struct Publishing<'a> {
    wechat: &'a Wechat,
    app: &'a App,
}

impl Publishing<'_> {
    /// There is a default menu: it changes last.
    async fn conditional_first(&self, menu: &Menu) -> Result<Vec<String>, MenuError> {
        const AS_BEFORE: &str = "users see what they saw before · 用户看到的仍是原来的菜单";
        let menuids = self.add_all(menu, AS_BEFORE).await?;
        if let Err(error) = self.create(&menu.buttons).await {
            let outcome = self.undone(&menuids, AS_BEFORE).await;
            return Err(unfinished("buttons".to_owned(), error, outcome));
        }
        Ok(menuids)
    }

    /// There is none, and conditional menus need one.
    async fn default_first(&self, menu: &Menu) -> Result<Vec<String>, MenuError> {
        self.create(&menu.buttons).await?;
        self.add_all(menu, "all users see the new default menu · 所有用户看到新的默认菜单").await
    }

    /// WeChat shows the newest that fits, so the first comes last.
    async fn add_all(&self, menu: &Menu, outcome: &str) -> Result<Vec<String>, MenuError> {
        let mut menuids = Vec::with_capacity(menu.conditional.len());
        for (index, conditional) in menu.conditional.iter().enumerate().rev() {
            let button = wire(&conditional.buttons);
            let matchrule = menu::MatchRule::from(&conditional.matchrule);
            let add = AddConditionalMenu { button: &button, matchrule: &matchrule };
            match self.wechat.call(self.app, &add).await {
                Ok(added) => menuids.insert(0, added.menuid),
                Err(error) => {
                    let outcome = self.undone(&menuids, outcome).await;
                    return Err(unfinished(format!("conditional[{index}]"), error, outcome));
                }
            }
        }
        Ok(menuids)
    }

    async fn create(&self, buttons: &[Button]) -> Result<(), CallError> {
        self.wechat.call(self.app, &CreateMenu { button: &wire(buttons) }).await.map(drop)
    }

    async fn delete(&self, menuid: &str) -> Result<(), CallError> {
        match self.wechat.call(self.app, &DelConditionalMenu { menuid }).await {
            Err(error) if error.errcode() != Some(NO_SUCH_MENU) => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes back what was added, and says what users see then.
    async fn undone(&self, menuids: &[String], outcome: &str) -> String {
        let mut left = Vec::new();
        for menuid in menuids {
            if self.delete(menuid).await.is_err() {
                left.push(menuid.as_str());
            }
        }
        match left.as_slice() {
            [] => outcome.to_owned(),
            left => {
                let left = left.join(", ");
                let left =
                    format!("new conditional menus could not be taken back: {left} · 新的个性化菜单没有撤回：{left}");
                all(&[outcome.to_owned(), left])
            }
        }
    }
}

fn unfinished(menu: String, error: CallError, outcome: String) -> MenuError {
    let outcome = if error.outcome_is_unknown() {
        let unless = "unless WeChat has done it without saying so: look at what is live · 除非微信已经处理而没有答复，请查看线上菜单";
        all(&[outcome, unless.to_owned()])
    } else {
        outcome
    };
    MenuError::Unfinished { menu, error, outcome }
}

fn wire(buttons: &[Button]) -> Vec<menu::Button> {
    buttons.iter().map(menu::Button::from).collect()
}
