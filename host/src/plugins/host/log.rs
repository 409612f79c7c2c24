//! `log`: lines of a plugin in the operator's log.

use std::borrow::Cow;

use crate::plugins::{
    bindings::imported::log::{self, Level},
    instance::State,
    limits::{LOG_LINE_BYTES, LOG_LINES},
};

impl log::Host for State {
    async fn write(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        self.lines_logged = self.lines_logged.saturating_add(1);
        let plugin = &*self.plugin;
        let app = self.subject.as_ref().map_or("", |subject| subject.app.name.as_str());
        if self.lines_logged > LOG_LINES {
            if self.lines_logged == LOG_LINES + 1 {
                tracing::warn!(
                    plugin,
                    app,
                    "the plugin logs more than {LOG_LINES} lines in one call: the rest is dropped"
                );
            }
            return Ok(());
        }
        let mut line = message;
        for (name, value) in fields {
            line.push(' ');
            line.push_str(&name);
            line.push('=');
            line.push_str(&value);
        }
        let line = printable(&line);
        match level {
            Level::Debug => tracing::debug!(plugin, app, "{line}"),
            Level::Info => tracing::info!(plugin, app, "{line}"),
            Level::Warn => tracing::warn!(plugin, app, "{line}"),
            Level::Error => tracing::error!(plugin, app, "{line}"),
        }
        Ok(())
    }
}

/// A guest's text as one line of bounded length, which cannot move a terminal's cursor or pass for
/// another line.
pub(in crate::plugins) fn printable(text: &str) -> Cow<'_, str> {
    let end = text.floor_char_boundary(LOG_LINE_BYTES);
    let cut = text.get(..end).unwrap_or_default();
    if cut.chars().any(char::is_control) { Cow::Owned(cut.chars().map(visible).collect()) } else { Cow::Borrowed(cut) }
}

fn visible(c: char) -> char {
    match c {
        '\n' => '⏎',
        c if c.is_control() => ' ',
        c => c,
    }
}
