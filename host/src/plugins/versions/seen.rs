//! What of the plugins folder has taken effect, also over restarts: so that a file which changed
//! while nothing ran is told from one that lies there as before.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// The digests of the files that have taken effect, by plugin.
pub(super) struct Seen {
    file: PathBuf,
    /// Never held while the disk is at work: who answers requests looks here, too.
    record: Mutex<Record>,
    /// Held by who changes the record until that is written, so that no earlier state is written over a later one.
    writing: Mutex<()>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Record {
    /// What is known of one folder says nothing of another.
    folder: PathBuf,
    digests: BTreeMap<String, String>,
}

impl Seen {
    /// Reads what is known of `folder` from `file`.
    pub(super) fn read(file: PathBuf, folder: &Path) -> Self {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let known = fs::read(&file).ok().and_then(|json| serde_json::from_slice::<Record>(&json).ok());
        let record = known.filter(|known| known.folder == folder);
        let record = record.unwrap_or(Record { folder, digests: BTreeMap::new() });
        Self { file, record: Mutex::new(record), writing: Mutex::default() }
    }

    /// The digest of the plugin's file that took effect last; none when there was no file, or it
    /// was removed.
    pub(super) fn of(&self, plugin: &str) -> Option<String> {
        self.record.lock().digests.get(plugin).cloned()
    }

    /// Notes that a file took effect, or that it is gone. Blocks.
    pub(super) fn set(&self, plugin: &str, digest: Option<&str>) {
        let _writing = self.writing.lock();
        let Some(record) = self.change(plugin, digest) else { return };
        if let Err(error) = write(&self.file, &record) {
            tracing::warn!(%error, file = %self.file.display(), "what the plugins folder has could not be noted");
        }
    }

    /// Changes what is known of a plugin's file; gives what is known then, unless that is nothing new.
    fn change(&self, plugin: &str, digest: Option<&str>) -> Option<Record> {
        let mut record = self.record.lock();
        if record.digests.get(plugin).map(String::as_str) == digest {
            return None;
        }
        match digest {
            Some(digest) => record.digests.insert(plugin.to_owned(), digest.to_owned()),
            None => record.digests.remove(plugin),
        };
        Some(record.clone())
    }
}

fn write(file: &Path, record: &Record) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    beside.write_all(serde_json::to_string_pretty(record)?.as_bytes())?;
    beside.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    #[test]
    fn what_is_known_is_told_while_the_disk_takes_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let seen = Seen::read(folder.path().join("folder.json"), folder.path());
        seen.set("greeter", Some("1"));
        let slow = seen.writing.lock();
        let seen = &seen;
        thread::scope(|scope| {
            let (told, tells) = mpsc::channel();
            let changing = scope.spawn(move || seen.set("greeter", Some("2")));
            scope.spawn(move || told.send(seen.of("greeter")));
            assert_eq!(tells.recv_timeout(Duration::from_mins(2)).unwrap().as_deref(), Some("1"));
            assert!(!changing.is_finished());
            drop(slow);
        });
        assert_eq!(seen.of("greeter").as_deref(), Some("2"));
    }

    #[test]
    fn what_is_written_last_is_what_is_known_last() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("folder.json");
        let seen = Seen::read(file.clone(), folder.path());
        let names: Vec<_> = (0..8).map(|number| format!("plugin-{number}")).collect();
        let (known, all) = (&seen, &names);
        thread::scope(|scope| {
            for name in all {
                scope.spawn(move || (0..20).for_each(|number| known.set(name, Some(&number.to_string()))));
            }
        });
        let written = Seen::read(file, folder.path());
        for name in &names {
            assert_eq!((written.of(name), seen.of(name)), (Some("19".to_owned()), Some("19".to_owned())));
        }
    }
}
