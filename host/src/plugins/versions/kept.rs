//! Versions on this disk, outside the plugins folder: a start finds them there although the folder
//! has something else, or the database is slow.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use crate::plugins::{component::digest, folder};

/// A folder with a folder of files for each plugin.
pub(super) struct Kept {
    folder: PathBuf,
}

impl Kept {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The file of that digest, when it is there and whole.
    pub(super) fn find(&self, plugin: &str, wanted: &str) -> Option<Bytes> {
        let bytes = fs::read(self.file(plugin, wanted)).ok()?;
        (digest(&bytes) == wanted).then(|| bytes.into())
    }

    /// Keeps a file.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn keep(&self, plugin: &str, digest: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.file(plugin, digest);
        if fs::metadata(&file).is_ok_and(|metadata| metadata.len() == bytes.len() as u64) {
            return Ok(());
        }
        let folder = self.folder.join(plugin);
        fs::create_dir_all(&folder)?;
        folder::place(&folder, &file, bytes)
    }

    /// Forgets the files of a plugin whose digests are not among `digests`.
    pub(super) fn retain(&self, plugin: &str, digests: &[String]) {
        let Ok(entries) = fs::read_dir(self.folder.join(plugin)) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let kept = path.file_stem().and_then(|stem| stem.to_str());
            if !kept.is_some_and(|kept| digests.iter().any(|digest| digest == kept)) {
                // It is tried again with the next version.
                drop(fs::remove_file(path));
            }
        }
    }

    fn file(&self, plugin: &str, digest: &str) -> PathBuf {
        kept_file(&self.folder, plugin, digest)
    }
}

/// Where the file of a version is, in the folder of all that are kept.
pub fn kept_file(folder: &Path, plugin: &str, digest: &str) -> PathBuf {
    folder.join(plugin).join(format!("{digest}.wasm"))
}
