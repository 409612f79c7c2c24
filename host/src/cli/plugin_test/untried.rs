//! Why a call was not made, with the options that would have had one made.

use anyhow::{Error, anyhow};

use crate::{
    bilingual::because,
    plugins::{CallError, Description, EntryKind},
};

/// How many entries of each kind are told of.
const SHOWN: usize = 3;

/// The error, and what can be done about it here.
pub(super) fn explained(error: &CallError, plugin: &Description) -> Error {
    let advice = match error {
        CallError::NotForApp { apps, .. } => {
            apps.first().map(|app| format!("try it with `--app {app}` · 请加上 `--app {app}`"))
        }
        CallError::PagesNotGranted { .. } => {
            Some("here `--grant pages` does · 在这里用 `--grant pages` 授权".to_owned())
        }
        CallError::NoSuchEntry { kind, .. } if kind.entries(plugin).is_empty() => {
            let options = options(plugin);
            Some(format!("what it has is tried with {options} · 它有的可以这样试：{options}"))
        }
        _ => None,
    };
    match advice {
        Some(advice) => anyhow!(because(&error.to_string(), &advice)),
        None => anyhow!(error.clone()),
    }
}

/// The options that try each thing that a plugin has.
fn options(plugin: &Description) -> String {
    let each = EntryKind::ALL.into_iter().flat_map(|kind| {
        kind.entries(plugin).iter().take(SHOWN).map(move |entry| match (kind, &entry.name) {
            (EntryKind::Handler, name) => format!("`--message TEXT --handler {name}`"),
            (EntryKind::Rule, name) => format!("`--message TEXT --rule {name}`"),
            (EntryKind::Hook, name) => format!("`--order SUCCESS --hook {name}`"),
            (EntryKind::Observer, name) => format!("`--message TEXT --observer {name}`"),
            (EntryKind::Page, name) => format!("`--page /{name}`"),
        })
    });
    each.collect::<Vec<_>>().join(", ")
}
