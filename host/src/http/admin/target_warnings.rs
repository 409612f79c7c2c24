//! A plugin may be named before its file is there; then calls fail softly, and who named it is warned.

use crate::{http::AppState, model::PluginTarget};

/// What is meant inside a plugin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// It answers messages.
    Handler,
    /// It says whether a message is meant.
    Rule,
    /// It hears of changed orders.
    Hook,
}

/// Why what `field` names would not be called, if it would not.
pub(super) fn target_warning(
    state: &AppState,
    app: &str,
    field: &str,
    kind: Kind,
    target: &PluginTarget,
) -> Option<String> {
    let plugin = &target.plugin;
    let loaded = state.plugins.find(plugin).and_then(|plugin| plugin.loaded.clone());
    let Some(loaded) = loaded else {
        return Some(format!("{field}: plugin `{plugin}` is not loaded; drop {plugin}.wasm into the plugins folder"));
    };
    let (kind, entries) = match kind {
        Kind::Handler => ("handler", &loaded.description.handlers),
        Kind::Rule => ("rule", &loaded.description.rules),
        Kind::Hook => ("hook", &loaded.description.hooks),
    };
    let entry = match &target.entry {
        Some(name) => entries.iter().find(|entry| entry.name == *name),
        None => entries.first(),
    };
    let Some(entry) = entry else {
        let name = target.entry.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
        return Some(format!("{field}: plugin `{plugin}` has no {kind}{name}"));
    };
    let serves = entry.apps.is_empty() || entry.apps.iter().any(|served| served == app);
    (!serves).then(|| format!("{field}: {kind} `{}` of plugin `{plugin}` is not meant for this app", entry.name))
}
