//! What a guest prints: kept up to a limit, for the log, and its end, for who wants to know how it died. Printing more never
//! fails a call.

use std::{
    borrow::Cow,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use parking_lot::{Mutex, MutexGuard};
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

/// Bytes that are kept of the end, whatever was printed before it: the text of a panic is the last.
const END: usize = 4 << 10;

/// The shared end of standard output and standard error of one call.
#[derive(Clone)]
pub(super) struct Output {
    printed: Arc<Mutex<Printed>>,
    /// Bytes of the beginning.
    most: usize,
}

/// What a guest printed.
#[derive(Debug, Default)]
pub(in crate::plugins) struct Printed {
    /// Up to a limit.
    beginning: Vec<u8>,
    /// Up to [`END`]; what is short is in both.
    end: Vec<u8>,
    /// How many bytes there were in all.
    bytes: u64,
}

impl Printed {
    /// The beginning, as far as the limit goes.
    pub(in crate::plugins) fn beginning(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.beginning)
    }

    /// Whether there was more than the limit allows.
    pub(in crate::plugins) fn is_cut(&self) -> bool {
        self.bytes > self.beginning.len() as u64
    }

    /// What was said last; whole lines, where there are several.
    pub(in crate::plugins) fn end(&self) -> String {
        let text = String::from_utf8_lossy(&self.end);
        let text = text.trim();
        let whole = if self.has_more_than_end() { text.split_once('\n') } else { None };
        whole.map_or(text, |(_, lines)| lines).to_owned()
    }

    /// Whether the end is not all of it.
    pub(in crate::plugins) fn has_more_than_end(&self) -> bool {
        self.bytes > self.end.len() as u64
    }

    fn keep(&mut self, bytes: &[u8], most: usize) {
        let room = most.saturating_sub(self.beginning.len());
        self.beginning.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        let last = bytes.get(bytes.len().saturating_sub(END)..).unwrap_or(bytes);
        let surplus = (self.end.len() + last.len()).saturating_sub(END);
        self.end.drain(..surplus);
        self.end.extend_from_slice(last);
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
    }
}

impl Output {
    /// Keeps so many bytes of the beginning, and the end.
    pub(super) fn new(most: usize) -> Self {
        Self { printed: Arc::default(), most }
    }

    /// Takes what was printed so far.
    pub(super) fn take(&self) -> Printed {
        std::mem::take(&mut *self.printed())
    }

    fn keep(&self, bytes: &[u8]) {
        self.printed().keep(bytes, self.most);
    }

    fn printed(&self) -> MutexGuard<'_, Printed> {
        self.printed.lock()
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Output {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.keep(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(4096)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.keep(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(most: usize, texts: &[&str]) -> Printed {
        let output = Output::new(most);
        for text in texts {
            output.keep(text.as_bytes());
        }
        output.take()
    }

    #[test]
    fn the_beginning_has_a_limit_and_the_end_is_kept_whatever_came_before() {
        let short = printed(100, &["one\n", "panicked at lib.rs\n"]);
        assert_eq!((&*short.beginning(), &*short.end()), ("one\npanicked at lib.rs\n", "one\npanicked at lib.rs"));
        assert!(!short.is_cut() && !short.has_more_than_end());

        let line = format!("{}\n", "x".repeat(1023));
        for lines in [4, 5, 100] {
            let long = printed(2000, &[&line.repeat(lines), "panicked ", "at lib.rs\n"]);
            assert_eq!((long.beginning().len(), long.is_cut(), long.has_more_than_end()), (2000, true, true));
            let end = long.end();
            assert!(end.starts_with("xxx") && end.ends_with("\npanicked at lib.rs") && end.len() < END, "{end}");
        }
        let nothing = printed(0, &["panicked at lib.rs\n"]);
        assert_eq!((&*nothing.beginning(), &*nothing.end()), ("", "panicked at lib.rs"));
        let one = printed(100, &["界".repeat(END).as_str()]);
        assert!(one.end().ends_with('界'), "a line without an end has one all the same");
    }
}
