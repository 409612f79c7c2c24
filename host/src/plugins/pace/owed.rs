//! What long work owes the others: the time that it worked while it should have rested.

use std::{collections::VecDeque, time::Duration};

use crate::plugins::limits::TICK;

/// A guest is stopped within two ticks as a rule. Who is owes nothing.
const IN_TIME: Duration = TICK.saturating_mul(2);

/// The most that is owed: whoever pays has calls with deadlines behind it.
const MOST: Duration = Duration::from_millis(200);

/// What nobody has added to or paid for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// The times that are known to be counted: more than the longest step has of them before it.
const SPANS: usize = 32;

/// What threads owe together that worked beyond their part of a cycle. A guest cannot be stopped within one step, as where
/// it fills all its memory.
///
/// The time of several that did so at once is owed once, and all who owe pay it in the same parts of the same cycles: so
/// they begin together again, and not each in a time in which the others rest.
#[derive(Debug, Default)]
pub(super) struct Owed {
    time: Duration,
    /// The times that were counted, since the pace began: one after the other, without those in between.
    spans: VecDeque<(Duration, Duration)>,
    /// When something was last added or paid.
    at: Duration,
    /// The cycle in which something was last paid.
    cycle: u128,
    /// How much of that cycle's part was paid.
    paid: Duration,
}

impl Owed {
    /// Counts a step that has ended `now`, since the pace began, and took so much longer than it should. False where that
    /// is not worth counting.
    pub(super) fn add(&mut self, beyond: Duration, now: Duration) -> bool {
        if beyond <= IN_TIME {
            return false;
        }
        self.forget(now);
        let began = now.saturating_sub(beyond);
        let (mut from, mut counted) = (began, Duration::ZERO);
        while let Some((other, end)) = self.spans.pop_back_if(|(_, end)| *end > began) {
            counted += end.min(now).saturating_sub(other.max(began));
            from = from.min(other);
        }
        if self.spans.len() == SPANS {
            self.spans.pop_front();
        }
        self.spans.push_back((from, now));
        self.time = (self.time + beyond.saturating_sub(counted)).min(MOST);
        true
    }

    /// How much of the beginning of a cycle's part, which is so long, whoever owes does not work.
    pub(super) fn pay(&mut self, cycle: u128, part: Duration, now: Duration) -> Duration {
        self.forget(now);
        if self.cycle < cycle {
            self.cycle = cycle;
            self.paid = Duration::ZERO;
        }
        let pays = self.time.min(part.saturating_sub(self.paid));
        self.time -= pays;
        self.paid += pays;
        self.paid
    }

    /// Nobody is there to rest for.
    pub(super) fn forgive(&mut self) {
        self.time = Duration::ZERO;
    }

    fn forget(&mut self, now: Duration) {
        if now.saturating_sub(self.at) > FORGOTTEN {
            self.forgive();
        }
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: Duration = millis(10);

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// What is paid in a cycle of 40 ms.
    fn paid(owed: &mut Owed, cycle: u64) -> Duration {
        owed.pay(cycle.into(), PART, millis(cycle * 40))
    }

    #[test]
    fn what_two_do_at_once_is_owed_once_and_both_begin_together_again() {
        let mut owed = Owed::default();
        assert!(owed.add(millis(15), millis(25)) && owed.add(millis(18), millis(30)));
        assert_eq!([1, 1, 2, 2, 3].map(|cycle| paid(&mut owed, cycle)), [10, 10, 10, 10, 0].map(millis));
        assert!(owed.add(millis(13), millis(133)));
        assert_eq!([4, 5, 5, 6].map(|cycle| paid(&mut owed, cycle)), [10, 3, 3, 0].map(millis));
    }

    #[test]
    fn a_long_step_is_owed_also_where_short_ones_ended_before_it() {
        let mut owed = Owed::default();
        assert!(
            owed.add(millis(8), millis(58)) && owed.add(millis(7), millis(97)) && owed.add(millis(50), millis(100))
        );
        assert_eq!((3..12).map(|cycle| paid(&mut owed, cycle)).sum::<Duration>(), millis(50));
    }

    #[test]
    fn a_tick_too_much_is_not_owed() {
        let mut owed = Owed::default();
        assert!(!owed.add(IN_TIME, millis(12)));
        assert_eq!(paid(&mut owed, 1), Duration::ZERO);
    }

    #[test]
    fn no_more_is_owed_than_can_be_paid_before_deadlines_and_it_is_forgotten_and_forgiven() {
        let mut owed = Owed::default();
        assert!(owed.add(millis(5000), millis(6000)));
        assert_eq!((150..250).map(|cycle| paid(&mut owed, cycle)).sum::<Duration>(), MOST);
        assert!(owed.add(millis(50), millis(20_000)));
        assert_eq!(paid(&mut owed, 526), Duration::ZERO, "a second later");
        assert!(owed.add(millis(50), millis(22_000)));
        owed.forgive();
        assert_eq!(paid(&mut owed, 551), Duration::ZERO);
    }
}
