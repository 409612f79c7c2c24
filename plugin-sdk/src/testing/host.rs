//! The host in memory.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

use super::{
    replies,
    state::{CALL_TIME, LogLine, Part, PayCall, Sent, State, with},
};
use crate::{
    bindings::{
        Component,
        exported::{handlers, hooks, manifest, observers, pages, refund_hooks, rules},
    },
    context::{self, AppType, Context, Field},
    entry::{self, Entry},
    error::Error,
    hooks::{OrderEvent, RefundEvent},
    http,
    manifest::{Description, PAY_APIS},
    message::Message,
    observers::Observation,
    order::Order,
    orders::RefundAnswer,
    pages::{PageRequest, PageResponse},
    reply::Reply,
    users::User,
    wechat,
};

/// The kinds of calls, with the time that a server gives each of them unless the operator has set something else.
const HANDLER: (&str, Duration) = ("message handler", CALL_TIME);
const RULE: (&str, Duration) = ("message rule", Duration::from_secs(1));
const HOOK: (&str, Duration) = ("order hook", Duration::from_secs(30));
const OBSERVER: (&str, Duration) = ("message observer", CALL_TIME);
const PAGE: (&str, Duration) = ("page", CALL_TIME);

/// How many hosts there were, on all threads: each has a number of its own.
static HOSTS: AtomicU64 = AtomicU64::new(0);

/// The host that plugins have in tests.
///
/// There is one for each thread, which is what each test runs on: what a plugin asks reaches it, whoever calls the
/// plugin. This is a handle to it, and its copies are, too. [`new`](Self::new) puts another host in its place.
///
/// It grants what the real one grants without being told: the log, the context and the
/// configuration. Everything else is [`Error::Denied`], with the grant that is missing, until the test grants it: all
/// that the plugin asks for with [`grant_asked`](Self::grant_asked), or one thing after the other. What the real host
/// refuses of a key, a user, an order, a refund or a message is refused here, too. How much a call may do is not
/// limited: `weft plugin test` runs it within the limits of a server.
#[derive(Debug, Clone, Copy)]
pub struct TestHost {
    number: u64,
}

/// What the plugin meets.
#[expect(clippy::return_self_not_must_use, reason = "the thread's host is changed; chaining is a convenience")]
impl TestHost {
    /// A new host for this thread. It takes the place of the one before: what that one knew is gone, and whoever asks
    /// it still is told so by a panic. A test that begins with it hears nothing of those that ran on its thread before.
    #[expect(
        clippy::new_without_default,
        reason = "it changes what the thread has, and that should be read where it is"
    )]
    pub fn new() -> Self {
        entry::prepare();
        context::set_openid(None);
        let number = HOSTS.fetch_add(1, Ordering::Relaxed) + 1;
        with(|state| *state = State::new(number));
        Self { number }
    }

    /// The host that this thread has, or a new one where it has none.
    pub(crate) fn of_this_thread() -> Self {
        match with(|state| state.number) {
            0 => Self::new(),
            number => Self { number },
        }
    }

    /// The context of a call.
    pub fn context(self) -> Context {
        self.with(|_| Context::of_this_call())
    }

    /// Names the app that calls run for; it is `demo` otherwise.
    pub fn app(self, name: &str) -> Self {
        self.with(|state| name.clone_into(&mut state.app.name));
        self
    }

    /// Sets the type of the app; it is a service account otherwise. WeChat has verified it in any case. What accounts of
    /// its type have not, such as template messages of a subscription account, is [`Error::Invalid`].
    pub fn app_type(self, kind: AppType) -> Self {
        self.with(|state| state.app.kind = kind);
        self
    }

    /// Sets what [`Context::openid`] says to functions that the test calls itself. The calls by name
    /// say it of themselves.
    pub fn openid(self, openid: &str) -> Self {
        self.with(|_| context::set_openid(Some(openid)));
        self
    }

    /// Sets what [`Context::delivery_id`] says.
    pub fn delivery_id(self, id: &str) -> Self {
        self.with(|state| id.clone_into(&mut state.delivery_id));
        self
    }

    /// Sets what [`Context::fields`] and [`Context::raw`] say.
    pub fn delivery(self, fields: impl Into<Vec<Field>>, raw: impl Into<Vec<u8>>) -> Self {
        self.with(|state| (state.fields, state.raw) = (fields.into(), raw.into()));
        self
    }

    /// Sets what the operator configured.
    ///
    /// # Panics
    /// When `config` cannot be written as JSON.
    #[expect(clippy::expect_used, reason = "a test that cannot say what it means has to fail")]
    pub fn config(self, config: &impl Serialize) -> Self {
        let config = serde_json::to_string(config).expect("the configuration can be written as JSON");
        self.with(|state| state.config = config);
        self
    }

    /// Grants `kv`.
    pub fn grant_kv(self) -> Self {
        self.with(|state| state.kv.granted = true);
        self
    }

    /// Grants `users`.
    pub fn grant_users(self) -> Self {
        self.with(|state| state.users.granted = true);
        self
    }

    /// Adds a user, known to Weft and to WeChat.
    pub fn user(self, user: User) -> Self {
        self.with(|state| state.users.all.insert(user.openid.clone(), user));
        self
    }

    /// Grants `orders` with these rights: `read`, `create`, `refund`.
    pub fn grant_orders(self, rights: &[&str]) -> Self {
        self.with(|state| state.orders.granted.extend(owned(rights)));
        self
    }

    /// Adds a merchant to the app. It has `default` anyway, which is meant where none is named; a call for one that it has
    /// not is [`Error::NotFound`].
    pub fn merchant(self, name: &str) -> Self {
        self.with(|state| state.orders.add_merchant(name));
        self
    }

    /// Adds an order, and its merchant to the app; the one of the same merchant and number is replaced.
    pub fn order(self, order: Order) -> Self {
        self.with(|state| state.orders.put(order));
        self
    }

    /// Grants requests to these hosts, which are spelled as in [`asks!`](crate::asks!): `https://*.example.com` is all
    /// below. [`on_http`](Self::on_http) says what they answer.
    pub fn grant_http_hosts(self, hosts: &[&str]) -> Self {
        self.with(|state| state.http_hosts.extend(owned(hosts)));
        self
    }

    /// Grants calls of WeChat's API at these paths and below them: `/cgi-bin/tags`.
    /// [`on_wechat`](Self::on_wechat) says what they answer.
    pub fn grant_wechat_apis(self, paths: &[&str]) -> Self {
        self.with(|state| state.wechat_apis.extend(owned(paths)));
        self
    }

    /// Grants calls of WeChat Pay at these paths and below them: `/v3/profitsharing`.
    /// [`on_pay`](Self::on_pay) says what they answer.
    pub fn grant_pay_apis(self, paths: &[&str]) -> Self {
        self.with(|state| state.pay_apis.extend(owned(paths)));
        self
    }

    /// Grants the paths of the interface `messages`, as [`grant_wechat_apis`](Self::grant_wechat_apis) does;
    /// [`sent`](Self::sent) tells what was sent.
    pub fn grant_messages(self) -> Self {
        self.grant_wechat_apis(&["/cgi-bin/message/"])
    }

    /// Grants what the plugin asks for with [`asks!`](crate::asks!), and no more: a test with it alone fails where the
    /// plugin uses what it does not ask for. What hosts and paths answer is still the test's to say, with
    /// [`on_http`](Self::on_http), [`on_wechat`](Self::on_wechat) and [`on_pay`](Self::on_pay).
    ///
    /// ```standalone_crate
    /// use weft_plugin::{prelude::*, testing::TestHost};
    ///
    /// asks! { kv: true, http_hosts: ["https://api.example.com"] }
    ///
    /// fn fetch(url: &str) -> Result<http::Response> {
    ///     Ok(http::Request::get(url).send()?)
    /// }
    ///
    /// let answer = http::Response { status: 200, headers: Vec::new(), body: "茶".into() };
    /// TestHost::new().grant_asked().on_http(move |_| Ok(answer.clone()));
    /// assert!(kv::get("key").is_ok());
    /// assert!(fetch("https://api.example.com/tea").is_ok());
    ///
    /// let denied = fetch("https://example.com/tea").unwrap_err().to_string();
    /// assert!(denied.contains("has not granted `http_hosts: https://example.com`"), "{denied}");
    /// ```
    pub fn grant_asked(self) -> Self {
        let Description { asks, options, .. } = self.describe();
        let pay_apis = options.into_iter().filter(|(name, _)| name == PAY_APIS).map(|(_, path)| path);
        self.with(|state| {
            state.kv.granted |= asks.kv;
            state.users.granted |= asks.users;
            state.orders.granted.extend(asks.orders);
            state.http_hosts.extend(asks.http_hosts);
            state.wechat_apis.extend(asks.wechat_apis);
            state.pay_apis.extend(pay_apis);
        });
        self
    }

    /// Answers requests to hosts that are granted, and grants none. Without it they are [`Error::Unavailable`].
    ///
    /// `answer` fails with an [`Error`], as what [`kv::update`](crate::kv::update) is given does.
    pub fn on_http(self, answer: impl FnMut(&http::Request) -> Result<http::Response, Error> + 'static) -> Self {
        self.with(|state| state.http = Some(Box::new(answer)));
        self
    }

    /// Answers calls of WeChat's API at paths that are granted, with the JSON that `answer` returns, and grants none.
    /// Without it they are [`Error::Unavailable`]. An answer whose `errcode` is not 0 is [`Error::Wechat`] to the plugin.
    ///
    /// `answer` fails with an [`Error`], as what [`kv::update`](crate::kv::update) is given does.
    pub fn on_wechat(
        self,
        mut answer: impl FnMut(&wechat::Request) -> Result<serde_json::Value, Error> + 'static,
    ) -> Self {
        self.on_wechat_call(move |request| {
            let body = serde_json::to_vec(&answer(request)?)?;
            Ok(wechat::Response { content_type: "application/json".to_owned(), body })
        })
    }

    /// Answers calls of WeChat Pay at paths that are granted, with the JSON that `answer` returns, and grants none.
    /// Without it they are [`Error::Unavailable`]. The answer is null where WeChat says nothing but that it is done. Of
    /// v2 a `return_code` or `result_code` that is none of success is [`Error::Wechat`] to the plugin.
    pub fn on_pay(self, answer: impl FnMut(&PayCall) -> Result<serde_json::Value, Error> + 'static) -> Self {
        self.with(|state| state.pay = Some(Box::new(answer)));
        self
    }

    /// As [`on_wechat`](Self::on_wechat), where the answer may be a picture, too.
    pub fn on_wechat_call(
        self,
        answer: impl FnMut(&wechat::Request) -> Result<wechat::Response, Error> + 'static,
    ) -> Self {
        self.with(|state| state.wechat = Some(Box::new(answer)));
        self
    }

    /// Has every call of that part end with this error: what does the plugin do without it?
    pub fn failing(self, part: Part, error: Error) -> Self {
        self.with(|state| state.failing.insert(part, error));
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
        self.with(|state| state.now = now);
        self
    }

    /// Lets time pass: keys expire, and the time of the running call runs out. A call by name begins with all of its own; a
    /// function that the test calls itself has what is left of a handler's 14 seconds.
    pub fn advance(self, time: Duration) -> Self {
        self.with(|state| {
            state.now += time;
            state.time_left = state.time_left.saturating_sub(time);
        });
        self
    }
}

/// What the plugin did.
impl TestHost {
    /// The lines that were logged.
    pub fn logs(self) -> Vec<LogLine> {
        self.with(|state| state.logs.clone())
    }

    /// The messages that were sent.
    pub fn sent(self) -> Vec<Sent> {
        self.with(|state| state.sent.clone())
    }

    /// The HTTP requests that were sent, also those that were not granted.
    pub fn http_requests(self) -> Vec<http::Request> {
        self.with(|state| state.http_requests.clone())
    }

    /// The calls of WeChat Pay, also those that were denied.
    pub fn pay_calls(self) -> Vec<PayCall> {
        self.with(|state| state.pay_calls.clone())
    }

    /// The calls of WeChat's API, also those that were not granted.
    pub fn wechat_requests(self) -> Vec<wechat::Request> {
        self.with(|state| state.wechat_requests.clone())
    }

    /// The refunds that were asked for, as [`orders::create_refund`](crate::orders::create_refund) has answered.
    pub fn refunds(self) -> Vec<RefundAnswer> {
        self.with(|state| state.orders.refunds.iter().map(|asked| asked.refund.clone()).collect())
    }
}

/// Calls as the real host makes them, by name, each with the time of its kind, and refused as there for other apps than the
/// function is restricted to.
impl TestHost {
    /// What the plugin says of itself.
    ///
    /// # Panics
    /// When two functions of a kind have one name: a server refuses such a file. So do the calls by that name.
    pub fn describe(self) -> Description {
        <Component as manifest::Guest>::describe()
    }

    /// Runs a message handler. An answer that the real host would not send, such as an empty text, is
    /// [`Error::Invalid`].
    pub fn handle(self, handler: &str, message: Message) -> Result<Option<Reply>, Error> {
        self.begin(HANDLER, &entry::entries::<Message, Option<Reply>>(), handler)?;
        let reply = <Component as handlers::Guest>::handle(handler.to_owned(), message)?;
        reply.as_ref().map_or(Ok(()), replies::check)?;
        Ok(reply)
    }

    /// Asks a message rule.
    pub fn matches(self, rule: &str, message: Message) -> Result<bool, Error> {
        self.begin(RULE, &entry::entries::<Message, bool>(), rule)?;
        <Component as rules::Guest>::matches(rule.to_owned(), message)
    }

    /// Tells an order hook.
    pub fn order_updated(self, hook: &str, event: OrderEvent) -> Result<(), Error> {
        self.begin(HOOK, &crate::hooks::entries(), hook)?;
        <Component as hooks::Guest>::order_updated(hook.to_owned(), event)
    }

    /// Tells a hook of a refund.
    pub fn refund_updated(self, hook: &str, event: RefundEvent) -> Result<(), Error> {
        self.begin(HOOK, &crate::hooks::entries(), hook)?;
        <Component as refund_hooks::Guest>::refund_updated(hook.to_owned(), event)
    }

    /// Tells a message observer.
    pub fn observe(self, observer: &str, observation: Observation) -> Result<(), Error> {
        self.begin(OBSERVER, &entry::entries::<Observation, ()>(), observer)?;
        <Component as observers::Guest>::observe(observer.to_owned(), observation)
    }

    /// Asks for a page.
    pub fn serve(self, page: &str, request: PageRequest) -> Result<PageResponse, Error> {
        self.begin(PAGE, &entry::entries::<PageRequest, PageResponse>(), page)?;
        <Component as pages::Guest>::serve(page.to_owned(), request)
    }
}

fn owned(texts: &[&str]) -> impl Iterator<Item = String> {
    texts.iter().map(|&text| text.to_owned())
}

impl TestHost {
    /// Begins a call with all of its time, if the function may run for the host's app; one that is not there is refused
    /// elsewhere.
    fn begin(self, (kind, time): (&str, Duration), entries: &[&'static Entry], name: &str) -> Result<(), Error> {
        let named: Vec<_> = entries.iter().copied().filter(|entry| entry.name == name).collect();
        entry::assert_distinct(kind, &named);
        let app = self.with(|state| {
            state.time_left = time;
            state.app.name.clone()
        });
        match named.first() {
            Some(entry) if !entry.apps.is_empty() && !entry.apps.contains(&app.as_str()) => {
                Err(Error::Denied(format!("`{name}` is only for the apps {}", entry.apps.join(", "))))
            }
            _ => Ok(()),
        }
    }

    /// What this host knows, as long as it is the one of the thread.
    fn with<T>(self, look: impl FnOnce(&mut State) -> T) -> T {
        with(|state| {
            assert!(
                state.number == self.number,
                "this `TestHost` is no more: `TestHost::new()` has put another one in its place, or this is not its thread"
            );
            look(state)
        })
    }
}

/// Of every kind a call by a name that two functions have says which ones.
///
/// ```standalone_crate
/// use std::panic::{UnwindSafe, catch_unwind};
/// use weft_plugin::{prelude::*, testing::{self, TestHost}};
///
/// macro_rules! functions {
///     () => {
///         use weft_plugin::prelude::*;
///         #[message_handler(name = "twice")]
///         fn handler() {}
///         #[message_rule(name = "twice")]
///         fn rule() -> bool {
///             true
///         }
///         #[message_observer(name = "twice")]
///         fn observer() {}
///         #[order_hook(name = "twice")]
///         fn hook() {}
///         #[page(name = "twice")]
///         fn page() -> PageResponse {
///             PageResponse::status(204)
///         }
///     };
/// }
/// mod a {
///     functions!();
/// }
/// mod b {
///     functions!();
/// }
///
/// fn told(call: impl FnOnce() + UnwindSafe) -> String {
///     *catch_unwind(call).unwrap_err().downcast::<String>().unwrap()
/// }
///
/// let host = TestHost::new();
/// let order = || testing::order_event(testing::order("A1", 100), OrderState::Notpay);
/// for (told, kind) in [
///     (told(|| drop(host.handle("twice", testing::text("o1", "hi")))), "message handlers"),
///     (told(|| drop(host.matches("twice", testing::text("o1", "hi")))), "message rules"),
///     (told(|| drop(host.observe("twice", Observation::Received(testing::text("o1", "hi"))))), "message observers"),
///     (told(|| drop(host.order_updated("twice", order()))), "order hooks"),
///     (told(|| drop(host.serve("twice", testing::request("GET", "/")))), "pages"),
///     (told(|| drop(host.describe())), "message handlers"),
/// ] {
///     assert!(told.starts_with(&format!("two {kind} are called `twice`, in `")), "{told}");
///     assert!(told.contains("::a` and `") && told.contains("::b`: "), "{told}");
/// }
/// ```
#[cfg(doctest)]
struct CalledTwice;
