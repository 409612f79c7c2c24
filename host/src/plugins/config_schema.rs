//! The JSON Schema that a plugin gives for its configuration, and what of a configuration does not fit it.
//!
//! A schema is a stranger's: it may refer to itself without end, or branch until nobody sees the end. So there is a bound
//! on the steps. What is not decided within it counts as fitting, and so does what hangs on a word that is not among
//! those below (patterns, formats, schemas elsewhere): only what surely does not fit is told.

use serde_json::{Map, Number, Value};

use super::host::log::printable_up_to;
use crate::model::FieldError;

/// What looking at one configuration may cost; a step takes some ten nanoseconds.
pub(super) const STEPS: usize = 200_000;
/// How deep schemas are followed into each other.
const DEPTH: usize = 64;
/// Places that are told.
const TOLD: usize = 20;
/// Bytes that are quoted of a schema.
const QUOTED: usize = 200;

/// Words that demand nothing.
const NOTES: [&str; 13] = [
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "format",
];

/// Words that demand something of numbers, texts, lists or objects, and nothing of other values.
const OF_ONE_TYPE: [&str; 14] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "items",
    "minProperties",
    "maxProperties",
    "required",
    "properties",
    "additionalProperties",
];

/// A schema of a configuration.
pub(super) struct ConfigSchema(Value);

impl ConfigSchema {
    /// Reads it.
    ///
    /// # Errors
    /// When it is no JSON, or no schema.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match serde_json::from_str(text) {
            Ok(schema @ (Value::Object(_) | Value::Bool(_))) => Ok(Self(schema)),
            Ok(_) => Err("it is neither an object nor a boolean".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The schema as it was given.
    pub(super) fn json(&self) -> &Value {
        &self.0
    }

    /// What of a configuration does not fit. `steps` are those that are left, of this and of what is looked at next.
    pub(super) fn misfits(&self, config: &Value, steps: &mut usize) -> Vec<FieldError> {
        let mut look = Look { root: &self.0, steps: *steps, depth: 0, place: "config".to_owned(), misfits: Vec::new() };
        look.value(&self.0, config);
        *steps = look.steps;
        look.misfits
    }
}

/// What is known of a value and a schema. Of several that have to fit the least counts, of several of which one has to,
/// the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Misfits,
    Unknown,
    Fits,
}

/// A look at a configuration.
struct Look<'s> {
    root: &'s Value,
    /// How many are left.
    steps: usize,
    depth: usize,
    /// Of what is looked at, as the API names fields.
    place: String,
    misfits: Vec<FieldError>,
}

impl<'s> Look<'s> {
    fn value(&mut self, schema: &'s Value, value: &Value) -> Verdict {
        let words = match schema {
            Value::Bool(true) => return Verdict::Fits,
            Value::Bool(false) => return self.misfit("may not be there"),
            Value::Object(words) if self.depth < DEPTH => words,
            _ => return Verdict::Unknown,
        };
        self.depth += 1;
        let verdict = words.iter().map(|(word, rule)| self.word(words, word, rule, value)).min();
        self.depth -= 1;
        verdict.unwrap_or(Verdict::Fits)
    }

    fn word(&mut self, words: &'s Map<String, Value>, word: &str, rule: &'s Value, value: &Value) -> Verdict {
        let Some(left) = self.steps.checked_sub(1 + weight(rule) + weight(value)) else {
            self.steps = 0;
            return Verdict::Unknown;
        };
        self.steps = left;
        match (word, value) {
            ("type", _) => self.typed(rule, value),
            ("const", _) => self.must(same(rule, value), || format!("must be {}", quoted(rule))),
            ("enum", _) => self.one_of(rule, value),
            ("$ref", _) => self.reference(rule, value),
            ("allOf", _) => self.all_of(rule, value),
            ("anyOf" | "oneOf", _) => self.alternatives(word, rule, value),
            ("not", _) => self.opposite(rule, value),
            ("minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum", Value::Number(number)) => {
                self.number(word, rule, number)
            }
            ("minLength" | "maxLength", Value::String(text)) => {
                self.size(word, rule, text.chars().count(), "characters")
            }
            ("minItems" | "maxItems", Value::Array(items)) => self.size(word, rule, items.len(), "entries"),
            ("minProperties" | "maxProperties", Value::Object(fields)) => self.size(word, rule, fields.len(), "fields"),
            ("items", Value::Array(items)) => self.items(words, rule, items),
            ("required", Value::Object(fields)) => self.required(rule, fields),
            ("properties", Value::Object(fields)) => self.properties(rule, fields),
            ("additionalProperties", Value::Object(fields)) => self.additional(words, rule, fields),
            _ if NOTES.contains(&word) || OF_ONE_TYPE.contains(&word) => Verdict::Fits,
            _ => Verdict::Unknown,
        }
    }

    fn typed(&mut self, rule: &Value, value: &Value) -> Verdict {
        let types: Option<Vec<&str>> = match rule {
            Value::String(name) => Some(vec![name.as_str()]),
            Value::Array(names) => names.iter().map(Value::as_str).collect(),
            _ => None,
        };
        let Some(types) = types else { return Verdict::Unknown };
        let fits: Option<Vec<bool>> = types.iter().map(|name| is_of_type(name, value)).collect();
        let Some(fits) = fits else { return Verdict::Unknown };
        self.must(fits.contains(&true), || format!("must be of the type {}", types.join(" or ")))
    }

    fn one_of(&mut self, rule: &Value, value: &Value) -> Verdict {
        let Value::Array(values) = rule else { return Verdict::Unknown };
        let fits = values.iter().any(|one| same(one, value));
        self.must(fits, || format!("must be one of {}", quoted(rule)))
    }

    /// A schema in this document; others are not looked for.
    fn reference(&mut self, rule: &Value, value: &Value) -> Verdict {
        let (root, pointer) = (self.root, rule.as_str().and_then(|text| text.strip_prefix('#')));
        match pointer.and_then(|pointer| root.pointer(pointer)) {
            Some(schema) => self.value(schema, value),
            None => Verdict::Unknown,
        }
    }

    fn all_of(&mut self, rule: &'s Value, value: &Value) -> Verdict {
        let Value::Array(schemas) = rule else { return Verdict::Unknown };
        schemas.iter().map(|schema| self.value(schema, value)).min().unwrap_or(Verdict::Fits)
    }

    fn alternatives(&mut self, word: &str, rule: &'s Value, value: &Value) -> Verdict {
        let Value::Array(schemas) = rule else { return Verdict::Unknown };
        let told = self.misfits.len();
        let verdicts: Vec<_> = schemas.iter().map(|schema| self.value(schema, value)).collect();
        // What keeps a value from each of them is too much to read.
        self.misfits.truncate(told);
        let count = |wanted: Verdict| verdicts.iter().filter(|verdict| **verdict == wanted).count();
        match (word, count(Verdict::Fits), count(Verdict::Unknown)) {
            (_, 0, 0) => self.misfit(format!("fits none of the {} schemas of {word}", verdicts.len())),
            ("oneOf", 2.., _) => self.misfit("fits more than one of the schemas of oneOf"),
            ("anyOf", 1.., _) | ("oneOf", 1, 0) => Verdict::Fits,
            _ => Verdict::Unknown,
        }
    }

    fn opposite(&mut self, rule: &'s Value, value: &Value) -> Verdict {
        let told = self.misfits.len();
        let verdict = self.value(rule, value);
        self.misfits.truncate(told);
        match verdict {
            Verdict::Fits => self.misfit("is what may not be (not)"),
            Verdict::Unknown => Verdict::Unknown,
            Verdict::Misfits => Verdict::Fits,
        }
    }

    fn number(&mut self, word: &str, rule: &Value, number: &Number) -> Verdict {
        let (Some(bound), Some(number)) = (rule.as_f64(), number.as_f64()) else { return Verdict::Unknown };
        let (fits, how) = match word {
            "minimum" => (number >= bound, "at least"),
            "maximum" => (number <= bound, "at most"),
            "exclusiveMinimum" => (number > bound, "more than"),
            _ => (number < bound, "less than"),
        };
        self.must(fits, || format!("must be {how} {rule}"))
    }

    fn size(&mut self, word: &str, rule: &Value, size: usize, what: &str) -> Verdict {
        let Some(bound) = rule.as_u64().and_then(|bound| usize::try_from(bound).ok()) else {
            return Verdict::Unknown;
        };
        let (fits, how) =
            if word.starts_with("min") { (size >= bound, "at least") } else { (size <= bound, "at most") };
        self.must(fits, || format!("must have {how} {bound} {what}"))
    }

    fn items(&mut self, words: &'s Map<String, Value>, rule: &'s Value, items: &[Value]) -> Verdict {
        let before = words.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
        let rest = items.iter().enumerate().skip(before);
        rest.map(|(index, item)| self.within(&format!("[{index}]"), rule, item)).min().unwrap_or(Verdict::Fits)
    }

    fn required(&mut self, rule: &Value, fields: &Map<String, Value>) -> Verdict {
        let Value::Array(names) = rule else { return Verdict::Unknown };
        let missing = names.iter().filter_map(Value::as_str).filter(|name| !fields.contains_key(*name));
        let verdicts = missing.map(|name| self.at(&format!(".{}", short(name)), |look| look.misfit("is missing")));
        verdicts.min().unwrap_or(Verdict::Fits)
    }

    fn properties(&mut self, rule: &'s Value, fields: &Map<String, Value>) -> Verdict {
        let Value::Object(schemas) = rule else { return Verdict::Unknown };
        let known = fields.iter().filter_map(|(name, value)| Some((name, schemas.get(name)?, value)));
        let verdicts = known.map(|(name, schema, value)| self.within(&format!(".{}", short(name)), schema, value));
        verdicts.min().unwrap_or(Verdict::Fits)
    }

    fn additional(&mut self, words: &'s Map<String, Value>, rule: &'s Value, fields: &Map<String, Value>) -> Verdict {
        let known = words.get("properties").and_then(Value::as_object);
        let others = fields.iter().filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)));
        if words.contains_key("patternProperties") {
            return if others.count() == 0 { Verdict::Fits } else { Verdict::Unknown };
        }
        let verdicts = others.map(|(name, value)| self.within(&format!(".{}", short(name)), rule, value));
        verdicts.min().unwrap_or(Verdict::Fits)
    }

    fn within(&mut self, step: &str, schema: &'s Value, value: &Value) -> Verdict {
        self.at(step, |look| look.value(schema, value))
    }

    fn at(&mut self, step: &str, look: impl FnOnce(&mut Self) -> Verdict) -> Verdict {
        let length = self.place.len();
        self.place.push_str(step);
        let verdict = look(self);
        self.place.truncate(length);
        verdict
    }

    fn must(&mut self, fits: bool, rule: impl FnOnce() -> String) -> Verdict {
        if fits { Verdict::Fits } else { self.misfit(rule()) }
    }

    /// Says what would be right, and nothing of what is there.
    fn misfit(&mut self, rule: impl Into<String>) -> Verdict {
        if self.misfits.len() < TOLD {
            self.misfits.push(FieldError::new(self.place.clone(), rule));
        }
        Verdict::Misfits
    }
}

/// How much there is to look at in a value by itself.
fn weight(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::String(text) => text.len() / 256,
        _ => 0,
    }
}

/// None for what is no type.
fn is_of_type(name: &str, value: &Value) -> Option<bool> {
    Some(match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract().abs() < f64::EPSILON),
        _ => return None,
    })
}

/// Whether two values are the same to JSON Schema, to which 1.0 is 1.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() != b.is_f64() => {
            a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a.total_cmp(&b).is_eq())
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => one == other,
    }
}

/// A part of the schema, for people.
fn quoted(rule: &Value) -> String {
    short(&rule.to_string())
}

fn short(text: &str) -> String {
    printable_up_to(text, QUOTED).into_owned()
}
