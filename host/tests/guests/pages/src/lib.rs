//! A guest with pages: the first tells what it is asked, the others answer what should not leave, or fail.

use std::{hint::black_box, time::Duration};

use serde_json::json;
use weft_plugin::{Context, Error, PageRequest, PageResponse, kv, message_handler, page};

/// What it is asked, as JSON.
#[page]
fn told(request: PageRequest, context: Context) -> Result<PageResponse, Error> {
    let answer = PageResponse::json(&json!({
        "page": "told",
        "app": context.app().name,
        "delivery": context.delivery_id(),
        "openid": context.openid(),
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "query_bytes": request.query.len(),
        "headers": request.headers,
        "body": String::from_utf8_lossy(&request.body),
        "user": request.user.is_some(),
        "raw": context.raw().len() + context.fields().len(),
    }))?;
    Ok(answer.header("x-page", "told").header("x-page", "twice"))
}

/// Answers as its path says: `/answer/status/204`.
#[page]
fn answer(request: PageRequest) -> PageResponse {
    let answer = PageResponse::html("<p>你好</p>");
    let mut segments = request.path.trim_start_matches('/').split('/').skip(1);
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(0_usize);
    match segments.next().unwrap_or_default() {
        "status" => PageResponse { status: u16::try_from(number(segments.next())).unwrap_or(u16::MAX), ..answer },
        "split" => answer.header("x-name", "a\r\nSet-Cookie: weft_session=stolen\r\n\r\n<script>"),
        "split-name" => answer.header("x-name: a\r\nx-other", "b"),
        "nul" => answer.header("x-name", "a\0b"),
        "no-name" => answer.header("", "b"),
        "huge-header" => answer.header("x-name", "x".repeat(20 << 10)),
        "many-headers" => (0..100).fold(answer, |answer, number| answer.header(format!("x-{number}"), "x")),
        "body" => answer.body(vec![b'x'; number(segments.next())]),
        "host-headers" => [
            ("connection", "close, x-page"),
            ("content-length", "1"),
            ("transfer-encoding", "gzip"),
            ("date", "yesterday"),
            ("upgrade", "websocket"),
            ("keep-alive", "timeout=600"),
            ("trailer", "x-page"),
            ("proxy-authenticate", "Basic"),
            ("service-worker-allowed", "/"),
            ("clear-site-data", "\"*\""),
            ("strict-transport-security", "max-age=0"),
            ("alt-svc", "h3=\"evil.example:443\""),
            ("x-accel-redirect", "/etc/passwd"),
            ("x-sendfile", "/etc/passwd"),
            ("x-sendfile2", "/etc/passwd"),
            ("x-lighttpd-send-tempfile", "/etc/passwd"),
            ("x-litespeed-location", "/internal/"),
            ("x-content-type-options", "sniff"),
            ("x-page", "kept"),
        ]
        .into_iter()
        .fold(answer, |answer, (name, value)| answer.header(name, value)),
        "cookies" => answer
            .header("set-cookie", "weft_session=stolen; Path=/")
            .header("set-cookie", "__Host-weft=stolen; Secure; Path=/")
            .header("set-cookie", "cart=2; Path=/; Domain=example.com; HttpOnly"),
        "own-policy" => {
            answer.header("content-security-policy", "default-src 'self'").header("cache-control", "max-age=60")
        }
        "redirect" => PageResponse::redirect("?saved=1"),
        _ => answer,
    }
}

/// Fails as its path says.
#[page]
fn fail(request: PageRequest) -> Result<PageResponse, Error> {
    match request.path.rsplit('/').next().unwrap_or_default() {
        "panic" => panic!("page bug: token {}", 42),
        "error" => Err("the page gave up on <script>".into()),
        "exit" => std::process::exit(0),
        "loop" => loop {
            black_box(());
        },
        "memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "sleep" => {
            std::thread::sleep(Duration::from_mins(1));
            Ok(PageResponse::status(200))
        }
        _ => Ok(PageResponse::text("well")),
    }
}

/// Takes its time, and then leaves a mark.
#[page]
fn slow() -> Result<PageResponse, Error> {
    kv::set("begun", "yes")?;
    std::thread::sleep(Duration::from_millis(400));
    kv::set("done", "yes")?;
    Ok(PageResponse::text("done"))
}

/// Answers messages, too.
#[message_handler]
fn reply() -> &'static str {
    "answered"
}

/// What is kept.
#[page]
fn kept(request: PageRequest) -> Result<PageResponse, Error> {
    let key = request.path.rsplit('/').next().unwrap_or_default();
    Ok(PageResponse::text(kv::get_text(key)?.unwrap_or_else(|| "nothing".to_owned())))
}

/// For one app alone.
#[page(apps("elsewhere"))]
fn restricted() -> PageResponse {
    PageResponse::text("for one app alone")
}

#[cfg(test)]
mod tests {
    use weft_plugin::testing::{TestHost, request};

    use super::*;

    #[test]
    fn it_tells_what_it_is_asked() {
        let answer = TestHost::new().serve("told", request("PUT", "/a%20b")).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((&told["method"], &told["path"], &told["user"]), (&json!("PUT"), &json!("/a%20b"), &json!(false)));
    }

    #[test]
    fn it_answers_as_it_is_told() {
        assert_eq!(TestHost::new().serve("answer", request("GET", "/answer/status/999")).unwrap().status, 999);
        assert!(TestHost::new().serve("fail", request("GET", "/fail/error")).is_err());
    }
}
