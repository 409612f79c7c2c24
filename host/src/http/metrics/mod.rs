//! `/metrics`: what Prometheus reads.
//!
//! Labels are the names of plugins and of what they export, and words of this program: there are few of them. An app
//! stands in one only where a breaker opened for it. No user and no secret does.

mod families;
mod plugins;
mod process;

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

use super::AppState;
use crate::{histogram::Histogram, pay};
use families::{Families, labels};

/// How long the database may take to be asked what waits in it.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);

/// Counts what WeChat sends.
#[derive(Debug, Default)]
pub struct Measures {
    deliveries: [Histogram; Delivered::ALL.len()],
    notifications: [AtomicU64; NOTIFIED.len()],
}

/// What became of a request to a webhook.
#[derive(Debug, Clone, Copy)]
pub(super) enum Delivered {
    /// It was answered with a message.
    Answered,
    /// It was answered with nothing.
    Empty,
    /// The answer was not there in time.
    Late,
    /// It was not WeChat's, or not whole.
    Refused,
    /// There is no such app.
    NoApp,
}

impl Delivered {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Answered, "answered"),
        (Self::Empty, "empty"),
        (Self::Late, "late"),
        (Self::Refused, "refused"),
        (Self::NoApp, "no_app"),
    ];
}

/// What becomes of a notification of WeChat Pay, as [`pay::Answer`] says.
const NOTIFIED: [&str; 4] = ["taken", "not_proven", "refused", "failed"];

impl Measures {
    /// Counts a request to a webhook.
    pub(super) fn delivered(&self, outcome: Delivered, took: Duration) {
        self.deliveries[outcome as usize].record(took);
    }

    /// Counts a notification of WeChat Pay.
    pub(super) fn notified(&self, answer: &pay::Answer) {
        let outcome = match answer {
            pay::Answer::Taken => 0,
            pay::Answer::NotProven => 1,
            pay::Answer::Refused(_) => 2,
            pay::Answer::Failed => 3,
        };
        self.notifications[outcome].fetch_add(1, Relaxed);
    }

    fn describe(&self, families: &mut Families) {
        families.durations(
            "weft_webhook_duration_seconds",
            "Requests to webhooks, by what became of them, and how long they took",
            Delivered::ALL.iter().zip(&self.deliveries).map(|((_, outcome), took)| {
                let labels = labels([("outcome", outcome)]);
                (labels, took.durations())
            }),
        );
        families.counter(
            "weft_pay_notifications",
            "Notifications of WeChat Pay, by what became of them",
            NOTIFIED.iter().zip(&self.notifications).map(|(outcome, count)| {
                let labels = labels([("outcome", outcome)]);
                (labels, count.load(Relaxed))
            }),
        );
    }
}

/// Counts since the process started, and how things are now, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()), responses((status = 200, description = "Prometheus text", content_type = "text/plain", body = String)))]
pub(super) async fn metrics(State(state): State<AppState>) -> Response {
    let mut families = Families::default();
    families.gauge(
        "weft_build_info",
        "The version that runs",
        [(labels([("version", env!("CARGO_PKG_VERSION"))]), 1.0)],
    );
    state.measures.describe(&mut families);
    plugins::describe(&state.plugins, &mut families);
    families.counter(
        "weft_wechat_calls",
        "Calls of WeChat's API, every try, by what came of them",
        state.wechat.calls_made().map(|(outcome, calls)| (labels([("outcome", outcome)]), calls)),
    );
    describe_database(&state, &mut families).await;
    // Reading what the system keeps in memory takes microseconds, and is not asynchronous.
    families.add(tokio::task::spawn_blocking(process::describe).await.unwrap_or_default());
    let content_type = HeaderValue::from_static(CONTENT_TYPE);
    ([(header::CONTENT_TYPE, content_type)], families.text()).into_response()
}

async fn describe_database(state: &AppState, families: &mut Families) {
    let pools = state.store.pools();
    let connections = pools.iter().flat_map(|pool| {
        let of = |state| labels([("pool", pool.name), ("state", state)]);
        [(of("idle"), f64::from(pool.idle)), (of("used"), f64::from(pool.connections.saturating_sub(pool.idle)))]
    });
    families.gauge("weft_database_connections", "Connections to the database", connections);
    let most = pools.iter().map(|pool| (labels([("pool", pool.name)]), f64::from(pool.most)));
    families.gauge("weft_database_connections_max", "How many connections there may be", most);
    let waiting = tokio::time::timeout(DATABASE_TIMEOUT, state.store.orders().waiting_events()).await;
    let waiting = waiting.ok().and_then(Result::ok);
    families.gauge(
        "weft_database_up",
        "Whether the database answers",
        [(labels([]), f64::from(u8::from(waiting.is_some())))],
    );
    #[expect(clippy::cast_precision_loss, reason = "nobody has so many")]
    let waiting = waiting.map(|waiting| (labels([]), waiting as f64));
    families.gauge(
        "weft_order_events_waiting",
        "Changes of orders that a hook or a webhook has still to hear of",
        waiting,
    );
}
