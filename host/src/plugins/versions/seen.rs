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

use crate::plugins::folder::FolderId;

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
    /// The file system that the files lie on; none before anybody looked.
    device: Option<u64>,
    /// Whether that is mounted on the folder itself.
    #[serde(default)]
    is_mounted: bool,
    digests: BTreeMap<String, String>,
    /// Whether it is not there now.
    #[serde(skip)]
    is_unmounted: bool,
}

impl Seen {
    /// Reads what is known of `folder` from `file`.
    pub(super) fn read(file: PathBuf, folder: &Path) -> Self {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let known = fs::read(&file).ok().and_then(|json| serde_json::from_slice::<Record>(&json).ok());
        let record = known.filter(|known| known.folder == folder);
        let record = record.unwrap_or_else(|| Record::of(folder));
        Self { file, record: Mutex::new(record), writing: Mutex::default() }
    }

    /// The digest of the plugin's file that took effect last; none when there was no file, or it
    /// was removed. A volume that is not mounted still has its files.
    pub(super) fn of(&self, plugin: &str) -> Option<String> {
        self.record.lock().digests.get(plugin).cloned()
    }

    /// The file system that the files lie on, if that is known.
    pub(super) fn device(&self) -> Option<u64> {
        self.record.lock().device
    }

    /// Whether the folder's volume is not mounted.
    pub(super) fn is_unmounted(&self) -> bool {
        self.record.lock().is_unmounted
    }

    /// Notes which folder stands in the place of the plugins folder. Gives whether that is another one from now on, which is
    /// then to be [saved](Self::save).
    pub(super) fn enter(&self, folder: FolderId, has_files: bool) -> bool {
        self.record.lock().enter(folder, has_files)
    }

    /// Notes that no folder stands there: its volume may be mounted further up.
    pub(super) fn leave(&self) {
        self.record.lock().is_unmounted = true;
    }

    /// Writes down what is known. Blocks.
    pub(super) fn save(&self) {
        let _writing = self.writing.lock();
        let record = self.record.lock().clone();
        self.write(&record);
    }

    /// Notes that a file took effect, or that it is gone; nothing of a volume that is not mounted. Blocks.
    pub(super) fn set(&self, plugin: &str, digest: Option<&str>) {
        let _writing = self.writing.lock();
        let Some(record) = self.change(plugin, digest) else { return };
        self.write(&record);
    }

    fn write(&self, record: &Record) {
        if let Err(error) = write(&self.file, record) {
            tracing::warn!(%error, file = %self.file.display(), "what the plugins folder has could not be noted");
        }
    }

    /// Changes what is known of a plugin's file; gives what is known then, unless that is nothing new.
    fn change(&self, plugin: &str, digest: Option<&str>) -> Option<Record> {
        let mut record = self.record.lock();
        if record.is_unmounted || record.digests.get(plugin).map(String::as_str) == digest {
            return None;
        }
        match digest {
            Some(digest) => record.digests.insert(plugin.to_owned(), digest.to_owned()),
            None => record.digests.remove(plugin),
        };
        Some(record.clone())
    }
}

impl Record {
    fn of(folder: PathBuf) -> Self {
        Self { folder, device: None, is_mounted: false, digests: BTreeMap::new(), is_unmounted: false }
    }

    /// An empty folder of another file system than the files were on is where that is to be mounted; nothing is known of one
    /// that is mounted itself. A folder with files is the plugins folder, on whatever file system: their numbers change with
    /// reboots. These may also be the same by chance.
    fn enter(&mut self, folder: FolderId, has_files: bool) -> bool {
        let FolderId { device, is_mounted, .. } = folder;
        let is_other = self.device.is_some_and(|before| before != device);
        let lacks_all = !has_files && !self.digests.is_empty();
        self.is_unmounted = lacks_all && !is_mounted && (is_other || self.is_mounted);
        if self.is_unmounted || (self.device, self.is_mounted) == (Some(device), is_mounted) {
            return false;
        }
        if lacks_all && is_other {
            self.digests.clear();
        }
        (self.device, self.is_mounted) = (Some(device), is_mounted);
        true
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

    fn on(device: u64) -> FolderId {
        FolderId { device, is_mounted: false, inode: 10, created: None }
    }

    fn mounted(device: u64) -> FolderId {
        FolderId { is_mounted: true, ..on(device) }
    }

    /// What is known of a folder with one file that was last `folder`.
    fn known(file: &Path, folder: FolderId) -> Seen {
        let seen = Seen::read(file.to_owned(), Path::new("plugins"));
        assert!(seen.enter(folder, false) && !seen.is_unmounted(), "there is nothing that it could lack");
        seen.set("greeter", Some("1"));
        assert!(!seen.enter(folder, true));
        seen
    }

    #[test]
    fn an_empty_folder_of_another_file_system_says_nothing_of_the_files_also_after_a_restart() {
        // The number of a file system may be that of another after a restart.
        for (home, below) in [(on(1), on(2)), (mounted(1), on(2)), (mounted(1), on(1))] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("folder.json");
            let seen = known(&file, home);
            assert!(!seen.enter(below, false) && seen.is_unmounted());
            seen.set("greeter", None);
            assert_eq!((seen.of("greeter").as_deref(), seen.device()), (Some("1"), Some(1)));

            let seen = Seen::read(file.clone(), Path::new("plugins"));
            assert!(!seen.enter(below, false) && seen.is_unmounted());
            assert!(!seen.enter(home, false) && !seen.is_unmounted(), "all files were removed from the volume");
            seen.set("greeter", None);
            assert_eq!(seen.of("greeter"), None);
        }
    }

    #[test]
    fn nothing_is_known_of_an_empty_volume_that_is_mounted_in_the_place_of_another() {
        let home = tempfile::tempdir().unwrap();
        let seen = known(&home.path().join("folder.json"), mounted(1));
        assert!(!seen.enter(on(2), false));
        assert!(seen.enter(mounted(3), false) && !seen.is_unmounted());
        assert_eq!((seen.of("greeter"), seen.device()), (None, Some(3)));
    }

    #[test]
    fn a_folder_that_is_gone_for_a_while_has_its_files() {
        let home = tempfile::tempdir().unwrap();
        let seen = known(&home.path().join("folder.json"), on(1));
        seen.leave();
        seen.set("greeter", None);
        assert!(seen.is_unmounted());
        assert!(!seen.enter(on(1), true) && !seen.is_unmounted());
        assert_eq!(seen.of("greeter").as_deref(), Some("1"));
    }

    #[test]
    fn a_folder_with_files_is_the_plugins_folder_whatever_number_its_file_system_has() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("folder.json");
        let seen = known(&file, mounted(1));
        assert!(seen.enter(mounted(2), true) && !seen.is_unmounted());
        assert!(!seen.enter(on(3), false) && seen.is_unmounted());
        assert!(seen.enter(on(4), true) && !seen.is_unmounted());
        seen.save();
        let seen = Seen::read(file, Path::new("plugins"));
        assert_eq!((seen.of("greeter").as_deref(), seen.device()), (Some("1"), Some(4)));
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
