//! The plugins in `plugins-examples/` that need more than a message, in the real host.

mod coupon_page;
mod keyword_menu;
mod languages;
mod office_hours;
mod order_fulfilment;
mod slow_assistant;

use reqwest::Method;
use serde_json::Value;

use crate::support::Inbox;

/// Sets what the plugin may do for the app `shop`.
async fn grant(inbox: &Inbox, plugin: &str, settings: Value) {
    let (status, set) = inbox.app.api(Method::PUT, &format!("/apps/shop/plugins/{plugin}"), Some(settings)).await;
    assert_eq!(status, 200, "{set}");
}
