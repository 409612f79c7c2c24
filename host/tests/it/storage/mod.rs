//! Every test of the storage runs on both databases.

mod app_plugins;
mod apps;
mod at_rest;
mod concurrency;
mod handlers;
mod migrations;
mod plugin_kv;
mod tokens;

use weft::model::{App, AppType};
use weft::storage::Store;

/// An app without secrets, stored.
async fn add_app(store: &Store, name: &str) -> App {
    store.apps().insert(&App::new(name, AppType::Service, "wx0123456789abcdef")).await.unwrap()
}
