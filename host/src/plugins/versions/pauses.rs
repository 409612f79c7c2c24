//! When a file is tried again that may pass another time: each time later, as a try costs an instance at least, and a
//! compilation at most.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// Before the first try after one that failed.
const FIRST: Duration = Duration::from_secs(5);

/// Before any other at most.
const LONGEST: Duration = Duration::from_mins(5);

/// So long after a pause, the next one is a first one again. A try that ends only then took so long that no pause matters.
const FORGOTTEN: Duration = Duration::from_hours(1);

/// The last pause of each file that had one, by plugin and digest: another file has done nothing to wait for, and of a
/// plugin both what lies in the folder and what is to run may fail in turn.
#[derive(Default)]
pub(super) struct Pauses(Mutex<HashMap<(String, String), Pause>>);

/// A time without tries.
struct Pause {
    length: Duration,
    until: Instant,
}

impl Pauses {
    /// How long the file of that digest waits which failed at `now`, and whether its pause begins with that: who fails
    /// during one waits for its end.
    pub(super) fn after(&self, plugin: &str, digest: &str, now: Instant) -> (Duration, bool) {
        let mut pauses = self.0.lock();
        pauses.retain(|_, pause| now < pause.until + FORGOTTEN);
        let file = (plugin.to_owned(), digest.to_owned());
        let length = match pauses.get(&file) {
            Some(last) if now < last.until => return (last.until - now, false),
            Some(last) => (last.length * 2).min(LONGEST),
            None => FIRST,
        };
        pauses.insert(file, Pause { length, until: now + length });
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
        assert_eq!(pauses.after("slow", "1", now + FORGOTTEN), (FIRST, true), "that is long ago");
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
        assert_eq!(pauses.after("slow", "1", now + FIRST), (FIRST * 2, true), "nor does it shorten the other's pauses");
    }
}
