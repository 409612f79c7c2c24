//! Copies the draft of the menus, where there is none yet.

use weft_wechat::api::media::MediaType;

use super::{
    media::Media,
    report::{LeftOut, MenuOutcome, MenuReport},
};
use crate::{
    bilingual::because,
    model::{Button, ButtonType, JobError, Menu},
    storage::Store,
};

pub(super) async fn copy(store: &Store, media: &mut Media<'_>, dry_run: bool) -> Result<MenuReport, JobError> {
    let (from, to) = (media.from.name.clone(), media.to.name.clone());
    let report = |outcome, reason: &str, left_out| {
        let reason = (!reason.is_empty()).then(|| reason.to_owned());
        MenuReport { outcome, reason, left_out }
    };
    let Some(draft) = store.menus().draft(&from).await?.filter(|draft| !draft.menu.is_empty()) else {
        let reason = "the other app has no draft: sync its menus first · 对方账号没有菜单草稿：请先同步它的菜单";
        return Ok(report(MenuOutcome::Failed, reason, Vec::new()));
    };
    let mut left_out = Vec::new();
    let menu = mapped(draft.menu, media, &mut left_out).await?;
    let before = store.menus().draft(&to).await?.map(|draft| draft.menu).unwrap_or_default();
    if before == menu {
        return Ok(report(MenuOutcome::Unchanged, "", left_out));
    }
    if !before.is_empty() {
        return Ok(report(
            MenuOutcome::Kept,
            "the app has another draft: empty it first · 这个账号已有别的草稿：请先清空",
            left_out,
        ));
    }
    if let Some(wrong) = menu.check().into_iter().next() {
        let left = "what is left of it cannot be published · 余下的部分不能发布";
        let reason = because(left, &wrong.to_string());
        return Ok(report(MenuOutcome::Failed, &reason, left_out));
    }
    if !dry_run {
        store.menus().put_draft(&to, &menu).await?;
    }
    Ok(report(MenuOutcome::Copied, "", left_out))
}

/// The menus as the new account can have them.
async fn mapped(menu: Menu, media: &mut Media<'_>, left_out: &mut Vec<LeftOut>) -> Result<Menu, JobError> {
    let Menu { buttons, conditional } = menu;
    let mut mapped = Menu { buttons: with_media(buttons, "buttons", media, left_out).await?, conditional: Vec::new() };
    for (index, mut menu) in conditional.into_iter().enumerate() {
        let field = format!("conditional[{index}]");
        if menu.matchrule.tag_id.is_some() {
            let reason = "the accounts have tags of their own: make it anew, with a tag of this account · 各账号的标签不同：请用这个账号的标签重建".to_owned();
            left_out.push(LeftOut { field, reason });
            continue;
        }
        menu.buttons = with_media(menu.buttons, &format!("{field}.buttons"), media, left_out).await?;
        if !menu.buttons.is_empty() {
            mapped.conditional.push(menu);
        }
    }
    Ok(mapped)
}

/// Two levels: a button that opens others is left out when none of them can be had.
async fn with_media(
    buttons: Vec<Button>,
    path: &str,
    media: &mut Media<'_>,
    left_out: &mut Vec<LeftOut>,
) -> Result<Vec<Button>, JobError> {
    let mut mapped = Vec::with_capacity(buttons.len());
    for (index, mut button) in buttons.into_iter().enumerate() {
        let field = format!("{path}[{index}]");
        if button.sub_buttons.is_empty() {
            match one(button, media).await? {
                Ok(button) => mapped.push(button),
                Err(reason) => left_out.push(LeftOut { field, reason }),
            }
            continue;
        }
        let mut below = Vec::with_capacity(button.sub_buttons.len());
        for (index, button) in std::mem::take(&mut button.sub_buttons).into_iter().enumerate() {
            match one(button, media).await? {
                Ok(button) => below.push(button),
                Err(reason) => left_out.push(LeftOut { field: format!("{field}.sub_buttons[{index}]"), reason }),
            }
        }
        if !below.is_empty() {
            mapped.push(Button { sub_buttons: below, ..button });
        }
    }
    Ok(mapped)
}

async fn one(mut button: Button, media: &mut Media<'_>) -> Result<Result<Button, String>, JobError> {
    match button.kind {
        Some(ButtonType::MediaId) => {
            let copy = media.copy_of(&[MediaType::Image, MediaType::Voice, MediaType::Video], &button.media_id).await?;
            Ok(copy.map(|copy| {
                button.media_id = copy;
                button
            }))
        }
        Some(ButtonType::ViewLimited | ButtonType::ArticleId | ButtonType::ArticleViewLimited) => {
            Ok(Err("articles of the other account are not copied · 对方账号的文章不会复制".to_owned()))
        }
        _ => Ok(Ok(button)),
    }
}
