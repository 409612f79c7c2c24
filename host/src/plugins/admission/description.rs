//! What a plugin says of itself: names must be addressable, texts have bounds.

use std::collections::HashSet;

use semver::Version;
use serde_json::Value;

use super::LoadError;
use crate::{
    plugins::{
        component::{Description, Entry, Exports, hears_of_refunds},
        limits::{DESCRIPTION_BYTES, DESCRIPTION_ENTRIES},
    },
    printable::printable,
};

/// What a component says is shown to people and kept in memory: it has bounds.
fn check_texts(description: &Description) -> Result<(), LoadError> {
    let Description { name, version, description: about, sdk, config_schema, asks, options, .. } = description;
    let entries =
        [&description.handlers, &description.rules, &description.hooks, &description.observers, &description.pages];
    let lists = [&asks.http_hosts, &asks.wechat_apis, &asks.orders];
    let is_long = |entry: &Entry| entry.apps.len().max(entry.options.len()) > DESCRIPTION_ENTRIES;
    let too_many = entries.iter().any(|entries| entries.len() > DESCRIPTION_ENTRIES)
        || entries.iter().copied().flatten().any(is_long)
        || lists.iter().any(|list| list.len() > DESCRIPTION_ENTRIES)
        || options.len() > DESCRIPTION_ENTRIES;
    if too_many {
        return Err(LoadError::Description(format!("a list in it has more than {DESCRIPTION_ENTRIES} entries")));
    }
    let of_entries = entries.into_iter().flatten().flat_map(|entry| entry.apps.iter().chain([&entry.description]));
    let texts = [name, version, about, sdk].into_iter().chain(lists.into_iter().flatten()).chain(of_entries);
    let options = entries.iter().copied().flatten().flat_map(|entry| &entry.options).chain(options);
    let texts = texts.chain(options.flat_map(|(name, value)| [name, value]));
    let schema = config_schema.as_ref().map_or(0, String::len);
    if texts.into_iter().any(|text| text.len() > DESCRIPTION_BYTES) || schema > 64 * DESCRIPTION_BYTES {
        return Err(LoadError::Description(format!("a text in it has more than {DESCRIPTION_BYTES} bytes")));
    }
    Ok(())
}

/// The schema of its configuration is JSON, and what JSON Schema calls one; what it says is for people to read.
fn check_schema(schema: Option<&str>) -> Result<(), LoadError> {
    let reason = match schema.map(serde_json::from_str::<Value>) {
        None | Some(Ok(Value::Object(_) | Value::Bool(_))) => return Ok(()),
        Some(Ok(_)) => "it is neither an object nor a boolean".to_owned(),
        Some(Err(error)) => error.to_string(),
    };
    Err(LoadError::Description(format!("its config_schema is no JSON Schema: {reason}")))
}

/// What a component says must be addressable: names are checked, and each kind that has entries
/// must be exported.
pub(super) fn check(description: &Description, exports: &Exports) -> Result<(), LoadError> {
    check_texts(description)?;
    check_schema(description.config_schema.as_deref())?;
    let kinds = [
        ("handlers", &description.handlers, exports.handlers.is_some()),
        ("rules", &description.rules, exports.rules.is_some()),
        ("hooks", &description.hooks, exports.hooks.is_some()),
        ("observers", &description.observers, exports.observers.is_some()),
        ("pages", &description.pages, exports.pages.is_some()),
    ];
    for (kind, entries, exported) in kinds {
        if !entries.is_empty() && !exported {
            return Err(LoadError::Description(format!("it names {kind} and does not export weft:plugin/{kind}")));
        }
        let mut seen = HashSet::new();
        for entry in entries {
            if !is_name(&entry.name) {
                let name = printable(&entry.name);
                return Err(LoadError::Description(format!("`{name}` in {kind} is not a name of [a-z0-9_-], 1 to 64")));
            }
            if !seen.insert(&entry.name) {
                return Err(LoadError::Description(format!("`{}` stands twice in {kind}", entry.name)));
            }
        }
    }
    if exports.refund_hooks.is_none()
        && let Some(hook) = description.hooks.iter().find(|hook| hears_of_refunds(hook))
    {
        let why = "is to hear of refunds, and it does not export weft:plugin/refund-hooks";
        return Err(LoadError::Description(format!("`{}` in hooks {why}", hook.name)));
    }
    if kinds.iter().all(|(_, entries, _)| entries.is_empty()) {
        return Err(LoadError::Description(
            "it has no handler, rule, hook, observer or page: annotate a function with #[message_handler]".to_owned(),
        ));
    }
    Ok(())
}

/// What is not as it should be, and no reason to refuse it.
pub(super) fn remark(description: &Description) -> Option<String> {
    let version = &description.version;
    let is_semantic = Version::parse(version).is_ok();
    (!is_semantic).then(|| format!("its version `{}` is not a semantic one, such as 1.0.0", printable(version)))
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
}
