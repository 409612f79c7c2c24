//! What can go wrong with a call of a plugin.

use std::{fmt, time::Duration};

use super::{EntryKind, memory::MemoryBound};
use crate::bilingual::because;

/// Why a call gave no answer: because of the plugin, of what the operator has set, or of how much this host has to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// There is no such plugin, or none of its files ever loaded.
    #[error(
        "plugin `{0}` is not loaded: drop {0}.wasm into the plugins folder, or see with `weft plugin list` why it is refused · 插件 `{0}` 未加载：请把 {0}.wasm 放进插件目录，或用 `weft plugin list` 查看它为什么没有通过检查"
    )]
    NotLoaded(String),
    /// The operator has switched the plugin off.
    #[error(
        "plugin `{0}` is switched off: PATCH /api/v1/plugins/{0} with {{\"state\": \"ready\"}} switches it on · 插件 `{0}` 已停用：PATCH /api/v1/plugins/{0}，发送 {{\"state\": \"ready\"}} 即可启用"
    )]
    Disabled(String),
    /// The plugin has no entry of that kind and name.
    #[error("{}", no_such_entry(plugin, *kind, name, has))]
    NoSuchEntry {
        /// The plugin.
        plugin: String,
        /// The kind of the entry.
        kind: EntryKind,
        /// The name that was asked for; empty for the default.
        name: String,
        /// The names of the entries that there are, with commas between.
        has: String,
    },
    /// The plugin restricts the entry to other apps.
    #[error(
        "{en} `{name}` of plugin `{plugin}` is only for other apps: {listed} · 插件 `{plugin}` 的{zh} `{name}` 只供其他账号使用：{in_chinese}",
        en = kind.name(),
        zh = kind.in_chinese(),
        listed = apps.join(", "),
        in_chinese = apps.join("、")
    )]
    NotForApp {
        /// The plugin.
        plugin: String,
        /// The kind of the entry.
        kind: EntryKind,
        /// The name of the entry.
        name: String,
        /// The apps that the entry is for, or the first ones of many.
        apps: Vec<String>,
    },
    /// The app does not let the plugin serve pages.
    #[error(
        "app `{app}` lets plugin `{plugin}` serve no pages: PATCH /api/v1/apps/{app}/plugins/{plugin} with {{\"pages\": true}} grants it · 账号 `{app}` 没有授权插件 `{plugin}` 提供网页：PATCH /api/v1/apps/{app}/plugins/{plugin}，发送 {{\"pages\": true}} 即可授权"
    )]
    PagesNotGranted {
        /// The plugin.
        plugin: String,
        /// The app.
        app: String,
    },
    /// No turn came free for too long: the plugin ran as many calls as it may, of all apps or of this one, or the app
    /// as many as it may of all plugins.
    #[error(
        "plugin `{plugin}` had no turn for the call for {ms} ms ({setting}) · 插件 `{plugin}` 太忙，调用等了 {ms} 毫秒也没有轮到（{setting}）",
        ms = waited.as_millis()
    )]
    Busy {
        /// The plugin.
        plugin: String,
        /// How long the call waited.
        waited: Duration,
        /// The setting that the operator could raise.
        setting: &'static str,
    },
    /// More calls wait than may.
    #[error(
        "{waiting} calls of this app wait for plugin `{plugin}` already (plugins.max_queue) · 这个账号已有 {waiting} 次调用在等插件 `{plugin}`（plugins.max_queue）"
    )]
    Shed {
        /// The plugin.
        plugin: String,
        /// How many wait.
        waiting: usize,
    },
    /// The entry keeps failing for this app, and its breaker is open.
    #[error("{}", because(&keeps_failing(plugin, *kind, name, *refused_for), error))]
    KeepsFailing {
        /// The plugin.
        plugin: String,
        /// The kind of the entry.
        kind: EntryKind,
        /// The name of the entry.
        name: String,
        /// How long it is until a call is let through to see; zero while one runs.
        refused_for: Duration,
        /// Why the last call of the entry failed.
        error: String,
    },
    /// All plugins together took every sandbox.
    #[error(
        "the plugins together took every sandbox for {ms} ms · 所有插件占满了沙箱，等了 {ms} 毫秒",
        ms = waited.as_millis()
    )]
    PoolBusy {
        /// How long the call waited.
        waited: Duration,
    },
    /// The call took longer than it may by the wall clock.
    #[error(
        "the call did not end within {ms} ms, after {queued} ms of waiting for its turn{by} · 调用没有在 {ms} 毫秒内结束，此前排队 {queued} 毫秒{by}",
        ms = after.as_millis(),
        queued = waited.as_millis(),
        by = setting.map(|setting| format!(" ({setting})")).unwrap_or_default()
    )]
    TimedOut {
        /// How long the call could run.
        after: Duration,
        /// How long the call had waited before.
        waited: Duration,
        /// The setting that the operator could raise.
        setting: Option<&'static str>,
    },
    /// The call took more CPU time than it may.
    #[error(
        "the call used up its {ms} ms of CPU time (plugins.cpu_ms) · 调用用完了 {ms} 毫秒的 CPU 时间（plugins.cpu_ms）",
        ms = after.as_millis()
    )]
    CpuExhausted {
        /// The CPU time that the call may take.
        after: Duration,
        /// The functions that the guest was in when it was interrupted, innermost first, one in a line.
        backtrace: String,
    },
    /// The guest trapped: a panic, an exit, memory that could not be had.
    #[error("the plugin crashed: {0} · 插件崩溃")]
    Crashed(Crash),
    /// The plugin answered an error.
    #[error("{}", because("the plugin answered an error · 插件返回错误", .0))]
    Failed(String),
    /// The plugin's answer cannot be sent for what it says.
    #[error("{}", no_reply(.0))]
    BadReply(String),
    /// The plugin's answer is longer than a limit allows. For programs it is one that cannot be sent, too.
    #[error("{}", no_reply(.0))]
    ReplyTooLong(String),
}

impl CallError {
    /// The guest's functions, where it crashed or used up its CPU time, and they are known.
    pub fn backtrace(&self) -> Option<&str> {
        let (Self::Crashed(Crash { backtrace, .. }) | Self::CpuExhausted { backtrace, .. }) = self else { return None };
        Some(backtrace.as_str()).filter(|backtrace| !backtrace.is_empty())
    }

    /// The error as the log tells it. Why an entry keeps failing is in the log since its breaker opened, and not
    /// repeated.
    pub fn in_log(&self) -> String {
        match self {
            Self::KeepsFailing { plugin, kind, name, refused_for, .. } => {
                keeps_failing(plugin, *kind, name, *refused_for)
            }
            error => error.to_string(),
        }
    }

    /// Whether the failure is the plugin's fault, so that the next call would end the same way. An error that the
    /// plugin answers is not, nor is a reply that says what cannot be sent, nor a busy machine, nor memory that others
    /// have. Whether a grant was missing is not seen here.
    pub(super) fn is_fault(&self) -> bool {
        match self {
            Self::Crashed(crash) => !crash.is_of_others(),
            Self::CpuExhausted { .. } | Self::ReplyTooLong(_) => true,
            Self::TimedOut { after, waited, .. } => waited < after,
            _ => false,
        }
    }

    /// Whether another version of the plugin might have answered: what the host or the operator's settings cause is no
    /// version's fault.
    pub(super) fn is_of_version(&self) -> bool {
        match self {
            Self::Crashed(crash) => !crash.is_of_others(),
            Self::NoSuchEntry { .. }
            | Self::KeepsFailing { .. }
            | Self::TimedOut { .. }
            | Self::CpuExhausted { .. }
            | Self::Failed(_)
            | Self::BadReply(_)
            | Self::ReplyTooLong(_) => true,
            _ => false,
        }
    }

    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        self.error_code().name()
    }

    /// The code under which the error is counted.
    pub(super) fn error_code(&self) -> ErrorCode {
        match self {
            Self::NotLoaded(_) => ErrorCode::NotLoaded,
            Self::Disabled(_) => ErrorCode::Disabled,
            Self::NoSuchEntry { .. } => ErrorCode::NoSuchEntry,
            Self::NotForApp { .. } | Self::PagesNotGranted { .. } => ErrorCode::NotForApp,
            Self::Busy { .. } => ErrorCode::Busy,
            Self::PoolBusy { .. } => ErrorCode::PoolBusy,
            Self::Shed { .. } => ErrorCode::Shed,
            Self::KeepsFailing { .. } => ErrorCode::KeepsFailing,
            Self::TimedOut { .. } => ErrorCode::TimedOut,
            Self::CpuExhausted { .. } => ErrorCode::CpuExhausted,
            Self::Crashed(_) => ErrorCode::Crashed,
            Self::Failed(_) => ErrorCode::Failed,
            Self::BadReply(_) | Self::ReplyTooLong(_) => ErrorCode::BadReply,
        }
    }
}

macro_rules! error_codes {
    ($($code:ident $name:literal,)*) => {
        /// A code by which programs tell errors of calls apart. Errors that are the same to programs share one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum ErrorCode {
            $($code,)*
        }

        impl ErrorCode {
            /// All codes, each at the place of its number.
            pub(super) const ALL: &[Self] = &[$(Self::$code,)*];

            /// The code as a stable word.
            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }
        }
    };
}

error_codes! {
    NotLoaded "not_loaded",
    Disabled "disabled",
    NoSuchEntry "no_such_entry",
    NotForApp "not_for_app",
    Busy "busy",
    PoolBusy "pool_busy",
    Shed "shed",
    KeepsFailing "keeps_failing",
    TimedOut "timed_out",
    CpuExhausted "cpu_exhausted",
    Crashed "crashed",
    Failed "failed",
    BadReply "bad_reply",
}

fn no_reply(why: &str) -> String {
    because("the plugin's reply is not one · 插件的回复无法使用", why)
}

fn no_such_entry(plugin: &str, kind: EntryKind, name: &str, has: &str) -> String {
    let (kind, in_chinese) = (kind.name(), kind.in_chinese());
    let name = if name.is_empty() { String::new() } else { format!(" `{name}`") };
    let (has, chinese_has) =
        if has.is_empty() { Default::default() } else { (format!("; it has: {has}"), format!("，已有：{has}")) };
    format!("plugin `{plugin}` has no {kind}{name}{has} · 插件 `{plugin}` 没有{in_chinese}{name}{chinese_has}")
}

fn keeps_failing(plugin: &str, kind: EntryKind, name: &str, refused_for: Duration) -> String {
    let (kind, in_chinese, refused_for) = (kind.name(), kind.in_chinese(), refused_for.as_millis());
    format!(
        "{kind} `{name}` of plugin `{plugin}` keeps failing for this app and is not called for {refused_for} ms · 插件 \
         `{plugin}` 的{in_chinese} `{name}` 在这个账号下接连失败，{refused_for} 毫秒内不再调用"
    )
}

/// How a guest died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// The trap in words, and the limit that the guest came to.
    pub cause: String,
    /// Whether the guest ended as by a panic, whose text is then the last that it printed.
    pub panicked: bool,
    /// What the guest printed last.
    pub printed: String,
    /// The guest's functions, innermost first, one in a line.
    pub backtrace: String,
    /// The bound beyond which the guest had asked for memory in vain.
    pub refused: Option<MemoryBound>,
}

impl Crash {
    /// Whether the guest crashed because others had the memory that it wanted.
    fn is_of_others(&self) -> bool {
        self.refused == Some(MemoryBound::Total)
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(bound) = self.refused {
            write!(f, "memory beyond {bound} was refused; ")?;
        }
        match (&*self.printed, self.panicked) {
            ("", _) => f.write_str(&self.cause),
            (printed, true) => f.write_str(printed),
            (printed, false) => write!(f, "{}; it printed last: {printed}", self.cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_crashes_because_others_have_the_memory_is_not_at_fault() {
        for (refused, fault, said) in [
            (None, true, "the plugin crashed: unreachable"),
            (
                Some(MemoryBound::App),
                true,
                "the plugin crashed: memory beyond an app's half of plugins.total_memory_mib was refused; unreachable",
            ),
            (
                Some(MemoryBound::Total),
                false,
                "the plugin crashed: memory beyond plugins.total_memory_mib was refused; unreachable",
            ),
        ] {
            let (cause, printed, backtrace) = ("unreachable".to_owned(), String::new(), String::new());
            let error = CallError::Crashed(Crash { cause, panicked: true, printed, backtrace, refused });
            assert_eq!((error.is_fault(), error.is_of_version()), (fault, fault));
            assert_eq!(error.to_string(), format!("{said} · 插件崩溃"));
        }
    }

    #[test]
    fn a_reply_that_is_too_long_is_a_fault_and_one_that_cannot_be_sent_for_what_it_says_is_none() {
        let why = "it has 2 bytes and may have 1".to_owned();
        let (too_long, bad) = (CallError::ReplyTooLong(why.clone()), CallError::BadReply(why));
        assert_eq!((too_long.is_fault(), bad.is_fault()), (true, false));
        assert_eq!((too_long.code(), too_long.to_string()), (bad.code(), bad.to_string()));
    }

    #[test]
    fn what_was_printed_stands_for_the_cause_of_a_panic_and_of_nothing_else() {
        for (panicked, printed, said) in [
            (true, "panicked at lib.rs", "panicked at lib.rs"),
            (true, "", "the trap"),
            (false, "step 3", "the trap; it printed last: step 3"),
        ] {
            let (cause, printed, backtrace) = ("the trap".to_owned(), printed.to_owned(), String::new());
            let crash = Crash { cause, panicked, printed, backtrace, refused: None };
            assert_eq!(crash.to_string(), said);
        }
    }

    #[test]
    fn the_log_does_not_repeat_why_something_keeps_failing() {
        let error = CallError::KeepsFailing {
            plugin: "greeter".to_owned(),
            kind: EntryKind::Handler,
            name: "vip".to_owned(),
            refused_for: Duration::from_secs(3),
            error: "a long story".to_owned(),
        };
        let short = "handler `vip` of plugin `greeter` keeps failing for this app and is not called for 3000 ms";
        let chinese = "插件 `greeter` 的处理函数 `vip` 在这个账号下接连失败，3000 毫秒内不再调用";
        let told = (format!("{short} · {chinese}"), format!("{short}: a long story · {chinese}"));
        assert_eq!((error.in_log(), error.to_string()), told);
    }
}
