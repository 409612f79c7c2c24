//! One at a time: the right to work on something that has a name, within this process.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;

/// Gives turns out, one for each name at a time. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Mutex<HashSet<String>>>);

/// The right to work on what has the name; given back when it is dropped.
#[derive(Debug)]
pub struct Turn {
    all: Turns,
    name: String,
}

impl Turns {
    /// The turn of `name`; none while somebody else has it.
    pub fn take(&self, name: &str) -> Option<Turn> {
        let taken = self.0.lock().insert(name.to_owned());
        taken.then(|| Turn { all: self.clone(), name: name.to_owned() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.all.0.lock().remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_until_its_turn_ends_and_others_are_not() {
        let turns = Turns::default();
        let turn = turns.clone().take("shop").unwrap();
        assert!(turns.take("shop").is_none() && turns.take("blog").is_some());
        drop(turn);
        assert!(turns.take("shop").is_some());
    }
}
