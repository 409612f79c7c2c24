//! What goes out: a call as plain data.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::{Ability, Endpoint, Host, Method};

/// A call as plain data, ready to be sent as often as needed.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where it goes.
    pub host: Host,
    /// GET or POST.
    pub method: Method,
    /// Begins with a slash.
    pub path: String,
    /// Query parameters besides `access_token`.
    pub query: Vec<(Cow<'static, str>, String)>,
    /// The body.
    pub body: Body,
    /// What the account must be allowed to do.
    pub needs: Ability,
    /// Whether sending it once more does no harm.
    pub idempotent: bool,
    /// How long to wait for the whole answer.
    pub timeout: Duration,
    /// How long the answer may be, in bytes.
    pub max_answer: usize,
}

impl Request {
    /// What `endpoint` sends.
    ///
    /// # Errors
    /// When its body cannot be written as JSON.
    pub fn of<E: Endpoint>(endpoint: &E) -> Result<Self, serde_json::Error> {
        Ok(Self {
            host: Host::Api,
            method: E::METHOD,
            path: E::PATH.to_owned(),
            query: endpoint.query().into_iter().map(|(name, value)| (name.into(), value)).collect(),
            body: endpoint.body()?,
            needs: E::NEEDS,
            idempotent: E::IDEMPOTENT,
            timeout: E::TIMEOUT,
            max_answer: E::MAX_ANSWER,
        })
    }
}

/// The body of a call.
#[derive(Clone, Default)]
pub enum Body {
    /// There is none.
    #[default]
    Empty,
    /// UTF-8 JSON, with characters as they are: old interfaces refuse `\uXXXX`.
    Json(Bytes),
    /// `multipart/form-data`: text fields, and a file.
    Multipart {
        /// Name and text.
        fields: Vec<(&'static str, String)>,
        /// The file.
        file: FilePart,
    },
    /// Anything, as it is.
    Raw {
        /// `Content-Type`, with the boundary of a form.
        content_type: String,
        /// What is in it.
        content: Content,
    },
}

/// What a body or a file consists of.
#[derive(Clone)]
pub enum Content {
    /// In memory.
    Bytes(Bytes),
    /// A file of this machine, which whoever sends it reads at every try. Whoever made it removes it.
    File {
        /// Where it is.
        path: Arc<Path>,
        /// How long it is, in bytes.
        length: u64,
    },
}

impl Content {
    /// How long it is, in bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

/// Only the length shows.
impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Content({} bytes)", self.length())
    }
}

impl Body {
    /// `value` as JSON.
    ///
    /// # Errors
    /// When it cannot be written so.
    pub fn json(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_vec(value).map(|bytes| Self::Json(bytes.into()))
    }
}

/// Bodies may hold secrets and are long: only their kind shows.
impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("Empty"),
            Self::Json(bytes) => write!(formatter, "Json({} bytes)", bytes.len()),
            Self::Multipart { file, .. } => write!(formatter, "Multipart({} bytes)", file.content.length()),
            Self::Raw { content_type, content } => write!(formatter, "Raw({content_type:?}, {content:?})"),
        }
    }
}

/// A file in a form.
#[derive(Clone)]
pub struct FilePart {
    /// The form's field, `media`.
    pub field: &'static str,
    /// What the file is called; WeChat shows it for permanent materials.
    pub filename: String,
    /// Such as `image/png`.
    pub content_type: String,
    /// What is in it.
    pub content: Content,
}

impl FilePart {
    /// The file in the field `media`. Characters that would break the form's header are taken out of the name.
    pub fn media(filename: &str, content_type: &str, content: impl Into<Content>) -> Self {
        let breaks = |character: char| character.is_control() || "\"\\/".contains(character);
        let mut filename: String = filename.chars().filter(|character| !breaks(*character)).take(128).collect();
        if filename.is_empty() {
            "media".clone_into(&mut filename);
        }
        Self { field: "media", filename, content_type: content_type.to_owned(), content: content.into() }
    }
}

impl fmt::Debug for FilePart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FilePart({:?}, {} bytes)", self.filename, self.content.length())
    }
}
