//! Users who are remembered to be there: their messages cost no query.

use std::hash::{BuildHasher, RandomState};

use crate::newest::Newest;

/// How many are remembered at least, over all apps: those who wrote last.
const REMEMBERED: usize = 100_000;

/// The users of all apps. Whoever can sign messages for an app makes up as many senders as they like: they push out
/// others of the app.
pub(super) struct Known {
    users: Newest<String, ()>,
    /// Makes the numbers of apps. Two apps that happen to have the same one share what they push out.
    numbers: RandomState,
}

impl Default for Known {
    fn default() -> Self {
        Self::new(REMEMBERED)
    }
}

impl Known {
    fn new(at_least: usize) -> Self {
        Self { users: Newest::new(at_least, |()| false), numbers: RandomState::new() }
    }

    /// Whether the user under `key` is remembered, who then is for longer.
    pub(super) fn has(&self, key: &str) -> bool {
        self.users.renew(key)
    }

    /// Remembers a user of an app.
    pub(super) fn add(&self, app: &str, key: String) {
        let number = u32::try_from(self.numbers.hash_one(app) >> 32).unwrap_or_default();
        self.users.get_or_insert_with(number, key, || ());
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    #[test]
    fn senders_that_are_made_up_push_nobody_out_who_writes_to_other_apps() {
        let known = Known::new(10_000);
        for number in 0..2000 {
            known.add("shop", format!("shop/{number}"));
        }
        for number in 0..100_000 {
            let key = format!("flooded/{number}");
            known.add("flooded", key.clone());
            known.has(&key);
        }
        let lost = (0..2000).filter(|number| !known.has(&format!("shop/{number}"))).count();
        assert_eq!(lost, 0);
        known.add("shop", "shop/new".to_owned());
        assert!(known.has("shop/new"));
    }

    #[test]
    fn an_app_with_more_users_than_are_remembered_has_those_who_wrote_last() {
        let known = Known::new(20_000);
        let lost = |users: Range<u32>| users.filter(|user| !known.has(&user.to_string())).count();
        for user in 0..200_000 {
            known.add("large", user.to_string());
            // Those who keep writing.
            if user > 2000 && user % 5000 == 0 {
                assert_eq!(lost(0..2000), 0);
            }
        }
        assert_eq!(lost(0..2000), 0);
        assert_eq!(lost(190_000..200_000), 0);
        assert!(lost(2000..100_000) > 90_000, "who has not written for long is forgotten");
    }
}
