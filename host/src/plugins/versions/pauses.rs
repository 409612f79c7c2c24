//! When a file is tried again that may pass another time: each time later, as a try costs an instance at least.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use super::lock;

/// Before the first try after one that failed.
const FIRST: Duration = Duration::from_secs(5);

/// Before any other at most. After so long without a try, the next pause is a first one again.
const LONGEST: Duration = Duration::from_mins(5);

/// The last pause of each plugin that had one.
#[derive(Default)]
pub(super) struct Pauses(Mutex<HashMap<String, Pause>>);

/// A time without tries.
struct Pause {
    /// Of the file. Another one has done nothing to wait for.
    digest: String,
    length: Duration,
    until: Instant,
}

impl Pauses {
    /// How long the file of that digest waits which failed at `now`, and whether its pause begins with that: who fails
    /// during one waits for its end.
    pub(super) fn after(&self, plugin: &str, digest: &str, now: Instant) -> (Duration, bool) {
        let mut pauses = lock(&self.0);
        let last = pauses.get(plugin).filter(|last| last.digest == digest && now < last.until + LONGEST);
        let length = match last {
            Some(last) if now < last.until => return (last.until - now, false),
            Some(last) => (last.length * 2).min(LONGEST),
            None => FIRST,
        };
        let pause = Pause { digest: digest.to_owned(), length, until: now + length };
        pauses.insert(plugin.to_owned(), pause);
        (length, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_try_waits_longer_than_the_one_before_and_none_for_ever() {
        let (pauses, mut now) = (Pauses::default(), Instant::now());
        let lengths = (0..9).map(|_| {
            let (length, begins) = pauses.after("slow", "1", now);
            assert!(begins);
            now += length + SECOND;
            length.as_secs()
        });
        assert_eq!(lengths.collect::<Vec<_>>(), [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(pauses.after("slow", "1", now + LONGEST), (FIRST, true), "that is long ago");
    }

    #[test]
    fn who_fails_twice_at_a_time_waits_once() {
        let (pauses, now) = (Pauses::default(), Instant::now());
        assert_eq!(pauses.after("slow", "1", now), (FIRST, true));
        assert_eq!(pauses.after("slow", "1", now + SECOND), (SECOND * 4, false));
        assert_eq!(pauses.after("slow", "1", now + FIRST), (FIRST * 2, true));
    }

    #[test]
    fn another_file_waits_no_longer_than_any() {
        let (pauses, now) = (Pauses::default(), Instant::now());
        assert_eq!(pauses.after("slow", "1", now), (FIRST, true));
        assert_eq!(pauses.after("slow", "2", now), (FIRST, true));
        assert_eq!(pauses.after("other", "1", now), (FIRST, true));
    }
}
