//! Reads a JSON body into a document. Mini programs can be set to JSON.
//!
//! Numbers stay as they are written: an id beyond 64 bits, or a price with a zero at its end, is the
//! same text here as in XML.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::document::{Builder, Document, MAX_DEPTH};
use crate::message::ParseError;

/// Reads a body that is one JSON object.
pub(crate) fn read(body: &str) -> Result<Document<'_>, ParseError> {
    let mut builder = Builder::new();
    add_object(&mut builder, Cow::Borrowed("xml"), body, 0)?;
    builder.finish()
}

/// Adds an object as an element of that name. `depth` is how many objects and arrays it stands in.
fn add_object<'a>(
    builder: &mut Builder<'a>,
    name: Cow<'a, str>,
    text: &'a str,
    depth: usize,
) -> Result<(), ParseError> {
    let Members(members) = parse(text)?;
    builder.open(name)?;
    for (name, value) in members {
        add(builder, name.checked()?, value.get(), depth + 1)?;
    }
    builder.close();
    Ok(())
}

/// Adds a value as an element of that name, or as several when it is an array.
fn add<'a>(builder: &mut Builder<'a>, name: Cow<'a, str>, text: &'a str, depth: usize) -> Result<(), ParseError> {
    match text.as_bytes().first() {
        Some(b'{' | b'[') if depth == MAX_DEPTH => Err(ParseError::TooDeep),
        Some(b'{') => add_object(builder, name, text, depth),
        Some(b'[') => {
            let values: Vec<&RawValue> = parse(text)?;
            values.into_iter().try_for_each(|value| add(builder, name.clone(), value.get(), depth + 1))
        }
        Some(b'"') => builder.leaf(name, parse::<Text<'_>>(text)?.checked()?),
        Some(b'n') => builder.leaf(name, Cow::Borrowed("")),
        _ => builder.leaf(name, Cow::Borrowed(text)),
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ParseError> {
    serde_json::from_str(text).map_err(|_| ParseError::Malformed)
}

/// A string, borrowed from the body where no escape stands in it.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Text<'a> {
    /// Refuses a NUL, which an escape can bring in.
    fn checked(self) -> Result<Cow<'a, str>, ParseError> {
        if self.0.contains('\0') { Err(ParseError::Malformed) } else { Ok(self.0) }
    }
}

/// An object's members, in its order and as often as they stand there.
struct Members<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'a> Deserialize<'a> for Members<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(Vec::new()))
    }
}

impl<'a> Visitor<'a> for Members<'a> {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(member) = map.next_entry()? {
            self.0.push(member);
        }
        Ok(self)
    }
}
