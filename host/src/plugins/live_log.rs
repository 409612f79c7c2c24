//! The last lines that a plugin logged, and those that come, for whoever reads along; and why its calls failed.

use std::{collections::VecDeque, sync::Arc};

use futures::{Stream, stream};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::broadcast::{self, error::RecvError};

use super::{
    entry_kind::EntryKind,
    guard::Allowances,
    instance::Subject,
    limits::{RECENT_BYTES, RECENT_LINES},
    receipts::Line,
    statistics::Counts,
};
use crate::model::App;

/// How many lines a reader may be behind.
const BEHIND: usize = 256;

/// What one plugin logs.
#[derive(Debug)]
pub struct LiveLog {
    recent: Mutex<Recent>,
    readers: broadcast::Sender<Arc<LoggedLine>>,
}

/// A line that was logged.
#[derive(Debug, Clone)]
pub struct LoggedLine {
    /// Counts the lines of the plugin since the process started.
    pub number: u64,
    /// When it was logged.
    pub at: Timestamp,
    /// What was logged.
    pub line: Line,
    /// Whom the call was for.
    pub app: Arc<App>,
    /// The same for every try at the same delivery or event.
    pub delivery_id: Arc<str>,
    /// What was called.
    pub kind: EntryKind,
    /// Its name.
    pub entry: Arc<str>,
}

#[derive(Debug, Default)]
struct Recent {
    lines: VecDeque<Arc<LoggedLine>>,
    bytes: usize,
    next: u64,
}

/// Reads along: first what is there, then what comes.
#[derive(Debug)]
pub struct Reader {
    recent: VecDeque<Arc<LoggedLine>>,
    coming: Option<broadcast::Receiver<Arc<LoggedLine>>>,
}

/// A reader was too slow for so many lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} lines came faster than they were read")]
pub struct Missed(pub u64);

/// Where the lines of a call go.
pub(super) struct LogPlace {
    pub(super) log: Arc<LiveLog>,
    /// How many may be logged.
    pub(super) allowances: Arc<Allowances>,
    /// What is called.
    pub(super) counts: Arc<Counts>,
}

impl Default for LiveLog {
    fn default() -> Self {
        Self { recent: Mutex::default(), readers: broadcast::Sender::new(BEHIND) }
    }
}

impl LiveLog {
    /// Reads along, from the line behind that number on, as far back as lines are kept.
    pub fn read(&self, after: Option<u64>) -> Reader {
        let recent = self.recent.lock();
        // A number that is not there yet is from before a restart.
        let after = after.filter(|after| *after < recent.next);
        let lines = recent.lines.iter().filter(|line| after.is_none_or(|after| line.number > after));
        Reader { recent: lines.map(Arc::clone).collect(), coming: Some(self.readers.subscribe()) }
    }
}

impl LogPlace {
    /// Takes a line of a call about `subject`.
    pub(super) fn write(&self, subject: Option<&Subject>, line: &Line) {
        let Some(subject) = subject else { return };
        let mut recent = self.log.recent.lock();
        let line = Arc::new(LoggedLine {
            number: recent.next,
            at: Timestamp::now(),
            line: line.clone(),
            app: Arc::clone(&subject.app),
            delivery_id: Arc::clone(&subject.delivery_id),
            kind: self.counts.kind,
            entry: Arc::clone(&self.counts.name),
        });
        recent.next += 1;
        recent.bytes += line.line.text.len();
        recent.lines.push_back(Arc::clone(&line));
        while recent.lines.len() > RECENT_LINES || recent.bytes > RECENT_BYTES {
            let Some(oldest) = recent.lines.pop_front() else { break };
            recent.bytes -= oldest.line.text.len();
        }
        // Under the lock, so that readers see the lines in their order. An error says that nobody reads.
        drop(self.log.readers.send(line));
    }
}

impl Reader {
    /// Reads only what is there.
    #[must_use]
    pub fn without_coming(self) -> Self {
        Self { coming: None, ..self }
    }

    /// The lines that are there, and a reader of only those that come.
    pub(super) fn split(self) -> (VecDeque<Arc<LoggedLine>>, Self) {
        (self.recent, Self { recent: VecDeque::new(), ..self })
    }

    /// The lines that are there, then those that come, until the plugin is gone or lines were missed.
    pub fn into_stream(self) -> impl Stream<Item = Result<Arc<LoggedLine>, Missed>> + Send {
        until_gap(self, |mut reader| async move { (reader.next().await, reader) })
    }

    /// The next line; none when there will be no more, because the plugin is gone.
    ///
    /// # Errors
    /// When lines were missed.
    async fn next(&mut self) -> Result<Option<Arc<LoggedLine>>, Missed> {
        if let Some(line) = self.recent.pop_front() {
            return Ok(Some(line));
        }
        let Some(coming) = &mut self.coming else { return Ok(None) };
        match coming.recv().await {
            Ok(line) => Ok(Some(line)),
            Err(RecvError::Closed) => Ok(None),
            Err(RecvError::Lagged(lines)) => Err(Missed(lines)),
        }
    }
}

/// What `next` gives of a reader, as a stream. It ends behind a gap: nothing would show it in what comes then.
pub(super) fn until_gap<R, L, N>(reader: R, next: impl Fn(R) -> N) -> impl Stream<Item = Result<L, Missed>>
where
    N: Future<Output = (Result<Option<L>, Missed>, R)>,
{
    stream::unfold(Some(reader), move |reader| {
        let next = reader.map(&next);
        async move {
            match next?.await {
                (Ok(line), reader) => Some((Ok(line?), Some(reader))),
                (Err(missed), _) => Some((Err(missed), None)),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;
    use crate::{
        model::AppType,
        plugins::{receipts::LineLevel, statistics::Statistics},
    };

    fn write(log: &Arc<LiveLog>, lines: std::ops::Range<u64>) {
        let counts = Statistics::default().counts(EntryKind::Handler, "hello");
        let place = LogPlace { log: Arc::clone(log), allowances: Arc::default(), counts };
        let app = Arc::new(App::new("shop", AppType::Service, "wx1"));
        let subject = Subject { app, granted: None, delivery_id: "d".into(), raw: "".into() };
        for number in lines {
            let line = Line { level: LineLevel::Info, text: format!("line {number}") };
            place.write(Some(&subject), &line);
        }
    }

    async fn next(reader: &mut Reader) -> Option<u64> {
        reader.next().await.unwrap().map(|line| line.number)
    }

    #[tokio::test]
    async fn a_reader_gets_what_is_there_and_what_comes_each_once() {
        let log = Arc::new(LiveLog::default());
        write(&log, 0..3);
        let mut reader = log.read(Some(0));
        write(&log, 3..4);
        assert_eq!([next(&mut reader).await, next(&mut reader).await, next(&mut reader).await], [1, 2, 3].map(Some));
        assert_eq!(next(&mut log.read(Some(7))).await, Some(0), "a number from before a restart");
        drop(log);
        assert_eq!(next(&mut reader).await, None);
    }

    #[tokio::test]
    async fn only_the_last_lines_are_kept() {
        let log = Arc::new(LiveLog::default());
        write(&log, 0..RECENT_LINES as u64 + 5);
        assert_eq!(next(&mut log.read(None)).await, Some(5));
    }

    #[tokio::test]
    async fn a_reader_that_is_too_slow_is_told_how_much_it_missed() {
        let log = Arc::new(LiveLog::default());
        let mut reader = log.read(None);
        write(&log, 0..BEHIND as u64 + 10);
        assert_eq!(reader.next().await.unwrap_err(), Missed(10));
    }

    #[tokio::test]
    async fn a_stream_of_lines_ends_behind_a_gap() {
        let log = Arc::new(LiveLog::default());
        let lines = log.read(None).into_stream().map(|line| line.map(|line| line.number));
        write(&log, 0..BEHIND as u64 + 1);
        assert_eq!(lines.collect::<Vec<_>>().await, [Err(Missed(1))]);
        let lines = log.read(Some(BEHIND as u64 - 1)).into_stream().map(|line| line.map(|line| line.number));
        drop(log);
        assert_eq!(lines.collect::<Vec<_>>().await, [Ok(BEHIND as u64)]);
    }
}
