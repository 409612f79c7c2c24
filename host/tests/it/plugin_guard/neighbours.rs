//! Messages of others beside calls that take their time.

use std::time::{Duration, Instant};

use weft::simulator::Sender;
use weft_wechat::account::EncodingMode;

use super::{
    adversaries::{Place, greeted},
    send,
};
use crate::support::{guests, sender_to};

/// Of what the guest does, what does not end at once: others could have to wait for it.
const TAKES_ITS_TIME: &[&str] = &[
    "loop",
    "hostcall-loop",
    "clock-polling",
    "zero-sleeps",
    "sleep",
    "memory",
    // Written by a single instruction.
    "hold 256 MiB for 0 ms",
    "pollables",
    "recursion",
    "long-error",
    "huge-reply",
    "huge-list",
    "huge-log",
    "stdout-flood",
    "stderr-flood",
    "log-flood",
    "kv-flood",
];

/// How often it does each of them at most: until somebody else is answered meanwhile.
const ROUNDS: usize = 12;

/// Who waits for a call for less long than this may as well wait for the machine.
const TELLING: Duration = Duration::from_millis(100);

/// When such a call has ended.
async fn ended(bad: &Sender, text: &str) -> Instant {
    send(bad, text).await;
    Instant::now()
}

/// How long a message of somebody else waited for its answer, and for the first end of three such calls that had begun
/// before; none where it was answered before that end.
async fn held_up(place: &Place, bad: &Sender, text: &str) -> Option<(Duration, Duration)> {
    let calls = futures::future::join_all((0..3).map(|_| ended(bad, text)));
    let other = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        let sent = Instant::now();
        greeted(&place.good).await;
        (sent, Instant::now())
    };
    let (ends, (sent, answered)) = tokio::join!(calls, other);
    let first = ends.into_iter().min().unwrap().saturating_duration_since(sent);
    let waited = answered.saturating_duration_since(sent);
    (TELLING < first && first < waited).then_some((waited, first))
}

/// What this can tell is whether a call keeps a thread that answers messages until it ends: most of these compute for
/// their 250 ms. The server has two such threads, so three calls at once would take both, and nobody else would be answered
/// before one ends, in no round. How long anything takes does not count: a machine may be slow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_the_end_of_a_call_that_is_another_plugins() {
    // Calls of an app that had heavy ones begin in the background, so that each round needs an app of its own.
    let apps: Vec<_> = (0..TAKES_ITS_TIME.len() * ROUNDS).map(|number| format!("bad{number}")).collect();
    let settings =
        [("TOKIO_WORKER_THREADS", "2"), ("WEFT_PLUGINS__CALL_TIMEOUT_MS", "1000"), ("WEFT_PLUGINS__MEMORY_MIB", "512")];
    let place = Place::open_with(&apps, &settings).await;
    place.drop(guests::misbehave().await).await;
    let mut holding = Vec::new();
    for (text, apps) in TAKES_ITS_TIME.iter().zip(apps.chunks(ROUNDS)) {
        let mut waits = Vec::new();
        for app in apps {
            let bad = sender_to(&place.process.base, app, EncodingMode::Plain);
            // From now on the server knows who writes, and asks no database before the plugin.
            assert_eq!(send(&bad, "ok").await.text().as_deref(), Some("ok"));
            let Some(waited) = held_up(&place, &bad, text).await else { break };
            waits.push(waited);
        }
        if waits.len() == ROUNDS {
            holding.push((text, waits));
        }
    }
    assert!(holding.is_empty(), "others are answered only when these have ended: {holding:#?}");
}
