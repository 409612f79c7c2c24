//! What a call does while it runs: what it asks the host for, and what it logs. Kept within limits, whatever it does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    bindings::imported::types,
    host::{Function, HostError},
    limits::{RECORDED_BYTES, RECORDED_CALLS},
    receipts::{HostCall, Line, json, redacted},
};

/// The trace of one call.
#[derive(Debug)]
pub(super) struct Trace {
    /// What the call asked the host for, in this order.
    pub(super) asked: Vec<Asked>,
    /// How often the call asked the host beyond [`RECORDED_CALLS`].
    pub(super) asked_more: u64,
    /// The lines that the call logged.
    pub(super) lines: Vec<Line>,
    /// Whether a grant was missing for what the call asked, of which the operator has been told. Never in a call that
    /// is made again.
    pub(super) denied: bool,
    /// Whether a grant was missing without which the host refuses the same in every call.
    pub(super) lacks_grant: bool,
    /// Bytes of arguments and answers that may still be kept.
    room: usize,
    /// The host calls of the first time that are not answered again yet, in a call that is made again.
    played: Option<Vec<Option<HostCall>>>,
    skipped: Skipped,
}

/// How long a call that is made again waited the other time for the answers that it was given: for its clocks that time has
/// passed. Clones share it; a call that is made for the first time has none.
#[derive(Debug, Clone, Default)]
pub(super) struct Skipped(Option<Arc<AtomicU64>>);

impl Skipped {
    /// How much time has passed so for the call's clocks until now.
    pub(super) fn time(&self) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, |micros| Duration::from_micros(micros.load(Relaxed)))
    }

    fn add(&self, micros: u64) {
        if let Some(skipped) = &self.0 {
            skipped.fetch_add(micros, Relaxed);
        }
    }
}

/// One thing that a call asked the host for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) function: Function,
    /// The arguments as JSON; none when they are too long to be kept.
    arguments: Option<String>,
    /// The answer as JSON; none when it is too long to be kept, or has not come.
    answer: Option<String>,
    outcome: Outcome,
    began: Instant,
    pub(super) took: Duration,
}

/// What came of one thing that a call asked the host for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The answer has not come, or the call ended before it did.
    Unfinished,
    /// The plugin got what it asked for.
    Ok,
    /// The plugin was told an error of this kind.
    Error(&'static str),
    /// The host ended the call.
    Trap,
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer<T> {
    Ok(T),
    Error(types::Error),
}

impl Asked {
    /// Whether the plugin got what it asked for.
    pub(super) fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }

    /// The host call with nothing hidden.
    fn whole(&self) -> HostCall {
        let value = |text: &Option<String>| serde_json::from_str(text.as_deref()?).ok();
        HostCall {
            function: self.function.name().to_owned(),
            outcome: self.outcome.name().to_owned(),
            took_us: crate::histogram::micros(self.took),
            arguments: value(&self.arguments),
            answer: value(&self.answer),
        }
    }
}

impl Trace {
    /// The trace of a call. One that is made again gets its answers from `played`, the host calls of the first time.
    pub(super) fn new(played: Option<Vec<HostCall>>) -> Self {
        Self {
            asked: Vec::new(),
            asked_more: 0,
            lines: Vec::new(),
            denied: false,
            lacks_grant: false,
            room: RECORDED_BYTES,
            skipped: Skipped(played.as_ref().map(|_| Arc::default())),
            played: played.map(|calls| calls.into_iter().map(Some).collect()),
        }
    }

    /// Keeps what the call asks the host for; returns its place among what it asked.
    pub(super) fn record_question(&mut self, function: Function, arguments: &impl Serialize) -> Option<usize> {
        if self.asked.len() >= RECORDED_CALLS {
            self.asked_more += 1;
            return None;
        }
        let arguments = self.kept(arguments);
        let (answer, outcome) = (None, Outcome::Unfinished);
        self.asked.push(Asked { function, arguments, answer, outcome, began: Instant::now(), took: Duration::ZERO });
        Some(self.asked.len() - 1)
    }

    /// Keeps the host's answer to the question at `place`.
    pub(super) fn record_answer<T: Serialize>(&mut self, place: Option<usize>, answer: &Result<T, HostError>) {
        let kept = match answer {
            Ok(value) => self.kept(&Answer::Ok(value)),
            Err(HostError::Told(error)) => self.kept(&Answer::<()>::Error(error.clone())),
            Err(HostError::Trap(_)) => None,
        };
        if let Some(asked) = place.and_then(|place| self.asked.get_mut(place)) {
            asked.answer = kept;
            asked.outcome = Outcome::of(answer);
            asked.took = asked.began.elapsed();
        }
    }

    /// The answer of the first time to the question at `place`; none in a call that is made for the first time.
    pub(super) fn replay_answer<T: DeserializeOwned>(&mut self, place: Option<usize>) -> Option<Result<T, HostError>> {
        let played = self.played.as_mut()?;
        let answer = match place.and_then(|place| self.asked.get(place)) {
            Some(asked) => find(played, asked, &self.skipped),
            None => Err(format!("more than {RECORDED_CALLS} calls of the host are not recorded")),
        };
        Some(match answer {
            Ok(Answer::Ok(value)) => Ok(value),
            Ok(Answer::Error(error)) => Err(error.into()),
            Err(why) => Err(HostError::Trap(wasmtime::Error::msg(why))),
        })
    }

    /// How long the call waited the first time for the answers that it was given again, for its clocks.
    pub(super) fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// What the call asked the host for, with nothing hidden.
    pub(super) fn whole_host_calls(&self) -> Vec<HostCall> {
        self.asked.iter().map(Asked::whole).collect()
    }

    /// What the call asked the host for, as it stands in a receipt.
    pub(super) fn host_calls(&self) -> Vec<HostCall> {
        self.asked.iter().map(HostCall::from).collect()
    }

    /// Bytes of arguments and answers that are kept.
    pub(super) fn recorded_bytes(&self) -> usize {
        RECORDED_BYTES - self.room
    }

    fn kept(&mut self, value: &impl Serialize) -> Option<String> {
        let text = json::text(value, self.room)?;
        self.room -= text.len();
        Some(text)
    }
}

/// The first answer in `played` to the question `asked` that has not been given yet.
fn find<T: DeserializeOwned>(
    played: &mut [Option<HostCall>],
    asked: &Asked,
    skipped: &Skipped,
) -> Result<Answer<T>, String> {
    let (whole, question) = (asked.whole(), HostCall::from(asked));
    let (function, arguments) = (&question.function, &question.arguments);
    // Only what has not left the process has its secrets.
    let is_it = |call: &Option<HostCall>| {
        let same = |call: &HostCall| call.arguments == *arguments || call.arguments == whole.arguments;
        call.as_ref().is_some_and(|call| call.function == *function && same(call))
    };
    let Some(call) = played.iter_mut().find(|call| is_it(call)).and_then(Option::take) else {
        let arguments = arguments.as_ref().map(ToString::to_string).unwrap_or_default();
        return Err(format!("it asks for {function} {arguments}, which was not recorded"));
    };
    skipped.add(call.took_us);
    if arguments.is_none() {
        return Err(format!("what it asks of {function} is too long to be recorded"));
    }
    let answer = call.answer.ok_or_else(|| format!("the answer of {function} was not recorded ({})", call.outcome))?;
    json::read(answer).map_err(|error| format!("the recorded answer of {function} is none of this version: {error}"))
}

impl From<&Asked> for HostCall {
    fn from(asked: &Asked) -> Self {
        let mut call = asked.whole();
        for value in [&mut call.arguments, &mut call.answer].into_iter().flatten() {
            redacted::redact(value);
        }
        call
    }
}

impl Outcome {
    fn of<T>(answer: &Result<T, HostError>) -> Self {
        match answer {
            Ok(_) => Self::Ok,
            Err(HostError::Trap(_)) => Self::Trap,
            Err(HostError::Told(error)) => Self::Error(kind(error)),
        }
    }

    /// The word that a receipt has for it.
    fn name(self) -> &'static str {
        match self {
            Self::Unfinished => "unfinished",
            Self::Ok => "ok",
            Self::Error(kind) => kind,
            Self::Trap => "trap",
        }
    }
}

fn kind(error: &types::Error) -> &'static str {
    match error {
        types::Error::Denied(_) => "denied",
        types::Error::Invalid(_) => "invalid",
        types::Error::NotFound(_) => "not_found",
        types::Error::Conflict(_) => "conflict",
        types::Error::Limited(_) => "limited",
        types::Error::TimedOut(_) => "timed_out",
        types::Error::Unavailable(_) => "unavailable",
        types::Error::Wechat(_) => "wechat",
        types::Error::Other(_) => "other",
    }
}
