//! `/cgi-bin/menu/…`: the menus of an account, with WeChat's checks.

use serde_json::{Value, json};
use weft_wechat::api::menu::{
    Button, MAX_BUTTONS, MAX_KEY, MAX_NAME, MAX_SUB_BUTTONS, MAX_SUB_NAME, MAX_URL, MatchRule,
    current_selfmenu_info::{Selfmenu, SelfmenuButton, SubButtons},
};

use super::{
    account::{Account, Answered, INVALID_MEDIA_ID, No, Reply, done, to_json},
    asked::Asked,
};

const NO_MENU: No = No(46003, "menu no exist");

/// The menus of an account.
#[derive(Default)]
pub(super) struct Menus {
    default: Option<Vec<Button>>,
    /// Oldest first.
    conditional: Vec<Conditional>,
    /// In the place of the others while it is there.
    console: Option<Selfmenu>,
    /// How many conditional menus there ever were.
    counter: u64,
}

struct Conditional {
    menuid: u64,
    buttons: Vec<Button>,
    matchrule: MatchRule,
}

impl Menus {
    pub(super) fn set_console(&mut self, menu: Selfmenu) {
        self.console = Some(menu);
    }

    /// Whether a button sends or opens this material.
    pub(super) fn uses(&self, media_id: &str) -> bool {
        let conditional = self.conditional.iter().map(|menu| &menu.buttons);
        let all = self.default.iter().chain(conditional).flatten();
        all.flat_map(|button| button.sub_button.iter().chain([button])).any(|button| button.media_id == media_id)
    }

    /// What was made through the API; null when there is nothing.
    pub(super) fn told(&self) -> Value {
        let Some(buttons) = &self.default else { return Value::Null };
        let mut answer = json!({"menu": {"button": told(buttons)}});
        if !self.conditional.is_empty() {
            answer["menu"]["menuid"] = 400_000_000.into();
            let newest_first = self.conditional.iter().rev().map(|menu| {
                json!({
                    "button": told(&menu.buttons), "matchrule": to_json(&menu.matchrule), "menuid": menu.menuid,
                })
            });
            answer["conditionalmenu"] = newest_first.collect();
        }
        answer
    }
}

/// Every button that opens none has an empty list there.
fn told(buttons: &[Button]) -> Value {
    let told = buttons.iter().map(|button| {
        let mut value = to_json(button);
        value["sub_button"] = told(&button.sub_button);
        value
    });
    told.collect()
}

pub(super) fn get(account: &mut Account, _: &Asked, _: u64) -> Answered {
    match account.menus.told() {
        Value::Null => Err(NO_MENU),
        menus => Ok(Reply::Json(menus)),
    }
}

pub(super) fn current(account: &Account) -> Reply {
    let menus = &account.menus;
    let own = || menus.default.as_ref().map(|buttons| Selfmenu { button: buttons.iter().map(shown).collect() });
    let menu = menus.console.clone().or_else(own);
    Reply::Json(json!({
        "is_menu_open": u8::from(menu.is_some()), "selfmenu_info": to_json(&menu.unwrap_or_default()),
    }))
}

fn shown(button: &Button) -> SelfmenuButton {
    let below = &button.sub_button;
    let sub_button = (!below.is_empty()).then(|| SubButtons { list: below.iter().map(shown).collect() });
    SelfmenuButton {
        r#type: button.r#type.clone(),
        name: button.name.clone(),
        key: button.key.clone(),
        url: button.url.clone(),
        // Materials stand here under the name that the console's own have.
        value: button.media_id.clone(),
        article_id: button.article_id.clone(),
        appid: button.appid.clone(),
        pagepath: button.pagepath.clone(),
        sub_button,
        ..SelfmenuButton::default()
    }
}

pub(super) fn create(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let buttons = buttons(account, asked, No(40016, "invalid button size"))?;
    (account.menus.default, account.menus.console) = (Some(buttons), None);
    Ok(done())
}

pub(super) fn delete(account: &mut Account) -> Reply {
    let counter = account.menus.counter;
    account.menus = Menus { counter, ..Menus::default() };
    done()
}

pub(super) fn add_conditional(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    if account.menus.default.is_none() {
        return Err(No(65303, "there is no selfmenu, please create selfmenu first"));
    }
    let buttons = buttons(account, asked, No(65307, "conditional menu is empty"))?;
    let matchrule: MatchRule = serde_json::from_value(asked.json["matchrule"].clone()).unwrap_or_default();
    if matchrule == MatchRule::default() {
        return Err(No(65304, "match rule empty"));
    }
    account.menus.counter += 1;
    let menuid = 400_000_000 + account.menus.counter;
    account.menus.conditional.push(Conditional { menuid, buttons, matchrule });
    Ok(Reply::Json(json!({"menuid": menuid.to_string()})))
}

pub(super) fn delete_conditional(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let menuid = asked.text("menuid");
    let conditional = &mut account.menus.conditional;
    let at = conditional.iter().position(|menu| menu.menuid.to_string() == menuid);
    conditional.remove(at.ok_or(No(65301, "menuid not exist"))?);
    Ok(done())
}

/// The buttons of a request, when WeChat would take them.
fn buttons(account: &Account, asked: &Asked, empty: No) -> Result<Vec<Button>, No> {
    let buttons: Vec<Button> = serde_json::from_value(asked.json["button"].clone()).map_err(|_| empty)?;
    if buttons.is_empty() {
        return Err(empty);
    }
    if buttons.len() > MAX_BUTTONS {
        return Err(No(40016, "invalid button size"));
    }
    for button in &buttons {
        if button.name.is_empty() || button.name.len() > MAX_NAME {
            return Err(No(40018, "invalid button name size"));
        }
        if button.sub_button.is_empty() {
            check_action(account, button, &TOP)?;
        }
        if button.sub_button.len() > MAX_SUB_BUTTONS {
            return Err(No(40023, "invalid sub button size"));
        }
        for sub in &button.sub_button {
            if sub.name.is_empty() || sub.name.len() > MAX_SUB_NAME {
                return Err(No(40025, "invalid sub button name size"));
            }
            if !sub.sub_button.is_empty() {
                return Err(No(40022, "invalid sub button depth"));
            }
            check_action(account, sub, &SUB)?;
        }
    }
    Ok(buttons)
}

/// What WeChat says to a wrong type, key and link.
struct Refusals {
    kind: No,
    key: No,
    url: No,
}

const TOP: Refusals = Refusals {
    kind: No(40017, "invalid button type"),
    key: No(40019, "invalid button key size"),
    url: No(40020, "invalid button url size"),
};
const SUB: Refusals = Refusals {
    kind: No(40024, "invalid sub button type"),
    key: No(40026, "invalid sub button key size"),
    url: No(40027, "invalid sub button url size"),
};

fn check_action(account: &Account, button: &Button, refusals: &Refusals) -> Result<(), No> {
    let url_fits = !button.url.is_empty() && button.url.len() <= MAX_URL;
    match button.r#type.as_str() {
        "" => Err(No(65308, "button without action")),
        "click" | "scancode_push" | "scancode_waitmsg" | "pic_sysphoto" | "pic_photo_or_album" | "pic_weixin"
        | "location_select" => {
            if (1..=MAX_KEY).contains(&button.key.len()) {
                Ok(())
            } else {
                Err(refusals.key)
            }
        }
        "view" if url_fits => Ok(()),
        "miniprogram" if !url_fits => Err(refusals.url),
        "miniprogram" if button.appid.is_empty() || button.pagepath.is_empty() => Err(No(40035, "invalid parameter")),
        "miniprogram" => Ok(()),
        "view" => Err(refusals.url),
        "media_id" | "view_limited" => {
            let known = account.materials.iter().any(|material| material.media_id == button.media_id);
            if known { Ok(()) } else { Err(INVALID_MEDIA_ID) }
        }
        "article_id" | "article_view_limited" if !button.article_id.is_empty() => Ok(()),
        "article_id" | "article_view_limited" => Err(No(40035, "invalid parameter")),
        _ => Err(refusals.kind),
    }
}
