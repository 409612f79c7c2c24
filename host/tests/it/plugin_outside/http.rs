//! HTTP requests of plugins: to whom they may go, what is taken off them, and where they end.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Path,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::IntoResponse,
    routing::any,
};
use futures::stream;
use serde_json::{Value, json};
use weft::model::AppPlugin;

use super::Asking;

/// A server that is not on the internet.
struct Other {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Other {
    async fn start() -> Self {
        let requests = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&requests);
        let echo = move |method: Method, headers: HeaderMap, body: Bytes| {
            count.fetch_add(1, Relaxed);
            async move {
                let mut names: Vec<_> = headers.keys().map(ToString::to_string).collect();
                names.sort();
                let kind = [("x-kind", headers.get("x-kind").cloned().unwrap_or_else(|| "none".parse().unwrap()))];
                (kind, format!("{method} {} {}", body.len(), names.join(",")))
            }
        };
        let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 64 << 10]));
        let routes = Router::new()
            .route("/echo", any(echo))
            .route("/redirect", any(async || (StatusCode::FOUND, [("location", "/echo")])))
            .route("/redirect/{status}", any(redirect))
            .route("/broken", any(async || (StatusCode::INTERNAL_SERVER_ERROR, "broken")))
            .route("/just-fits", any(async || vec![b'x'; 1 << 20]))
            .route("/endless", any(async || Body::from_stream(endless)))
            .route("/many-headers", any(async || [("x-long", "x".repeat(17 << 10))]))
            .route("/slow", any(async || tokio::time::sleep(Duration::from_mins(1)).await));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, requests }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }
}

/// Sends whoever asks to where the query says.
async fn redirect(Path(status): Path<u16>, uri: Uri) -> impl IntoResponse {
    (StatusCode::from_u16(status).unwrap(), [("location", uri.query().unwrap_or_default().to_owned())])
}

/// A guest that may reach the other server by its address.
async fn granted() -> (Asking, Other) {
    let (asking, other) = (Asking::start().await, Other::start().await);
    asking.grant(json!({"http_hosts": [format!("http://{}", other.address)]})).await;
    (asking, other)
}

fn get(url: &str) -> Value {
    json!({"ask": "http", "url": url})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_granted_address_is_asked_and_any_status_is_an_answer() {
    let (asking, other) = granted().await;
    let posted = asking
        .ask(json!({
            "ask": "http", "method": "POST", "url": other.url("/echo"), "body": 1 << 20, "headers": [["x-kind", "a"]],
        }))
        .await;
    assert!(posted.starts_with("200 - - a ") && posted.contains("POST 1048576 "), "{posted}");
    assert_eq!(asking.ask(get(&other.url("/broken"))).await, "500 - - - 6 broken");
    assert_eq!(asking.ask(get(&other.url("/redirect"))).await, "302 /echo - - 0 ");
    assert_eq!(other.requests(), 1, "the redirect is not followed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_to_where_nothing_is_granted_is_an_answer_and_leads_nowhere() {
    let (asking, other) = granted().await;
    let inside = Other::start().await;
    let port = inside.address.port();
    let redirected = async |status: u16, location: &str| {
        let answer = asking.ask(get(&other.url(&format!("/redirect/{status}?{location}")))).await;
        assert_eq!(answer, format!("{status} {location} - - 0 "));
    };
    for status in [301, 302, 303, 307, 308] {
        redirected(status, &inside.url("/echo")).await;
    }
    for location in [
        format!("http://localhost:{port}/echo"),
        format!("http://[::ffff:127.0.0.1]:{port}/echo"),
        format!("//127.0.0.1:{port}/echo"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://evil.example/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        redirected(302, &location).await;
    }
    assert_eq!(inside.requests(), 0, "nobody went there");
    let refused = asking.ask(get(&inside.url("/echo"))).await;
    let why = format!("`http_hosts: http://{}`", inside.address);
    assert!(refused.starts_with("denied: ") && refused.contains(&why), "who follows it needs a grant: {refused}");
    assert_eq!(inside.requests(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_of_the_connection_and_of_proxies_are_the_hosts_own() {
    let (asking, other) = granted().await;
    let headers = json!([
        ["Host", "evil.example"],
        ["Connection", "x-kind"],
        ["Proxy-Authorization", "a"],
        ["TE", "trailers"],
        ["Transfer-Encoding", "chunked"],
        ["Content-Length", "5"],
        ["Upgrade", "h2c"],
        ["Forwarded", "for=127.0.0.1"],
        ["X-Forwarded-For", "127.0.0.1"],
        ["X-Forwarded-Host", "inside.example"],
        ["X-Real-IP", "127.0.0.1"],
        ["Via", "1.1 inside"],
        ["x-kind", "kept"],
    ]);
    let seen = asking.ask(json!({"ask": "http", "url": other.url("/echo"), "headers": headers})).await;
    assert!(seen.starts_with("200 - - kept ") && seen.ends_with(" GET 0 accept,host,user-agent,x-kind"), "{seen}");
    for (name, value) in [("a b", "x"), ("", "x"), ("x", "a\r\nb: c")] {
        let refused = asking.ask(json!({"ask": "http", "url": other.url("/echo"), "headers": [[name, value]]})).await;
        assert!(refused.starts_with("invalid: header 1"), "{refused}");
    }
    for method in ["CONNECT", "TRACE", "get", "A B"] {
        let refused = asking.ask(json!({"ask": "http", "url": other.url("/echo"), "method": method})).await;
        assert!(refused.starts_with("invalid: the method"), "{refused}");
    }
    assert_eq!(other.requests(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_asked_beyond_the_grant() {
    let (asking, other) = granted().await;
    let port = other.address.port();
    for url in [
        "https://example.com/".to_owned(),
        format!("https://127.0.0.1:{port}/echo"),
        format!("http://localhost:{port}/echo"),
        format!("http://127.0.0.1.nip.io:{port}/echo"),
        format!("http://127.0.0.1:{port}@example.com/echo"),
        format!("http://[::ffff:127.0.0.1]:{port}/echo"),
        format!("http://127.0.0.2:{port}/echo"),
        "http://127.0.0.1/echo".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let refused = asking.ask(get(&url)).await;
        assert!(refused.starts_with("denied: ") && refused.contains("`http_hosts: "), "{url}: {refused}");
    }
    for url in ["", "/echo", "//example.com/", "http://"] {
        assert!(asking.ask(get(url)).await.starts_with("invalid: the URL"), "{url}");
    }
    let secret = asking.ask(get("https://user:hunter2@example.com/hunter2?key=hunter2")).await;
    assert!(!secret.contains("hunter2"), "{secret}");
    assert_eq!(other.requests(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_leads_to_this_side_is_refused_although_it_is_granted() {
    let (asking, other) = (Asking::start().await, Other::start().await);
    let port = other.address.port();
    asking.grant(json!({"http_hosts": [format!("http://localhost:{port}"), "http://*.localhost:1"]})).await;
    for url in [format!("http://localhost:{port}/echo"), format!("http://LOCALHOST:{port}/echo")] {
        let refused = asking.ask(get(&url)).await;
        assert!(refused.starts_with("denied: localhost has no public address"), "{refused}");
        let receipt = asking.receipt().await;
        let [asked] = receipt["host_calls"].as_array().unwrap().as_slice() else { panic!("{receipt}") };
        assert_eq!((&asked["function"], &asked["outcome"]), (&json!("http.send"), &json!("denied")), "{receipt}");
        assert!(
            asked["answer"].to_string().contains("localhost has no public address"),
            "the operator reads it: {receipt}"
        );
    }
    assert_eq!(other.requests(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_clouds_keep_secrets_no_plugin_is_sent_although_it_is_stored_as_granted() {
    let asking = Asking::start().await;
    let state = &asking.inbox.app.state;
    let mut stored = AppPlugin::new("shop", "asker");
    let hosts = ["169.254.169.254", "[::ffff:a9fe:a9fe]", "[fe80::1]", "[fd00:ec2::254]", "100.100.100.200"];
    stored.grants.http_hosts = hosts.iter().map(|host| format!("http://{host}")).collect();
    state.store.app_plugins().put(&stored).await.unwrap();
    state.accounts.refresh().await.unwrap();
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
    ] {
        let refused = asking.ask(get(url)).await;
        assert!(refused.starts_with("denied: ") && refused.ends_with("no plugin reaches it"), "{url}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_answers_have_a_size() {
    let (asking, other) = granted().await;
    let fits = asking.ask(get(&other.url("/just-fits"))).await;
    assert!(fits.starts_with("200 - - - 1048576 xxx"), "{fits}");
    for path in ["/endless", "/many-headers"] {
        let refused = asking.ask(get(&other.url(path))).await;
        assert!(refused.starts_with("limited: "), "{path}: {refused}");
    }
    let long = json!({"ask": "http", "method": "POST", "url": other.url("/echo"), "body": (1 << 20) + 1});
    let many: Vec<_> = (0..65).map(|_| ["x-kind", "x"]).collect();
    let many = json!({"ask": "http", "url": other.url("/echo"), "headers": many});
    let wide = json!({"ask": "http", "url": other.url("/echo"), "headers": [["x-kind", "x".repeat(17 << 10)]]});
    let far = get(&other.url(&format!("/echo?{}", "x".repeat(8 << 10))));
    for ask in [long, many, wide, far] {
        let refused = asking.ask(ask).await;
        assert!(refused.starts_with("limited: "), "{refused}");
    }
    assert_eq!(other.requests(), 0);

    let less = json!({"http_hosts": [other.url("")], "limits": {"response_kib": 1023}});
    asking.grant(less).await;
    let refused = asking.ask(get(&other.url("/just-fits"))).await;
    assert_eq!(refused, "limited: the answer is longer than 1047552 bytes · 应答超过 1047552 字节");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_asks_so_often_and_no_more() {
    let (asking, other) = granted().await;
    for round in 1..=2 {
        let flood = asking.ask(json!({"ask": "http_flood", "url": other.url("/echo")})).await;
        assert!(flood.starts_with("16 answered, then limited: "), "{flood}");
        assert_eq!(other.requests(), 16 * round, "the next call counts anew");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_server_costs_the_guest_its_patience_and_not_its_answer() {
    let (asking, other) = granted().await;
    let began = Instant::now();
    let cut = asking.ask(json!({"ask": "http", "url": other.url("/slow"), "timeout_ms": 100})).await;
    assert!(cut.starts_with("timed out: no "), "{cut}");
    assert!(began.elapsed() < Duration::from_millis(2900), "{:?}", began.elapsed());
    let refused = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        asking.grant(json!({"http_hosts": [format!("http://{address}")]})).await;
        asking.ask(get(&format!("http://{address}/"))).await
    };
    assert!(refused.starts_with("unavailable: "), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_may_take_as_long_as_the_operator_says_and_less_where_the_plugin_says_so() {
    let (asking, other) = granted().await;
    let host = format!("http://{}", other.address);
    asking.grant(json!({"http_hosts": [host], "limits": {"http_timeout_ms": 200}})).await;
    let slow = async |timeout_ms: Value| {
        asking.ask(json!({"ask": "http", "url": other.url("/slow"), "timeout_ms": timeout_ms})).await
    };
    for timeout_ms in [Value::Null, json!(200), json!(14_000)] {
        let cut = slow(timeout_ms).await;
        assert!(cut.contains("200 ms") || cut.contains("0.2 seconds"), "{cut}");
        assert!(cut.contains("the limit is plugins.http_timeout_ms"), "{cut}");
    }
    let cut = slow(json!(100)).await;
    assert!(cut.contains("100 ms") || cut.contains("0.1 seconds"), "{cut}");
    assert!(!cut.contains("http_timeout_ms"), "that was the plugin's own: {cut}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_outside_ends_before_the_call_does_and_is_no_cpu_time() {
    let asking = Asking::start_with(|config| {
        config.plugins.limits.call_timeout_ms = 1500;
        config.plugins.limits.cpu_ms = 200;
    })
    .await;
    let other = Other::start().await;
    asking.grant(json!({"http_hosts": [format!("http://{}", other.address)]})).await;
    let cut = asking.ask_at_last(json!({"ask": "http", "url": other.url("/slow"), "timeout_ms": 60_000})).await;
    assert!(cut.starts_with("timed out: no "), "{cut}");
}
