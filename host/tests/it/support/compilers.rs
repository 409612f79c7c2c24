//! Programs that stand in the place of `weft compile-plugin`.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Writes a compiler that does what these lines of shell say.
pub(crate) fn compiler(folder: &Path, lines: &str) -> PathBuf {
    let file = folder.join("compiler");
    fs::write(&file, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}
