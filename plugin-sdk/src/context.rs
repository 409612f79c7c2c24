//! What the running call is about. Needs no grant, but for [`Context::user`].
//!
//! ```
//! use weft_plugin::{prelude::*, testing::{self, TestHost}};
//!
//! #[message_handler]
//! fn welcome(message: Message, context: Context) -> Result<String> {
//!     let user = context.user()?;
//!     let name = user.nickname.unwrap_or(user.remark);
//!     Ok(format!("{name}，欢迎光临{}", context.app().title))
//! }
//!
//! let host = TestHost::new().grant_users().user(users::User { remark: "小王".into(), ..testing::user("o1") });
//! assert_eq!(host.handle("welcome", testing::text("o1", "hi")), Ok(Some("小王，欢迎光临Demo".into())));
//! ```

use std::{
    cell::RefCell,
    time::{Duration, SystemTime},
};

pub use crate::bindings::imported::{
    context::{App, AppType},
    types::Field,
};
use crate::{error::Error, imports, users};

thread_local! {
    /// The user whom the running call is about.
    static OPENID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Sets whom the call is about that begins now.
pub(crate) fn set_openid(openid: Option<&str>) {
    OPENID.replace(openid.map(str::to_owned));
}

/// What the running call is about; every annotated function may take it as its second parameter.
///
/// What a plugin may do is in modules, which any function may call without a context: [`kv`](crate::kv),
/// [`http`](crate::http), [`wechat`](crate::wechat), [`messages`](crate::messages), [`users`],
/// [`orders`](crate::orders) and [`pay`](crate::pay). `log::info!` and its like write into the operator's log.
#[derive(Debug, Clone, Copy)]
pub struct Context(());

impl Context {
    pub(crate) const fn of_this_call() -> Self {
        Self(())
    }

    /// A call from the [`TestHost`](crate::testing::TestHost) that the test's thread has, as it is. Where there is none
    /// yet, one is made, which grants nothing. A test that shares its thread with others begins with
    /// [`TestHost::new`](crate::testing::TestHost::new), so as not to have the host of the one before.
    #[cfg(not(target_family = "wasm"))]
    pub fn test() -> Self {
        crate::testing::TestHost::of_this_thread().context()
    }

    /// The WeChat account that the call runs for.
    pub fn app(&self) -> App {
        imports::context::current_app()
    }

    /// The user whom the call is about: who wrote the message, or whose order it is. Of a page nobody yet: its visitors are
    /// not known.
    /// A test that calls the function itself says it with
    /// [`TestHost::openid`](crate::testing::TestHost::openid).
    pub fn openid(&self) -> Option<String> {
        OPENID.with_borrow(Clone::clone)
    }

    /// The user whom the call is about, as Weft knows them. Asks nobody; needs the grant `users`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the call is about nobody, or about somebody whom Weft does not know.
    pub fn user(&self) -> Result<users::User, Error> {
        let openid = self.openid().ok_or_else(|| Error::NotFound("this call is about no user".to_owned()))?;
        users::find(&openid)?.ok_or_else(|| Error::NotFound(format!("Weft does not know the user {openid}")))
    }

    /// The time; in tests that of the [`TestHost`](crate::testing::TestHost), which stands still.
    ///
    /// ```
    /// use std::time::Duration;
    /// use weft_plugin::{prelude::*, testing::{self, TestHost}};
    ///
    /// #[message_rule]
    /// fn waited_long(message: Message, context: Context) -> bool {
    ///     context.now().duration_since(message.sent_at()).is_ok_and(|waited| waited > Duration::from_secs(3))
    /// }
    ///
    /// let host = TestHost::new();
    /// assert!(!waited_long(testing::text("o1", "hi"), host.context()));
    /// assert!(waited_long(testing::text("o1", "hi"), host.advance(Duration::from_secs(4)).context()));
    /// ```
    pub fn now(&self) -> SystemTime {
        #[cfg(target_family = "wasm")]
        return SystemTime::now();
        #[cfg(not(target_family = "wasm"))]
        return crate::testing::now();
    }

    /// The same for every try at the same delivery or event: a key for doing a thing once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use weft_plugin::{prelude::*, testing::TestHost};
    ///
    /// /// Whether it is done now for the first time; WeChat and Weft try again for at most some days.
    /// fn is_first(context: Context) -> Result<bool> {
    ///     let key = format!("done/{}", context.delivery_id());
    ///     match kv::compare_and_set_for(&key, None, "", Duration::from_hours(72)) {
    ///         Err(Error::Conflict(_)) => Ok(false),
    ///         set => Ok(set.map(|_| true)?),
    ///     }
    /// }
    ///
    /// let host = TestHost::new().grant_kv();
    /// assert_eq!((is_first(host.context()), is_first(host.context())), (Ok(true), Ok(false)));
    /// assert_eq!(is_first(host.delivery_id("another").context()), Ok(true));
    /// ```
    pub fn delivery_id(&self) -> String {
        imports::context::delivery_id()
    }

    /// How long until the host ends this call: 14 seconds of a handler, 1 of a rule, 30 of a hook, unless
    /// the operator has set something else.
    pub fn time_left(&self) -> Duration {
        Duration::from_millis(imports::context::time_left_ms())
    }

    /// Every element of the message being handled, also those for which [`Message`](crate::Message) has no
    /// field; empty in calls that handle none.
    ///
    /// ```
    /// use weft_plugin::{Field, prelude::*, testing::TestHost};
    ///
    /// fn element(context: Context, path: &str) -> Option<String> {
    ///     context.fields().into_iter().find(|field| field.path == path).map(|field| field.value)
    /// }
    ///
    /// let field = Field { path: "ScanCodeInfo/ScanType".into(), value: "qrcode".into() };
    /// let host = TestHost::new().delivery([field], "<xml>…</xml>");
    /// assert_eq!(element(host.context(), "ScanCodeInfo/ScanType").as_deref(), Some("qrcode"));
    /// ```
    pub fn fields(&self) -> Vec<Field> {
        imports::context::fields()
    }

    /// The message as it was sent, decrypted: XML, or JSON where the account is set to it. Empty in
    /// calls that handle none.
    pub fn raw(&self) -> Vec<u8> {
        imports::context::raw()
    }
}
