//! What messages tell of users, on its way into the database.
//!
//! Each app has a line of its own, and what stands in it is written together, a part at a time. So an app has one write
//! among those of all others, however many strangers write to it: they delay each other and nobody else's messages.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use super::Users;
use crate::{
    losses::Losses,
    model::{App, UserNote},
    storage::{Sighted, Sighting, StoreError, with_causes},
};

/// How long an answer waits for its user to be written, at most. The writing goes on.
const WAIT: Duration = Duration::from_secs(1);

/// How many of an app are written in one transaction, at most: others wait for it, some milliseconds.
const BATCH: usize = 64;

/// How many of an app may wait. More than the database takes within [`WAIT`] would come too late for their answers.
const WAITING: usize = 1024;

/// Why a user was not written while their message waited.
#[derive(Debug, thiserror::Error)]
enum NotWritten {
    /// The database does not take it.
    #[error(transparent)]
    Failed(Arc<StoreError>),
    /// It takes its time.
    #[error("it takes longer than {} ms and goes on", WAIT.as_millis())]
    Late,
    /// Too many wait.
    #[error("{WAITING} of the app wait already, and no more are written until there is room")]
    Full,
    /// The task that writes has ended.
    #[error("the writing was cut off")]
    CutOff,
}

type Written = Result<UserNote, NotWritten>;

/// The lines of all apps that ever had one.
#[derive(Default)]
pub(super) struct Lines(Mutex<HashMap<String, Line>>);

/// What is to be written of the users of one app.
#[derive(Default)]
struct Line {
    waiting: VecDeque<Entry>,
    /// Writes what waits, until nothing does.
    writer: Option<JoinHandle<()>>,
    /// Users who were not written in time.
    missed: Losses,
}

struct Entry {
    sighting: Sighting,
    /// The user, among those who are remembered to be known.
    key: String,
    written: oneshot::Sender<Written>,
}

impl Users {
    /// Writes down what is told of a user who is not remembered, or of whom more is told than that they are there.
    pub(super) async fn write_down(&self, app: &App, key: String, sighting: Sighting) -> UserNote {
        let until = Instant::now() + WAIT;
        // Nearly all are known, and reading waits for no writer. Who cannot be looked for in time is written: that
        // changes nothing of who is known.
        if sighting.sighted == Sighted::Seen
            && let Ok(Ok(true)) = timeout_at(until, self.store.users().is_known(&app.name, &sighting.openid)).await
        {
            self.known.add(&app.name, key);
            return UserNote::default();
        }
        let openid = sighting.openid.clone();
        let written = match self.stand_in_line(&app.name, key, sighting) {
            Ok(written) => match timeout_at(until, written).await {
                Ok(written) => written.unwrap_or(Err(NotWritten::CutOff)),
                Err(_) => Err(NotWritten::Late),
            },
            Err(full) => Err(full),
        };
        written.unwrap_or_else(|error| {
            self.miss(&app.name, &openid, &error);
            UserNote::default()
        })
    }

    /// Has a sighting written after those of the app that came before it.
    fn stand_in_line(
        &self,
        app: &str,
        key: String,
        sighting: Sighting,
    ) -> Result<oneshot::Receiver<Written>, NotWritten> {
        let (written, wait) = oneshot::channel();
        let mut lines = self.lines.lock();
        let line = lines.entry(app.to_owned()).or_default();
        if line.waiting.len() >= WAITING {
            return Err(NotWritten::Full);
        }
        line.waiting.push_back(Entry { sighting, key, written });
        if line.writer.as_ref().is_none_or(JoinHandle::is_finished) {
            let (users, app) = (self.clone(), app.to_owned());
            line.writer = Some(self.writing.spawn(async move {
                while let Some(entries) = users.lines.next(&app) {
                    users.write_together(&app, entries).await;
                }
            }));
        }
        Ok(wait)
    }

    async fn write_together(&self, app: &str, entries: Vec<Entry>) {
        let (mut sightings, mut waiting) = (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
        for Entry { sighting, key, written } in entries {
            sightings.push(sighting);
            waiting.push((key, written));
        }
        let outcomes = self.store.users().note(app, &sightings).await;
        let mut somebody_is_due = false;
        for ((Sighting { sighted, wants_profile, .. }, (key, written)), outcome) in
            sightings.into_iter().zip(waiting).zip(outcomes)
        {
            if let Ok(note) = &outcome {
                let is_due = note.new || matches!(sighted, Sighted::Subscribed { .. } | Sighted::Modified);
                somebody_is_due |= wants_profile && is_due;
                if !matches!(sighted, Sighted::Modified | Sighted::Revoked) {
                    self.known.add(app, key);
                }
            }
            // Who does not wait any more does not need to know.
            drop(written.send(outcome.map_err(NotWritten::Failed)));
        }
        if somebody_is_due {
            self.wanted.notify_one();
        }
    }

    fn miss(&self, app: &str, openid: &str, error: &NotWritten) {
        let missed = self.lines.lock().entry(app.to_owned()).or_default().missed.add(1);
        if let Some(users) = missed {
            let error = with_causes(error);
            tracing::warn!(
                app,
                openid,
                users,
                error,
                "users could not be written down in time; this is the last of them"
            );
        }
    }
}

impl Lines {
    /// What is to be written next. When there is nothing its writer ends.
    fn next(&self, app: &str) -> Option<Vec<Entry>> {
        let mut lines = self.lock();
        let line = lines.get_mut(app)?;
        if line.waiting.is_empty() {
            line.writer = None;
            return None;
        }
        let next = line.waiting.len().min(BATCH);
        Some(line.waiting.drain(..next).collect())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Line>> {
        self.0.lock()
    }
}
