//! The host in memory.

use std::{
    cell::RefCell,
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use log::Level;
use serde::Serialize;

use super::{kv, orders, users};
use crate::{
    bindings::{
        Component,
        exported::{handlers, hooks, manifest, observers, pages, rules},
    },
    context::{self, App, AppType, Context, Field},
    entry::{self, Entry},
    error::Error,
    hooks::OrderEvent,
    http,
    manifest::Description,
    message::Message,
    messages::{SubscribeMessage, TemplateMessage},
    observers::Observation,
    order::Order,
    orders::Refund,
    pages::{Request, Response},
    reply::Reply,
    users::User,
    wechat,
};

type Script<Input, Output> = Box<dyn FnMut(&Input) -> Result<Output, Error>>;

/// The host that plugins have in tests: one for each thread, which is what each test runs on.
///
/// It grants what the real one grants without being told: the log, the context and the
/// configuration. Everything else is [`Error::Denied`] until the test grants it. The sizes and
/// numbers that the real host limits are not limited here.
#[derive(Debug, Clone, Copy)]
pub struct Host(());

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

/// A part of the host that a test can have fail, by [`Host::failing`].
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
    pub(super) messages_granted: bool,
    pub(super) sent: Vec<Sent>,
    pub(super) http: Option<Script<http::Request, http::Response>>,
    pub(super) http_requests: Vec<http::Request>,
    pub(super) wechat: Option<Script<wechat::Request, wechat::Response>>,
    pub(super) wechat_requests: Vec<wechat::Request>,
    pub(super) pay: Option<Script<PayCall, serde_json::Value>>,
    pub(super) pay_calls: Vec<PayCall>,
    failing: HashMap<Part, Error>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::new(State::new());
}

/// What the host of this thread knows. Nothing of the author's may run inside `look`.
pub(super) fn with<T>(look: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(look)
}

pub(super) fn denied(grant: &str) -> Error {
    Error::Denied(format!("the operator has not granted `{grant}` to this plugin for this app"))
}

impl State {
    fn new() -> Self {
        Self {
            app: App {
                name: "demo".to_owned(),
                title: "Demo".to_owned(),
                kind: AppType::Service,
                appid: "wx0123456789abcdef".to_owned(),
            },
            delivery_id: "delivery-1".to_owned(),
            time_left: Duration::from_secs(14),
            fields: Vec::new(),
            raw: Vec::new(),
            config: "{}".to_owned(),
            now: Duration::from_secs(super::samples::CREATED_AT),
            logs: Vec::new(),
            kv: kv::Store::default(),
            users: users::Users::default(),
            orders: orders::Orders::default(),
            messages_granted: false,
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

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

/// What the plugin meets.
#[expect(clippy::return_self_not_must_use, reason = "the thread's host is changed; chaining is a convenience")]
impl Host {
    /// A new host for this thread: what the one before knew is gone.
    pub fn new() -> Self {
        entry::prepare();
        context::is_about(None);
        with(|state| *state = State::new());
        Self(())
    }

    /// The context of a call.
    pub fn context(self) -> Context {
        Context::of_this_call()
    }

    /// Names the app that calls run for; it is `demo` otherwise.
    pub fn app(self, name: &str) -> Self {
        with(|state| name.clone_into(&mut state.app.name));
        self
    }

    /// Sets the type of the app; it is a service account otherwise.
    pub fn app_type(self, kind: AppType) -> Self {
        with(|state| state.app.kind = kind);
        self
    }

    /// Sets what [`Context::openid`] says to functions that the test calls itself. The calls by name
    /// say it of themselves.
    pub fn openid(self, openid: &str) -> Self {
        context::is_about(Some(openid));
        self
    }

    /// Sets what [`Context::delivery_id`] says.
    pub fn delivery_id(self, id: &str) -> Self {
        with(|state| id.clone_into(&mut state.delivery_id));
        self
    }

    /// Sets what [`Context::fields`] and [`Context::raw`] say.
    pub fn delivery(self, fields: impl Into<Vec<Field>>, raw: impl Into<Vec<u8>>) -> Self {
        with(|state| (state.fields, state.raw) = (fields.into(), raw.into()));
        self
    }

    /// Sets what the operator configured.
    ///
    /// # Panics
    /// When `config` cannot be written as JSON.
    #[expect(clippy::expect_used, reason = "a test that cannot say what it means has to fail")]
    pub fn config(self, config: &impl Serialize) -> Self {
        let config = serde_json::to_string(config).expect("the configuration can be written as JSON");
        with(|state| state.config = config);
        self
    }

    /// Grants `kv`.
    pub fn grant_kv(self) -> Self {
        with(|state| state.kv.granted = true);
        self
    }

    /// Grants `users`.
    pub fn grant_users(self) -> Self {
        with(|state| state.users.granted = true);
        self
    }

    /// Adds a user, known to Weft and to WeChat.
    pub fn user(self, user: User) -> Self {
        with(|state| state.users.all.insert(user.openid.clone(), user));
        self
    }

    /// Grants `orders` with these rights: `read`, `create`, `refund`.
    pub fn grant_orders(self, rights: &[&str]) -> Self {
        with(|state| state.orders.granted = rights.iter().map(|&right| right.to_owned()).collect());
        self
    }

    /// Adds an order; the one of the same merchant and number is replaced.
    pub fn order(self, order: Order) -> Self {
        with(|state| state.orders.put(order));
        self
    }

    /// Grants the paths of the interface `messages`; [`sent`](Self::sent) tells what was sent.
    pub fn grant_messages(self) -> Self {
        with(|state| state.messages_granted = true);
        self
    }

    /// Grants every host, and answers requests with what `answer` returns.
    pub fn on_http(self, answer: impl FnMut(&http::Request) -> Result<http::Response, Error> + 'static) -> Self {
        with(|state| state.http = Some(Box::new(answer)));
        self
    }

    /// Grants every path of WeChat's API, and answers calls with the JSON that `answer` returns.
    pub fn on_wechat(
        self,
        mut answer: impl FnMut(&wechat::Request) -> Result<serde_json::Value, Error> + 'static,
    ) -> Self {
        self.on_wechat_call(move |request| {
            let body = serde_json::to_vec(&answer(request)?)?;
            Ok(wechat::Response { content_type: "application/json".to_owned(), body })
        })
    }

    /// Grants every path of WeChat Pay, and answers calls with the JSON that `answer` returns; null where WeChat says
    /// nothing but that it is done.
    pub fn on_pay(self, answer: impl FnMut(&PayCall) -> Result<serde_json::Value, Error> + 'static) -> Self {
        with(|state| state.pay = Some(Box::new(answer)));
        self
    }

    /// As [`on_wechat`](Self::on_wechat), where the answer may be a picture, too.
    pub fn on_wechat_call(
        self,
        answer: impl FnMut(&wechat::Request) -> Result<wechat::Response, Error> + 'static,
    ) -> Self {
        with(|state| state.wechat = Some(Box::new(answer)));
        self
    }

    /// Has every call of that part end with this error: what does the plugin do without it?
    pub fn failing(self, part: Part, error: Error) -> Self {
        with(|state| state.failing.insert(part, error));
        self
    }

    /// Sets what [`Context::now`] says; it is 2025-10-09T08:53:20Z otherwise, when the messages of
    /// [`testing`](crate::testing) were sent.
    ///
    /// # Panics
    /// When `time` is before 1970.
    #[expect(clippy::expect_used, reason = "a test that cannot say what it means has to fail")]
    pub fn at(self, time: SystemTime) -> Self {
        let now = time.duration_since(UNIX_EPOCH).expect("the time is after 1970");
        with(|state| state.now = now);
        self
    }

    /// Lets time pass: keys expire and the call's time runs out.
    pub fn advance(self, time: Duration) -> Self {
        with(|state| {
            state.now += time;
            state.time_left = state.time_left.saturating_sub(time);
        });
        self
    }
}

/// What the plugin did.
impl Host {
    /// The lines that were logged.
    pub fn logs(self) -> Vec<LogLine> {
        with(|state| state.logs.clone())
    }

    /// The messages that were sent.
    pub fn sent(self) -> Vec<Sent> {
        with(|state| state.sent.clone())
    }

    /// The HTTP requests that were sent, also those that were not granted.
    pub fn http_requests(self) -> Vec<http::Request> {
        with(|state| state.http_requests.clone())
    }

    /// The calls of WeChat Pay, also those that were denied.
    pub fn pay_calls(self) -> Vec<PayCall> {
        with(|state| state.pay_calls.clone())
    }

    /// The calls of WeChat's API, also those that were not granted.
    pub fn wechat_requests(self) -> Vec<wechat::Request> {
        with(|state| state.wechat_requests.clone())
    }

    /// The refunds that were asked for.
    pub fn refunds(self) -> Vec<Refund> {
        with(|state| state.orders.refunds.iter().map(|(_, refund)| refund.clone()).collect())
    }
}

/// Calls as the real host makes them, by name, and refused as there for other apps than the function
/// is restricted to.
impl Host {
    /// What the plugin says of itself.
    pub fn describe(self) -> Description {
        <Component as manifest::Guest>::describe()
    }

    /// Runs a message handler.
    pub fn handle(self, handler: &str, message: Message) -> Result<Option<Reply>, Error> {
        allowed(&entry::entries::<Message, Option<Reply>>(), handler)?;
        <Component as handlers::Guest>::handle(handler.to_owned(), message)
    }

    /// Asks a message rule.
    pub fn matches(self, rule: &str, message: Message) -> Result<bool, Error> {
        allowed(&entry::entries::<Message, bool>(), rule)?;
        <Component as rules::Guest>::matches(rule.to_owned(), message)
    }

    /// Tells an order hook.
    pub fn order_updated(self, hook: &str, event: OrderEvent) -> Result<(), Error> {
        allowed(&entry::entries::<OrderEvent, ()>(), hook)?;
        <Component as hooks::Guest>::order_updated(hook.to_owned(), event)
    }

    /// Tells a message observer.
    pub fn observe(self, observer: &str, observation: Observation) -> Result<(), Error> {
        allowed(&entry::entries::<Observation, ()>(), observer)?;
        <Component as observers::Guest>::observe(observer.to_owned(), observation)
    }

    /// Asks for a page.
    pub fn serve(self, page: &str, request: Request) -> Result<Response, Error> {
        allowed(&entry::entries::<Request, Response>(), page)?;
        <Component as pages::Guest>::serve(page.to_owned(), request)
    }
}

/// Whether the function may run for the host's app; one that is not there is refused elsewhere.
fn allowed(entries: &[&'static Entry], name: &str) -> Result<(), Error> {
    let app = with(|state| state.app.name.clone());
    match entries.iter().find(|entry| entry.name == name) {
        Some(entry) if !entry.apps.is_empty() && !entry.apps.contains(&app.as_str()) => {
            Err(Error::Denied(format!("`{name}` is only for the apps {}", entry.apps.join(", "))))
        }
        _ => Ok(()),
    }
}
