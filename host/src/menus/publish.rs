//! Shows the draft to users. New conditional menus come before old ones go, so that nobody is without; and before a new
//! default menu where there is one already, so that a failure leaves everything as it was.

use weft_wechat::api::menu::{
    self, addconditional::AddConditionalMenu, create::CreateMenu, delconditional::DelConditionalMenu,
};

use super::{MenuError, Published, live};
use crate::{
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
            warnings.push(format!(
                "the conditional menu {} of before could not be taken away, publish again to do so: {}",
                old.menuid,
                error.explained()
            ));
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
        const AS_BEFORE: &str = "Users see what they saw before";
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
        self.add_all(menu, "All users see the new default menu").await
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
            left => format!("{outcome}, and new conditional menus that could not be taken back: {}", left.join(", ")),
        }
    }
}

fn unfinished(menu: String, error: CallError, outcome: String) -> MenuError {
    let outcome = if error.outcome_is_unknown() {
        format!("{outcome}, unless WeChat has done it without saying so: look at what is live")
    } else {
        outcome
    };
    MenuError::Unfinished { menu, error, outcome }
}

fn wire(buttons: &[Button]) -> Vec<menu::Button> {
    buttons.iter().map(menu::Button::from).collect()
}
