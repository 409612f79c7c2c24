//! What admission found out about a file: one report, the same in the API, in the log and on the command line.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::LoadError;

/// The steps, in their order. A file that fails one skips those behind it.
pub const STEPS: [&str; 10] =
    ["size", "header", "parse", "world", "imports", "compile", "link", "instantiate", "describe", "grants"];

/// What became of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The file is as it should be.
    Passed,
    /// The file is refused for it.
    Failed,
    /// A step before it failed.
    Skipped,
}

impl Outcome {
    /// passed, failed or skipped.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One step of admission.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// One of [`STEPS`].
    pub name: &'static str,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    /// What there is to say about it; for a step that failed, why.
    pub detail: Option<String>,
}

/// What admission found out about a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Bytes of the file.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal; empty when it was not read.
    pub digest: String,
    /// The version of `weft:plugin` that it was built for, once that is known.
    pub version: Option<String>,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// The interfaces that it exports.
    pub exports: Vec<String>,
    /// The most memory that compiling took, in bytes, when it was compiled for this report and the system tells.
    pub compile_memory: Option<u64>,
    /// Every one of [`STEPS`].
    pub steps: Vec<Step>,
}

impl Report {
    pub(super) fn new(bytes: u64, digest: String) -> Self {
        let steps = Vec::with_capacity(STEPS.len());
        Self { bytes, digest, version: None, imports: Vec::new(), exports: Vec::new(), compile_memory: None, steps }
    }

    /// Takes the next step and writes down how it went.
    pub(super) fn step<T>(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> Result<T, LoadError>,
    ) -> Result<T, LoadError> {
        let began = Instant::now();
        let result = step();
        self.record(name, began.elapsed(), result)
    }

    /// Writes down how the next step went.
    pub(super) fn record<T>(
        &mut self,
        name: &'static str,
        took: Duration,
        result: Result<T, LoadError>,
    ) -> Result<T, LoadError> {
        let (outcome, detail) = match &result {
            Ok(_) => (Outcome::Passed, None),
            Err(error) => (Outcome::Failed, Some(error.to_string())),
        };
        self.steps.push(Step { name, outcome, took, detail });
        result
    }

    /// Adds what there is to say about the last step.
    pub(super) fn remark(&mut self, detail: String) {
        if let Some(last) = self.steps.last_mut() {
            last.detail = Some(match last.detail.take() {
                Some(said) => format!("{said}; {detail}"),
                None => detail,
            });
        }
    }

    /// Names the steps that were not taken.
    pub(super) fn ended(mut self) -> Self {
        let skipped = STEPS.into_iter().skip(self.steps.len());
        self.steps.extend(skipped.map(|name| Step {
            name,
            outcome: Outcome::Skipped,
            took: Duration::ZERO,
            detail: None,
        }));
        self
    }
}

/// One line: every step that was taken, and how many milliseconds it took.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let taken = self.steps.iter().filter(|step| step.outcome != Outcome::Skipped);
        for (index, Step { name, outcome, took, .. }) in taken.enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let failed = if *outcome == Outcome::Failed { " failed after" } else { "" };
            write!(f, "{comma}{name}{failed} {:.1}", took.as_secs_f64() * 1000.0)?;
        }
        f.write_str(" ms")
    }
}

/// A file that is not let in.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Why.
    pub error: LoadError,
    /// How far it came.
    pub report: Report,
}

impl Refused {
    /// A file that could not be read.
    pub(in crate::plugins) fn unread(error: LoadError) -> Self {
        let bytes = if let LoadError::TooLarge { actual, .. } = error { actual } else { 0 };
        let mut report = Report::new(bytes, String::new());
        drop(report.record::<()>("size", Duration::ZERO, Err(error.clone())));
        Self { error, report: report.ended() }
    }
}

/// Why, and what to do.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error.explained())
    }
}
