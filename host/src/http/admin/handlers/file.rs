//! All handlers and the menus of an app as one file, in JSON or YAML.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::fields::HandlerFields;
use crate::{
    model::{FieldError, Handler, HandlerSource, Menu, ReplyStrategy, ReplyTemplate, Rule, check_together},
    time,
};

/// The version of the file's format.
const VERSION: u32 = 1;
/// The most errors that are told of one file.
const ERRORS: usize = 100;
/// The most values in a file of YAML, references resolved.
const YAML_NODES: usize = 1_000_000;
/// How much text a file of YAML may have, references resolved, in bytes.
const YAML_BYTES: usize = 16 << 20;
/// The most references in a file of YAML, and how deep its lists and objects may nest.
const YAML_ALIASES: usize = 1000;
const YAML_DEPTH: usize = 16;

/// How a file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http::admin) enum Format {
    /// JSON.
    #[default]
    Json,
    /// YAML 1.2.
    Yaml,
}

/// One handler of a file.
#[derive(Debug)]
pub(super) struct Entry {
    /// The handler that is meant, where it is known.
    pub id: Option<String>,
    /// What it is to be; `created_at` is 0 where the file does not tell.
    pub handler: Handler,
}

/// What a file says.
#[derive(Debug)]
pub(super) struct Contents {
    pub entries: Vec<Entry>,
    /// What the draft of the menus is to be; none where the file does not tell.
    pub menu: Option<Menu>,
}

/// Why a file cannot be taken.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// It is not of its format.
    Syntax(String),
    /// Something in it cannot be.
    Invalid(Vec<FieldError>),
    /// It has more than an app may have.
    TooMuch(String),
}

/// A handler as files have it.
#[derive(Serialize)]
pub(super) struct Exported<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    name: &'a str,
    source: HandlerSource,
    enabled: bool,
    weight: i32,
    strategy: ReplyStrategy,
    #[serde(skip_serializing_if = "Option::is_none")]
    starts: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<String>,
    log_message: bool,
    stop_on_exception: bool,
    rules: &'a [Rule],
    replies: &'a [ReplyTemplate],
    created_at: String,
}

impl<'a> From<&'a Handler> for Exported<'a> {
    fn from(handler: &'a Handler) -> Self {
        Self {
            id: &handler.id,
            name: &handler.name,
            source: handler.source,
            enabled: handler.enabled,
            weight: handler.weight,
            strategy: handler.strategy,
            starts: handler.starts.map(time::rfc3339),
            ends: handler.ends.map(time::rfc3339),
            log_message: handler.log_message,
            stop_on_exception: handler.stop_on_exception,
            rules: &handler.rules,
            replies: &handler.replies,
            created_at: time::rfc3339(handler.created_at),
        }
    }
}

#[derive(Serialize)]
struct ExportedFile<'a> {
    version: u32,
    handlers: Vec<Exported<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    menus: Option<&'a Menu>,
}

/// Writes the file.
///
/// # Errors
/// When the format cannot express it, which would be a bug.
pub(super) fn write(
    handlers: &[Handler],
    menus: Option<&Menu>,
    format: Format,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let handlers = handlers.iter().map(Exported::from).collect();
    let file = ExportedFile { version: VERSION, handlers, menus };
    Ok(match format {
        Format::Json => serde_json::to_string_pretty(&file)?,
        Format::Yaml => serde_saphyr::to_string(&file)?,
    })
}

/// Reads a file for an app, and checks everything in it.
///
/// # Errors
/// When it is not of its format, or something in it cannot be; then with the paths of all that is wrong. At the first
/// handler that is more than an app may have.
pub(super) fn read(bytes: &[u8], format: Format, app: &str) -> Result<Contents, Unreadable> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        version: Option<u32>,
        handlers: Vec<Value>,
        menus: Option<Value>,
    }
    let value: Value = match format {
        Format::Json => serde_json::from_slice(bytes).map_err(|error| Unreadable::Syntax(error.to_string()))?,
        Format::Yaml => yaml(bytes).map_err(Unreadable::Syntax)?,
    };
    let file: File = typed(value, "").map_err(|error| Unreadable::Invalid(vec![error]))?;
    if file.version.is_some_and(|version| version != VERSION) {
        let error = FieldError::new("version", format!("{VERSION}, the one that this version of weft reads"));
        return Err(Unreadable::Invalid(vec![error]));
    }
    let (mut entries, mut errors, mut ids, mut size) = (Vec::new(), Vec::new(), HashSet::new(), 0);
    for (index, value) in file.handlers.into_iter().enumerate() {
        let path = format!("handlers[{index}]");
        match entry(value, app, &path) {
            Ok(Entry { id: Some(id), .. }) if !ids.insert(id.clone()) => {
                errors.push(FieldError::new(format!("{path}.id"), "each only once in a file"));
            }
            Ok(entry) => {
                // At once: a small file can hold more regular expressions than can be compiled in an hour.
                size += entry.handler.size();
                check_together(entries.len() + 1, size).map_err(Unreadable::TooMuch)?;
                entries.push(entry);
            }
            Err(wrong) => errors.extend(wrong),
        }
        if errors.len() >= ERRORS {
            errors.truncate(ERRORS);
            break;
        }
    }
    let menu = file.menus.map(menu).transpose().unwrap_or_else(|wrong| {
        errors.extend(wrong);
        None
    });
    if errors.is_empty() { Ok(Contents { entries, menu }) } else { Err(Unreadable::Invalid(errors)) }
}

fn menu(value: Value) -> Result<Menu, Vec<FieldError>> {
    const PATH: &str = "menus";
    // From a list serde would read the fields in their order.
    let object: Map<String, Value> = typed(value, PATH).map_err(|error| vec![error])?;
    let menu: Menu = typed(Value::Object(object), PATH).map_err(|error| vec![error])?;
    let wrong: Vec<_> = menu.check().into_iter().map(|error| under(PATH, error)).collect();
    if wrong.is_empty() { Ok(menu) } else { Err(wrong) }
}

fn entry(value: Value, app: &str, path: &str) -> Result<Entry, Vec<FieldError>> {
    let mut object: Map<String, Value> = typed(value, path).map_err(|error| vec![error])?;
    let mut taken = |name: &str| object.remove(name).filter(|value| !value.is_null());
    let id = taken("id").map(|id| typed(id, &format!("{path}.id"))).transpose().map_err(|error| vec![error])?;
    let created_at = taken("created_at").map(|at| typed::<Timestamp>(at, &format!("{path}.created_at")));
    let created_at = created_at.transpose().map_err(|error| vec![error])?;
    // Handlers are read with these, and nobody can set them.
    drop((taken("updated_at"), taken("warnings")));
    let fields: HandlerFields = typed(Value::Object(object), path).map_err(|error| vec![error])?;
    let mut handler = Handler::new(app, "");
    handler.created_at = created_at.map_or(0, |at| u64::try_from(at.as_second()).unwrap_or(0));
    fields
        .apply(&mut handler)
        .map_err(|errors| errors.into_iter().map(|error| under(path, error)).collect::<Vec<_>>())?;
    Ok(Entry { id, handler })
}

fn under(path: &str, error: FieldError) -> FieldError {
    FieldError::new(format!("{path}.{}", error.field), error.message)
}

/// Reads a value; an error has its path below `path`.
fn typed<T: DeserializeOwned>(value: Value, path: &str) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let below = error.path().to_string();
        let place = match (path, below.as_str()) {
            ("", ".") => "handlers".to_owned(),
            (path, ".") => path.to_owned(),
            ("", below) => below.to_owned(),
            (path, below) => format!("{path}.{below}"),
        };
        FieldError::new(place, error.inner().to_string())
    })
}

/// References are resolved within limits, so that a small file cannot become a large one.
fn yaml(bytes: &[u8]) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: YAML_NODES,
            max_events: 2 * YAML_NODES,
            max_aliases: YAML_ALIASES,
            max_anchors: YAML_ALIASES,
            max_depth: YAML_DEPTH,
            max_documents: 1,
            max_total_scalar_bytes: YAML_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10 * YAML_ALIASES,
        },
        with_snippet: false,
    };
    serde_saphyr::from_slice_with_options(bytes, options).map_err(|error| error.to_string())
}
