//! WeChat refuses a batch because of one openid in it: then each half is tried, until the one is found.

/// The batches that are still to be tried.
pub(super) struct Halves(Vec<Vec<String>>);

impl Halves {
    /// All of them at once first.
    pub(super) fn of(openids: Vec<String>) -> Self {
        Self(vec![openids])
    }

    /// The next batch; never an empty one.
    pub(super) fn next(&mut self) -> Option<Vec<String>> {
        self.0.pop().filter(|batch| !batch.is_empty())
    }

    /// Whom nobody has asked about alone or in a batch that was answered.
    pub(super) fn left(self) -> Vec<String> {
        self.0.into_iter().flatten().collect()
    }

    /// Something in the batch was refused: gives who it is, or tries each half next.
    pub(super) fn split(&mut self, mut refused: Vec<String>) -> Option<String> {
        if refused.len() <= 1 {
            return refused.pop();
        }
        let half = refused.split_off(refused.len() / 2);
        self.0.extend([half, refused]);
        None
    }
}
