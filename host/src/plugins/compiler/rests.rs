//! When the compiler's process works, and when it rests.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    process::Child,
    runtime::Handle,
    sync::{Mutex, MutexGuard},
};

use crate::plugins::pace::{Pace, Turn};

/// What may be compiled at once without a rest: an author's plugin is there at once.
const CREDIT: Duration = Duration::from_millis(250);

/// Of the time in which nothing is compiled, one part of so many becomes credit again.
const EARNED: u32 = 8;

/// Where so much time has passed since somebody looked, nothing was compiled.
const UNSEEN: Duration = Duration::from_millis(100);

/// How long work goes on by credit before anybody looks.
const LOOK: Duration = Duration::from_millis(10);

/// How long may be compiled before the pace has to be kept, and when that was looked at.
struct Credit(parking_lot::Mutex<(Duration, Instant)>);

impl Default for Credit {
    fn default() -> Self {
        Self(parking_lot::Mutex::new((CREDIT, Instant::now())))
    }
}

impl Credit {
    /// Takes credit for `work` at `now`; false where there is less.
    fn take(&self, work: Duration, now: Instant) -> bool {
        let mut credit = self.0.lock();
        let (left, at) = *credit;
        let idle = now.saturating_duration_since(at);
        let earned = if idle < UNSEEN { Duration::ZERO } else { idle / EARNED };
        let has = (left + earned).min(CREDIT);
        let left = has.checked_sub(work);
        *credit = (left.unwrap_or(has), now);
        left.is_some()
    }
}

/// When compilers work: in the parts of the cycle that long work has, one of them in each where there is other work, so
/// that some cores have nothing of them.
pub(super) struct Rests {
    pace: Arc<Pace>,
    credit: Credit,
    /// Whoever comes first has the next part. It is kept while its holder rests until then.
    part: Mutex<()>,
}

impl Rests {
    pub(super) fn new(pace: Arc<Pace>) -> Self {
        Self { pace, credit: Credit::default(), part: Mutex::default() }
    }

    /// Has the process rest whenever compilers rest, until it has worked for `time`.
    pub(super) async fn work(&self, process: &Process, time: Duration) {
        let (runtime, mut left, mut part) = (Handle::current(), time, None);
        while !left.is_zero() {
            let turn = self.pace.turn(&runtime);
            let is_alone = !self.pace.is_kept(&runtime);
            let (rest, work) = match turn {
                Turn::Rest(_) if self.credit.take(LOOK, Instant::now()) => (None, LOOK),
                Turn::Rest(rest) => (Some(rest), LOOK),
                Turn::Work(work) if is_alone || part.is_some() => (None, work),
                Turn::Work(work) => (Some(Duration::ZERO), work),
            };
            if is_alone {
                part = None;
            }
            if let Some(rest) = rest.filter(|_| process.pause()) {
                drop(part.take());
                tokio::time::sleep(rest).await;
                part = Some(self.next_part().await);
                process.resume();
                continue;
            }
            let work = work.min(left);
            tokio::time::sleep(work).await;
            left -= work;
        }
    }

    async fn next_part(&self) -> MutexGuard<'_, ()> {
        let part = self.part.lock().await;
        self.pace.work_goes_on().await;
        part
    }
}

/// A process that can be held.
pub(super) struct Process(#[cfg(unix)] Option<rustix::process::Pid>);

#[cfg(unix)]
impl Process {
    pub(super) fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(rustix::process::Pid::from_raw))
    }

    /// Stops the process by a signal until it is [resumed](Self::resume); false where that cannot be.
    fn pause(&self) -> bool {
        self.send(rustix::process::Signal::STOP)
    }

    fn resume(&self) {
        self.send(rustix::process::Signal::CONT);
    }

    fn send(&self, signal: rustix::process::Signal) -> bool {
        self.0.is_some_and(|id| rustix::process::kill_process(id, signal).is_ok())
    }
}

#[cfg(not(unix))]
impl Process {
    pub(super) fn of(_: &Child) -> Self {
        Self()
    }

    fn pause(&self) -> bool {
        false
    }

    fn resume(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_compiled_at_once_and_many_keep_the_pace() {
        let (credit, began) = (Credit::default(), Instant::now());
        let taken = |from: Duration, looks: u32| {
            (0..looks).filter(|look| credit.take(LOOK, began + from + LOOK * *look)).count()
        };
        assert_eq!(taken(Duration::ZERO, 100), 25, "most of the first, and nothing is earned meanwhile");
        assert_eq!(taken(Duration::from_millis(1_800), 100), 10, "an eighth of the time without work");
        assert_eq!(taken(Duration::from_secs(10), 20), 20, "long after, all of the next");
    }

    /// Keeps a core busy until it is dropped.
    #[cfg(target_os = "linux")]
    fn works() -> Child {
        let mut command = tokio::process::Command::new("sh");
        command.args(["-c", "while :; do :; done"]).process_group(0).kill_on_drop(true);
        command.spawn().unwrap()
    }

    /// For how long it was at work. The system counts hundredths of a second.
    #[cfg(target_os = "linux")]
    fn worked(child: &Child) -> Duration {
        let id = i32::try_from(child.id().unwrap()).unwrap();
        let stat = procfs::process::Process::new(id).unwrap().stat().unwrap();
        Duration::from_millis(stat.utime * 1000 / procfs::ticks_per_second())
    }

    /// Has the server work for half of the time.
    #[cfg(target_os = "linux")]
    async fn messages() {
        loop {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(2) {}
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn beside_messages_one_compiler_works_at_a_time_and_alone_all_do() {
        let rests = Arc::new(Rests::new(Arc::new(Pace::new(25))));
        rests.credit.take(CREDIT, Instant::now());
        let messages = tokio::spawn(messages());
        let compilers = [works(), works()];
        let working = compilers.each_ref().map(|child| {
            let (rests, process) = (Arc::clone(&rests), Process::of(child));
            tokio::spawn(async move { rests.work(&process, Duration::from_mins(5)).await })
        });
        // Until it has been looked for, there is no other work.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let work = || compilers.each_ref().map(worked);
        let (began, before) = (Instant::now(), work());
        tokio::time::sleep(Duration::from_secs(4)).await;
        let (time, after) = (began.elapsed(), work());
        let parts = [0, 1].map(|index| after[index].saturating_sub(before[index]).div_duration_f64(time));
        assert!(parts[0] + parts[1] < 0.4, "each would have a quarter or more where they worked at once: {parts:?}");
        assert!(parts.iter().all(|part| *part > 0.02), "each has its part: {parts:?}");
        messages.abort();
        // The first that works has nothing to wait for any more, and the other one does not wait for it.
        let (until, before) = (Instant::now() + Duration::from_mins(2), work());
        while (0..2).any(|index| work()[index] < before[index] + Duration::from_millis(500)) {
            assert!(Instant::now() < until, "one waits: {before:?}, {:?}", work());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        working.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
