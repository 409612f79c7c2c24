//! Accepts connections and serves them, with the limits that keep slow and silent clients from
//! piling up, until it is told to stop.

use std::{
    convert::Infallible,
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
use hyper::{
    body::{Frame, SizeHint},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::routes::Routes;

/// What a listener allows its clients. How long a request may take is its handler's to say.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// How many connections are open at a time; more wait in the system's queue.
    pub connections: usize,
    /// How long a new connection may take until the head of its first request has arrived.
    pub head: Duration,
    /// How long a connection may be without a request that is being answered: between requests,
    /// and while a client does not read its answers. An answer that comes bit by bit is being
    /// answered while its next bit is awaited, and each part of any answer that the client takes
    /// begins the time anew; a part counts as taken when there is room for it in the buffers on
    /// the way.
    pub idle: Duration,
}

impl ConnectionLimits {
    /// The limits for each of `listeners` listeners of this process, which share the file
    /// descriptors that it may have.
    pub fn shared_by(listeners: usize) -> Self {
        Self {
            connections: (descriptors_for_connections() / listeners.max(1)).max(1),
            head: Duration::from_secs(10),
            idle: Duration::from_mins(1),
        }
    }
}

/// File descriptors that connections leave to the database, the plugins and the log.
const RESERVED_DESCRIPTORS: usize = 100;

/// How many connections are open at most, where the system allows more descriptors or does not say.
const MOST_CONNECTIONS: usize = 50_000;
const CONNECTIONS_ELSEWHERE: usize = 900;

/// From how many bytes on that are written at once a client has taken a part of an answer that it is owed. Fewer are what
/// HTTP/2 says between answers, and no part that was waited for: a socket takes more as soon as there is room for many.
const PART: usize = 1 << 10;

/// How long requests in flight may take when the process stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How long connections that have just been made may take to say what they want when the process stops.
const STOP_GRACE: Duration = Duration::from_millis(100);

/// Serves `routes` until `stop`, then lets the requests in flight end.
pub async fn serve(listener: TcpListener, routes: Routes, limits: ConnectionLimits, stop: CancellationToken) {
    let permits = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    let server = Server::new(routes, limits);
    loop {
        let (stream, permit) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        server.serve(stream, permit);
    }
    // Who has connected before the stop gets an answer; closing the socket would reset them.
    for (stream, permit) in waiting(listener, &permits) {
        server.serve(stream, permit);
    }
    tokio::time::sleep(STOP_GRACE).await;
    if tokio::time::timeout(STOP_TIMEOUT, server.connections.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end within {STOP_TIMEOUT:?} and are cut off");
    }
}

/// The next connection, once there is room for it.
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let Ok(permit) = Arc::clone(permits).acquire_owned().await else { std::future::pending().await };
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                // A client that left already, or a system that is short of something: it passes.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Empties the system's queue of a listener, as far as there is room, and closes it.
fn waiting(listener: TcpListener, permits: &Arc<Semaphore>) -> Vec<(TcpStream, OwnedSemaphorePermit)> {
    let mut streams = Vec::new();
    // Not through tokio: its knowledge of the queue may be older than the last connection.
    let Ok(listener) = listener.into_std() else { return streams };
    while let Ok(permit) = Arc::clone(permits).try_acquire_owned()
        && let Ok((stream, _)) = listener.accept()
    {
        if stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            streams.push((stream, permit));
        }
    }
    streams
}

/// Serves connections in tasks of their own.
struct Server {
    routes: Arc<Routes>,
    limits: ConnectionLimits,
    builder: Builder<TokioExecutor>,
    connections: GracefulShutdown,
}

impl Server {
    fn new(routes: Routes, limits: ConnectionLimits) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        // hyper's own limit begins only when it knows the protocol, and does not see writes: ours does both.
        builder.http1().timer(TokioTimer::new()).header_read_timeout(None);
        builder.http2().timer(TokioTimer::new()).max_concurrent_streams(128).keep_alive_interval(Some(limits.idle));
        Self { routes: Arc::new(routes), limits, builder, connections: GracefulShutdown::new() }
    }

    fn serve(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let _ = stream.set_nodelay(true);
        let requests = Arc::new(Requests::new());
        let counted = Arc::clone(&requests);
        let routes = Arc::clone(&self.routes);
        let service = service_fn(move |request| {
            let in_flight = InFlight::new(&requests);
            let routes = Arc::clone(&routes);
            async move {
                let answer = routes.answer(request).await;
                Ok::<_, Infallible>(in_flight.ends_with(answer))
            }
        });
        let stream = TokioIo::new(Watched { stream, requests: Arc::clone(&counted) });
        let connection = self.builder.serve_connection_with_upgrades(stream, service).into_owned();
        let connection = self.connections.watch(connection);
        let limits = self.limits;
        tokio::spawn(async move {
            let _permit = permit;
            tokio::select! {
                biased;
                result = connection => {
                    if let Err(error) = result {
                        tracing::trace!(%error, "a connection ended early");
                    }
                }
                () = silence(counted, limits) => tracing::trace!("a connection without requests is closed"),
            }
        });
    }
}

/// The requests of one connection. Nothing waits for a change: whoever watches a connection looks at the times at which
/// it may have been silent for too long, so that a request wakes nobody but its handler.
struct Requests {
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
struct InFlight(Arc<Requests>);

impl Requests {
    fn new() -> Self {
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
    fn new(requests: &Arc<Requests>) -> Self {
        requests.begun.fetch_add(1, Relaxed);
        Self(Arc::clone(requests))
    }

    /// Ends with the head of an answer that is all there, as most are. One that is still being made is
    /// counted on.
    fn ends_with(self, answer: Response) -> Response {
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
struct Watched {
    stream: TcpStream,
    requests: Arc<Requests>,
}

impl Watched {
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
async fn silence(requests: Arc<Requests>, limits: ConnectionLimits) {
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

/// What the soft limit of file descriptors leaves to connections.
fn descriptors_for_connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    match soft_limit(&limits) {
        Some(soft) => soft.saturating_sub(RESERVED_DESCRIPTORS).max(soft / 2).min(MOST_CONNECTIONS),
        None => CONNECTIONS_ELSEWHERE,
    }
}

/// Reads the soft limit of open files from the text of Linux's `/proc/self/limits`.
fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(usize::MAX),
        soft => soft.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::soft_limit;

    #[test]
    fn the_soft_limit_of_open_files_is_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max processes             95000                95000                processes \n\
                    Max open files            1024                 524288               files     \n";
        assert_eq!(soft_limit(text), Some(1024));
        assert_eq!(soft_limit(&text.replace("1024  ", "unlimited  ")), Some(usize::MAX));
        assert_eq!(soft_limit(""), None);
    }
}
