//! What is lost, counted: the log tells of it at once and then now and then, however much it is.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How often the log tells at most.
const SAY_AGAIN: Duration = Duration::from_secs(10);

/// Losses of one kind since the log told of them.
#[derive(Debug, Default)]
pub struct Losses(Mutex<Unsaid>);

#[derive(Debug, Default)]
struct Unsaid {
    count: usize,
    said: Option<Instant>,
}

impl Losses {
    /// Counts so many more; gives all that were not spoken of when it is time to speak.
    pub fn add(&self, more: usize) -> Option<usize> {
        self.0.lock().add(more, Instant::now())
    }
}

impl Unsaid {
    fn add(&mut self, more: usize, now: Instant) -> Option<usize> {
        self.count += more;
        if self.said.is_some_and(|said| now.duration_since(said) < SAY_AGAIN) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_told_at_once_and_then_every_ten_seconds() {
        let (mut unsaid, now) = (Unsaid::default(), Instant::now());
        assert_eq!([unsaid.add(1, now), unsaid.add(1, now), unsaid.add(5, now)], [Some(1), None, None]);
        assert_eq!([unsaid.add(1, now + SAY_AGAIN), unsaid.add(1, now + SAY_AGAIN)], [Some(7), None]);
    }
}
