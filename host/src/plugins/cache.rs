//! Compiled plugins on disk, so that a start does not compile them again.
//!
//! Compiled code is native code: whoever can write it can do anything. Every file therefore ends
//! in a MAC made with a key that is derived from the operator's secret key, over the code and the
//! name that it is stored under. What does not verify is compiled again.

use std::{
    collections::HashSet,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    path::PathBuf,
    time::Duration,
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::{Engine, component::Component};

const MAC_BYTES: usize = 32;

/// How long code is kept, from when it was compiled, that nothing needs any more: someone may go back to it.
const KEPT_UNUSED: Duration = Duration::from_hours(7 * 24);

/// A folder of compiled plugins.
pub(super) struct Cache {
    folder: PathBuf,
    key: [u8; 32],
}

impl Cache {
    /// `key` authenticates the files; nobody else may know it.
    pub(super) fn new(folder: PathBuf, key: [u8; 32]) -> Self {
        Self { folder, key }
    }

    /// The compiled code of the file whose SHA-256 is `digest`, if it was kept and nobody has
    /// changed it.
    pub(super) fn find(&self, engine: &Engine, digest: &str) -> Option<Vec<u8>> {
        self.read(&file_name(engine, digest))
    }

    /// Keeps a component; a cache that cannot be used is only logged.
    pub(super) fn keep(&self, engine: &Engine, digest: &str, component: &Component) {
        if let Err(error) = self.write(&file_name(engine, digest), component) {
            tracing::warn!(%error, folder = %self.folder.display(), "the compiled plugin could not be kept");
        }
    }

    /// Removes what was compiled long ago for files that are not among `digests`.
    pub(super) fn sweep(&self, digests: &HashSet<String>) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let used = name.to_str().and_then(|name| name.split('-').next()).is_some_and(|own| digests.contains(own));
            let age = entry.metadata().and_then(|metadata| metadata.modified()).map(|modified| modified.elapsed());
            if !used && matches!(age, Ok(Ok(age)) if age > KEPT_UNUSED) {
                // Another process may have been quicker.
                drop(fs::remove_file(entry.path()));
            }
        }
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let mut code = fs::read(self.folder.join(name)).ok()?;
        let mac = code.split_off(code.len().checked_sub(MAC_BYTES)?);
        if self.mac(name, &code).verify_slice(&mac).is_err() {
            tracing::warn!(file = name, "a compiled plugin was changed by somebody else: it is compiled again");
            return None;
        }
        Some(code)
    }

    fn write(&self, name: &str, component: &Component) -> anyhow::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut code = component.serialize()?;
        let mac = self.mac(name, &code).finalize().into_bytes();
        code.extend_from_slice(&mac);
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&code)?;
        file.persist(self.folder.join(name))?;
        Ok(())
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(name.as_bytes());
        mac.update(&[0]);
        mac.update(code);
        mac
    }
}

/// Code for another version of wasmtime, or other settings, has another name.
fn file_name(engine: &Engine, digest: &str) -> String {
    format!("{digest}-{:016x}.cwasm", settings(engine))
}

/// What code must have been compiled with to run on `engine`: the version of wasmtime, and all settings.
pub(super) fn settings(engine: &Engine) -> u64 {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    settings.finish()
}

/// Loads compiled code: what `read` has verified, or what the compiler has just made.
#[expect(unsafe_code, reason = "the one way to load compiled code")]
pub(super) fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are what this program has made of a component: their MAC, with a key that only the operator's
    // secret key gives, has just been verified, or they come from `compiler`, which has them from a process that it
    // started itself from the program's own file. wasmtime refuses code of other versions and settings.
    unsafe { Component::deserialize(engine, code) }
}
