//! What users see now, as WeChat tells it.

use std::cmp::Reverse;

use weft_wechat::api::menu::{
    Button,
    current_selfmenu_info::{CurrentSelfmenuInfo, SelfmenuButton, SelfmenuInfo, SubButtons},
    get::{self, ApiMenus, GetMenu},
};

use super::{NO_MENU, console::Reader};
use crate::{
    model::{App, ConditionalMenu, Handler, MatchRule, Menu},
    upstream::{CallError, Wechat},
};

/// What users see.
#[derive(Debug)]
pub struct LiveMenu {
    /// The menus, as a sync takes them over.
    pub menu: Menu,
    /// Whether it was made in WeChat's console: then it has no conditional menus.
    pub from_console: bool,
    /// What answers the buttons that only the console knows.
    pub handlers: Vec<Handler>,
    /// What cannot be taken over as it is.
    pub warnings: Vec<String>,
}

/// What users see; none when there is no menu.
pub(super) async fn read(wechat: &Wechat, app: &App) -> Result<Option<LiveMenu>, CallError> {
    let api = api_menus(wechat, app).await?.unwrap_or_default();
    let shown = or_none(wechat.call(app, &CurrentSelfmenuInfo).await)?.unwrap_or_default();
    Ok(merged(&app.name, &api, &shown))
}

/// The menus that were made through the API.
pub(super) async fn api_menus(wechat: &Wechat, app: &App) -> Result<Option<ApiMenus>, CallError> {
    or_none(wechat.call(app, &GetMenu).await)
}

fn or_none<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Err(error) if error.errcode() == Some(NO_MENU) => Ok(None),
        answer => answer.map(Some),
    }
}

/// One picture of the two answers: what the API made is told whole by one of them, and what is shown by the other.
fn merged(app: &str, api: &ApiMenus, shown: &SelfmenuInfo) -> Option<LiveMenu> {
    let own: Vec<_> = api.menu.button.iter().map(as_shown).collect();
    let shown: &[_] = if shown.is_menu_open == 0 { &[] } else { &shown.selfmenu_info.button };
    let from_console = !shown.is_empty() && !are_alike(&own, shown);
    let mut reader = Reader { app, handlers: Vec::new(), warnings: Vec::new() };
    let buttons = reader.buttons("buttons", if from_console { shown } else { &own });
    let conditional = if from_console { Vec::new() } else { conditional(&mut reader, &api.conditionalmenu) };
    let menu = Menu { buttons, conditional };
    let Reader { handlers, warnings, .. } = reader;
    (!menu.is_empty()).then_some(LiveMenu { menu, from_console, handlers, warnings })
}

/// The conditional menus, so that the first that fits is the one that is seen: at WeChat that is the newest.
fn conditional(reader: &mut Reader<'_>, menus: &[get::ConditionalMenu]) -> Vec<ConditionalMenu> {
    let mut menus: Vec<_> = menus.iter().collect();
    menus.sort_by_key(|menu| Reverse(menu.menuid.parse::<u64>().unwrap_or(0)));
    let mut read: Vec<ConditionalMenu> = Vec::with_capacity(menus.len());
    for get::ConditionalMenu { button, matchrule, menuid } in menus {
        let number = |text: &str| text.parse().ok();
        let rule = MatchRule {
            tag_id: number(&matchrule.tag_id),
            client_platform_type: number(&matchrule.client_platform_type),
        };
        let without_effect =
            [&matchrule.sex, &matchrule.country, &matchrule.province, &matchrule.city, &matchrule.language];
        if rule == MatchRule::default() {
            reader.warnings.push(format!("the conditional menu {menuid} is left out: WeChat shows it to nobody since its conditions have no effect any more"));
            continue;
        }
        if without_effect.into_iter().any(|text| !text.is_empty() && text != "0") {
            reader.warnings.push(format!("the conditional menu {menuid} has conditions that are left out: sex, country, province, city and language have no effect any more"));
        }
        // Nobody sees an older one with the same conditions.
        if read.iter().any(|earlier| earlier.matchrule == rule) {
            continue;
        }
        let path = format!("conditional[{}].buttons", read.len());
        let buttons: Vec<_> = button.iter().map(as_shown).collect();
        let buttons = reader.buttons(&path, &buttons);
        if !buttons.is_empty() {
            read.push(ConditionalMenu { buttons, matchrule: rule });
        }
    }
    read
}

/// Whether two answers tell of the same buttons. Only what both write the same way is compared.
fn are_alike(one: &[SelfmenuButton], other: &[SelfmenuButton]) -> bool {
    let below = |button: &SelfmenuButton| button.sub_button.clone().unwrap_or_default().list;
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            one.name == other.name
                && one.r#type == other.r#type
                && one.key == other.key
                && are_alike(&below(one), &below(other))
        })
}

fn as_shown(button: &Button) -> SelfmenuButton {
    let below = &button.sub_button;
    SelfmenuButton {
        r#type: button.r#type.clone(),
        name: button.name.clone(),
        key: button.key.clone(),
        url: button.url.clone(),
        media_id: button.media_id.clone(),
        article_id: button.article_id.clone(),
        appid: button.appid.clone(),
        pagepath: button.pagepath.clone(),
        sub_button: (!below.is_empty()).then(|| SubButtons { list: below.iter().map(as_shown).collect() }),
        ..SelfmenuButton::default()
    }
}
