//! Weft, seen from outside: one binary for all integration tests.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod accounts;
mod admin;
mod admission;
mod articles;
mod audit_log;
mod command;
mod config;
mod connections;
mod floors;
mod handlers;
mod inbox;
mod jobs;
mod late_replies;
mod mass_messages;
mod materials;
mod measures;
mod menus;
mod message_log;
mod message_logs;
mod migrate;
mod order;
mod orders;
mod plugin_calls;
mod plugin_imports;
mod plugin_limits;
mod plugin_outside;
mod reload;
mod replicas;
mod replies;
mod requests;
mod retries;
mod rules;
mod secret;
mod simulate;
mod storage;
mod support;
mod templates;
mod tidy;
mod upstream;
mod user_messages;
mod users;
mod webhook;
mod wechat;
mod wit;
