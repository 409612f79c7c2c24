//! Every test of the storage runs on both databases.

mod app_plugins;
mod apps;
mod articles;
mod at_rest;
mod audit_log;
mod batch;
mod call_counts;
mod concurrency;
mod deliveries;
mod delivery_answers;
mod disabled_plugins;
mod handler_syncs;
mod handlers;
mod jobs;
mod kv_turns;
mod limited_actions;
mod materials;
mod menus;
mod merchants;
mod message_logs;
mod migrations;
mod open_orders;
mod order_outbox;
mod orders;
mod plugin_canaries;
mod plugin_kv;
mod plugin_kv_batches;
mod plugin_limits;
mod plugin_versions;
mod publications;
mod reconciliations;
mod sends;
mod sightings;
mod tags;
mod tokens;
mod user_profiles;
mod users;
mod write_ahead_log;

use weft::model::{App, AppType};
use weft::storage::Store;

/// An app without secrets, stored.
async fn add_app(store: &Store, name: &str) -> App {
    store.apps().insert(&App::new(name, AppType::Service, "wx0123456789abcdef")).await.unwrap()
}
