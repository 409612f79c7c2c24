//! What an event of the plugins folder tells.

use std::path::Path;

use notify::{
    EventKind,
    event::{AccessKind, AccessMode, ModifyKind},
};

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// A file may have another content.
    Change,
    /// Events got lost, or the watch itself came to its end: anything may have happened.
    Unsure,
    Nothing,
}

impl Told {
    /// By an event of the watched `folder`.
    pub(super) fn by(event: &notify::Result<notify::Event>, folder: &Path) -> Self {
        let Ok(event) = event else { return Self::Unsure };
        let is_end = matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
        if event.need_rescan() || (is_end && event.paths.iter().any(|path| path == folder)) {
            Self::Unsure
        } else if is_change(event.kind) {
            Self::Change
        } else {
            Self::Nothing
        }
    }
}

/// Reading a file makes events too: only those count that can mean another content. On Linux a
/// writer's end is an event of its own, so that its writes need not count.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(_))
        | EventKind::Remove(_)
        | EventKind::Any
        | EventKind::Other => true,
        EventKind::Create(_) | EventKind::Modify(_) => !cfg!(target_os = "linux"),
        EventKind::Access(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use notify::{
        Event,
        event::{CreateKind, Flag, RemoveKind, RenameMode},
    };

    use super::*;

    #[test]
    fn lost_events_and_the_end_of_the_watch_leave_everything_open() {
        let (folder, file) = (Path::new("/srv/plugins"), PathBuf::from("/srv/plugins/greeter.wasm"));
        let told = |kind, path: &Path| Told::by(&Ok(Event::new(kind).add_path(path.to_owned())), folder);
        let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert_eq!(Told::by(&Ok(overflow), folder), Told::Unsure);
        assert_eq!(Told::by(&Err(notify::Error::generic("gone")), folder), Told::Unsure);
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::From));
        let removed = EventKind::Remove(RemoveKind::Folder);
        assert_eq!([told(renamed, folder), told(removed, folder)], [Told::Unsure; 2]);
        assert_eq!([told(renamed, &file), told(removed, &file)], [Told::Change; 2]);
        let read = EventKind::Access(AccessKind::Close(AccessMode::Read));
        assert_eq!([told(read, folder), told(read, &file)], [Told::Nothing; 2], "a look at the folder asks for none");
        if cfg!(target_os = "linux") {
            assert_eq!(
                told(EventKind::Create(CreateKind::File), &file),
                Told::Nothing,
                "its writer's end will be told"
            );
        }
    }
}
