//! A guest that asks outside: the text of the message is JSON that says what.

mod order;
mod pay;

use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;
use weft_plugin::{
    Context, Error, Field, Message, Reply, http, message_handler,
    messages::{self, MiniProgram, SubscribeMessage, TemplateMessage},
    users,
    wechat::{self, qrcode, shorten},
};

weft_plugin::asks! {
    http_hosts: ["https://*.example.com"],
    wechat_apis: ["/cgi-bin/message/"],
    kv: true,
    users: true,
    pay_apis: ["/v3/profitsharing/"],
}

/// What to do.
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
enum Ask {
    /// Sends an HTTP request.
    Http(Http),
    /// Sends it until there is an error.
    HttpFlood(Http),
    /// Sends it where nobody answers.
    Wait(Http),
    /// Calls WeChat's API.
    Wechat(Wechat),
    /// Does so until there is an error.
    WechatFlood(Wechat),
    /// Uploads a file of so many bytes.
    Upload { path: String, filename: String, bytes: usize },
    /// Makes a QR code for a number and one for a text.
    QrCodes { id: u32, text: String },
    /// Keeps a text, and reads it back.
    Shorten { text: String },
    /// Sends a customer-service message.
    Say { openid: String, text: String },
    /// Hands a user over where that cannot be done.
    HandOver { openid: String },
    /// Sends a template message.
    Template { openid: String, template_id: String, client_msg_id: Option<String> },
    /// Sends a subscription message.
    Subscribe { openid: String, template_id: String },
    /// Does something with a user.
    User {
        openid: String,
        find: Option<bool>,
        fetch: Option<bool>,
        remark: Option<String>,
        add: Option<String>,
        remove: Option<String>,
    },
    /// Looks a user up until there is an error.
    FindFlood { openid: String },
    /// Does something with an order.
    Order(order::Ask),
    /// Does it until there is an error.
    OrderFlood(order::Ask),
    /// Calls WeChat Pay.
    Pay(pay::Ask),
}

#[derive(Deserialize)]
struct Wechat {
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default)]
    query: Vec<(String, String)>,
    json: Option<String>,
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
fn ask(message: Message, context: Context) -> String {
    answer(message.text().unwrap_or_default(), context).unwrap_or_else(|error| error.to_string())
}

/// For one app alone.
#[message_handler(apps("elsewhere"))]
fn restricted() -> &'static str {
    "for one app alone"
}

fn answer(text: &str, context: Context) -> Result<String, Error> {
    match serde_json::from_str(text)? {
        Ask::Http(request) => http(&request),
        Ask::HttpFlood(request) => Ok(flood(|| http(&request))),
        Ask::Wait(request) => Ok(wait(&request, context)),
        Ask::Wechat(request) => called(&call(&request)),
        Ask::WechatFlood(request) => Ok(flood(|| called(&call(&request)))),
        Ask::Upload { path, filename, bytes } => {
            let part = wechat::Part::file("media", filename, "image/png", vec![0x89; bytes]);
            called(&wechat::Request::post(path).query("type", "image").part(part))
        }
        Ask::QrCodes { id, text } => {
            let (permanent, temporary) = (qrcode::permanent(id)?, qrcode::temporary(text, Duration::from_hours(1))?);
            let expires = [permanent.expire_seconds, temporary.expire_seconds];
            Ok(format!("{expires:?} {} {}", permanent.ticket, temporary.ticket))
        }
        Ask::Shorten { text } => Ok(shorten::fetch(&shorten::generate(&text, Duration::from_hours(1))?)?.long_data),
        Ask::Say { openid, text } => messages::send_customer_service(&openid, text).map(|()| "sent".to_owned()),
        Ask::HandOver { openid } => {
            messages::send_customer_service(&openid, Reply::transfer()).map(|()| "sent".to_owned())
        }
        Ask::Template { openid, template_id, client_msg_id } => {
            let mini_program = Some(MiniProgram { appid: "wxmini".to_owned(), pagepath: "pages/a".to_owned() });
            let url = Some("https://example.com/".to_owned());
            let message = TemplateMessage { openid, template_id, url, mini_program, data: data(), client_msg_id };
            messages::send_template(&message).map(|msgid| format!("sent {msgid}"))
        }
        Ask::Subscribe { openid, template_id } => {
            let (page, mini_program) = (Some("pages/a".to_owned()), None);
            let message = SubscribeMessage { openid, template_id, page, mini_program, data: data() };
            messages::send_subscribe(&message).map(|()| "sent".to_owned())
        }
        Ask::User { openid, find, fetch, remark, add, remove } => {
            if let Some(remark) = remark {
                users::set_remark(&openid, &remark)?;
            }
            if let Some(tag) = add {
                users::add_tag(&openid, &tag)?;
            }
            if let Some(tag) = remove {
                users::remove_tag(&openid, &tag)?;
            }
            if fetch.is_some() {
                return users::fetch(&openid).map(|user| known(&user));
            }
            let found = if find.is_some() { users::find(&openid)? } else { None };
            Ok(found.as_ref().map_or_else(|| "nobody".to_owned(), known))
        }
        Ask::Order(ask) => order::answer(&ask),
        Ask::Pay(ask) => pay::answer(&ask),
        Ask::OrderFlood(ask) => Ok(flood(|| order::answer(&ask))),
        Ask::FindFlood { openid } => Ok(flood(|| users::find(&openid).map(|_| String::new()))),
    }
}

fn data() -> Vec<Field> {
    vec![Field { path: "thing1".to_owned(), value: "茶".to_owned() }]
}

fn known(user: &users::User) -> String {
    let tags: Vec<_> = user.tags.iter().map(|tag| tag.name.as_str()).collect();
    format!("{} {} [{}] {}", user.openid, user.subscribed, tags.join(","), user.remark)
}

fn call(asked: &Wechat) -> wechat::Request {
    let body = asked.json.clone().map_or(wechat::Body::Empty, wechat::Body::Json);
    let (method, path, query) = (asked.method.clone(), asked.path.clone(), asked.query.clone());
    wechat::Request { method, path, query, body }
}

/// The answer's type, its length, and its text, cut.
fn called(request: &wechat::Request) -> Result<String, Error> {
    let response = request.send()?;
    let text = String::from_utf8_lossy(&response.body);
    let cut: String = text.chars().take(500).collect();
    Ok(format!("{} {} {cut}", response.content_type, response.body.len()))
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

/// Whether there was an error, and whether the time that the request may take has passed for it: by the clock, by the time of
/// day, and of the call's own.
fn wait(asked: &Http, context: Context) -> String {
    let (began, day, left) = (Instant::now(), SystemTime::now(), context.time_left());
    let failed = http(asked).is_err();
    let passed = [began.elapsed(), day.elapsed().unwrap_or_default(), left.saturating_sub(context.time_left())];
    // Clocks round.
    let patience = Duration::from_millis(asked.timeout_ms.unwrap_or_default().saturating_sub(50));
    format!("{failed} {:?}", passed.map(|passed| passed >= patience))
}
