//! `log`: lines of a plugin in the operator's log.

use std::sync::Arc;

use crate::{
    plugin_limits::PluginLimits,
    plugins::{
        bindings::imported::log::{self, Level},
        error::CallError,
        guard::{Allowance, Verdict},
        instance::{State, Subject},
        limits::count,
        live_log::LogPlace,
        receipts::{Line, LineLevel},
    },
    printable::printable_up_to,
};

impl log::Host for State {
    async fn write(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        if !self.take_line() {
            return Ok(());
        }
        let mut line = message;
        for (name, value) in fields {
            line.push(' ');
            line.push_str(&name);
            line.push('=');
            line.push_str(&value);
        }
        let level = match level {
            Level::Debug => LineLevel::Debug,
            Level::Info => LineLevel::Info,
            Level::Warn => LineLevel::Warn,
            Level::Error => LineLevel::Error,
        };
        self.log_line(level, &line);
        Ok(())
    }
}

/// How many lines of a call may be logged.
pub(super) struct LogAllowance {
    /// The lines that the plugin may log for the app; none for a call beside those of messages, such as a replay, which
    /// has only the limits of a call.
    of_app: Option<Arc<Allowance>>,
    per_second: u64,
}

impl LogAllowance {
    /// Takes one of the lines that the plugin may log for the app; false where there is none left. The log says when
    /// lines are dropped, and how many were.
    pub(super) fn take(&self, plugin: &str, app: Option<&str>) -> bool {
        match self.of_app.as_ref().map_or(Verdict::Allowed(0), |lines| lines.take(self.per_second)) {
            Verdict::Allowed(0) => true,
            Verdict::Allowed(dropped) => {
                tracing::warn!(
                    plugin,
                    app,
                    dropped,
                    "lines of the plugin were dropped: it logged more for this app than it may (plugins.log_lines_per_second)"
                );
                true
            }
            Verdict::Dropped(is_first) => {
                if is_first {
                    tracing::warn!(
                        plugin,
                        app,
                        "lines of the plugin are dropped: it logs more for this app than it may (plugins.log_lines_per_second)"
                    );
                }
                false
            }
        }
    }
}

impl LogPlace {
    /// Tells those who read along why a call of `plugin` failed, as far as it may log. The log of the process hears of it
    /// from whoever made the call.
    pub(in crate::plugins) fn tell_failure(
        &self,
        plugin: &str,
        subject: &Subject,
        limits: &PluginLimits,
        error: &CallError,
    ) {
        let app = subject.app.name.as_str();
        let (of_app, per_second) = (Some(self.allowances.of(app)), limits.log_lines_per_second);
        if (LogAllowance { of_app, per_second }).take(plugin, Some(app)) {
            let text = format!("the call failed ({}): {error}", error.code());
            let text = printable_up_to(&text, count(limits.log_line_bytes)).into_owned();
            self.write(Some(subject), &Line { level: LineLevel::Error, text });
        }
    }
}

/// Whose words a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    Plugin,
    /// The host's, as a warning to the operator.
    Host,
}

impl State {
    /// How many lines of this call may be logged.
    pub(super) fn log_allowance(&self) -> LogAllowance {
        let app = self.subject.as_ref().map_or("", |subject| subject.app.name.as_str());
        let of_app = self.log_place.as_ref().map(|place| place.allowances.of(app));
        LogAllowance { of_app, per_second: self.limits.log_lines_per_second }
    }

    /// Takes one of the lines that the call may log, also by printing them; false where there is none left, which the
    /// log says once.
    pub(in crate::plugins) fn take_line(&mut self) -> bool {
        self.lines_logged = self.lines_logged.saturating_add(1);
        let (logged, most) = (u64::from(self.lines_logged), self.limits.log_lines);
        if logged == most + 1 {
            self.log_line(LineLevel::Warn, &format!("more than {most} lines in one call: the rest is dropped"));
        }
        logged <= most
    }

    /// Takes a line of the call to all who want to hear of it, as far as the plugin may log: the log of the process and the
    /// plugin's own, where it has a place in them, and the call's receipt.
    pub(in crate::plugins) fn log_line(&mut self, level: LineLevel, text: &str) {
        if let Some(line) = self.tell_line(Voice::Plugin, level, text) {
            self.trace.lines.push(line);
        }
    }

    /// Takes a line to the log of the process and the plugin's own, as far as the plugin may log.
    pub(super) fn tell_line(&self, voice: Voice, level: LineLevel, text: &str) -> Option<Line> {
        let plugin = &**self.plugin();
        let subject = self.subject.as_ref().map(|subject| (subject.app.name.as_str(), &*subject.delivery_id));
        let (app, delivery) = subject.unzip();
        if !self.log_allowance().take(plugin, app) {
            return None;
        }
        let text = printable_up_to(text, count(self.limits.log_line_bytes));
        let called = self.log_place.as_ref().map(|place| &place.counts);
        let (kind, entry) = (called.map(|called| called.kind.name()), called.map(|called| &*called.name));
        // Who makes a call beside those of messages reads its lines in the receipt.
        let is_beside = self.log_place.is_none() && subject.is_some();
        // A plugin's in a field, which stands in quotes: as the message it could pass for one of ours.
        match level {
            _ if voice == Voice::Host => tracing::warn!(plugin, kind, entry, app, delivery, "{text}"),
            _ if is_beside => {}
            LineLevel::Debug => tracing::debug!(text = &*text, plugin, kind, entry, app, delivery, "a plugin says"),
            LineLevel::Info => tracing::info!(text = &*text, plugin, kind, entry, app, delivery, "a plugin says"),
            LineLevel::Warn => tracing::warn!(text = &*text, plugin, kind, entry, app, delivery, "a plugin says"),
            LineLevel::Error => tracing::error!(text = &*text, plugin, kind, entry, app, delivery, "a plugin says"),
        }
        let line = Line { level, text: text.into_owned() };
        if let Some(place) = &self.log_place {
            place.write(self.subject.as_ref(), &line);
        }
        Some(line)
    }
}
