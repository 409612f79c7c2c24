//! Which of the plugins' files somebody is writing.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use notify::{
    EventKind,
    event::{AccessKind, AccessMode, ModifyKind},
};
use parking_lot::Mutex;

use crate::plugins::folder::plugin_name;

/// For how long after its last write a file that its writer has not closed is not taken for whole: copies from far away
/// come with pauses.
const STALLED: Duration = Duration::from_secs(3);

/// When which plugin's file was last written whose writer has not closed it. Empty where the system does not tell of
/// both.
#[derive(Debug, Default)]
pub(super) struct Writing(Mutex<HashMap<String, Instant>>);

impl Writing {
    /// Notes what an event of the folder tells.
    pub(super) fn note(&self, event: &notify::Result<notify::Event>) {
        let mut written = self.0.lock();
        let event = match event {
            Ok(event) if !event.need_rescan() => event,
            // Who has closed which file may have been lost.
            _ => return written.clear(),
        };
        let names = event.paths.iter().filter_map(|path| plugin_name(path));
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) if cfg!(target_os = "linux") => {
                written.retain(|_, at| at.elapsed() < STALLED);
                written.extend(names.map(|name| (name, Instant::now())));
            }
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(_))
            | EventKind::Remove(_) => {
                for name in names {
                    written.remove(&name);
                }
            }
            _ => {}
        }
    }

    /// Whether somebody is at work on a plugin's file.
    pub(super) fn goes_on(&self, name: &str) -> bool {
        self.0.lock().get(name).is_some_and(|at| at.elapsed() < STALLED)
    }
}
