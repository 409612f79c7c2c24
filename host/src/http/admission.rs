//! How a plugin file was let in, or why not, as programs read it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::plugins::{Refused, Report, Step};

/// How a plugin's file was let in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct AdmissionView {
    /// Of the file.
    bytes: u64,
    /// SHA-256 of the file; empty when it was not read.
    digest: String,
    /// The version of `weft:plugin` that it was built for.
    interface_version: Option<String>,
    /// The interfaces that it imports.
    imports: Vec<String>,
    /// The interfaces that it exports.
    exports: Vec<String>,
    /// The most memory that compiling took, in bytes; null when it had been compiled before.
    compile_memory: Option<u64>,
    /// All steps, in their order.
    steps: Vec<StepView>,
}

/// One step of admission.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct StepView {
    /// size, header, parse, world, imports, compile, link, instantiate, describe or grants.
    name: &'static str,
    /// passed, failed or skipped: a step before it failed.
    outcome: &'static str,
    /// Milliseconds.
    took_ms: f64,
    /// What there is to say about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Why a file is refused.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefusedView {
    /// Stable, for programs.
    code: &'static str,
    /// Cause and remedy in one sentence.
    detail: String,
    /// What is wrong.
    cause: String,
    /// What to do.
    remedy: &'static str,
    /// How far the file came.
    admission: AdmissionView,
}

impl From<&Report> for AdmissionView {
    fn from(report: &Report) -> Self {
        let Report { bytes, digest, version, imports, exports, compile_memory, steps } = report.clone();
        let steps = steps.into_iter().map(StepView::from).collect();
        Self { bytes, digest, interface_version: version, imports, exports, compile_memory, steps }
    }
}

impl From<Step> for StepView {
    fn from(Step { name, outcome, took, detail }: Step) -> Self {
        // Microseconds are as exact as the clock.
        let took_ms = (took.as_secs_f64() * 1e6).round() / 1e3;
        Self { name, outcome: outcome.as_str(), took_ms, detail }
    }
}

impl From<&Refused> for RefusedView {
    fn from(refused: &Refused) -> Self {
        Self {
            code: refused.error.code(),
            detail: refused.to_string(),
            cause: refused.error.to_string(),
            remedy: refused.error.remedy(),
            admission: (&refused.report).into(),
        }
    }
}
