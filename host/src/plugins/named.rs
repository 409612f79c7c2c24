//! What apps and their handlers name in plugins, and whether it is there: it may be named before its file is dropped,
//! and calls fail softly until then.

use super::{CallError, EntryKind, Plugins, calls};
use crate::{
    bilingual::{because, of},
    model::{App, Condition, Handler, PluginTarget, ReplyContent},
};

impl Plugins {
    /// Why what the app's settings name would not be called; each begins with the field.
    pub fn lacking_in_app(&self, app: &App) -> Vec<String> {
        let observers = app.settings.message_observers.iter().enumerate();
        let observers =
            observers.map(|(index, target)| (format!("message_observers[{index}]"), EntryKind::Observer, target));
        let handler =
            app.message_handler.iter().map(|target| ("message_handler".to_owned(), EntryKind::Handler, target));
        let hook = app.order_hook.iter().map(|target| ("order_hook".to_owned(), EntryKind::Hook, target));
        self.lacking(&app.name, handler.chain(hook).chain(observers))
    }

    /// Why what a handler's rules and replies name would not be called; each begins with the field.
    pub fn lacking_in_handler(&self, handler: &Handler) -> Vec<String> {
        let rules = handler.rules.iter().enumerate().filter_map(|(index, rule)| match &rule.condition {
            Condition::Custom(target) => Some((format!("rules[{index}].handler"), EntryKind::Rule, target)),
            _ => None,
        });
        let replies = handler.replies.iter().enumerate().filter_map(|(index, reply)| match &reply.content {
            ReplyContent::Custom(target) => Some((format!("replies[{index}].handler"), EntryKind::Handler, target)),
            _ => None,
        });
        self.lacking(&handler.app, rules.chain(replies))
    }

    /// The name of what `target` means: its own, or that of the plugin's first entry of the kind.
    pub fn entry_name(&self, kind: EntryKind, target: &PluginTarget) -> Option<String> {
        let first = || {
            let plugin = self.find(&target.plugin)?;
            let loaded = plugin.loaded.as_ref()?;
            Some(kind.entries(&loaded.description).first()?.name.clone())
        };
        target.entry.clone().or_else(first)
    }

    /// The name of the page that `target` means: its own, or that of the plugin's first one where none is called so.
    pub fn page_name(&self, target: &PluginTarget) -> Option<String> {
        let plugin = self.find(&target.plugin)?;
        let loaded = plugin.loaded.as_ref()?;
        Some(calls::found(EntryKind::Page, &loaded.description, target)?.name.clone())
    }

    fn lacking<'a>(
        &self,
        app: &str,
        named: impl Iterator<Item = (String, EntryKind, &'a PluginTarget)>,
    ) -> Vec<String> {
        named.filter_map(|(field, kind, target)| Some(of(&field, &self.lacks(app, kind, target)?))).collect()
    }

    /// Why calls of what `target` names fail.
    fn lacks(&self, app: &str, kind: EntryKind, target: &PluginTarget) -> Option<String> {
        let plugin = &target.plugin;
        let found = self.find(plugin);
        if found.as_ref().is_some_and(|plugin| plugin.is_disabled) {
            return Some(CallError::Disabled(plugin.clone()).to_string());
        }
        let Some(loaded) = found.as_ref().and_then(|plugin| plugin.loaded.clone()) else {
            let refused = found.as_ref().and_then(|plugin| plugin.error.as_ref());
            return Some(match refused {
                Some(refused) => {
                    let not_loaded = format!(
                        "plugin `{plugin}` is not loaded: {plugin}.wasm is refused · 插件 `{plugin}` 未加载：{plugin}.wasm \
                         没有通过检查"
                    );
                    because(&not_loaded, &refused.to_string())
                }
                None => CallError::NotLoaded(plugin.clone()).to_string(),
            });
        };
        calls::entry(kind, &loaded, target, app).err().map(|error| error.to_string())
    }
}
