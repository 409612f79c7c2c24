//! What of the plugins folder has taken effect, also over restarts: so that a file which changed
//! while nothing ran is told from one that lies there as before.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

/// The digests of the files that have taken effect, by plugin.
pub(super) struct Seen {
    file: PathBuf,
    record: Mutex<Record>,
}

#[derive(Serialize, Deserialize)]
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
        Self { file, record: Mutex::new(record) }
    }

    /// The digest of the plugin's file that took effect last; none when there was no file, or it
    /// was removed.
    pub(super) fn of(&self, plugin: &str) -> Option<String> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).digests.get(plugin).cloned()
    }

    /// Notes that a file took effect, or that it is gone. Blocks.
    pub(super) fn set(&self, plugin: &str, digest: Option<&str>) {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        if record.digests.get(plugin).map(String::as_str) == digest {
            return;
        }
        match digest {
            Some(digest) => record.digests.insert(plugin.to_owned(), digest.to_owned()),
            None => record.digests.remove(plugin),
        };
        if let Err(error) = write(&self.file, &record) {
            tracing::warn!(%error, file = %self.file.display(), "what the plugins folder has could not be noted");
        }
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
