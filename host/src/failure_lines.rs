//! Lines of the log about what failed for an app. Whoever writes to the app, or opens a page of it, causes them at any
//! rate, and some hold what a plugin said: the first ones about a failure are told whole, and of those that follow some,
//! with how many were left out. So it is with all failures of an app together, as whoever makes its handlers can have each
//! of them fail by itself.

use std::{
    collections::HashMap,
    fmt, mem,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// How often a line about a failure that goes on is told.
const LINE: Duration = Duration::from_secs(3);

/// So many times [`LINE`] may come at once; after so long a pause all of them again.
const WHOLE: Duration = Duration::from_mins(1);

/// So many failures of an app may be told of as if each were its only one.
const FAILURES: u32 = 10;

/// How many failures are remembered before those are forgotten that have not come for a while.
const REMEMBERED: usize = 4096;

/// Tells the log of failures. Clones share what was told.
#[derive(Debug, Clone, Default)]
pub struct FailureLines(Arc<Mutex<All>>);

#[derive(Debug, Default)]
struct All {
    failures: HashMap<String, Lines>,
    /// What is told of an app, whatever failed.
    apps: HashMap<String, Lines>,
}

/// The lines about one failure, or about all of an app.
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
    /// It is told; so many before it were left out, and so many about whatever failed for the app.
    Told(u64, u64),
    /// It is left out; true for the first.
    Dropped(bool),
    /// It is left out because too much fails for the app; true for the first.
    Crowded(bool),
}

impl FailureLines {
    /// Tells by `line` that `what` failed for the app, in the way that `code` names; or counts it, where too many such
    /// lines came before.
    pub fn tell(&self, app: &str, what: fmt::Arguments<'_>, code: &str, line: impl FnOnce()) {
        match self.verdict(app, format!("{app} {what} {code}"), Instant::now()) {
            Verdict::Told(dropped, of_app) => {
                if of_app > 0 {
                    tracing::warn!(app, "{of_app} lines about what failed for the app were dropped");
                }
                if dropped > 0 {
                    tracing::warn!(app, %what, code, "{dropped} more such lines were dropped");
                }
                line();
            }
            Verdict::Dropped(true) => {
                tracing::warn!(app, %what, code, "more such lines come too fast: most are dropped, and counted");
            }
            Verdict::Crowded(true) => {
                tracing::warn!(app, "too much fails for the app: most lines about it are dropped, and counted");
            }
            Verdict::Dropped(false) | Verdict::Crowded(false) => {}
        }
    }

    fn verdict(&self, app: &str, failure: String, now: Instant) -> Verdict {
        let mut all = self.0.lock();
        let All { failures, apps } = &mut *all;
        if failures.len() >= REMEMBERED && !failures.contains_key(&failure) {
            failures.retain(|_, lines| lines.whole_at > now);
            apps.retain(|_, lines| lines.whole_at > now);
        }
        let new = || Lines { whole_at: now, dropped: 0, is_cut: false };
        let mut dropped_of_app = 0;
        // What is left out anyway takes nothing of what may be told of the app.
        if failures.get(&failure).is_none_or(|lines| lines.has_room(now, LINE)) {
            match apps.entry(app.to_owned()).or_insert_with(new).take(now, LINE / FAILURES) {
                Ok(dropped) => dropped_of_app = dropped,
                Err(is_first) => return Verdict::Crowded(is_first),
            }
        }
        match failures.entry(failure).or_insert_with(new).take(now, LINE) {
            Ok(dropped) => Verdict::Told(dropped, dropped_of_app),
            Err(is_first) => Verdict::Dropped(is_first),
        }
    }
}

impl Lines {
    /// Whether one more may be told, where one is told each `line`.
    fn has_room(&self, now: Instant, line: Duration) -> bool {
        self.whole_at.max(now) + line <= now + WHOLE
    }

    /// Tells one more; how many were left out before it. Or leaves it out: true for the first.
    fn take(&mut self, now: Instant, line: Duration) -> Result<u64, bool> {
        if self.whole_at <= now {
            (self.whole_at, self.is_cut) = (now, false);
        }
        if self.has_room(now, line) {
            self.whole_at += line;
            return Ok(mem::take(&mut self.dropped));
        }
        self.dropped += 1;
        Err(!mem::replace(&mut self.is_cut, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(lines: &FailureLines, failure: &str, now: Instant) -> Verdict {
        lines.verdict("shop", failure.to_owned(), now)
    }

    #[test]
    fn the_first_lines_of_each_failure_are_told_and_then_some_with_how_many_were_left_out() {
        let (lines, now) = (FailureLines::default(), Instant::now());
        let first: Vec<_> = (0..1000).map(|_| verdict(&lines, "a", now)).collect();
        assert_eq!(first[..20], [Verdict::Told(0, 0); 20]);
        assert_eq!(first[20], Verdict::Dropped(true));
        assert_eq!(first[21..], vec![Verdict::Dropped(false); 979]);
        assert_eq!(verdict(&lines, "b", now), Verdict::Told(0, 0), "another failure");
        assert_eq!(verdict(&lines, "a", now + LINE), Verdict::Told(980, 0));
        assert_eq!(verdict(&lines, "a", now + LINE), Verdict::Dropped(false), "it is known that lines are left out");
        let later = now + LINE + WHOLE;
        assert_eq!(verdict(&lines, "a", later), Verdict::Told(1, 0));
        let again: Vec<_> = (0..21).map(|_| verdict(&lines, "a", later)).collect();
        assert_eq!(
            (again[18], again[19]),
            (Verdict::Told(0, 0), Verdict::Dropped(true)),
            "after a pause it is told again"
        );
    }

    #[test]
    fn failures_that_do_not_come_again_are_forgotten() {
        let (lines, now) = (FailureLines::default(), Instant::now());
        for number in 0..REMEMBERED {
            lines.verdict(&number.to_string(), number.to_string(), now);
        }
        verdict(&lines, "late", now + WHOLE);
        let all = lines.0.lock();
        assert_eq!((all.failures.len(), all.apps.len()), (1, 1));
    }

    #[test]
    fn an_app_with_very_many_failures_is_told_of_as_one_with_some() {
        let (lines, now) = (FailureLines::default(), Instant::now());
        let told: Vec<_> = (0..1000).map(|number| verdict(&lines, &number.to_string(), now)).collect();
        assert_eq!(told[..200], [Verdict::Told(0, 0); 200]);
        assert_eq!(told[200], Verdict::Crowded(true));
        assert_eq!(told[201..], vec![Verdict::Crowded(false); 799]);
        assert_eq!(lines.0.lock().failures.len(), 200, "nor is more remembered");
        assert_eq!(lines.verdict("blog", "blog".to_owned(), now), Verdict::Told(0, 0), "another app");
        assert_eq!(verdict(&lines, "new", now + LINE / FAILURES), Verdict::Told(0, 800));
        assert_eq!(verdict(&lines, "newer", now + LINE / FAILURES), Verdict::Crowded(false));
    }

    #[test]
    fn a_failure_that_is_left_out_leaves_the_lines_of_its_app_to_others() {
        let (lines, now) = (FailureLines::default(), Instant::now());
        for _ in 0..1000 {
            verdict(&lines, "a", now);
        }
        assert_eq!(verdict(&lines, "b", now), Verdict::Told(0, 0));
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
