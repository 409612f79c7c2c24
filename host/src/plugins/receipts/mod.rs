//! Receipts: what became of single calls, with all that it takes to make them again.
//!
//! Every call that fails leaves one, and of those that go well twenty a second: what a call did is kept while it runs
//! whether it leaves a receipt or not, and costs little beside what was asked of the host. They stay in memory, the
//! last ones of each plugin, those of failures apart so that no success pushes one out.

pub(super) mod json;
pub(super) mod redacted;
mod ring;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use weft_wechat::reply::Reply;

pub use ring::Receipts;

use super::{bindings::imported::reply as wit, convert, entry_kind::EntryKind};
use crate::{
    model::{App, AppType},
    plugin_limits::PluginLimits,
};

/// What became of one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// Names it, and sorts by time.
    pub id: String,
    /// When it began.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// The file's name without `.wasm`.
    pub plugin: String,
    /// As the plugin says.
    pub version: String,
    /// SHA-256 of the file that ran.
    pub digest: String,
    /// handler, rule, hook, observer or page.
    #[schema(value_type = String)]
    pub kind: EntryKind,
    /// Its name.
    pub entry: String,
    /// Whom it was for.
    pub app: ReceiptApp,
    /// The same for every try at the same delivery or event.
    pub delivery_id: String,
    /// The message as it came, decrypted; empty in calls that handle none.
    pub raw: String,
    /// What the plugin was given.
    #[schema(value_type = Object)]
    pub input: Value,
    /// What the operator had set for the plugin and app; values under names of secrets are hidden.
    #[schema(value_type = Object)]
    pub config: Value,
    /// What the call could use.
    #[serde(default)]
    pub limits: PluginLimits,
    /// What the call's randomness came from, in hexadecimal.
    pub seed: String,
    /// ok, or the kind of error: `timed_out`, `cpu_exhausted`, `crashed`, `failed`, …
    pub outcome: String,
    /// Why it failed, in words.
    pub error: Option<String>,
    /// The guest's functions, innermost first, when it crashed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub backtrace: String,
    /// What it answered.
    #[schema(value_type = Option<Object>)]
    pub answer: Option<Value>,
    /// Time, memory and instructions.
    pub used: ReceiptUse,
    /// What it logged and printed.
    pub logs: Vec<Line>,
    /// What it asked the host for, in this order.
    pub host_calls: Vec<HostCall>,
    /// How often it asked for more, which is not kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub host_calls_more: u64,
}

impl Receipt {
    /// What a handler answered, as the protocol has it.
    pub fn reply(&self) -> Option<Reply> {
        if self.kind != EntryKind::Handler {
            return None;
        }
        let reply: Option<wit::Reply> = json::read(self.answer.clone()?).ok()?;
        reply.map(convert::reply)
    }

    /// Whether secrets are hidden in what the operator had set: the call cannot be made again just as it was.
    pub fn hides_config(&self) -> bool {
        redacted::is_hidden_in(&self.config)
    }

    /// Whether secrets are hidden in what the plugin was given.
    pub fn hides_input(&self) -> bool {
        redacted::is_hidden_in(&self.input)
    }

    /// Whether secrets are hidden in what the host answered.
    pub fn hides_answers(&self) -> bool {
        self.host_calls.iter().filter_map(|call| call.answer.as_ref()).any(redacted::is_hidden_in)
    }
}

/// The app of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptApp {
    /// Its unique name.
    pub name: String,
    /// For people.
    pub title: String,
    /// service, subscription, miniprogram, `pay_partner` or other.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub app_type: AppType,
    /// WeChat's name of it.
    pub appid: String,
}

impl From<&App> for ReceiptApp {
    fn from(app: &App) -> Self {
        let App { name, title, app_type, appid, .. } = app;
        Self { name: name.clone(), title: title.clone(), app_type: *app_type, appid: appid.clone() }
    }
}

/// What a call used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ReceiptUse {
    /// How long it waited for its turn, in microseconds.
    pub queued_us: u64,
    /// How long it ran, by the wall clock, in microseconds.
    pub took_us: u64,
    /// How long it held a thread, in microseconds.
    pub cpu_us: u64,
    /// The most linear memory that it had at a time.
    pub memory_bytes: u64,
    /// Instructions, where they were counted: the same each time for the same call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
}

/// One line that a plugin logged or printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// debug, info, warn or error.
    #[schema(value_type = String)]
    pub level: LineLevel,
    /// One line of bounded length.
    pub text: String,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineLevel {
    /// For who looks for a mistake.
    Debug,
    /// Something happened; also what was printed.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something failed.
    Error,
}

impl LineLevel {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One thing that a plugin asked the host for. Values under names of secrets are hidden.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HostCall {
    /// Interface and function, as in the WIT.
    pub function: String,
    /// ok, the kind of error that the plugin was told, or `unfinished`.
    pub outcome: String,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// A list; null when it was too long to be kept.
    #[schema(value_type = Option<Vec<Object>>)]
    pub arguments: Option<Value>,
    /// `{"ok": …}` or `{"error": …}`; null when it was too long to be kept, or never came.
    #[schema(value_type = Option<Object>)]
    pub answer: Option<Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
