//! A JSON object that is kept as text. In memory a short text may become a hundred times as long when it is read: each
//! object of `[{"":0},{"":0}]` takes some 700 bytes.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, IgnoredAny, Unexpected},
};
use serde_json::{Map, Value, value::RawValue};

/// The text of a JSON object, without white space between its parts. Names may be there twice: whoever reads it decides.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonObject(Arc<str>);

impl JsonObject {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it says; of names that are there twice, what stands last.
    pub fn read(&self) -> Map<String, Value> {
        // Whoever made one has seen that it can be read.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    fn of(json: &str) -> Option<Self> {
        json.trim_start().starts_with('{').then(|| Self(compact(json).into()))
    }
}

impl Default for JsonObject {
    fn default() -> Self {
        Self("{}".into())
    }
}

impl From<&Map<String, Value>> for JsonObject {
    fn from(object: &Map<String, Value>) -> Self {
        // Writing to memory fails for no map whose names are texts.
        serde_json::to_string(object).map_or_else(|_| Self::default(), |text| Self(text.into()))
    }
}

impl FromStr for JsonObject {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str::<IgnoredAny>(text)?;
        Self::of(text).ok_or_else(not_an_object)
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Self::of(json.get()).ok_or_else(not_an_object)
    }
}

impl Serialize for JsonObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// As it is handed on; what it is set to may be secret.
impl fmt::Debug for JsonObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonObject({} bytes)", self.0.len())
    }
}

fn not_an_object<E: Error>() -> E {
    E::invalid_type(Unexpected::Other("something else"), &"a map")
}

/// How many commas, colons and opening brackets JSON has outside of its texts: its values and the names of its fields are
/// no more than one above that.
pub fn parts(json: &[u8]) -> usize {
    outside_of_texts(json).filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{')).count()
}

fn compact(json: &str) -> String {
    let mut kept = String::with_capacity(json.len());
    let mut texts = Texts::default();
    kept.extend(json.chars().filter(|character| {
        // What ends and begins a text is ASCII.
        texts.hold(u8::try_from(*character).unwrap_or(b'x')) || !matches!(character, ' ' | '\t' | '\r' | '\n')
    }));
    kept
}

fn outside_of_texts(json: &[u8]) -> impl Iterator<Item = u8> {
    let mut texts = Texts::default();
    json.iter().copied().filter(move |byte| !texts.hold(*byte))
}

/// Where JSON is read byte by byte.
#[derive(Default)]
struct Texts {
    is_within: bool,
    is_escaped: bool,
}

impl Texts {
    /// Whether the next byte belongs to a text, quotation marks included.
    fn hold(&mut self, byte: u8) -> bool {
        if !self.is_within {
            self.is_within = byte == b'"';
            return self.is_within;
        }
        if self.is_escaped {
            self.is_escaped = false;
        } else if byte == b'\\' {
            self.is_escaped = true;
        } else if byte == b'"' {
            self.is_within = false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_as_it_was_written_but_for_white_space() {
        for (written, kept) in [
            ("{}", "{}"),
            (" { \"b c\" : [ 1.0 , 2 ] ,\n\t\"a\" : null } ", r#"{"b c":[1.0,2],"a":null}"#),
            (r#"{"quote \" , ": "back \\"  , "汉 字": "\u0000 "}"#, r#"{"quote \" , ":"back \\","汉 字":"\u0000 "}"#),
        ] {
            let object: JsonObject = written.parse().unwrap();
            assert_eq!(object.as_str(), kept);
            assert_eq!(object.read(), serde_json::from_str::<Map<_, _>>(written).unwrap());
            assert_eq!(serde_json::from_str::<JsonObject>(written).unwrap(), object);
            assert_eq!(serde_json::to_string(&object).unwrap(), kept);
            let value: Value = serde_json::from_str(written).unwrap();
            assert_eq!(serde_json::to_value(&object).unwrap(), value);
            assert_eq!(serde_json::from_value::<JsonObject>(value.clone()).unwrap().read(), object.read());
            assert_eq!(JsonObject::from(value.as_object().unwrap()).read(), object.read());
        }
    }

    #[test]
    fn nothing_else_is_an_object() {
        for text in ["", "[]", "7", "\"{\"", "null", "{", "{} {}", "{\"a\"}"] {
            assert!(text.parse::<JsonObject>().is_err(), "{text}");
            assert!(serde_json::from_str::<JsonObject>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn its_parts_are_counted_outside_of_texts() {
        for (json, count) in [("7", 0), ("[]", 1), (r#"{"a":[1,2]}"#, 4), (r#"["[,{:", "\",[", 3]"#, 3), ("[{},{}", 4)]
        {
            assert_eq!(parts(json.as_bytes()), count, "{json}");
        }
    }

    #[test]
    fn it_tells_nobody_what_it_says() {
        let object: JsonObject = r#"{"key":"secret"}"#.parse().unwrap();
        assert_eq!(format!("{object:?}"), "JsonObject(16 bytes)");
    }
}
