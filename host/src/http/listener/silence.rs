//! Whether a client is still there: how long its connection has had no request that is being answered.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    response::Response,
};
use hyper::body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};

use super::ConnectionLimits;

/// So many bytes written at once show that the client has taken a part of an answer. Fewer may be what HTTP/2 says
/// between answers; a socket that has room for a part takes more than that at once.
const PART: usize = 1 << 10;

/// The requests of one connection. Nothing waits for a change: whoever watches a connection looks at the times at which
/// it may have been silent for too long, so that a request wakes nobody but its handler.
pub(super) struct Requests {
    opened: Instant,
    /// How many have begun, and how many have ended.
    begun: AtomicU64,
    ended: AtomicU64,
    /// Bytes of answers that the client has not taken yet, as far as they are known. Without them what is written is
    /// what HTTP/2 says to clients that ask for nothing.
    owed: AtomicU64,
    /// When the last one ended, or the client took a part of its answer, in milliseconds since the connection was opened.
    last_sign: AtomicU64,
}

/// Counts a connection's request for as long as it is being answered.
pub(super) struct InFlight(Arc<Requests>);

impl Requests {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            owed: AtomicU64::new(0),
            last_sign: AtomicU64::new(0),
        }
    }

    /// The client is there.
    fn sign(&self) {
        let open_for = self.opened.elapsed().as_millis();
        self.last_sign.store(u64::try_from(open_for).unwrap_or(u64::MAX), Relaxed);
    }

    fn owe(&self, bytes: u64) {
        self.owed.fetch_add(bytes, Relaxed);
    }

    /// So many bytes were written at once.
    fn take(&self, bytes: usize) {
        let taken = u64::try_from(bytes).unwrap_or(u64::MAX);
        let owed = self.owed.fetch_update(Relaxed, Relaxed, |owed| Some(owed.saturating_sub(taken)));
        if bytes >= PART && owed.is_ok_and(|owed| owed > 0) {
            self.sign();
        }
    }

    /// Since when there has been no request, and for how long that may be; none while there is one.
    fn silent_since(&self, limits: ConnectionLimits) -> Option<(Instant, Duration)> {
        let (ended, begun) = (self.ended.load(Acquire), self.begun.load(Relaxed));
        let limit = if begun == 0 { limits.head } else { limits.idle };
        let since = self.opened + Duration::from_millis(self.last_sign.load(Relaxed));
        (begun == ended).then_some((since, limit))
    }
}

impl InFlight {
    pub(super) fn new(requests: &Arc<Requests>) -> Self {
        requests.begun.fetch_add(1, Relaxed);
        Self(Arc::clone(requests))
    }

    /// Ends with the head of an answer that is all there, as most are. One that is still being made is
    /// counted on.
    pub(super) fn ends_with(self, answer: Response) -> Response {
        if let Some(length) = answer.body().size_hint().exact() {
            self.0.owe(length);
            return answer;
        }
        let requests = Arc::clone(&self.0);
        answer.map(|body| Body::new(Streamed { body, requests, awaited: None }))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.sign();
        self.0.ended.fetch_add(1, Release);
    }
}

/// The body of an answer that is still being made. Its request is in flight while the next bit is awaited. While the
/// client has no room for another one, nobody asks for it, and the time runs in which the client has to read.
struct Streamed {
    body: Body,
    requests: Arc<Requests>,
    awaited: Option<InFlight>,
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let in_flight = this.awaited.take().unwrap_or_else(|| InFlight::new(&this.requests));
        let next = Pin::new(&mut this.body).poll_frame(context);
        match &next {
            Poll::Pending => this.awaited = Some(in_flight),
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                this.requests.owe(u64::try_from(bytes).unwrap_or(u64::MAX));
            }
            Poll::Ready(_) => {}
        }
        next
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection, where it is seen that the client takes parts of an answer: one whose length is known is handed over whole,
/// long before it was read.
pub(super) struct Watched {
    stream: TcpStream,
    requests: Arc<Requests>,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, requests: Arc<Requests>) -> Self {
        Self { stream, requests }
    }

    fn written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.requests.take(bytes);
        }
        written
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Ends when a connection has had no request for longer than it may.
pub(super) async fn silence(requests: Arc<Requests>, limits: ConnectionLimits) {
    loop {
        // A request that ends while this sleeps is seen afterwards, with the time at which it did.
        let ends = match requests.silent_since(limits) {
            Some((since, limit)) => since + limit,
            None => Instant::now() + limits.head.min(limits.idle),
        };
        if ends <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(ends).await;
    }
}
