//! Runs handlers in `cargo test`: a host in memory, and messages to try.
//!
//! ```
//! use weft_plugin::{prelude::*, testing::{self, Part, TestHost}};
//!
//! #[message_handler]
//! fn count(message: Message) -> Result<String> {
//!     let key = format!("visits/{}", message.sender);
//!     let visits = kv::update(&key, |seen: Option<u32>| Ok(seen.unwrap_or(0) + 1))?;
//!     Ok(format!("visit {visits}"))
//! }
//!
//! let host = TestHost::new();
//! assert!(matches!(*count(testing::text("o1", "hi")).unwrap_err(), Error::Denied(_)));
//!
//! host.grant_kv();
//! assert_eq!(count(testing::text("o1", "hi")).unwrap(), "visit 1");
//! assert_eq!(count(testing::text("o1", "hi")).unwrap(), "visit 2");
//!
//! host.failing(Part::Kv, Error::Unavailable("the database is away".into()));
//! assert!(count(testing::text("o1", "hi")).is_err());
//! ```
//!
//! A plugin that says with [`asks!`](crate::asks!) what it needs is tested with
//! [`TestHost::new().grant_asked()`](TestHost::grant_asked): the test fails where something is missing there.
//!
//! Handlers are called as the functions that they are, or by name, as the real host does it:
//! `host.handle("count", testing::text("o1", "hi"))`. Afterwards the host tells what was logged, sent
//! and asked for.

mod abilities;
mod grants;
mod host;
pub(crate) mod imports;
pub(crate) mod kv;
pub(crate) mod orders;
mod replies;
mod samples;
mod state;
pub(crate) mod users;

pub use self::{
    host::TestHost,
    samples::{
        click, event, image, message, order, order_event, refund, refund_event, request, scan, subscribe, text, user,
    },
    state::{LogLine, Part, PayCall, Sent},
};

pub(crate) use self::state::now;
