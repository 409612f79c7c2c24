//! Messages that are handed to a server of the operator's.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode, Uri},
    response::IntoResponse,
    routing::{any, post},
};
use bytes::Bytes;
use futures::future::join_all;
use tokio::time::timeout;
use weft::{
    model::{App, AppType},
    upstream::{Forward, ForwardError, TransportError},
};

use super::shown;

/// An operator's server.
struct Operator {
    address: SocketAddr,
    /// Content type, query and body of what arrived.
    seen: Arc<Mutex<Vec<(String, String, String)>>>,
}

impl Operator {
    async fn start() -> Self {
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let record = Arc::clone(&seen);
        let reply = move |headers: HeaderMap, uri: Uri, body: String| {
            let content_type = headers["content-type"].to_str().unwrap().to_owned();
            record.lock().unwrap().push((content_type, uri.query().unwrap_or_default().to_owned(), body));
            async { "<xml/>" }
        };
        let routes = Router::new()
            .route("/reply", post(reply.clone()))
            .route("/elsewhere", any(reply))
            .route("/redirect", post(async || (StatusCode::TEMPORARY_REDIRECT, [("location", "/elsewhere")])))
            .route("/broken", post(async || StatusCode::INTERNAL_SERVER_ERROR))
            .route("/empty", post(async || ()))
            .route("/just-fits", post(async || vec![b'x'; 256 << 10]))
            .route("/too-large", post(async || vec![b'x'; (256 << 10) + 1].into_response()))
            .route("/slow", post(async || tokio::time::sleep(Duration::from_mins(1)).await));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, seen }
    }

    /// Posts to `path`, with the server listed.
    async fn post(&self, path: &str, query: Option<&str>) -> Result<Bytes, ForwardError> {
        let url = format!("http://{}{path}", self.address);
        post_to(&url, &[self.address.to_string()], query).await
    }

    fn seen(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

async fn post_to(url: &str, listed: &[String], query: Option<&str>) -> Result<Bytes, ForwardError> {
    let mut app = App::new("shop", AppType::Service, "wx1");
    app.settings.forward_hosts = listed.to_vec();
    Forward::new().unwrap().post(&app, url, query, Bytes::from_static("<xml>你好</xml>".as_bytes()), "text/xml").await
}

#[tokio::test]
async fn a_listed_host_gets_the_raw_body_and_the_query_only_when_asked() {
    let operator = Operator::start().await;
    assert_eq!(operator.post("/reply?shop=1", None).await.unwrap(), "<xml/>");
    operator.post("/reply?shop=1", Some("signature=a&nonce=b")).await.unwrap();
    operator.post("/reply", Some("signature=a")).await.unwrap();
    let expected = ["shop=1", "shop=1&signature=a&nonce=b", "signature=a"]
        .map(|query| ("text/xml".to_owned(), query.to_owned(), "<xml>你好</xml>".to_owned()));
    assert_eq!(*operator.seen.lock().unwrap(), expected);
    assert_eq!(operator.post("/empty", None).await.unwrap(), "");
}

#[tokio::test]
async fn addresses_of_this_side_are_refused_however_they_are_written() {
    let operator = Operator::start().await;
    let port = operator.address.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "10.1.2.3",
        "192.168.0.1",
        "172.20.0.1",
        "100.100.100.200",
        "[fd00:ec2::254]",
        "[fe80::1]",
    ] {
        let error = post_to(&format!("http://{host}:{port}/reply?key=hunter2"), &[], None).await.unwrap_err();
        assert!(matches!(error, ForwardError::NotPublic { .. }), "{host}: {error:?}");
        assert!(error.to_string().contains("forward_hosts") && !shown(&error).contains("hunter2"), "{error}");
    }
    assert_eq!(operator.seen(), 0);
}

#[tokio::test]
async fn a_name_of_this_machine_is_reached_when_it_is_listed_and_another_port_is_not() {
    let operator = Operator::start().await;
    let port = operator.address.port();
    let url = format!("http://localhost:{port}/reply");
    for entry in ["localhost".to_owned(), format!("LocalHost:{port}")] {
        post_to(&url, &[entry], None).await.unwrap();
    }
    for entry in [format!("localhost:{}", port - 1), "host".to_owned(), "127.0.0.1".to_owned()] {
        let error = post_to(&url, &[entry], None).await.unwrap_err();
        assert!(matches!(error, ForwardError::NotPublic { .. }), "{error:?}");
    }
    assert_eq!(operator.seen(), 2);
}

#[tokio::test]
async fn an_app_has_so_many_messages_on_their_way_and_no_more() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut app = App::new("shop", AppType::Service, "wx1");
    app.settings.forward_hosts = vec![address.to_string()];
    let (forward, url) = (Forward::new().unwrap(), format!("http://{address}/"));
    let posting = join_all((0..100).map(|_| forward.post(&app, &url, None, Bytes::new(), "text/xml")));
    // Nobody is answered, and each keeps its connection.
    let accepting = async {
        let mut accepted = Vec::new();
        while let Ok(Ok((stream, _))) = timeout(Duration::from_secs(1), listener.accept()).await {
            accepted.push(stream);
        }
        accepted.len()
    };
    let connections = tokio::select! {
        connections = accepting => connections,
        _ = posting => panic!("nobody answers"),
    };
    assert_eq!(connections, 64);
}

#[tokio::test]
async fn only_http_and_https_are_spoken() {
    let listed = ["localhost".to_owned()];
    for url in ["file:///etc/passwd", "ftp://localhost/", "gopher://localhost/", "localhost/reply", "", "http://"] {
        let error = post_to(url, &listed, None).await.unwrap_err();
        assert!(matches!(error, ForwardError::Url), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn redirects_and_errors_are_no_answers() {
    let operator = Operator::start().await;
    for (path, expected) in [("/redirect", 307), ("/broken", 500), ("/nothing", 404)] {
        let error = operator.post(path, None).await.unwrap_err();
        let ForwardError::Transport(TransportError::Status(status)) = error else { panic!("{error:?}") };
        assert_eq!(status, expected);
    }
    assert_eq!(operator.seen(), 0, "nobody followed");
}

#[tokio::test]
async fn answers_have_a_limit_of_length_and_of_time() {
    let operator = Operator::start().await;
    assert_eq!(operator.post("/just-fits", None).await.unwrap().len(), 256 << 10);
    let error = operator.post("/too-large", None).await.unwrap_err();
    assert!(matches!(error, ForwardError::Transport(TransportError::TooLarge(_))), "{error:?}");
    let began = Instant::now();
    let error = operator.post("/slow?key=hunter2", None).await.unwrap_err();
    assert!(matches!(error, ForwardError::Transport(TransportError::Timeout(_))), "{error:?}");
    assert!(!shown(&error).contains("hunter2"));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(4400) && took < Duration::from_secs(30), "{took:?}");
}

#[tokio::test]
async fn nobody_there_is_an_error_without_the_url() {
    let listed = ["127.0.0.1".to_owned()];
    let error = post_to("http://me:hunter2@127.0.0.1:1/?key=hunter2", &listed, None).await.unwrap_err();
    assert!(matches!(error, ForwardError::Transport(TransportError::Connect(_))), "{error:?}");
    assert!(!shown(&error).contains("hunter2"), "{}", shown(&error));
}
