//! Messages that the account sends by itself.

pub mod custom_send;
pub mod custom_typing;
