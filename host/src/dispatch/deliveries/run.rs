//! The handling of one delivery: its handler puts the answer where WeChat's tries wait for it.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{
            AtomicU8, AtomicU32,
            Ordering::{AcqRel, Acquire},
        },
    },
    time::Instant,
};

use bytes::Bytes;
use futures::FutureExt;
use tokio::sync::SetOnce;

use super::Deliveries;
use crate::{dispatch::claims::Claim, storage::DeliveryKey};

/// The body of an answer; none to say nothing.
pub(in crate::dispatch) type Answer = Option<Bytes>;

/// What came of waiting for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Whoever should answer has: with a body, or with nothing.
    Answered(Option<Bytes>),
    /// Not yet, and WeChat should not wait longer.
    Late,
}

/// The handling of one delivery.
pub(super) struct Run {
    pub(super) answer: SetOnce<Answer>,
    state: AtomicU8,
    /// That WeChat has made.
    pub(super) tries: AtomicU32,
    began: Instant,
}

/// The states of a run: the handler is at work, it has answered in time, or WeChat was told not to wait.
const OPEN: u8 = 0;
/// See [`OPEN`].
const ANSWERED: u8 = 1;
/// See [`OPEN`].
pub(super) const GIVEN_UP: u8 = 2;

/// What there is to do for a delivery.
pub(in crate::dispatch) trait Handle: Send + 'static {
    /// The name of the app that it is for.
    fn app(&self) -> &str;

    /// That app's number in this process.
    fn app_number(&self) -> u32;

    /// The delivery's: the app's name, a `/`, and what tells it from others of the app.
    fn id(&self) -> Arc<str>;

    /// Does it, and gives the answer to `fate`.
    fn run(self, fate: Fate) -> impl Future<Output = ()> + Send;
}

/// Where a handler puts its answer.
#[derive(Clone)]
pub(in crate::dispatch) struct Fate {
    pub(super) run: Arc<Run>,
    pub(super) deliveries: Deliveries,
    pub(super) key: DeliveryKey,
}

impl Run {
    pub(super) fn begun() -> Self {
        Self { answer: SetOnce::new(), state: AtomicU8::new(OPEN), tries: AtomicU32::new(0), began: Instant::now() }
    }

    pub(super) fn ended(answer: Answer) -> Self {
        let run = Self { state: AtomicU8::new(ANSWERED), ..Self::begun() };
        // Nobody else knows it yet.
        drop(run.answer.set(answer));
        run
    }

    /// Whether it was open until now.
    pub(super) fn close(&self, state: u8) -> bool {
        self.state.compare_exchange(OPEN, state, AcqRel, Acquire).is_ok()
    }

    /// The answer as soon as it is there; at once when WeChat was told that it is late.
    pub(super) async fn wait(&self) -> Outcome {
        if self.state.load(Acquire) == GIVEN_UP {
            return Outcome::Late;
        }
        Outcome::Answered(self.answer.wait().await.clone())
    }
}

impl Fate {
    /// Answers WeChat's tries, and does `first` before they have the answer. False when WeChat was told not to wait:
    /// then they get nothing, `first` is not done, and whoever has an answer may send it another way.
    ///
    /// The bytes are what is kept, sealed ones too: WeChat opens an answer by the signature, time and nonce that stand
    /// in it, so that the answer to one try answers another.
    pub(in crate::dispatch) async fn answer(&self, app: &str, answer: Answer, first: impl Future<Output = ()>) -> bool {
        let (deliveries, open) = (&self.deliveries.0, self.run.close(ANSWERED));
        let answer = answer.filter(|_| open);
        // Before anything is kept. It counts too where it turns out that another process has told WeChat not to wait.
        let is_kept = self.reserve(app, &answer);
        let kept = if is_kept { &answer } else { &None };
        // Who has the database alone knows what WeChat was told.
        let is_slow = open && deliveries.claims.has_others() && self.run.began.elapsed() >= deliveries.slow();
        // Boxed, as it is rare.
        let recorded =
            if is_slow { Box::pin(deliveries.claims.record_late_answer(self.key, kept)).await } else { None };
        let in_time = open && recorded.unwrap_or(true);
        if in_time {
            first.await;
        }
        if recorded.is_none() {
            deliveries.claims.record_answer(self.key, kept);
        }
        self.set(answer.filter(|_| in_time), is_kept);
        in_time
    }

    /// Answers nothing, where there is no answer yet.
    pub(super) async fn answer_nothing(&self) {
        if self.run.answer.get().is_none() {
            // Nothing takes no room.
            self.answer("", None, std::future::ready(())).await;
        }
    }

    fn reserve(&self, app: &str, answer: &Answer) -> bool {
        self.deliveries.0.long_answers.reserve(app, answer.as_ref().map_or(0, Bytes::len))
    }

    /// Gives the answer to the tries that wait, and where it is kept to those that come: else they get nothing.
    fn set(&self, answer: Answer, is_kept: bool) {
        // Nobody else sets it.
        drop(self.run.answer.set(answer));
        if !is_kept {
            self.deliveries.0.runs.replace(&self.key, Arc::new(Run::ended(None)));
        }
    }
}

/// Handles a delivery, unless another process does or did.
pub(super) async fn once(fate: Fate, handle: impl Handle) {
    if let Claim::Answered(answer) = fate.deliveries.0.claims.claim(fate.key).await {
        fate.run.close(ANSWERED);
        let is_kept = fate.reserve(handle.app(), &answer);
        fate.set(answer, is_kept);
        return;
    }
    let unanswered = fate.clone();
    // A panic is a bug, reported where it happens; there is no answer then.
    let ended = AssertUnwindSafe(handle.run(fate)).catch_unwind().await;
    if ended.is_err() {
        unanswered.answer_nothing().await;
    }
}
