//! Accepts connections and serves them, with the limits that keep slow and silent clients from
//! piling up, until it is told to stop.

mod silence;

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

use super::routes::Routes;
use silence::{InFlight, Requests, Watched, silence};

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

/// How many requests of an HTTP/2 connection are answered at a time: each answer is in memory until it is taken.
const STREAMS: u32 = 32;

/// File descriptors that connections leave to the database, the plugins and the log.
const RESERVED_DESCRIPTORS: usize = 100;

/// How many connections are open at most, where the system allows more descriptors or does not say.
const MOST_CONNECTIONS: usize = 50_000;
const CONNECTIONS_ELSEWHERE: usize = 900;

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
        builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS).keep_alive_interval(Some(limits.idle));
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
        let stream = TokioIo::new(Watched::new(stream, Arc::clone(&counted)));
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
