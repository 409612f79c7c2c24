//! A share for each who uses something together with others, so that none takes all of it.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many names are remembered before those are forgotten that have nothing.
const REMEMBERED: usize = 1024;

/// So many turns for each, by name. Clones share them.
#[derive(Debug, Clone)]
pub struct Shares {
    of_one: usize,
    all: Arc<Mutex<HashMap<Box<str>, Arc<Semaphore>>>>,
}

impl Shares {
    /// So many turns for each.
    pub fn new(of_one: usize) -> Self {
        Self { of_one, all: Arc::default() }
    }

    /// The turns of the one of that name.
    pub fn of(&self, name: &str) -> Arc<Semaphore> {
        let mut all = self.all.lock();
        if let Some(turns) = all.get(name) {
            return Arc::clone(turns);
        }
        if all.len() >= REMEMBERED {
            // Who has a turn or waits for one holds them, too.
            all.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        let turns = Arc::new(Semaphore::new(self.of_one));
        all.insert(name.into(), Arc::clone(&turns));
        turns
    }
}

/// What is done in turn: each time when one of the turns of somebody is free. At once where that is nobody's.
#[derive(Debug, Clone, Default)]
pub struct InTurn(Option<Arc<Semaphore>>);

impl InTurn {
    /// In the turns of the one of that name.
    pub fn of(shares: &Shares, name: &str) -> Self {
        Self(Some(shares.of(name)))
    }

    /// Asks when there is a turn, which ends with the answer.
    pub fn ask<T>(&self, asking: impl Future<Output = T>) -> impl Future<Output = T> {
        // Boxed, as what asks a database is long, and would be here twice.
        let asking = Box::pin(asking);
        async move {
            let _turn = match &self.0 {
                // Nobody closes them.
                Some(turns) => Arc::clone(turns).acquire_owned().await.ok(),
                None => None,
            };
            asking.await
        }
    }
}

/// This part of all places is kept for those who have few, so that no small number of others takes all of them.
const KEPT: usize = 8;

/// Few are this part of a share, and one at least.
const FEW: usize = 8;

/// Places that all use together, of which each has a share at most. Clones share them.
#[derive(Debug, Clone)]
pub struct Room {
    all: Arc<Semaphore>,
    kept: usize,
    shares: Shares,
}

/// Places that are taken, of one's share and of all together. They are free again when this is dropped.
pub type Place = [OwnedSemaphorePermit; 2];

impl Room {
    /// Of so many places in all, of which each has so many at most. The last eighth is for those who have an eighth of
    /// their share at most.
    pub fn new(in_all: usize, of_one: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(in_all)), kept: in_all / KEPT, shares: Shares::new(of_one) }
    }

    /// A place for the one of that name, if there is one.
    pub fn place(&self, name: &str) -> Option<Place> {
        self.places(name, 1)
    }

    /// So many places for the one of that name, if there are as many.
    pub fn places(&self, name: &str, many: u32) -> Option<Place> {
        let share = self.shares.of(name);
        let own = Arc::clone(&share).try_acquire_many_owned(many).ok()?;
        let of_all = Arc::clone(&self.all).try_acquire_many_owned(many).ok()?;
        let has_few = self.shares.of_one - share.available_permits() <= (self.shares.of_one / FEW).max(1);
        (has_few || self.all.available_permits() >= self.kept).then_some([own, of_all])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_turns_and_no_more() {
        let shares = Shares::new(2);
        let taken: Vec<_> = (0..3).filter_map(|_| shares.of("a").try_acquire_owned().ok()).collect();
        assert_eq!(taken.len(), 2);
        assert!(shares.clone().of("a").try_acquire_owned().is_err() && shares.of("b").try_acquire_owned().is_ok());
        drop(taken);
        assert!(shares.of("a").try_acquire_owned().is_ok());
    }

    #[test]
    fn who_has_nothing_is_forgotten_when_there_are_many() {
        let shares = Shares::new(1);
        let _taken = shares.of("busy").try_acquire_owned().unwrap();
        for number in 0..10 * REMEMBERED {
            assert!(shares.of(&number.to_string()).try_acquire_owned().is_ok());
        }
        assert!(shares.all.lock().len() <= REMEMBERED);
        assert!(shares.of("busy").try_acquire_owned().is_err(), "who has a turn has it still");
    }

    #[test]
    fn one_who_keeps_places_for_long_leaves_the_others_room() {
        let room = Room::new(64, 8);
        let taken: Vec<_> = (0..64).map_while(|_| room.place("slow")).collect();
        assert_eq!(taken.len(), 8);
        assert!(room.place("quick").is_some());
        drop(taken);
        let of_many: Vec<_> = (0..128).filter_map(|number| room.place(&number.to_string())).collect();
        assert_eq!(of_many.len(), 64, "all together take no more than there is");
        drop(of_many);
        assert!(room.place("slow").is_some());
    }

    #[test]
    fn some_who_take_all_that_they_may_leave_places_for_those_who_have_few() {
        let room = Room::new(64, 16);
        let taken: Vec<_> = (0..64).filter_map(|number| room.place(&(number % 4).to_string())).collect();
        assert_eq!(taken.len(), 56);
        let quick: Vec<_> = (0..3).filter_map(|_| room.place("quick")).collect();
        assert_eq!(quick.len(), 2, "and no more, as others may come");
        assert!(room.places("other", 3).is_none() && room.places("other", 2).is_some());
        drop(taken);
        assert!(room.place("quick").is_some());
    }
}
