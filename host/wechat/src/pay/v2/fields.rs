//! A body of v2: named texts, each name once.

use std::fmt;

use serde_json::Value;

use crate::document::Document;
use crate::message::{MAX_BODY, ParseError};
use crate::pay::{Fen, InvalidFen};
use crate::xml;

/// Named texts in their order. `Debug` shows names only: values tell who paid what.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

/// Why a body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldsError {
    /// It is no XML that we take.
    #[error(transparent)]
    Xml(#[from] ParseError),
    /// It is no UTF-8.
    #[error("the body is no UTF-8")]
    Encoding,
    /// Two readers could take two values for the same field.
    #[error("a field is there twice")]
    Twice,
    /// A field has elements inside.
    #[error("a field has elements inside")]
    Nested,
}

impl Fields {
    /// Reads `<xml>` with elements that hold nothing but text. A field that is there twice, or has elements inside, is
    /// refused: what was signed would not be certain.
    ///
    /// # Errors
    /// When it is something else.
    pub fn read(body: &[u8]) -> Result<Self, FieldsError> {
        Self::read_below("xml", body)
    }

    pub(super) fn read_below(root: &str, body: &[u8]) -> Result<Self, FieldsError> {
        Self::of(&read(root, body)?.root().leaves().ok_or(FieldsError::Nested)?)
    }

    /// As [`read`](Self::read), without the fields that have elements inside: for what nobody signed.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn read_leaves(body: &[u8]) -> Result<Self, FieldsError> {
        Self::of(&read("xml", body)?.root().only_leaves())
    }

    /// The body as JSON: an object of texts, with objects and arrays where there are elements inside of others.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn to_json(body: &[u8]) -> Result<Value, FieldsError> {
        Ok(read("xml", body)?.root().to_json())
    }

    fn of(leaves: &[(&str, &str)]) -> Result<Self, FieldsError> {
        let mut names: Vec<_> = leaves.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(FieldsError::Twice);
        }
        Ok(Self(leaves.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()))
    }

    /// Adds a field, unless it is empty.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.0.push((name.into(), value));
        }
    }

    /// Adds a field where there is a value.
    pub fn push_some(&mut self, name: &str, value: Option<&str>) {
        self.push(name, value.unwrap_or_default());
    }

    /// The text of a field. An empty one is as good as none: it is not signed either.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, value)| found == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The text of a field as a value of one's own.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// An amount that may be missing.
    ///
    /// # Errors
    /// When the field is there and holds something else.
    pub fn amount(&self, name: &str) -> Result<Option<Fen>, InvalidFen> {
        self.get(name).map(str::parse).transpose()
    }

    /// Names and texts in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The fields as XML below `root`.
    pub fn to_xml(&self, root: &str) -> String {
        let mut out = format!("<{root}>");
        for (name, value) in self.iter() {
            xml::cdata(&mut out, name, value);
        }
        out.push_str("</");
        out.push_str(root);
        out.push('>');
        out
    }
}

fn read<'a>(root: &str, body: &'a [u8]) -> Result<Document<'a>, FieldsError> {
    if body.len() > MAX_BODY {
        return Err(ParseError::TooLarge.into());
    }
    let text = str::from_utf8(body).map_err(|_| FieldsError::Encoding)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\0') {
        return Err(ParseError::Malformed.into());
    }
    let document = xml::read(text)?;
    if document.root_name() == root { Ok(document) } else { Err(ParseError::Malformed.into()) }
}

impl fmt::Debug for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl FromIterator<(String, String)> for Fields {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(fields: T) -> Self {
        let mut all = Self::default();
        for (name, value) in fields {
            all.push(name, value);
        }
        all
    }
}
