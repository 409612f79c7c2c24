//! Programs that stand in the place of `weft compile-plugin`.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::until;

/// Writes a compiler that does what these lines of shell say.
pub(crate) fn compiler(folder: &Path, lines: &str) -> PathBuf {
    let file = folder.join("compiler");
    fs::write(&file, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}

/// A compiler that begins as `weft` does, and waits for as long as its gate is closed.
pub(crate) struct Gate {
    folder: TempDir,
}

impl Gate {
    /// It is open.
    pub(crate) fn new() -> Self {
        let gate = Self { folder: tempfile::tempdir().unwrap() };
        gate.open();
        gate
    }

    /// The compiler.
    pub(crate) fn compiler(&self) -> PathBuf {
        let [open, held, all] =
            [self.open_file(), self.held_file(), self.all_file()].map(|file| file.display().to_string());
        let says = format!("echo $$ > '{held}'; echo $$ >> '{all}'");
        let wait = format!("if [ ! -e '{open}' ]; then {says}; until [ -e '{open}' ]; do sleep 0.1; done; fi");
        compiler(self.folder.path(), &format!("{wait}\nexec '{}' \"$@\"", env!("CARGO_BIN_EXE_weft")))
    }

    /// Lets compilers pass.
    pub(crate) fn open(&self) {
        fs::write(self.open_file(), b"").unwrap();
    }

    /// Holds those up that come from now on.
    pub(crate) fn close(&self) {
        fs::remove_file(self.open_file()).unwrap();
    }

    /// Waits until one is held up.
    pub(crate) async fn holds_one(&self) {
        until("something is compiled", async || self.held_file().exists().then_some(())).await;
    }

    /// Waits until so many have been held up, from the beginning.
    pub(crate) async fn has_held(&self, compilers: usize) {
        until("so many are compiled", async || {
            let held = fs::read_to_string(self.all_file()).unwrap_or_default();
            (held.lines().count() >= compilers).then_some(())
        })
        .await;
    }

    /// Waits until one is held up, and ends it as a system does that has no memory left.
    pub(crate) async fn kills_one(&self) {
        let process = async || fs::read_to_string(self.held_file()).ok()?.trim().parse::<u32>().ok();
        let process = until("something is compiled", process).await;
        fs::remove_file(self.held_file()).unwrap();
        assert!(Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap().success());
    }

    fn open_file(&self) -> PathBuf {
        self.folder.path().join("open")
    }

    fn held_file(&self) -> PathBuf {
        self.folder.path().join("held")
    }

    fn all_file(&self) -> PathBuf {
        self.folder.path().join("all")
    }
}
