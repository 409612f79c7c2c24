//! What is wrong with a configuration, so that a person can put it right.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use strsim::normalized_damerau_levenshtein;
use toml::Value;

use super::key::{Expects, Key};
use super::keys;
use crate::bilingual::{because, languages};

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that was named does not exist.
    #[error(
        "there is no configuration file {path}; correct --config or WEFT_CONFIG · 没有配置文件 {path}，请检查 --config 或 WEFT_CONFIG"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is there but cannot be read.
    #[error("cannot read the configuration file {path} · 无法读取配置文件 {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML. The line itself is not repeated: it may hold a secret.
    #[error("{}", malformed(path, *line, message))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// Keys or values are wrong: all of them at once.
    #[error("{}", join(.0))]
    Invalid(Vec<Problem>),
}

fn malformed(path: &Path, line: usize, message: &str) -> String {
    because(&format!("{0}, line {line} · {0} 第 {line} 行有误", path.display()), message)
}

fn join(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// One wrong key or value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, variable or flag.
    pub origin: String,
    /// The dotted key, as it was written.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.origin, self.key, self.message)
    }
}

impl Problem {
    pub(super) fn unknown_key(origin: &str, key: &str) -> Self {
        Self::unknown(origin, key, |near| near.name.to_owned())
    }

    /// As [`unknown_key`](Self::unknown_key), and the suggestion is a variable too.
    pub(super) fn unknown_variable(origin: &str, key: &str) -> Self {
        Self::unknown(origin, key, Key::variable)
    }

    fn unknown(origin: &str, key: &str, name: impl Fn(&Key) -> String) -> Self {
        let message = match nearest(key) {
            Some(near) => format!("is not a key; did you mean {0}? · 没有这个设置项，是否应为 {0}？", name(near)),
            None => {
                "is not a key; weft.example.toml lists all of them · 没有这个设置项，全部设置项见 weft.example.toml"
                    .to_owned()
            }
        };
        Self { origin: origin.to_owned(), key: key.to_owned(), message }
    }

    pub(super) fn bad_value(origin: &str, key: &Key, found: &Value) -> Self {
        let found = (!key.expects.is_secret()).then(|| shorten(&found.to_string()));
        Self { origin: origin.to_owned(), key: key.name.to_owned(), message: must_be(&key.expects, found.as_deref()) }
    }

    pub(super) fn unknown_section(origin: &str, section: &str, known: &[&str]) -> Self {
        let likeness = |known: &&&str| normalized_damerau_levenshtein(section, known);
        let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let message = match nearest.filter(|known| likeness(known) > 0.6) {
            Some(near) => format!("is not a section; did you mean [{near}]? · 没有这一节，是否应为 [{near}]？"),
            None => {
                "is not a section; weft.example.toml lists all of them · 没有这一节，全部设置项见 weft.example.toml"
                    .to_owned()
            }
        };
        Self { origin: origin.to_owned(), key: format!("[{section}]"), message }
    }

    pub(super) fn not_a_section(origin: &str, section: &str) -> Self {
        let message = format!(
            "is a section: write [{section}] and its keys below · 这是一节：请写 [{section}]，再在下面写各设置项"
        );
        Self { origin: origin.to_owned(), key: section.to_owned(), message }
    }

    pub(super) fn from_figment(error: figment::Error) -> Self {
        let origin = error.metadata.map_or_else(|| "configuration".to_owned(), |metadata| metadata.name.into_owned());
        let key = error.path.join(".");
        let known = keys().find(|known| known.name == key);
        let message = known.map_or_else(|| "is not right · 不正确".to_owned(), |known| must_be(&known.expects, None));
        Self { origin, key, message }
    }
}

/// What belongs there, and what was found instead, where that may be shown.
fn must_be(expects: &Expects, found: Option<&str>) -> String {
    let expected = expects.describe();
    let (expected, in_chinese) = languages(&expected);
    let (found, found_in_chinese) =
        found.map(|found| (format!("; found {found}"), format!("；现为 {found}"))).unwrap_or_default();
    format!("must be {expected}{found} · 应为：{in_chinese}{found_in_chinese}")
}

/// The key that was probably meant, the first of those as near. One in the wrong section is nearly as near as one with
/// a wrong letter.
fn nearest(key: &str) -> Option<&'static Key> {
    let likeness = |known: &Key| {
        let whole = normalized_damerau_levenshtein(key, known.name);
        let name = normalized_damerau_levenshtein(last_part(key), last_part(known.name));
        whole.max(name * 0.95)
    };
    let (key, likeness) = keys().map(|known| (known, likeness(known))).min_by(|a, b| b.1.total_cmp(&a.1))?;
    (likeness > 0.6).then_some(key)
}

fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}
