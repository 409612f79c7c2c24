//! What the host of a thread knows, and what plugins did there.

use std::{
    cell::RefCell,
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use log::Level;

use super::{kv, orders, users};
use crate::{
    context::{App, AppType, Field},
    error::Error,
    http,
    messages::{SubscribeMessage, TemplateMessage},
    reply::Reply,
    wechat,
};

/// How long a server lets a handler take; here also whatever the test calls itself.
pub(super) const CALL_TIME: Duration = Duration::from_secs(14);

type Script<Input, Output> = Box<dyn FnMut(&Input) -> Result<Output, Error>>;

/// A line that the plugin logged.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

/// A message that the plugin sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    /// By [`messages::send_customer_service`](crate::messages::send_customer_service).
    CustomerService {
        /// To whom.
        openid: String,
        /// What.
        content: Reply,
    },
    /// By [`messages::send_template`](crate::messages::send_template).
    Template(TemplateMessage),
    /// By [`messages::send_subscribe`](crate::messages::send_subscribe).
    Subscribe(SubscribeMessage),
}

/// A part of the host that a test can have fail, by [`TestHost::failing`](super::TestHost::failing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The interface [`kv`](crate::kv).
    Kv,
    /// The interface [`messages`](crate::messages).
    Messages,
    /// The interface [`orders`](crate::orders).
    Orders,
    /// The interface [`users`](crate::users).
    Users,
}

/// A call of WeChat Pay that the plugin made.
#[derive(Debug, Clone, PartialEq)]
pub struct PayCall {
    /// The merchant's name in Weft; none for the app's first one.
    pub merchant: Option<String>,
    /// GET or POST.
    pub method: String,
    /// Such as `/v3/profitsharing/orders`.
    pub path: String,
    /// Names and values.
    pub query: Vec<(String, String)>,
    /// What was sent; of v2 an object of its fields. What only WeChat may read is still readable.
    pub body: serde_json::Value,
}

pub(super) struct State {
    /// Which host it is; 0 where no test has made one.
    pub(super) number: u64,
    pub(super) app: App,
    pub(super) delivery_id: String,
    pub(super) time_left: Duration,
    pub(super) fields: Vec<Field>,
    pub(super) raw: Vec<u8>,
    pub(super) config: String,
    /// Since 1970.
    pub(super) now: Duration,
    pub(super) logs: Vec<LogLine>,
    pub(super) kv: kv::Store,
    pub(super) users: users::Users,
    pub(super) orders: orders::Orders,
    /// As grants list them: `https://*.example.com`.
    pub(super) http_hosts: Vec<String>,
    /// Beginnings of paths.
    pub(super) wechat_apis: Vec<String>,
    /// Beginnings of paths.
    pub(super) pay_apis: Vec<String>,
    pub(super) sent: Vec<Sent>,
    pub(super) http: Option<Script<http::Request, http::Response>>,
    pub(super) http_requests: Vec<http::Request>,
    pub(super) wechat: Option<Script<wechat::Request, wechat::Response>>,
    pub(super) wechat_requests: Vec<wechat::Request>,
    pub(super) pay: Option<Script<PayCall, serde_json::Value>>,
    pub(super) pay_calls: Vec<PayCall>,
    pub(super) failing: HashMap<Part, Error>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new(State::new(0));
}

/// What the host of this thread knows. Nothing of the author's may run inside `look`.
pub(super) fn with<T>(look: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(look)
}

/// The beginning of `grant` is its name, behind which a colon may tell what is missing of it.
pub(super) fn denied(grant: &str) -> Error {
    let name = grant.split(':').next().unwrap_or_default();
    Error::Denied(format!(
        "the operator has not granted `{grant}` to this plugin for this app; a test grants it with \
         `TestHost::grant_{name}`, or with `grant_asked` where `asks!` names it"
    ))
}

/// The test has granted what is asked, and has not said what it answers.
pub(super) fn unanswered(what: &str, method: &str) -> Error {
    Error::Unavailable(format!("nothing answers {what} in this test: `TestHost::{method}` says what does"))
}

impl State {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            app: App {
                name: "demo".to_owned(),
                title: "Demo".to_owned(),
                kind: AppType::Service,
                appid: "wx0123456789abcdef".to_owned(),
            },
            delivery_id: "delivery-1".to_owned(),
            time_left: CALL_TIME,
            fields: Vec::new(),
            raw: Vec::new(),
            config: "{}".to_owned(),
            now: Duration::from_secs(super::samples::CREATED_AT),
            logs: Vec::new(),
            kv: kv::Store::default(),
            users: users::Users::default(),
            orders: orders::Orders::default(),
            http_hosts: Vec::new(),
            wechat_apis: Vec::new(),
            pay_apis: Vec::new(),
            sent: Vec::new(),
            http: None,
            http_requests: Vec::new(),
            wechat: None,
            wechat_requests: Vec::new(),
            pay: None,
            pay_calls: Vec::new(),
            failing: HashMap::new(),
        }
    }

    /// The error with which the test has this part fail.
    pub(super) fn meets(&self, part: Part) -> Result<(), Error> {
        self.failing.get(&part).map_or(Ok(()), |error| Err(error.clone()))
    }
}

/// The time of this thread's host.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + with(|state| state.now)
}
