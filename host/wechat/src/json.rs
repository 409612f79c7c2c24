//! Reads a JSON body into a document. Mini programs can be set to JSON.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::document::{Builder, Document};
use crate::message::ParseError;

/// Reads a body that is one JSON object.
pub(crate) fn read(body: &str) -> Result<Document<'_>, ParseError> {
    let mut reader = Reader { builder: Builder::new(), refused: None };
    let mut deserializer = serde_json::Deserializer::from_str(body);
    let root = Value { reader: &mut reader, name: Cow::Borrowed("xml") };
    let read = root.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match (read, reader.refused) {
        (_, Some(refused)) => Err(refused),
        (Err(_), None) => Err(ParseError::Malformed),
        (Ok(()), None) => reader.builder.finish(),
    }
}

struct Reader<'a> {
    builder: Builder<'a>,
    /// Why the builder refused, which serde's errors cannot carry.
    refused: Option<ParseError>,
}

impl<'a> Reader<'a> {
    fn open<E: Error>(&mut self, name: Cow<'a, str>) -> Result<(), E> {
        self.builder.open(name).map_err(|refused| {
            self.refused = Some(refused);
            E::custom(refused)
        })
    }

    fn leaf<E: Error>(&mut self, name: Cow<'a, str>, text: Cow<'a, str>) -> Result<(), E> {
        if text.contains('\0') {
            return Err(E::custom(ParseError::Malformed));
        }
        self.open(name)?;
        if let Some(place) = self.builder.leaf_text() {
            *place = text;
        }
        self.builder.close();
        Ok(())
    }
}

/// A value that becomes an element of that name, or several when it is an array.
struct Value<'r, 'a> {
    reader: &'r mut Reader<'a>,
    name: Cow<'a, str>,
}

impl<'a> DeserializeSeed<'a> for Value<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Value<'_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        self.reader.open(self.name)?;
        while let Some(name) = members.next_key_seed(Name)? {
            members.next_value_seed(Value { reader: self.reader, name })?;
        }
        self.reader.builder.close();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut values: A) -> Result<(), A::Error> {
        while let Some(()) = values.next_element_seed(Value { reader: self.reader, name: self.name.clone() })? {}
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<(), E> {
        self.reader.leaf(self.name, Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.reader.leaf(self.name, Cow::Owned(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.reader.leaf(self.name, Cow::Owned(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.reader.leaf(self.name, Cow::Owned(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        // `{:?}` always writes a point or an exponent: a fraction never turns into an integer.
        self.reader.leaf(self.name, Cow::Owned(format!("{number:?}")))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        let text = if value { "true" } else { "false" };
        self.reader.leaf(self.name, Cow::Borrowed(text))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.reader.leaf(self.name, Cow::Borrowed(""))
    }
}

/// The name of a member, borrowed from the body where no escape stands in it.
struct Name;

impl<'a> DeserializeSeed<'a> for Name {
    type Value = Cow<'a, str>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Name {
    type Value = Cow<'a, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'a str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
