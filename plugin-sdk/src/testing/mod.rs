//! Runs handlers in `cargo test`: a host in memory, and messages to try.
//!
//! ```
//! use weft_plugin::{testing::Host, *};
//!
//! #[message_handler]
//! fn count(message: Message, _: Context) -> Result<String, Error> {
//!     let key = format!("visits/{}", message.sender);
//!     let seen = kv::get(&key)?;
//!     let visits = seen.as_ref().and_then(kv::Entry::text).map_or(Ok(0), str::parse::<u32>)? + 1;
//!     kv::compare_and_set(&key, seen.map(|entry| entry.version), visits.to_string(), None)?;
//!     Ok(format!("visit {visits}"))
//! }
//!
//! let host = Host::new();
//! assert!(matches!(count(testing::text("o1", "hi"), host.context()), Err(Error::Denied(_))));
//!
//! host.grant_kv();
//! assert_eq!(count(testing::text("o1", "hi"), host.context()).unwrap(), "visit 1");
//! assert_eq!(count(testing::text("o1", "hi"), host.context()).unwrap(), "visit 2");
//! ```

mod host;
pub(crate) mod imports;
pub(crate) mod kv;
pub(crate) mod orders;
mod samples;
pub(crate) mod users;

pub use self::{
    host::{Host, LogLine, Sent},
    samples::{event, image, message, order, order_event, refund, refund_event, request, subscribe, text, user},
};
