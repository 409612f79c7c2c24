//! What the listener does with connections: silent, slow, many, and at the end.

use std::{
    convert::Infallible,
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{Router, body::Body, routing::get};
use futures::stream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use weft::http::{ConnectionLimits, Routes, serve};

const LIMITS: ConnectionLimits =
    ConnectionLimits { connections: 100, head: Duration::from_millis(600), idle: Duration::from_secs(2) };

/// Longer than any limit and any answer.
const IN_TIME: Duration = Duration::from_secs(30);

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn routes() -> Router {
    let slow = async || {
        sleep(LIMITS.idle * 2).await;
        "at last"
    };
    let large = async || "x".repeat(1 << 20);
    Router::new().route("/", get("hello")).route("/slow", get(slow)).route("/large", get(large))
}

/// So many lines, one after another.
fn lines(count: usize, pause: Duration) -> Body {
    Body::from_stream(stream::unfold(0, move |line| async move {
        sleep(pause).await;
        (line < count).then(|| (Ok::<_, Infallible>(format!("line {line}\n")), line + 1))
    }))
}

async fn listening(limits: ConnectionLimits) -> (SocketAddr, DropGuard) {
    listening_to(routes(), limits).await
}

async fn listening_to(routes: Router, limits: ConnectionLimits) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, Routes::new(routes), limits, stop.clone()));
    (address, stop.drop_guard())
}

async fn connected(address: SocketAddr, first: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(first).await.unwrap();
    stream
}

/// Reads until `end` has come, or the connection has ended.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    while !String::from_utf8_lossy(&read).ends_with(end) {
        match timeout(IN_TIME, stream.read(&mut chunk)).await.expect("an answer, or an end") {
            Ok(0) | Err(_) => break,
            Ok(bytes) => read.extend_from_slice(&chunk[..bytes]),
        }
    }
    String::from_utf8(read).unwrap()
}

/// Waits until the other side has closed the connection.
async fn closed(stream: &mut TcpStream, what: &str) {
    let mut chunk = [0; 4096];
    let end = async { while stream.read(&mut chunk).await.is_ok_and(|bytes| bytes > 0) {} };
    assert!(timeout(IN_TIME, end).await.is_ok(), "{what}: the connection stays open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_send_no_whole_head_are_closed() {
    let (address, _stop) = listening(LIMITS).await;
    for first in ["", "PRI * HT", "GET / HTTP/1.1\r\nHo", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        closed(&mut connected(address, first.as_bytes()).await, first).await;
    }
    for head in ["PRI * HTTP/2.0\r\n\r\nSM", "GET / HTTP/1.1\r\nHost: example.com\r\n"] {
        let mut stream = connected(address, b"").await;
        let began = Instant::now();
        for byte in head.bytes().cycle() {
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
            assert!(began.elapsed() < IN_TIME, "{head:?}, drop by drop: the connection stays open");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_kept_between_requests_for_a_while() {
    let (address, _stop) = listening(LIMITS).await;
    let mut stream = connected(address, GET).await;
    for _ in 0..4 {
        assert!(read_until(&mut stream, "hello").await.starts_with("HTTP/1.1 200"));
        sleep(LIMITS.head + Duration::from_millis(100)).await;
        stream.write_all(GET).await.unwrap();
    }
    assert!(read_until(&mut stream, "hello").await.starts_with("HTTP/1.1 200"));
    closed(&mut stream, "idle").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_is_cut_off() {
    let (address, _stop) = listening(LIMITS).await;
    let mut stream = connected(address, b"").await;
    let began = Instant::now();
    // The buffers on the way fill up, and then the server neither writes nor reads.
    while let Ok(Ok(())) = timeout(IN_TIME, stream.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")).await {
        assert!(began.elapsed() < 2 * IN_TIME, "the connection stays open");
        sleep(Duration::from_millis(1)).await;
    }
    assert!(began.elapsed() < IN_TIME, "the connection stays open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_pings_at_once_keep_no_connection_open() {
    let (address, _stop) = listening(LIMITS).await;
    let settings = [0_u8, 0, 0, 4, 0, 0, 0, 0, 0];
    let first = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &settings].concat();
    let mut stream = connected(address, &first).await;
    // What answers them is written at once, and more than what counts as a part of an answer.
    let pings = [0_u8, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8].repeat(200);
    let began = Instant::now();
    while stream.write_all(&pings).await.is_ok() {
        assert!(began.elapsed() < IN_TIME, "the connection stays open");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_handler_may_take_its_time() {
    let (address, _stop) = listening(LIMITS).await;
    let mut stream = connected(address, b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(read_until(&mut stream, "at last").await.ends_with("at last"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_bit_by_bit_may_take_its_time() {
    let often = async || lines(10, LIMITS.idle / 4);
    let seldom = async || lines(2, LIMITS.idle + Duration::from_millis(400));
    let routes = Router::new().route("/often", get(often)).route("/seldom", get(seldom));
    let (address, _stop) = listening_to(routes, LIMITS).await;
    let read = async |path: &str, last: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut stream = connected(address, request.as_bytes()).await;
        let answer = read_until(&mut stream, "\r\n0\r\n\r\n").await;
        assert!(answer.contains(last) && answer.ends_with("\r\n0\r\n\r\n"), "{path} is cut: {answer}");
        closed(&mut stream, path).await;
    };
    tokio::join!(read("/often", "line 9"), read("/seldom", "line 1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_known_length_that_is_read_slowly_comes_whole() {
    // Much more than the buffers on the way have room for.
    const LENGTH: usize = 64 << 20;
    let (address, _stop) = listening_to(Router::new().route("/", get(async || "x".repeat(LENGTH))), LIMITS).await;
    let mut stream = connected(address, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let (began, mut total, mut chunk) = (Instant::now(), 0, vec![0; 1 << 16]);
    while let Ok(read @ 1..) = timeout(IN_TIME, stream.read(&mut chunk)).await.expect("more, or an end") {
        total += read;
        sleep(Duration::from_millis(5)).await;
    }
    assert!(began.elapsed() > LIMITS.idle * 2, "it is read for longer than the client may be idle");
    assert!(total > LENGTH, "the answer is cut after {total} bytes although it is read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_stops_reading_is_cut_off() {
    let gone = CancellationToken::new();
    let answered = gone.clone();
    let endless = move || {
        // It goes with the answer.
        let there = answered.clone().drop_guard();
        let chunks =
            stream::unfold(there, |there| async move { Some((Ok::<_, Infallible>("x".repeat(1 << 16)), there)) });
        async move { Body::from_stream(chunks) }
    };
    let (address, _stop) = listening_to(Router::new().route("/", get(endless)), LIMITS).await;
    let mut stream = connected(address, GET).await;
    // It reads for longer than it may be idle.
    let began = Instant::now();
    let mut chunk = vec![0; 1 << 16];
    while began.elapsed() < LIMITS.idle * 2 {
        let read = timeout(IN_TIME, stream.read(&mut chunk)).await.expect("more of the answer").unwrap();
        assert!(read > 0, "the answer is cut although it is read");
        sleep(Duration::from_millis(1)).await;
    }
    assert!(!gone.is_cancelled(), "the answer has ended although it is read");
    assert!(timeout(IN_TIME, gone.cancelled()).await.is_ok(), "the connection stays open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_limit_wait_for_room() {
    let limits = ConnectionLimits { connections: 2, idle: Duration::from_mins(1), ..LIMITS };
    let (address, _stop) = listening(limits).await;
    let mut first = connected(address, GET).await;
    let mut second = connected(address, GET).await;
    assert!(read_until(&mut first, "hello").await.ends_with("hello"));
    assert!(read_until(&mut second, "hello").await.ends_with("hello"));

    let mut third = connected(address, GET).await;
    let early = timeout(Duration::from_millis(500), third.read(&mut [0; 1])).await;
    assert!(early.is_err(), "a third connection is served beside two");
    drop(first);
    assert!(read_until(&mut third, "hello").await.ends_with("hello"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_connected_before_the_stop_is_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(connected(address, GET).await);
    }
    let stop = CancellationToken::new();
    stop.cancel();
    let serving = tokio::spawn(serve(listener, Routes::new(routes()), LIMITS, stop));
    for stream in &mut streams {
        assert!(read_until(stream, "hello").await.ends_with("hello"));
    }
    timeout(IN_TIME, serving).await.expect("the stop comes to an end").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
