//! What a plugin is told of a request, and what it is not.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::Site;

fn of(told: &Value, name: &str) -> Vec<String> {
    let headers = told["headers"].as_array().unwrap().iter();
    headers.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_is_told_what_was_asked() {
    let site = Site::start().await;
    let request = site.request(Method::POST, "/told/a%20b/%FF?x=1&y=%2F").header("content-type", "text/plain");
    let told = site.told(request.header("x-two", "1").header("x-two", "2").body("你好")).await;
    let expected = json!({
        "page": "told", "app": "shop", "method": "POST", "path": "/told/a%20b/%FF", "query": "x=1&y=%2F",
        "body": "你好", "user": false, "openid": null, "raw": 0,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(told[field], *value, "{field}: {told}");
    }
    assert_eq!(
        (of(&told, "content-type"), of(&told, "x-two")),
        (vec!["text/plain".into()], vec!["1".into(), "2".into()])
    );
    let again = site.told(site.request(Method::GET, "")).await;
    assert_eq!((&again["path"], &again["query"], &again["body"]), (&json!("/"), &json!(""), &json!("")));
    assert_ne!(told["delivery"], again["delivery"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_segment_names_the_page_and_the_first_page_gets_the_rest() {
    let site = Site::start().await;
    for path in ["", "/", "/told", "/told/more", "/nobody/is/called/so", "/Answer", "//", "/told/../answer%2F"] {
        // As it stands: clients take `..` away.
        let told = raw(&site, &format!("GET /wechat/shop/pages/guest{path} HTTP/1.1")).await;
        assert!(told.starts_with("HTTP/1.1 200 ") && told.contains(r#""page":"told""#), "{path}: {told}");
        let path = if path.is_empty() { "/" } else { path };
        assert!(told.contains(&format!(r#""path":"{path}""#)), "{path}: {told}");
    }
    for path in ["/answer", "/answer/"] {
        assert_eq!(site.get(path).await.text().await.unwrap(), "<p>你好</p>", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_method_is_passed_on_but_those_that_mean_the_connection() {
    let site = Site::start().await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW"] {
        let told = site.told(site.request(method.parse().unwrap(), "/told")).await;
        assert_eq!(told["method"], method);
    }
    let head = site.request(Method::HEAD, "/told").send().await.unwrap();
    assert_eq!((head.status(), &head.headers()["x-page"]), (StatusCode::OK, &"told".parse().unwrap()));
    assert_eq!(head.text().await.unwrap(), "");
    for method in ["TRACE", "get", "Patch"] {
        let answer = raw(&site, &format!("{method} /wechat/shop/pages/guest/told HTTP/1.1")).await;
        assert!(answer.starts_with("HTTP/1.1 501 "), "{method}: {answer}");
    }
    let answer = raw(&site, "CONNECT evil.example:443 HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_anybody_can_claim_and_what_is_ours_is_not_told() {
    let site = Site::start().await;
    let request = [
        ("cookie", "weft_session=1; cart=2"),
        ("cookie", "__Host-weft=3"),
        ("authorization", "Bearer weft_abcdef"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=10.0.0.1"),
        ("x-real-ip", "10.0.0.1"),
        ("x-wechat-openid", "oSomebodyElse"),
        ("x-http-method-override", "DELETE"),
        ("host", "evil.example"),
        ("connection", "keep-alive, x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-authorization", "Basic abc"),
        ("te", "trailers"),
        ("x-kept", "1"),
        ("accept-language", "zh-CN"),
    ];
    let request =
        request.iter().fold(site.request(Method::GET, "/told"), |all, (name, value)| all.header(*name, *value));
    let told = site.told(request).await;
    let mut names: Vec<_> =
        told["headers"].as_array().unwrap().iter().map(|pair| pair[0].as_str().unwrap().to_owned()).collect();
    names.retain(|name| name != "accept" && name != "x-request-id");
    names.sort();
    assert_eq!(names, ["accept-language", "cookie", "host", "x-kept"], "{told}");
    assert_eq!(of(&told, "cookie"), ["cart=2"]);
    assert_eq!(of(&told, "host"), ["shop.example"], "the public name, whatever was asked for");
    for written in ["Bearer  weft_abcdef", "bearer WEFT_abcdef", "weft_abcdef"] {
        let told = site.told(site.request(Method::GET, "/told").header("authorization", written)).await;
        assert_eq!(of(&told, "authorization"), [""; 0], "{written}");
    }
    let told = site.told(site.request(Method::GET, "/told").header("authorization", "Bearer another")).await;
    assert_eq!(of(&told, "authorization"), ["Bearer another"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_has_bounds() {
    let site = Site::start().await;
    let post = async |bytes: usize, is_announced: bool| {
        let body = vec![b'x'; bytes];
        let body: reqwest::Body = if is_announced {
            body.into()
        } else {
            reqwest::Body::wrap_stream(futures::stream::iter([Ok::<_, std::io::Error>(body)]))
        };
        site.request(Method::POST, "/answer").body(body).send().await.unwrap().status().as_u16()
    };
    assert_eq!((post(1 << 20, true).await, post(1 << 20, false).await), (200, 200));
    assert_eq!((post((1 << 20) + 1, true).await, post((1 << 20) + 1, false).await), (413, 413));
    site.grant("shop", json!({"pages": true, "limits": {"page_request_kib": 1}})).await;
    assert_eq!((post(1024, true).await, post(1025, true).await), (200, 413));

    let long = "x".repeat(9 << 10);
    assert_eq!(site.get(&format!("/told?{long}")).await.status(), 414);
    let big = site.request(Method::GET, "/told").header("x-big", "x".repeat(17 << 10)).send().await.unwrap();
    assert_eq!(big.status(), 431);
    let page = big.text().await.unwrap();
    assert!(page.contains("请求太长") && page.contains("The request is too long"), "{page}");
}

/// Sends a request line as it is, and reads until the connection ends.
async fn raw(site: &Site, line: &str) -> String {
    let mut stream = TcpStream::connect(site.app.base.trim_start_matches("http://")).await.unwrap();
    stream.write_all(format!("{line}\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
