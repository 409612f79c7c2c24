//! What every request meets on its way to a handler and back: ids, limits, problems; and the start.

use std::{
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::extract::Request;
use reqwest::{Method, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::Command,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use weft::{
    clock::Clock,
    config::Config,
    model::{App, AppType},
    plugins::{CallError, Subject},
    secret::Secret,
    server::Server,
};
use weft_wechat::message::Message;

use crate::support::{HandMade, PATIENCE, SECRET_KEY, TestApp, client, guests};

async fn get_with_id(app: &TestApp, id: &[u8]) -> Response {
    let client = client();
    client.get(format!("{}/healthz", app.base)).header("x-request-id", id).send().await.unwrap()
}

/// A process of its own: what a test in this process sees of the log depends on its neighbours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_the_log_names_its_request() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("plugins")).unwrap();
    std::fs::write(folder.path().join("plugins/fresh.wasm"), b"nothing").unwrap();
    let weft = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weft"));
        command
            .args(arguments)
            .current_dir(folder.path())
            .env_clear()
            .env("WEFT_LOG_FORMAT", "json")
            .kill_on_drop(true);
        command
    };
    let created = weft(&["token", "create", "--name", "test", "--json"]).output().await.unwrap();
    let token: Value = serde_json::from_slice(&created.stdout).unwrap();

    let mut serving = weft(&["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(serving.stderr.take().unwrap()).lines();
    let mut address = String::new();
    let mut all = String::new();
    let mut line_with = async |message: &str| loop {
        let line = timeout(PATIENCE, lines.next_line()).await.expect("a line").unwrap().unwrap();
        all.push_str(&line);
        let line: Value = serde_json::from_str(&line).unwrap();
        if let Some(told) = line["fields"]["address"].as_str() {
            told.clone_into(&mut address);
        }
        if line["fields"]["message"] == message {
            return (line, address.clone());
        }
    };
    let (read, address) = line_with("the plugins folder has been read").await;
    assert_eq!((&read["fields"]["ready"], &read["fields"]["failed"]), (&0.into(), &1.into()));
    let upload = async |query: &str| {
        let client = client();
        let request = client
            .put(format!("http://{address}/api/v1/plugins/greeter{query}"))
            .bearer_auth(token["token"].as_str().unwrap())
            .header("x-request-id", "my-own-id")
            .body(guests::greeter().await);
        request.send().await.unwrap().status()
    };
    assert_eq!(upload("?secret=1").await, 400);
    assert_eq!(upload("").await, 200);
    let (uploaded, _) = line_with("plugin loaded").await;
    let span = &uploaded["span"];
    assert_eq!((&span["id"], &span["method"]), (&"my-own-id".into(), &"PUT".into()), "{uploaded}");
    assert_eq!(span["path"], "/api/v1/plugins/greeter");
    assert!(!all.contains("secret=1"), "{all}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_ids_from_outside_are_kept_when_they_are_sound() {
    let app = TestApp::start().await;
    let longest = "x".repeat(64);
    for id in ["0af7651916cd43dd8448eb211c80319c", longest.as_str()] {
        assert_eq!(get_with_id(&app, id.as_bytes()).await.headers()["x-request-id"], id);
    }
    for id in ["x".repeat(65).as_bytes(), b"", b"a b", b"a\xffb", "编号".as_bytes()] {
        let response = get_with_id(&app, id).await;
        let own = response.headers()["x-request-id"].to_str().unwrap();
        assert_eq!(own.len(), 36, "{id:?} became {own}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_whose_name_is_no_text_is_absent_without_a_word() {
    let app = TestApp::start().await;
    for method in [Method::GET, Method::POST] {
        for path in ["/wechat/%ff/", "/wechat/%ff", "/wechat/nobody/"] {
            assert_eq!(app.request(method.clone(), path, None).await, (404, String::new()), "{method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_a_path_does_not_take_is_a_problem() {
    let app = TestApp::start().await;
    let client = client();
    let response = client.post(format!("{}/api/v1/plugins/greeter", app.base)).send().await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert!(response.headers()["allow"].to_str().unwrap().contains("PUT"));
    assert_eq!(response.json::<Value>().await.unwrap()["type"], "method-not-allowed");
}

/// Begins an upload of `body`, as it stands on the wire.
async fn upload(app: &TestApp, framing: &str, body: &[u8]) -> TcpStream {
    let address = app.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = &app.token;
    let head = format!(
        "PUT /api/v1/plugins/fresh HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n{framing}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

async fn answer(mut stream: TcpStream) -> String {
    let mut read = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut read)).await.expect("an answer");
    String::from_utf8(read).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_breaks_off_is_told_from_one_that_is_too_large() {
    let app = TestApp::start_with(|config| config.plugins.limits.max_file_mib = 1).await;
    let broken = answer(upload(&app, "Transfer-Encoding: chunked", b"5\r\nhello\r\nzz\r\n").await).await;
    assert!(broken.starts_with("HTTP/1.1 400") && broken.contains(r#""type":"bad-request""#), "{broken}");

    let announced = answer(upload(&app, "Content-Length: 1048577", b"").await).await;
    assert!(announced.starts_with("HTTP/1.1 413") && announced.contains(r#""type":"too-large""#), "{announced}");

    let mut unannounced = b"100001\r\n".to_vec();
    unannounced.resize(unannounced.len() + (1 << 20) + 1, b'x');
    let unannounced = answer(upload(&app, "Transfer-Encoding: chunked", &unannounced).await).await;
    assert!(unannounced.starts_with("HTTP/1.1 413"), "{unannounced}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_uploads_are_taken_at_a_time() {
    let app = TestApp::start().await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = upload(&app, "Content-Length: 7\r\nExpect: 100-continue", b"").await;
        // The server asks for the body when the upload has its turn.
        let mut asks = [0; 25];
        timeout(PATIENCE, stream.read_exact(&mut asks)).await.expect("a turn").unwrap();
        assert_eq!(&asks, b"HTTP/1.1 100 Continue\r\n\r\n");
        open.push(stream);
    }
    let busy = answer(upload(&app, "Content-Length: 7", b"nothing").await).await;
    assert!(busy.starts_with("HTTP/1.1 503"), "{busy}");
    assert!(busy.contains(r#""type":"busy""#) && busy.contains("retry-after: 1"), "{busy}");
    for mut stream in open {
        stream.write_all(b"nothing").await.unwrap();
        let text = answer(stream).await;
        assert!(text.starts_with("HTTP/1.1 422"), "{text}");
    }
    assert_eq!(app.upload("fresh", b"nothing".to_vec()).await.0, 422, "the turns are given back");
}

/// The settings of a server with this data in `folder`.
fn config(folder: &TempDir, data: &str, listen: &str) -> Config {
    Config {
        listen: listen.parse().unwrap(),
        data_dir: folder.path().join(data),
        plugins_dir: folder.path().join("plugins"),
        secret_key: Some(Secret::new(SECRET_KEY)),
        ..Config::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sqlite_file_has_one_server_at_a_time_and_commands_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let prepare = || Server::prepare(config(&folder, "data", "127.0.0.1:0"), Clock::system());
    let server = prepare().await.unwrap();
    let refused = prepare().await.err().unwrap().to_string();
    let process = format!("another Weft server (process {}) uses the database ", std::process::id());
    assert!(
        refused.starts_with(&process) && refused.contains("data/weft.db, and SQLite has room for one"),
        "{refused}"
    );
    let mut weft = Command::new(env!("CARGO_BIN_EXE_weft"));
    weft.args(["app", "add", "shop", "--type", "service", "--appid", "wx1"]).current_dir(folder.path()).env_clear();
    let beside = weft.env("WEFT_SECRET_KEY", SECRET_KEY).output().await.unwrap();
    assert!(beside.status.success(), "{}", String::from_utf8_lossy(&beside.stderr));

    let mut serve = Command::new(env!("CARGO_BIN_EXE_weft"));
    serve.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(folder.path()).env_clear().kill_on_drop(true);
    let serve = serve.env("WEFT_SECRET_KEY", SECRET_KEY).output();
    let second = timeout(PATIENCE, serve).await.expect("it does not serve").unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!((second.status.code(), said.contains(&process)), (Some(1), true), "{said}");

    drop(server);
    let server = prepare().await.expect("it was dropped");
    let stop = CancellationToken::new();
    let running = tokio::spawn(server.run(stop.clone()));
    stop.cancel();
    running.await.unwrap();
    prepare().await.expect("it was stopped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_listens_before_its_plugins_are_loaded_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("plugins")).unwrap();
    std::fs::write(folder.path().join("plugins/fresh.wasm"), b"nothing").unwrap();
    let server = Server::prepare(config(&folder, "data", "127.0.0.1:0"), Clock::system()).await.unwrap();
    let address = server.address().unwrap();
    let taken = Server::prepare(config(&folder, "other", &address.to_string()), Clock::system()).await;
    let taken = taken.err().unwrap().to_string();
    assert!(taken.contains("cannot listen") && taken.contains("`listen` (--listen) names another address"), "{taken}");

    let state = server.state().clone();
    assert!(state.plugins.list().is_empty());
    let readyz = || Request::get("/readyz").body(axum::body::Body::empty()).unwrap();
    let response = weft::http::public(&state).oneshot(readyz()).await.unwrap();
    assert_eq!(response.status(), 503);
    let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["plugins"], false);

    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    tokio::spawn(server.run(stop));
    while !state.plugins.is_ready() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(state.plugins.list().len(), 1);
    let response = weft::http::public(&state).oneshot(readyz()).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_call_waits_for_its_plugin_to_be_loaded_is_time_of_the_call() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("plugins")).unwrap();
    let endless = HandMade { handle: "(loop $again (br $again)) i32.const 4096", ..HandMade::PLAIN };
    std::fs::write(folder.path().join("plugins/guest.wasm"), endless.bytes()).unwrap();
    let mut config = config(&folder, "data", "127.0.0.1:0");
    (config.plugins.limits.call_timeout_ms, config.plugins.limits.cpu_ms) = (8000, 10_000);
    let server = Server::prepare(config, Clock::system()).await.unwrap();
    let plugins = server.state().plugins.clone();
    let subject = Subject {
        app: Arc::new(App::new("shop", AppType::Service, "wx0123456789abcdef")),
        granted: None,
        delivery_id: "delivery".into(),
        raw: "".into(),
    };
    let began = Instant::now();
    let call = tokio::spawn(async move {
        let message = Message::parse(
            "<xml><ToUserName>gh_test</ToUserName><FromUserName>oUser</FromUserName><CreateTime>1700000000</CreateTime>\
             <MsgType>text</MsgType><Content>hello</Content><MsgId>1</MsgId></xml>",
        );
        plugins.handle(&"guest".parse().unwrap(), subject, &message.unwrap()).await
    });
    tokio::time::sleep(Duration::from_secs(4)).await;
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    tokio::spawn(server.run(stop));
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::TimedOut { waited, .. } if waited > Duration::from_secs(3)), "{error}");
    assert!(began.elapsed() < Duration::from_secs(11), "{:?}", began.elapsed());
}
