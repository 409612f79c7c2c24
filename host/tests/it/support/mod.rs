//! What tests stand on: databases, whole servers, and plugins built once.

pub(crate) mod database;
pub(crate) mod guests;
pub(crate) mod process;
mod server;

pub(crate) use server::{AES_KEY, ORIGINAL_ID, TOKEN, TestApp, sender_to};
