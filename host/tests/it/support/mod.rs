//! What tests stand on: databases, whole servers, and plugins built once.

#[cfg(unix)]
pub(crate) mod compilers;
pub(crate) mod database;
mod folders;
pub(crate) mod guests;
mod hand_made;
mod inbox;
mod no_plugins;
pub(crate) mod process;
mod server;
mod shop;
pub(crate) mod till;
pub(crate) mod tool;

pub(crate) use folders::Folders;
pub(crate) use hand_made::HandMade;
pub(crate) use inbox::{FAN, Inbox, said, until};
pub(crate) use no_plugins::NoPlugins;
pub(crate) use server::{AES_KEY, ORIGINAL_ID, SECRET_KEY, TOKEN, TestApp, sender_to, share_compiled_plugins};
pub(crate) use shop::Shop;

use std::time::Duration;

use reqwest::Client;
use serde_json::Value;

/// For so long tests wait for what must happen: a machine may be slow.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Asks servers of this machine as people and their tools do, who wait.
pub(crate) fn client() -> Client {
    // Another part of the process may have chosen the provider already.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

/// An object with the members of another one, which replace its own of the same names.
pub(crate) fn with(mut object: Value, members: Value) -> Value {
    let (Some(all), Value::Object(members)) = (object.as_object_mut(), members) else { panic!("both are objects") };
    all.extend(members);
    object
}

/// The time that a call had, in milliseconds, as is said of one that did not end: for waiting, and to run.
pub(crate) fn time_it_had(error: &str) -> u64 {
    let number = |before: &str| {
        let Some((_, rest)) = error.split_once(before) else { panic!("no `{before}` in {error}") };
        rest.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    number("did not end within ") + number(" ms, after ")
}
