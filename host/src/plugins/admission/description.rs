//! What a plugin says of itself: names must be addressable, texts have bounds.

use std::collections::HashSet;

use semver::Version;
use serde_json::Value;

use super::LoadError;
use crate::{
    plugins::{
        component::{Description, Entry, Exports, hears_of_refunds},
        entry_kind::EntryKind,
        limits::{DESCRIPTION_BYTES, DESCRIPTION_ENTRIES},
    },
    printable::{printable, printable_up_to},
};

/// Bytes of a name.
const NAME_BYTES: usize = 64;

/// What a component says is shown to people and kept in memory: it has bounds.
fn check_bounds(description: &Description) -> Result<(), LoadError> {
    let Description { name, version, description: about, sdk, config_schema, asks, options, .. } = description;
    for (field, text) in [("name", name), ("version", version), ("description", about), ("sdk", sdk)] {
        check_text(&format!("its {field}"), text, DESCRIPTION_BYTES)?;
    }
    for (field, list) in
        [("http_hosts", &asks.http_hosts), ("wechat_apis", &asks.wechat_apis), ("orders", &asks.orders)]
    {
        check_list(&format!("its {field}"), list)?;
    }
    check_options("its options", options)?;
    check_text("its config_schema", config_schema.as_deref().unwrap_or_default(), 64 * DESCRIPTION_BYTES)?;
    for (kind, entries) in EntryKind::ALL.map(|kind| (kind.interface(), kind.entries(description))) {
        check_length(&format!("the list of its {kind}"), entries.len())?;
        for Entry { name, description, apps, options } in entries {
            let of = |field: &str| format!("{field} of `{}` in {kind}", printable_up_to(name, NAME_BYTES));
            check_text(&of("the description"), description, DESCRIPTION_BYTES)?;
            check_list(&of("the list of apps"), apps)?;
            check_options(&of("the list of options"), options)?;
        }
    }
    Ok(())
}

fn check_text(what: &str, text: &str, most: usize) -> Result<(), LoadError> {
    if text.len() <= most {
        return Ok(());
    }
    Err(LoadError::Description(format!("{what} has more than {most} bytes")))
}

fn check_length(what: &str, entries: usize) -> Result<(), LoadError> {
    if entries <= DESCRIPTION_ENTRIES {
        return Ok(());
    }
    Err(LoadError::Description(format!("{what} has more than {DESCRIPTION_ENTRIES} entries")))
}

fn check_list(what: &str, texts: &[String]) -> Result<(), LoadError> {
    check_length(what, texts.len())?;
    texts.iter().try_for_each(|text| check_text(&format!("a text in {what}"), text, DESCRIPTION_BYTES))
}

fn check_options(what: &str, options: &[(String, String)]) -> Result<(), LoadError> {
    check_length(what, options.len())?;
    let mut texts = options.iter().flat_map(|(name, value)| [name, value]);
    texts.try_for_each(|text| check_text(&format!("a text in {what}"), text, DESCRIPTION_BYTES))
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
    check_bounds(description)?;
    check_schema(description.config_schema.as_deref())?;
    let kinds = EntryKind::ALL.map(|kind| (kind.interface(), kind.entries(description), exports.has(kind)));
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
    (1..=NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
}
