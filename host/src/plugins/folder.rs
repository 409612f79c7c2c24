//! The plugins folder: what lies there, and reading and writing its files.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::admission::LoadError;
use crate::model::is_plugin_name;

/// What tells one version of a file from the next without reading it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Signature {
    bytes: u64,
    modified: Option<SystemTime>,
    place: Place,
}

/// Where a file is kept, and when the system last wrote anything about it. Tools set the time of modification to what it
/// was elsewhere, and a file of the same size may get the inode of the one before it; this time nobody can set.
#[cfg(unix)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

/// Not known elsewhere.
#[cfg(not(unix))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place;

/// Tells a folder from another that took its place: inodes are used again, times of creation are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FolderId {
    /// The file system; the same for all where the system does not tell.
    pub(super) device: u64,
    /// Whether a volume is mounted there, and not on a folder above it.
    pub(super) is_mounted: bool,
    pub(super) inode: u64,
    pub(super) created: Option<SystemTime>,
}

/// What a look at the folder shows.
pub(super) struct Listing {
    /// None when there is no folder.
    pub(super) id: Option<FolderId>,
    /// Where it is, links followed.
    pub(super) real: Option<PathBuf>,
    /// The .wasm files by path, links followed, and what else has such a name: reading it says what is wrong. What is
    /// there and cannot be looked at has an empty signature.
    pub(super) files: Vec<(PathBuf, Signature)>,
    /// Whether a link leads out of what can be watched: to the folder, or from it to a file.
    pub(super) linked: bool,
}

impl From<&fs::Metadata> for Signature {
    fn from(metadata: &fs::Metadata) -> Self {
        Self { bytes: metadata.len(), modified: metadata.modified().ok(), place: Place::of(metadata) }
    }
}

/// The plugin whose file this is. Hidden files and odd names belong to none, and are passed over.
pub fn plugin_name(file: &Path) -> Option<String> {
    let is_wasm = file.extension().is_some_and(|extension| extension == "wasm");
    file.file_stem()?.to_str().filter(|stem| is_wasm && is_plugin_name(stem)).map(str::to_owned)
}

/// The .wasm files that are passed over for their names, but for hidden ones: tools write such for a while.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn misnamed(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let files = list(folder)?.files.into_iter().map(|(file, _)| file);
    Ok(files.filter(|file| is_misnamed(file)).collect())
}

/// Whether a .wasm file is passed over for its name.
pub(super) fn is_misnamed(file: &Path) -> bool {
    let is_hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    plugin_name(file).is_none() && !is_hidden
}

/// Which folder it is that stands there now.
pub(super) fn id(folder: &Path) -> Option<FolderId> {
    let metadata = fs::metadata(folder).ok()?;
    let (device, inode) = device_and_inode(&metadata);
    let is_mounted = fs::metadata(folder.join("..")).is_ok_and(|above| device_and_inode(&above).0 != device);
    Some(FolderId { device, is_mounted, inode, created: metadata.created().ok() })
}

/// Looks at the folder.
///
/// # Errors
/// When it cannot be read.
pub(super) fn list(folder: &Path) -> io::Result<Listing> {
    let (id, real) = (id(folder), fs::canonicalize(folder).ok());
    let linked = is_behind_link(folder, real.as_deref());
    let mut listing = Listing { id, real, files: Vec::new(), linked };
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("wasm")) {
            continue;
        }
        listing.linked |= entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let signature = match fs::metadata(&path) {
            Ok(metadata) => Signature::from(&metadata),
            // The link itself is there all the same.
            Err(error) if leads_nowhere(&error) => match fs::symlink_metadata(&path) {
                Ok(link) => Signature::from(&link),
                Err(_) => continue,
            },
            // A file server that does not answer has not deleted anything.
            Err(_) => Signature::default(),
        };
        listing.files.push((path, signature));
    }
    listing.files.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(listing)
}

/// Whether nothing lies at `path`, not even a link that leads nowhere: who removes what a link leads to may be about to
/// set the link to something else, and has removed no plugin.
pub(super) fn is_gone(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| leads_nowhere(&error))
}

/// What lies at `path` in the place of a file, in both languages.
fn other_than_file(path: &Path) -> Option<&'static str> {
    let is_link = || fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => None,
        Ok(metadata) if metadata.is_dir() => Some("a folder · 目录"),
        // A pipe would keep whoever reads it waiting.
        Ok(_) => Some("a pipe or a device · 管道或设备"),
        Err(error) if is_link_loop(&error) && is_link() => {
            Some("a link that leads back to itself · 指向自身的符号链接")
        }
        Err(error) if leads_nowhere(&error) && is_link() => Some("a link that leads nowhere · 目标不存在的符号链接"),
        Err(_) => None,
    }
}

/// Whether there is no file: none of the name, a link to none, or one that leads back to itself.
fn leads_nowhere(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) || is_link_loop(error)
}

#[cfg(target_os = "linux")]
fn is_link_loop(error: &io::Error) -> bool {
    /// `ELOOP`, which has no stable name in the standard library.
    const LINK_LOOP: i32 = 40;
    error.raw_os_error() == Some(LINK_LOOP)
}

#[cfg(not(target_os = "linux"))]
fn is_link_loop(_: &io::Error) -> bool {
    false
}

/// Whether the path of the folder, which is `real`, has a link in it, which may be set to another folder.
fn is_behind_link(folder: &Path, real: Option<&Path>) -> bool {
    match (std::path::absolute(folder), real) {
        (Ok(written), Some(real)) => written != real,
        _ => true,
    }
}

/// Writes a file beside its place and renames it there, so that nobody sees half of it. It may be read by whom the
/// process lets read what it makes, as servers run as other users than authors; or, where it takes the place of a file
/// of the same owner and group, by whom that one let read.
pub(super) fn place(folder: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".upload-");
    // Less the umask. By themselves temporary files are for their owner alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut beside = builder.tempfile_in(folder)?;
    #[cfg(unix)]
    if let Ok(before) = fs::metadata(file)
        && owner(&before) == owner(&beside.as_file().metadata()?)
    {
        beside.as_file().set_permissions(before.permissions())?;
    }
    beside.write_all(bytes)?;
    beside.as_file().sync_all()?;
    beside.persist(file)?;
    Ok(())
}

/// User and group.
#[cfg(unix)]
fn owner(metadata: &fs::Metadata) -> (u32, u32) {
    use std::os::unix::fs::MetadataExt as _;

    (metadata.uid(), metadata.gid())
}

/// A file's bytes; None while somebody writes, replaces or removes it.
///
/// # Errors
/// When it has more than `limit` bytes, is no file or cannot be read.
pub(super) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, LoadError> {
    if let Some(what) = other_than_file(path) {
        return Err(LoadError::NotAFile(what));
    }
    match read_still(path, limit) {
        Err(error) if leads_nowhere(&error) => Ok(None),
        Err(error) => Err(LoadError::Unreadable(error.to_string())),
        Ok(Some(bytes)) if bytes.len() as u64 > limit => {
            Err(LoadError::TooLarge { actual: fs::metadata(path).map_or(0, |metadata| metadata.len()), limit })
        }
        Ok(bytes) => Ok(bytes),
    }
}

/// The bytes, at most one more than `limit`, when the file was the same before and after they were read.
fn read_still(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let before = fs::metadata(path)?;
    if !before.is_file() {
        // It became another thing just now.
        return Ok(None);
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    let still = Signature::from(&before) == Signature::from(&fs::metadata(path)?);
    let whole = bytes.len() as u64 == before.len().min(limit.saturating_add(1));
    Ok((still && whole).then_some(bytes))
}

#[cfg(unix)]
impl Place {
    fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;

        Self { device: metadata.dev(), inode: metadata.ino(), changed: (metadata.ctime(), metadata.ctime_nsec()) }
    }
}

#[cfg(not(unix))]
impl Place {
    fn of(_: &fs::Metadata) -> Self {
        Self
    }
}

#[cfg(unix)]
fn device_and_inode(metadata: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;

    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn device_and_inode(_: &fs::Metadata) -> (u64, u64) {
    (0, 0)
}
