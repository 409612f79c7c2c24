//! What goes out: a call as plain data.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::{Ability, Endpoint, Method};

/// A call as plain data, ready to be sent as often as needed.
#[derive(Debug, Clone)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// Begins with a slash.
    pub path: String,
    /// Query parameters besides `access_token`.
    pub query: Vec<(&'static str, String)>,
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
            method: E::METHOD,
            path: E::PATH.to_owned(),
            query: endpoint.query(),
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
            Self::Multipart { file, .. } => write!(formatter, "Multipart({} bytes)", file.bytes.len()),
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
    pub bytes: Bytes,
}

impl FilePart {
    /// The file in the field `media`. Characters that would break the form's header are taken out of the name.
    pub fn media(filename: &str, content_type: &str, bytes: Bytes) -> Self {
        let breaks = |character: char| character.is_control() || "\"\\/".contains(character);
        let mut filename: String = filename.chars().filter(|character| !breaks(*character)).take(128).collect();
        if filename.is_empty() {
            "media".clone_into(&mut filename);
        }
        Self { field: "media", filename, content_type: content_type.to_owned(), bytes }
    }
}

impl fmt::Debug for FilePart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FilePart({:?}, {} bytes)", self.filename, self.bytes.len())
    }
}
