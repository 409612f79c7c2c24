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
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::FutureExt;
use tokio::sync::{Notify, SetOnce};

use super::Deliveries;
use crate::{
    dispatch::claims::Claim,
    storage::{DeliveryKey, LateAnswer},
};

/// A little more than the 15 seconds after whose first WeChat makes no more tries.
const TRIES_ARE_OVER: Duration = Duration::from_secs(16);

/// How long the database is asked about an answer at least.
const ASKED_AT_LEAST: Duration = Duration::from_secs(2);

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

/// Whom an answer reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dispatch) enum Reaches {
    /// WeChat's tries.
    Tries,
    /// Nobody, as WeChat was told not to wait: whoever has an answer may send it another way.
    Nobody,
    /// Nobody, as another process has taken the delivery over: what that answers is the answer.
    Replaced,
}

/// The handling of one delivery.
pub(super) struct Run {
    pub(super) answer: SetOnce<Answer>,
    state: AtomicU8,
    /// That WeChat has made.
    pub(super) tries: AtomicU32,
    /// Those of them that wait here.
    waiting: AtomicU32,
    /// Told when there is one more.
    came: Notify,
    began: Instant,
}

/// A try that waits for the answer of a run, for as long as it does.
pub(super) struct Waiting<'a>(&'a Run);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, AcqRel);
    }
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
        Self {
            answer: SetOnce::new(),
            state: AtomicU8::new(OPEN),
            tries: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            came: Notify::new(),
            began: Instant::now(),
        }
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

    /// A try waits for as long as it keeps what this gives.
    pub(super) fn wait_here(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, AcqRel);
        self.came.notify_one();
        Waiting(self)
    }

    fn is_waited_for(&self) -> bool {
        self.waiting.load(Acquire) > 0
    }

    /// Whether nobody can be told the answer any more.
    fn is_over(&self) -> bool {
        self.began.elapsed() >= TRIES_ARE_OVER && !self.is_waited_for()
    }

    /// Until a try waits here.
    async fn waited_for(&self) {
        while !self.is_waited_for() {
            self.came.notified().await;
        }
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
    /// Answers WeChat's tries, and does `first` before they have the answer; and not where they do not get it.
    ///
    /// The bytes are what is kept, sealed ones too: WeChat opens an answer by the signature, time and nonce that stand
    /// in it, so that the answer to one try answers another.
    pub(in crate::dispatch) async fn answer(
        &self,
        app: &str,
        answer: Answer,
        first: impl Future<Output = ()>,
    ) -> Reaches {
        let (deliveries, is_over) = (&self.deliveries.0, self.run.is_over());
        let open = self.run.close(if is_over { GIVEN_UP } else { ANSWERED }) && !is_over;
        let answer = answer.filter(|_| open);
        // Before anything is kept. It counts too where it turns out that another process has told WeChat not to wait.
        let is_kept = self.reserve(app, &answer);
        let kept = if is_kept { &answer } else { &None };
        let is_slow = self.run.began.elapsed() >= deliveries.slow() && deliveries.claims.has_others();
        // Boxed, as it is rare.
        let recorded = if is_slow && (open || is_over) { Box::pin(self.record_slow(app, kept)).await } else { None };
        if recorded == Some(LateAnswer::TakenOver) {
            return Reaches::Replaced;
        }
        let in_time = open && recorded.is_none_or(|recorded| recorded == LateAnswer::InTime);
        if in_time {
            first.await;
        }
        if recorded.is_none() {
            deliveries.claims.record_answer(self.key, kept);
        }
        self.set(answer.filter(|_| in_time), is_kept);
        if in_time { Reaches::Tries } else { Reaches::Nobody }
    }

    /// Keeps an answer that another process may have given up; where one has taken the delivery over, WeChat's tries get
    /// what that answers. None as soon as a try waits here: that gets the answer, whatever the database says or does not
    /// say, as WeChat makes one try at a time, and the last one is the last to give up.
    async fn record_slow(&self, app: &str, answer: &Answer) -> Option<LateAnswer> {
        let claims = &self.deliveries.0.claims;
        loop {
            let over = (self.run.began + TRIES_ARE_OVER).max(Instant::now() + ASKED_AT_LEAST);
            let recorded = tokio::select! {
                biased;
                () = self.run.waited_for() => return None,
                recorded = claims.record_late_answer(self.key, answer, over) => recorded,
            };
            match recorded {
                // Who gave it up could not tell.
                LateAnswer::InTime if self.run.is_over() => return Some(LateAnswer::GivenUp),
                LateAnswer::TakenOver => {}
                recorded => return Some(recorded),
            }
            tracing::warn!(app, "another process has taken over a message that is handled here: that answers");
            // Else that process has gone, too.
            if let Claim::Answered(theirs) = claims.follow(self.key).await {
                let is_kept = self.reserve(app, &theirs);
                self.set(theirs, is_kept);
                return Some(LateAnswer::TakenOver);
            }
        }
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
