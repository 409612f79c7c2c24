//! What all questions to the database have in common: their number, their turn, and that no guest holds them up.

use std::{future::Future, sync::Arc, time::Duration};

use tokio_util::task::AbortOnDropHandle;

use super::{HostError, asker::Asker};
use crate::{
    plugins::{
        bindings::imported::types::Error,
        instance::{Services, State},
    },
    shares::{InTurn, Shares},
};

/// Questions of one app that the database answers at once, each on a connection of its own: one that works, and one
/// that is ready when that ends.
const AT_ONCE: usize = 2;

/// The least time that one use of the database costs the server besides the call's own time.
const DATABASE_CALL: Duration = Duration::from_micros(20);

/// The turns of every app that ever asked. Clones share them.
#[derive(Debug, Clone)]
pub struct DatabaseTurns(Shares);

impl Default for DatabaseTurns {
    fn default() -> Self {
        Self(Shares::new(AT_ONCE))
    }
}

impl State {
    /// Counts a use of the database.
    pub(super) fn count_database_call(&mut self) -> Result<(), HostError> {
        let most = self.limits.database_calls;
        if self.database_calls >= most {
            let text = format!("one call of a plugin may use the database {most} times");
            return Err(Error::Limited(text).into());
        }
        self.database_calls += 1;
        self.database_work += DATABASE_CALL;
        Ok(())
    }

    /// Counts how long the database was at work for its last use, where that may be long.
    pub(super) fn count_database_work(&mut self, took: Duration) {
        self.database_work += took.saturating_sub(DATABASE_CALL);
    }

    /// The app's turns at the database, for work that asks elsewhere and the database in between: each of its questions
    /// waits for a turn.
    pub(super) fn in_turn(&self) -> wasmtime::Result<InTurn> {
        Ok(InTurn::of(&self.services.database_turns.0, &self.subject()?.app.name))
    }

    /// Asks the database when it is the app's turn. It is asked beside the guest, and no longer than somebody waits: a
    /// guest in the background rests, and would keep a connection for which others wait.
    pub(super) async fn ask_database<T, Asking>(
        &mut self,
        ask: impl FnOnce(Arc<Services>, Asker) -> Asking,
    ) -> Result<T, HostError>
    where
        T: Send + 'static,
        Asking: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.count_database_call()?;
        let in_turn = self.in_turn()?;
        let asking = ask(Arc::clone(&self.services), self.asker()?);
        let asked = AbortOnDropHandle::new(tokio::spawn(async move { in_turn.ask(asking).await }));
        let answer = asked.await.unwrap_or_else(|panic| Err(Error::Other(format!("the host failed: {panic}"))));
        Ok(answer?)
    }
}
