//! Remembers the newest of something.
//!
//! Such a cache keeps by default what came first when it was empty, for good use again, and turns over the rest of its
//! room. Deliveries and nonces are the other way round: what has just come is what comes again.

use std::hash::Hash;

use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

/// The part of the room that is for what was asked for again and again; there has to be some.
const ASKED_AGAIN: f64 = 0.02;

/// A cache with about `at_most` places, in which what is new takes the place of what is oldest.
pub(super) fn newest<K: Eq + Hash, V: Clone>(at_most: usize) -> Cache<K, V> {
    let mut options = OptionsBuilder::new();
    options.estimated_items_capacity(at_most).weight_capacity(at_most as u64).hot_allocation(ASKED_AGAIN);
    let (weighter, hash, lifecycle) = (UnitWeighter, DefaultHashBuilder::default(), DefaultLifecycle::default());
    match options.build() {
        Ok(options) => Cache::with_options(options, weighter, hash, lifecycle),
        // Both sizes are set, so that there are always options.
        Err(_) => Cache::new(at_most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_last_is_remembered_however_much_came_before() {
        let cache = newest(100_000);
        for key in 0..250_000_u32 {
            cache.insert(key, ());
        }
        let lost = (175_000..250_000_u32).filter(|key| cache.get(key).is_none()).count();
        assert_eq!(lost, 0, "of the last 75000");
    }
}
