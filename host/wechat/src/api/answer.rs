//! What comes back: an error hides under HTTP 200, and names may hold bytes that JSON does not allow.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::errcode::{self, Class, Meaning};

/// How much of `errmsg` is kept, in characters.
const MAX_ERRMSG: usize = 500;

/// An answer as it arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawAnswer {
    /// `Content-Type`; WeChat also calls JSON `text/plain`.
    pub content_type: String,
    /// `Content-Disposition`, where files have their name.
    pub content_disposition: String,
    /// The body.
    pub body: Bytes,
}

/// What can be read from an answer.
pub trait Answer: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// When WeChat refused, or says something else than it should.
    fn read(raw: RawAnswer) -> Result<Self, ApiError>;
}

impl<T: DeserializeOwned> Answer for T {
    fn read(raw: RawAnswer) -> Result<Self, ApiError> {
        read_answer(&raw.body)
    }
}

/// WeChat did what was asked, and there is no more to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Done {}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// WeChat says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The answer is not what WeChat promises. The text says what is wrong and never what was read.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

/// WeChat's no: `errcode` and `errmsg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Never 0.
    pub errcode: i64,
    /// What WeChat says, without the `rid`.
    pub errmsg: String,
    /// The request's id, for questions to WeChat's support.
    pub rid: Option<String>,
}

impl std::error::Error for Refusal {}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "WeChat refused with errcode {}", self.errcode)?;
        if !self.errmsg.is_empty() {
            write!(formatter, " ({})", self.errmsg)?;
        }
        if let Some(meaning) = self.meaning() {
            write!(formatter, ": {}", meaning.en)?;
        }
        if let Some(rid) = &self.rid {
            write!(formatter, " [rid {rid}]")?;
        }
        Ok(())
    }
}

impl Refusal {
    /// The refusal of that code, with `errmsg` as WeChat wrote it.
    pub fn new(errcode: i64, errmsg: &str) -> Self {
        let (errmsg, rid) = match errmsg.split_once("rid:") {
            Some((before, rid)) => (before, Some(rid)),
            None => (errmsg, None),
        };
        let clean = |text: &str, most| -> String {
            let visible = text.chars().filter(|character| !character.is_control());
            visible.take(most).collect::<String>().trim().trim_end_matches(',').to_owned()
        };
        let rid = rid.map(|rid| clean(rid, 64)).filter(|rid| !rid.is_empty());
        Self { errcode, errmsg: clean(errmsg, MAX_ERRMSG), rid }
    }

    /// Whether trying again makes sense, and when.
    pub fn class(&self) -> Class {
        // Some interfaces have busy codes of their own.
        if self.errmsg.eq_ignore_ascii_case("system error") { Class::Busy } else { errcode::class(self.errcode) }
    }

    /// What it means and what to do, in both languages.
    pub fn meaning(&self) -> Option<Meaning> {
        errcode::meaning(self.errcode)
    }
}

#[derive(Deserialize)]
struct Verdict {
    #[serde(default)]
    errcode: i64,
    #[serde(default)]
    errmsg: Option<String>,
}

/// Reads a JSON answer: a non-zero `errcode` is an error although HTTP says 200.
///
/// Raw control characters inside strings and broken UTF-8, as nicknames have them, are no error.
///
/// # Errors
/// When WeChat refused, or the answer is no JSON of the expected shape.
pub fn read_answer<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    match read_strictly(body) {
        Err(error) if error.is_syntax() => read_strictly(&mend(body)),
        read => read,
    }
    .map_err(|error| unreadable(&error))?
    .map_err(ApiError::Refused)
}

/// Whether an answer is a refusal. What is no JSON object, such as a picture, is none.
///
/// # Errors
/// The refusal.
pub fn check_answer(body: &[u8]) -> Result<(), Refusal> {
    #[derive(Deserialize)]
    struct Any {}
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Ok(());
    }
    match read_answer::<Any>(body) {
        Err(ApiError::Refused(refusal)) => Err(refusal),
        Ok(Any {}) | Err(ApiError::Unreadable(_)) => Ok(()),
    }
}

fn read_strictly<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<Result<T, Refusal>> {
    let verdict: Verdict = serde_json::from_slice(body)?;
    if verdict.errcode != 0 {
        return Ok(Err(Refusal::new(verdict.errcode, verdict.errmsg.as_deref().unwrap_or_default())));
    }
    serde_json::from_slice(body).map(Ok)
}

/// serde's own words may repeat a value, which may be a token.
fn unreadable(error: &serde_json::Error) -> ApiError {
    let what = match error.classify() {
        serde_json::error::Category::Data => "it is JSON of another shape than expected",
        serde_json::error::Category::Eof => "it is cut off",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is not JSON",
    };
    ApiError::Unreadable(format!("{what} (line {}, column {})", error.line(), error.column()))
}

/// The same JSON with control characters inside strings escaped, and broken UTF-8 replaced.
fn mend(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    let mut mended = Vec::with_capacity(text.len() + 64);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            0..0x20 if in_string && !escaped => {
                mended.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                continue;
            }
            b'"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && byte == b'\\' && !escaped;
        mended.push(byte);
    }
    mended
}

/// WeChat writes ids now as texts and now as numbers.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Number(u64),
        Nothing(()),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
        Id::Nothing(()) => String::new(),
    })
}
