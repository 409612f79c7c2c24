//! Lines of the log about what failed for an app. Whoever writes to the app, or opens a page of it, causes them at any
//! rate, and some hold what a plugin said: the first ones about a failure are told whole, and of those that follow some,
//! with how many were left out.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often a line about a failure that goes on is told.
const LINE: Duration = Duration::from_secs(3);

/// So many times [`LINE`] may come at once; after so long a pause all of them again.
const WHOLE: Duration = Duration::from_mins(1);

/// How many failures are remembered before those are forgotten that have not come for a while.
const REMEMBERED: usize = 4096;

/// Tells the log of failures. Clones share what was told.
#[derive(Debug, Clone, Default)]
pub struct FailureLines(Arc<Mutex<HashMap<String, Lines>>>);

/// The lines about one failure.
#[derive(Debug)]
struct Lines {
    /// When there is room for all lines again.
    whole_at: Instant,
    /// How many were left out since one was told.
    dropped: u64,
    /// Whether it was told that lines are left out.
    is_cut: bool,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is told; so many before it were left out.
    Told(u64),
    /// It is left out; true for the first.
    Dropped(bool),
}

impl FailureLines {
    /// Tells by `line` that `what` failed for the app, in the way that `code` names; or counts it, where too many such
    /// lines came before.
    pub fn tell(&self, app: &str, what: fmt::Arguments<'_>, code: &str, line: impl FnOnce()) {
        match self.verdict(format!("{app} {what} {code}"), Instant::now()) {
            Verdict::Told(0) => line(),
            Verdict::Told(dropped) => {
                tracing::warn!(app, %what, code, "{dropped} more such lines were dropped");
                line();
            }
            Verdict::Dropped(true) => {
                tracing::warn!(app, %what, code, "more such lines come too fast: most are dropped, and counted");
            }
            Verdict::Dropped(false) => {}
        }
    }

    fn verdict(&self, failure: String, now: Instant) -> Verdict {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED && !failures.contains_key(&failure) {
            failures.retain(|_, lines| lines.whole_at > now);
        }
        let new = || Lines { whole_at: now, dropped: 0, is_cut: false };
        failures.entry(failure).or_insert_with(new).take(now)
    }
}

impl Lines {
    fn take(&mut self, now: Instant) -> Verdict {
        if self.whole_at <= now {
            (self.whole_at, self.is_cut) = (now, false);
        }
        let after = self.whole_at + LINE;
        if after <= now + WHOLE {
            self.whole_at = after;
            return Verdict::Told(std::mem::take(&mut self.dropped));
        }
        self.dropped += 1;
        Verdict::Dropped(!std::mem::replace(&mut self.is_cut, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(lines: &FailureLines, failure: &str, now: Instant) -> Verdict {
        lines.verdict(failure.to_owned(), now)
    }

    #[test]
    fn the_first_lines_of_each_failure_are_told_and_then_some_with_how_many_were_left_out() {
        let (lines, now) = (FailureLines::default(), Instant::now());
        let first: Vec<_> = (0..1000).map(|_| verdict(&lines, "a", now)).collect();
        assert_eq!(first[..20], [Verdict::Told(0); 20]);
        assert_eq!(first[20], Verdict::Dropped(true));
        assert_eq!(first[21..], [Verdict::Dropped(false); 979]);
        assert_eq!(verdict(&lines, "b", now), Verdict::Told(0), "another failure");
        assert_eq!(verdict(&lines, "a", now + LINE), Verdict::Told(980));
        assert_eq!(verdict(&lines, "a", now + LINE), Verdict::Dropped(false), "it is known that lines are left out");
        let later = now + LINE + WHOLE;
        assert_eq!(verdict(&lines, "a", later), Verdict::Told(1));
        let again: Vec<_> = (0..21).map(|_| verdict(&lines, "a", later)).collect();
        assert_eq!(
            (again[18], again[19]),
            (Verdict::Told(0), Verdict::Dropped(true)),
            "after a pause it is told again"
        );
    }

    #[test]
    fn failures_that_do_not_come_again_are_forgotten() {
        let (lines, now) = (FailureLines::default(), Instant::now());
        for number in 0..REMEMBERED {
            verdict(&lines, &number.to_string(), now);
        }
        verdict(&lines, "late", now + WHOLE);
        assert_eq!(lines.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn what_is_left_out_is_not_made() {
        let (lines, mut told) = (FailureLines::default(), 0);
        for _ in 0..100 {
            lines.tell("shop", format_args!("handler guest"), "crashed", || told += 1);
        }
        // One more for each three seconds that this takes.
        assert!((20..50).contains(&told), "{told}");
    }
}
