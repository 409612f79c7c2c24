//! Users who are remembered to be there: their messages cost no query.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;

/// How many are remembered, over all apps.
const REMEMBERED: usize = 100_000;

/// Of all that are remembered, this part may be new ones of one app within [`WHILE`] that push others out: whoever can
/// sign messages for an app makes up as many senders as they like.
const PART: usize = 100;

/// See [`PART`].
const WHILE: Duration = Duration::from_mins(1);

/// The users of all apps.
pub(super) struct Known {
    users: Cache<String, ()>,
    most: usize,
    apps: Mutex<HashMap<String, Displacing>>,
}

/// How many users of an app have pushed others out lately.
struct Displacing {
    since: Instant,
    users: usize,
}

impl Default for Known {
    fn default() -> Self {
        Self::new(REMEMBERED)
    }
}

impl Known {
    fn new(most: usize) -> Self {
        Self { users: Cache::new(most), most, apps: Mutex::default() }
    }

    /// Whether the user under `key` is remembered.
    pub(super) fn has(&self, key: &str) -> bool {
        self.users.get(key).is_some()
    }

    /// Remembers a user of an app, unless too many others would have to go for those of the app. That costs a query,
    /// each time they write.
    pub(super) fn add(&self, app: &str, key: String) {
        // Parts of the cache are full before all of it is.
        let has_room = self.users.len() < self.most - self.most / 10;
        if has_room || self.users.contains_key(&key) || self.may_displace(app, Instant::now()) {
            self.users.insert(key, ());
        }
    }

    fn may_displace(&self, app: &str, now: Instant) -> bool {
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        let displacing = apps.entry(app.to_owned()).or_insert(Displacing { since: now, users: 0 });
        if now.duration_since(displacing.since) >= WHILE {
            *displacing = Displacing { since: now, users: 0 };
        }
        displacing.users += 1;
        displacing.users <= self.most / PART
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_that_are_made_up_push_few_out_who_write_to_other_apps() {
        let known = Known::new(10_000);
        for number in 0..2000 {
            known.add("shop", format!("shop/{number}"));
        }
        for number in 0..50_000 {
            let key = format!("flooded/{number}");
            known.add("flooded", key.clone());
            // Who has written twice is more worth remembering.
            known.has(&key);
        }
        let lost = (0..2000).filter(|number| !known.has(&format!("shop/{number}"))).count();
        assert!(lost < 500, "{lost} are forgotten");
        known.add("shop", "shop/new".to_owned());
        assert!(known.has("shop/new"), "another app has its own share");
    }

    #[test]
    fn an_app_pushes_so_many_out_in_a_while() {
        let (known, now) = (Known::new(300), Instant::now());
        let displaced = |app, now| (0..10).filter(|_| known.may_displace(app, now)).count();
        assert_eq!([displaced("shop", now), displaced("shop", now), displaced("blog", now)], [3, 0, 3]);
        assert_eq!(displaced("shop", now + WHILE), 3);
    }
}
