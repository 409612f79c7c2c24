//! Reading and writing files of the plugins folder.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use super::admission::LoadError;

/// Writes a file beside its place and renames it there, so that nobody sees half of it.
pub(super) fn place(folder: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = tempfile::Builder::new().prefix(".upload-").tempfile_in(folder)?;
    beside.write_all(bytes)?;
    beside.as_file().sync_all()?;
    beside.persist(file)?;
    Ok(())
}

/// A file's bytes, unless it has more than `limit`.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, LoadError> {
    let unreadable = |error: io::Error| LoadError::Unreadable(error.to_string());
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        // A pipe would keep whoever reads it waiting.
        return Err(LoadError::Unreadable("it is not a regular file".to_owned()));
    }
    let actual = metadata.len();
    if actual > limit {
        return Err(LoadError::TooLarge { actual, limit });
    }
    fs::read(path).map_err(unreadable)
}
