//! Sends requests over kept connections, as cheaply as can be: the machine is the server's.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use super::pool::{Endpoint, Request, check};

/// Connections at once, each with one request at a time.
pub(crate) const CONNECTIONS: usize = 32;

/// Sends every request once, on one thread; returns how long that took.
///
/// # Errors
/// When an answer is not the one that it should be. They are all kept and checked, after the
/// clock was stopped.
pub(crate) fn send(endpoint: Endpoint, address: SocketAddr, requests: Vec<Request>) -> anyhow::Result<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let requests: Arc<[Request]> = requests.into();
    let (took, answers) = runtime.block_on(async {
        let mut streams = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let next = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let mut connections = JoinSet::new();
        // Never sleeps: the server would pay for waking it, the more often the slower it answers.
        let awake = tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
        for stream in streams {
            connections.spawn(connection(stream, Arc::clone(&requests), Arc::clone(&next)));
        }
        let mut answers = Vec::with_capacity(CONNECTIONS);
        while let Some(ended) = connections.join_next().await {
            answers.push(ended??);
        }
        awake.abort();
        anyhow::Ok((began.elapsed(), answers))
    })?;
    ensure!(answers.iter().map(Vec::len).sum::<usize>() == requests.len(), "some requests were not answered");
    for (index, body) in answers.into_iter().flatten() {
        let request = requests.get(index).context("an answer without a request")?;
        check(endpoint, request, str::from_utf8(&body)?)?;
    }
    Ok(took)
}

/// The bodies of the answers, each with its request's index.
type Answers = Vec<(usize, Vec<u8>)>;

/// Takes one request after the other as long as there are any.
async fn connection(
    mut stream: TcpStream,
    requests: Arc<[Request]>,
    next: Arc<AtomicUsize>,
) -> anyhow::Result<Answers> {
    let mut answers = Vec::with_capacity(2 * requests.len() / CONNECTIONS);
    let mut buffer = Vec::with_capacity(8 << 10);
    loop {
        let index = next.fetch_add(1, Relaxed);
        let Some(request) = requests.get(index) else { return Ok(answers) };
        stream.write_all(&request.bytes).await?;
        answers.push((index, read(&mut stream, &mut buffer).await?));
    }
}

/// Reads one response.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<Vec<u8>> {
    buffer.clear();
    loop {
        ensure!(stream.read_buf(buffer).await? > 0, "the server closed a connection");
        if let Some(body) = body(buffer)? {
            return Ok(body);
        }
    }
}

/// The body of the response in `buffer`, which must be 200 and say how long it is; none before all of it has come.
pub(crate) fn body(buffer: &mut Vec<u8>) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(head) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let (head, body) = (str::from_utf8(buffer.get(..head).unwrap_or_default())?, head + 4);
    ensure!(head.starts_with("HTTP/1.1 200 "), "the server answered {head:?}");
    let length = content_length(head).with_context(|| format!("no length in {head:?}"))?;
    if buffer.len() < body + length {
        return Ok(None);
    }
    ensure!(buffer.len() == body + length, "more came than one response");
    Ok(Some(buffer.split_off(body)))
}

fn content_length(head: &str) -> Option<usize> {
    let (_, value) = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    value.trim().parse().ok()
}
