//! What an app's order webhook is sent.

use serde::Serialize;

use crate::{
    model::{App, ObservationSource, OrderState, OrderView, RefundState, RefundStep, RefundView},
    storage::DueEvent,
    time,
    upstream::{WebhookError, WebhookMessage, Webhooks},
};

/// An event as it stands in the body.
#[derive(Serialize)]
struct Event<'a, T> {
    #[serde(rename = "type")]
    kind: &'static str,
    /// When it happened, RFC 3339.
    timestamp: String,
    data: &'a T,
}

/// An order that changed.
#[derive(Serialize)]
struct OrderUpdated<'a> {
    app: &'a str,
    /// As it was just after the change.
    order: OrderView,
    previous_state: OrderState,
    source: ObservationSource,
    attempt: u64,
}

/// A refund that changed.
#[derive(Serialize)]
struct RefundUpdated<'a> {
    app: &'a str,
    /// As it was at the change.
    order: OrderView,
    /// As it was just after it.
    refund: RefundView,
    previous_state: RefundState,
    source: ObservationSource,
    attempt: u64,
}

/// Something to try the address with.
#[derive(Serialize)]
struct Test<'a> {
    app: &'a str,
}

/// Tells the webhook of `app` of an order or a refund that changed. `now` is in seconds since 1970.
pub(super) async fn tell(webhooks: &Webhooks, app: &App, event: &DueEvent, now: u64) -> Result<u16, WebhookError> {
    let (app_name, order, source) = (app.name.as_str(), event.order.clone().into(), event.source);
    let (timestamp, attempt) = (time::rfc3339_of_ms(event.created_at_ms), event.attempts + 1);
    if let Some(RefundStep { previous_state, refund }) = event.refund.clone() {
        let refund = refund.into();
        let data = RefundUpdated { app: app_name, order, refund, previous_state, source, attempt };
        return post(webhooks, app, &event.id, &Event { kind: "refund.updated", timestamp, data: &data }, now).await;
    }
    let previous_state = event.previous_state;
    let data = OrderUpdated { app: app_name, order, previous_state, source, attempt };
    post(webhooks, app, &event.id, &Event { kind: "order.updated", timestamp, data: &data }, now).await
}

/// Sends the webhook of `app` something that is about no order.
pub(super) async fn test(webhooks: &Webhooks, app: &App, id: &str, now: u64) -> Result<u16, WebhookError> {
    let data = Test { app: &app.name };
    post(webhooks, app, id, &Event { kind: "webhook.test", timestamp: time::rfc3339(now), data: &data }, now).await
}

async fn post<T: Serialize>(
    webhooks: &Webhooks,
    app: &App,
    id: &str,
    event: &Event<'_, T>,
    now: u64,
) -> Result<u16, WebhookError> {
    let url = app.settings.order_webhook_url.as_deref().ok_or(WebhookError::Url)?;
    let secrets: Vec<_> =
        [&app.order_webhook_secret, &app.previous_order_webhook_secret].into_iter().flatten().collect();
    let body = serde_json::to_string(event).unwrap_or_default();
    let message = WebhookMessage { id, body: &body, secrets: &secrets, timestamp: now };
    webhooks.post(app, url, message).await
}
