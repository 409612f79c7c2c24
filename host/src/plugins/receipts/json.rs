//! The values of the WIT as JSON that people can read: bytes are text where they are text, and base64 elsewhere.
//!
//! `list<u8>` is `{"$text": "…"}` or `{"$base64": "…"}`; an empty one is `[]`. Everything else is as serde has it.

use std::io::{self, Write};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Serializer, Value, ser::Formatter};

const TEXT: &str = "$text";
const BASE64: &str = "$base64";

/// The JSON text of a value, unless it has more than `most` bytes.
pub(in crate::plugins) fn text(value: &impl Serialize, most: usize) -> Option<String> {
    let (mut bounded, readable) = (Bounded { bytes: Vec::new(), most }, Readable { array: Array::default(), most });
    value.serialize(&mut Serializer::with_formatter(&mut bounded, readable)).ok()?;
    String::from_utf8(bounded.bytes).ok()
}

/// The JSON of a value.
pub(in crate::plugins) fn value(value: &impl Serialize) -> Value {
    text(value, usize::MAX).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// The value that has this JSON.
///
/// # Errors
/// When no value of the type has.
pub(in crate::plugins) fn read<T: DeserializeOwned>(mut json: Value) -> serde_json::Result<T> {
    restore(&mut json);
    serde_json::from_value(json)
}

/// Turns what people read in the place of bytes back into these.
fn restore(json: &mut Value) {
    if let Some(bytes) = bytes(json) {
        *json = Value::from(bytes);
        return;
    }
    match json {
        Value::Array(values) => values.iter_mut().for_each(restore),
        Value::Object(fields) => fields.values_mut().for_each(restore),
        _ => {}
    }
}

fn bytes(json: &Value) -> Option<Vec<u8>> {
    let fields = json.as_object().filter(|fields| fields.len() == 1)?;
    if let Some(Value::String(text)) = fields.get(TEXT) {
        return Some(text.clone().into_bytes());
    }
    BASE64_STANDARD.decode(fields.get(BASE64)?.as_str()?).ok()
}

/// Bytes up to a limit; more are an error.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes arrays of bytes as people can read them.
struct Readable {
    array: Array,
    /// Bytes that there may be in all: an array of more is not even gathered, as a guest may hand over megabytes.
    most: usize,
}

/// Where in an array the formatter is.
#[derive(Default)]
enum Array {
    /// In none that could be one of bytes.
    #[default]
    Elsewhere,
    /// Just behind the bracket, which is not written yet.
    AtBeginning,
    /// In one of bytes; nothing of it is written yet.
    InBytes(Vec<u8>),
}

impl Readable {
    /// Writes the bracket that was held back: what comes is no byte.
    fn begun<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if matches!(self.array, Array::AtBeginning) {
            self.array = Array::Elsewhere;
            writer.write_all(b"[")?;
        }
        Ok(())
    }
}

/// Methods of [`Formatter`] before which an array that was begun turns out to be none of bytes.
macro_rules! no_bytes {
    ($($method:ident($($argument:ident: $type:ty)?) $written:expr;)*) => {
        $(fn $method<W: ?Sized + Write>(&mut self, writer: &mut W $(, $argument: $type)?) -> io::Result<()> {
            self.begun(writer)?;
            writer.write_all($written.as_ref())
        })*
    };
}

impl Formatter for Readable {
    no_bytes! {
        write_null() b"null";
        write_bool(value: bool) value.to_string();
        write_i8(value: i8) value.to_string();
        write_i16(value: i16) value.to_string();
        write_i32(value: i32) value.to_string();
        write_i64(value: i64) value.to_string();
        write_u16(value: u16) value.to_string();
        write_u32(value: u32) value.to_string();
        write_u64(value: u64) value.to_string();
        write_f64(value: f64) serde_json::to_vec(&value)?;
        begin_string() b"\"";
        begin_object() b"{";
    }

    fn write_u8<W: ?Sized + Write>(&mut self, writer: &mut W, value: u8) -> io::Result<()> {
        let Self { array, most } = self;
        match array {
            Array::Elsewhere => writer.write_all(value.to_string().as_bytes())?,
            Array::AtBeginning => *array = Array::InBytes(vec![value]),
            Array::InBytes(bytes) if bytes.len() >= *most => return Err(io::ErrorKind::StorageFull.into()),
            Array::InBytes(bytes) => bytes.push(value),
        }
        Ok(())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begun(writer)?;
        self.array = Array::AtBeginning;
        Ok(())
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if matches!(self.array, Array::Elsewhere) && !first { writer.write_all(b",") } else { Ok(()) }
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        match std::mem::take(&mut self.array) {
            Array::Elsewhere => writer.write_all(b"]"),
            Array::AtBeginning => writer.write_all(b"[]"),
            Array::InBytes(bytes) => {
                let (key, text) = match String::from_utf8(bytes) {
                    Ok(text) => (TEXT, text),
                    Err(error) => (BASE64, BASE64_STANDARD.encode(error.as_bytes())),
                };
                write!(writer, "{{\"{key}\":{}}}", Value::from(text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct Mixed {
        text: Vec<u8>,
        binary: Vec<u8>,
        empty: Vec<u8>,
        numbers: Vec<u32>,
        pairs: Vec<(String, Vec<u8>)>,
        small: u8,
        float: f64,
        none: Option<bool>,
    }

    #[test]
    fn bytes_are_readable_and_come_back_and_the_rest_is_as_it_was() {
        let mixed = Mixed {
            text: "多谢 \"x\"\n".into(),
            binary: vec![0xff, 0, 1],
            empty: Vec::new(),
            numbers: vec![1, 2, 300],
            pairs: vec![("a".to_owned(), b"b".to_vec()), ("c".to_owned(), Vec::new())],
            small: 7,
            float: 1.5,
            none: None,
        };
        let json = value(&mixed);
        let expected = json!({
            "text": {"$text": "多谢 \"x\"\n"}, "binary": {"$base64": "/wAB"}, "empty": [], "numbers": [1, 2, 300],
            "pairs": [["a", {"$text": "b"}], ["c", []]], "small": 7, "float": 1.5, "none": null,
        });
        assert_eq!(json, expected);
        assert_eq!(read::<Mixed>(json).unwrap(), mixed);
    }

    #[test]
    fn what_is_too_long_is_no_text() {
        assert_eq!(text(&"12345", 7).as_deref(), Some("\"12345\""));
        assert_eq!(text(&"12345", 6), None);
    }

    /// A thousand bytes, and how many of them were taken.
    #[derive(Default)]
    struct Many(Cell<usize>);

    impl Serialize for Many {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..1000).map(|_| {
                self.0.set(self.0.get() + 1);
                b'x'
            }))
        }
    }

    #[test]
    fn of_bytes_that_are_too_long_no_more_are_taken_than_could_be_kept() {
        let many = Many::default();
        assert_eq!(text(&many, 100), None);
        assert!(many.0.get() <= 101, "{} of a thousand for a text of 100", many.0.get());
        assert!(text(&Many::default(), 1020).is_some_and(|text| text.contains("xxx")));
    }
}
