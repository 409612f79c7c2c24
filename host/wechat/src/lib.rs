//! WeChat's protocol without I/O: bytes in, typed values out, and back.
//!
//! No socket, no clock, no randomness: times, nonces and random bytes are parameters.
//!
//! - [`signature`]: the SHA-1 over sorted strings that signs URLs and envelopes
//! - [`envelope`]: the AES envelope around a message
//! - [`account`]: what a webhook knows of an account: it verifies and opens deliveries, and seals replies
//! - [`message`]: what users and WeChat send, parsed from XML or JSON
//! - [`reply`]: what an account answers, written as XML
//! - [`jssdk`]: what pages sign with for the JS-SDK
//! - [`api`]: calls of WeChat's API: what they send, and how their answers are read
//! - [`pay`]: WeChat Pay, v2 and v3
//!
//! The usual road of a webhook is [`account::Account::open`], then [`message::Message::content`], then
//! [`reply::Reply::check`], [`reply::Reply::fit`] and [`reply::Reply::to_xml`], then
//! [`account::Account::seal_reply`] when the delivery came encrypted.

mod document;
mod json;
mod xml;

pub mod account;
pub mod api;
pub mod envelope;
pub mod jssdk;
pub mod message;
pub mod pay;
pub mod reply;
pub mod signature;
