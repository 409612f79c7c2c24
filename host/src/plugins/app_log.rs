//! What all plugins log for one app, for whoever reads along.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::{
    Stream, StreamExt,
    stream::{BoxStream, SelectAll},
};
use jiff::Timestamp;
use tokio::time::Interval;

use super::{
    live_log::{LiveLog, LoggedLine, Missed, Reader, until_gap},
    registry::Plugins,
};
use crate::model::App;

/// How soon a plugin that comes later is read along with.
const LOOK: Duration = Duration::from_secs(1);

/// Reads along with all plugins: first what is there, in the order of its time, then what comes.
pub struct AppReader {
    plugins: Plugins,
    app: App,
    /// Only what was logged after it.
    after: Option<Timestamp>,
    /// The logs that are read along with already.
    read: Vec<Weak<LiveLog>>,
    recent: VecDeque<AppLine>,
    /// Lines as they come, for whatever app.
    coming: SelectAll<BoxStream<'static, Result<AppLine, Missed>>>,
    look: Option<Interval>,
}

/// A line, and which plugin logged it.
#[derive(Debug, Clone)]
pub struct AppLine {
    /// The plugin's name.
    pub plugin: Arc<str>,
    /// What it logged.
    pub line: Arc<LoggedLine>,
}

impl Plugins {
    /// Reads along with what all plugins log for an app, `after` a moment, as far back as lines are kept; only what is
    /// there when nothing is `followed`.
    pub fn read_app_log(&self, app: App, after: Option<Timestamp>, followed: bool) -> AppReader {
        let look = followed.then(|| tokio::time::interval(LOOK));
        let plugins = self.clone();
        let (read, recent, coming) = (Vec::new(), VecDeque::new(), SelectAll::new());
        let mut reader = AppReader { plugins, app, after, read, recent, coming, look };
        reader.read_new();
        reader
    }
}

impl AppReader {
    /// The lines that are there, then those that come, until lines of a plugin were missed, for whatever app.
    pub fn into_stream(self) -> impl Stream<Item = Result<AppLine, Missed>> + Send {
        until_gap(self, |mut reader| async move { (reader.next().await, reader) })
    }

    /// The next line; none when there will be no more.
    ///
    /// # Errors
    /// When lines of a plugin were missed, for whatever app.
    async fn next(&mut self) -> Result<Option<AppLine>, Missed> {
        loop {
            if let Some(line) = self.recent.pop_front() {
                return Ok(Some(line));
            }
            let Some(look) = &mut self.look else { return Ok(None) };
            tokio::select! {
                Some(line) = self.coming.next() => {
                    let line = line?;
                    if line.is_for(&self.app) {
                        return Ok(Some(line));
                    }
                }
                _ = look.tick() => self.read_new(),
            }
        }
    }

    /// Begins to read the plugins that have come.
    fn read_new(&mut self) {
        self.read.retain(|log| log.strong_count() > 0);
        let mut recent = Vec::new();
        for plugin in self.plugins.list() {
            if self.read.iter().any(|log| std::ptr::eq(log.as_ptr(), Arc::as_ptr(&plugin.log))) {
                continue;
            }
            self.read.push(Arc::downgrade(&plugin.log));
            let name = &plugin.name;
            let (before, coming) = plugin.log.read(None).split();
            let before = before.into_iter().map(|line| AppLine { plugin: Arc::clone(name), line });
            recent
                .extend(before.filter(|line| line.is_for(&self.app) && self.after.is_none_or(|at| line.line.at > at)));
            if self.look.is_some() {
                self.coming.push(lines(Arc::clone(name), coming));
            }
        }
        recent.sort_by_key(|line| line.line.at);
        self.recent.extend(recent);
    }
}

impl AppLine {
    /// A former app of the same name may have stood for another account.
    fn is_for(&self, app: &App) -> bool {
        self.line.app.name == app.name && self.line.app.appid == app.appid
    }
}

/// What a plugin logs from now on, for as long as it is there and no line was missed.
fn lines(plugin: Arc<str>, reader: Reader) -> BoxStream<'static, Result<AppLine, Missed>> {
    reader.into_stream().map(move |line| line.map(|line| AppLine { plugin: Arc::clone(&plugin), line })).boxed()
}
