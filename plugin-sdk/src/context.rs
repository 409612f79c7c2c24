//! What the running call is about. Needs no grant, but for [`Context::user`].
//!
//! ```
//! use weft_plugin::{prelude::*, testing::{self, Host}};
//!
//! #[message_handler]
//! fn greet(message: Message, context: Context) -> Result<String> {
//!     let user = context.user()?;
//!     let name = user.nickname.unwrap_or(user.remark);
//!     Ok(format!("{name}，欢迎光临{}", context.app().title))
//! }
//!
//! let host = Host::new().grant_users().user(users::User { remark: "小王".into(), ..testing::user("o1") });
//! assert_eq!(host.handle("greet", testing::text("o1", "hi")), Ok(Some("小王，欢迎光临Demo".into())));
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

/// Says whom the call is about that begins now.
pub(crate) fn is_about(openid: Option<&str>) {
    OPENID.replace(openid.map(str::to_owned));
}

/// What the running call is about; every annotated function may take it as its second parameter.
#[derive(Debug, Clone, Copy)]
pub struct Context(());

impl Context {
    pub(crate) const fn of_this_call() -> Self {
        Self(())
    }

    /// A call from a [`testing::Host`](crate::testing::Host) that was made for it and has granted
    /// nothing.
    #[cfg(not(target_family = "wasm"))]
    pub fn test() -> Self {
        crate::testing::Host::new().context()
    }

    /// The WeChat account that the call runs for.
    pub fn app(&self) -> App {
        imports::context::current_app()
    }

    /// The user whom the call is about: who wrote the message, whose order it is, who asks for the page.
    /// A test that calls the function itself says it with
    /// [`Host::openid`](crate::testing::Host::openid).
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

    /// The time; in tests that of the [`Host`](crate::testing::Host), which stands still.
    pub fn now(&self) -> SystemTime {
        #[cfg(target_family = "wasm")]
        return SystemTime::now();
        #[cfg(not(target_family = "wasm"))]
        return crate::testing::now();
    }

    /// The same for every try at the same delivery or event: a key for doing a thing once.
    pub fn delivery_id(&self) -> String {
        imports::context::delivery_id()
    }

    /// How long until the host ends this call.
    pub fn time_left(&self) -> Duration {
        Duration::from_millis(imports::context::time_left_ms())
    }

    /// Every element of the message being handled; empty in calls that handle none.
    pub fn fields(&self) -> Vec<Field> {
        imports::context::fields()
    }

    /// The message as it was sent, decrypted: XML, or JSON where the account is set to it. Empty in
    /// calls that handle none.
    pub fn raw(&self) -> Vec<u8> {
        imports::context::raw()
    }
}
