//! A guest that asks outside: the text of the message is JSON that says what.

use std::time::Duration;

use serde::Deserialize;
use weft_plugin::{Error, Message, http, message_handler};

weft_plugin::asks! {
    http_hosts: ["https://*.example.com"],
    wechat_apis: ["/cgi-bin/message/"],
    kv: true,
    users: true,
}

/// What to do.
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
enum Ask {
    /// Sends an HTTP request.
    Http(Http),
    /// Sends it until there is an error.
    HttpFlood(Http),
}

#[derive(Deserialize)]
struct Http {
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// Bytes of the body.
    #[serde(default)]
    body: usize,
    timeout_ms: Option<u64>,
}

fn get() -> String {
    "GET".to_owned()
}

/// Asks, and says what came of it.
#[message_handler]
fn ask(message: Message) -> String {
    answer(message.text().unwrap_or_default()).unwrap_or_else(|error| error.to_string())
}

fn answer(text: &str) -> Result<String, Error> {
    match serde_json::from_str(text)? {
        Ask::Http(request) => http(&request),
        Ask::HttpFlood(request) => Ok(flood(|| http(&request))),
    }
}

/// How many went through, and what ended them.
fn flood(mut ask: impl FnMut() -> Result<String, Error>) -> String {
    let mut answered = 0;
    loop {
        match ask() {
            Ok(_) => answered += 1,
            Err(error) => return format!("{answered} answered, then {error}"),
        }
    }
}

/// The answer's status, the values of the headers that tests look at, and its text, cut.
fn http(asked: &Http) -> Result<String, Error> {
    let mut request = http::Request::new(&asked.method, &asked.url).body(vec![b'x'; asked.body]);
    request.headers.clone_from(&asked.headers);
    if let Some(timeout) = asked.timeout_ms {
        request = request.timeout(Duration::from_millis(timeout));
    }
    let response = request.send()?;
    let seen = ["location", "connection", "x-kind"].map(|name| response.header(name).unwrap_or("-"));
    let text = String::from_utf8_lossy(&response.body);
    let cut: String = text.chars().take(500).collect();
    Ok(format!("{} {} {} {cut}", response.status, seen.join(" "), text.len()))
}
