//! One source of settings: a file, the environment, or the flags. Its keys and values are checked where they are
//! read, so that a problem names the place.

use std::fs;
use std::path::Path;

use figment::value::{Dict, Map};
use figment::{Metadata, Profile, Provider};
use toml::{Table, Value};

use super::error::{ConfigError, Problem};
use super::key::{Expects, Key};
use super::keys;

/// The settings of one source, in sections.
pub(super) struct Layer {
    name: String,
    table: Table,
}

/// `WEFT_` variables that are no settings: the path of the file, and with what commands call the admin API of a server.
const NOT_SETTINGS: [&str; 2] = ["WEFT_CONFIG", "WEFT_TOKEN"];

/// What the logging reads before there are settings, which cannot complain then.
const LOGGING: [Key; 2] =
    [Key::new("WEFT_LOG", Expects::LogFilter), Key::new("WEFT_LOG_FORMAT", Expects::Word(&["text", "json"]))];

impl Layer {
    pub(super) fn of_file(path: &Path, problems: &mut Vec<Problem>) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let table: Table = text.parse().map_err(|error| syntax_error(path, &text, &error))?;
        let name = path.display().to_string();
        let sections: Vec<&str> =
            keys().filter_map(|key| key.name.split_once('.')).map(|(section, _)| section).collect();
        for (key, value) in &table {
            match value {
                Value::Table(section) if sections.contains(&key.as_str()) => {
                    check_section(&name, key, section, problems);
                }
                _ if sections.contains(&key.as_str()) => problems.push(Problem::not_a_section(&name, key)),
                Value::Table(_) if !keys().any(|known| known.name == key) => {
                    problems.push(Problem::unknown_section(&name, key, &sections));
                }
                _ => check(&name, key, value, problems),
            }
        }
        Ok(Self { name, table })
    }

    /// Variables that are empty count as not set. Kubernetes describes its services in variables too: those of a
    /// service that is called `weft` are not meant for us.
    pub(super) fn of_environment(variables: &[(String, String)], problems: &mut Vec<Problem>) -> Self {
        let mut table = Table::new();
        for (variable, text) in variables {
            let Some(rest) = variable.strip_prefix("WEFT_") else { continue };
            let foreign = rest.starts_with("TEST_") || describes_a_service(rest);
            if text.is_empty() || foreign || NOT_SETTINGS.contains(&variable.as_str()) {
                continue;
            }
            if let Some(key) = LOGGING.iter().find(|key| key.name == variable) {
                let value = key.expects.read(text);
                if !key.expects.accepts(&value) {
                    problems.push(Problem::bad_value("environment", key, &value));
                }
                continue;
            }
            let origin = format!("environment variable {variable}");
            if let Some(key) = keys().find(|key| key.variable() == *variable) {
                set(&mut table, key, text, &origin, problems);
            } else {
                let key = rest.to_lowercase().replace("__", ".");
                problems.push(Problem::unknown_variable(&origin, &key));
            }
        }
        Self { name: "environment".to_owned(), table }
    }

    pub(super) fn of_flags(flags: &[(String, String)], problems: &mut Vec<Problem>) -> Self {
        let mut table = Table::new();
        for (name, text) in flags {
            let origin = format!("flag --{}", name.replace(['.', '_'], "-"));
            match keys().find(|key| key.name == name) {
                Some(key) => set(&mut table, key, text, &origin, problems),
                None => problems.push(Problem::unknown_key(&origin, name)),
            }
        }
        Self { name: "flags".to_owned(), table }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let value = figment::value::Value::serialize(&self.table)?;
        let dict = value.into_dict().unwrap_or_default();
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

/// Each key of a section, and of a section in it.
fn check_section(origin: &str, section: &str, table: &Table, problems: &mut Vec<Problem>) {
    for (key, value) in table {
        let name = format!("{section}.{key}");
        match value {
            Value::Table(inner) if keys().any(|known| is_inside(known, &name)) => {
                check_section(origin, &name, inner, problems);
            }
            _ if keys().any(|known| is_inside(known, &name)) => problems.push(Problem::not_a_section(origin, &name)),
            _ => check(origin, &name, value, problems),
        }
    }
}

/// Whether a key stands in the section of that name.
fn is_inside(key: &Key, section: &str) -> bool {
    key.name.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

fn check(origin: &str, name: &str, value: &Value, problems: &mut Vec<Problem>) {
    match keys().find(|key| key.name == name) {
        Some(key) if key.expects.accepts(value) => {}
        Some(key) => problems.push(Problem::bad_value(origin, key, value)),
        None => problems.push(Problem::unknown_key(origin, name)),
    }
}

fn set(table: &mut Table, key: &Key, text: &str, origin: &str, problems: &mut Vec<Problem>) {
    let value = key.expects.read(text);
    if !key.expects.accepts(&value) {
        problems.push(Problem::bad_value(origin, key, &value));
        return;
    }
    let mut sections: Vec<&str> = key.name.split('.').collect();
    let Some(name) = sections.pop() else { return };
    let mut table = table;
    for section in sections {
        let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(section) = section else { return };
        table = section;
    }
    table.insert(name.to_owned(), value);
}

/// `SERVICE_HOST`, `PORT_8000_TCP_ADDR`, `ADMIN_SERVICE_PORT_HTTP` …
fn describes_a_service(rest: &str) -> bool {
    let protocol = |text: &str| text.contains("_TCP") || text.contains("_UDP") || text.contains("_SCTP");
    let rest = format!("_{rest}");
    rest.ends_with("_SERVICE_HOST")
        || rest.contains("_SERVICE_PORT")
        || rest.ends_with("_PORT")
        || rest.split_once("_PORT_").is_some_and(|(_, behind)| protocol(behind))
}

fn syntax_error(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
    let written = text.lines().nth(line - 1).unwrap_or_default();
    // The parser takes a word without quotes for a number, and says strange things of it.
    let is_text = |value: &str| value.contains(|each: char| each.is_alphabetic() || matches!(each, ':' | '/'));
    let is_bare = |value: &str| is_text(value) && !value.contains(['"', '\'']);
    let bare = written.split_once('=').is_some_and(|(_, value)| is_bare(value));
    let mut message = error.message().to_owned();
    if bare {
        message.push_str("; a text stands in quotes · 文本要加引号");
    }
    ConfigError::Syntax { path: path.to_owned(), line, message }
}
