//! Folders that outlive a server: a process goes on with what it has left there.

use std::path::PathBuf;

use tempfile::TempDir;

use super::{TestApp, process::Process};

/// Where servers have their data and their plugins, one after another. Gone when it is dropped.
pub(crate) struct Folders {
    /// Of `data_dir`.
    pub data: PathBuf,
    /// Of `plugins_dir`.
    pub plugins: PathBuf,
    _folder: TempDir,
}

impl Folders {
    /// Empty ones.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data, plugins) = (folder.path().join("data"), folder.path().join("plugins"));
        std::fs::create_dir_all(&plugins).unwrap();
        Self { data, plugins, _folder: folder }
    }

    /// A server in this process.
    pub(crate) async fn server(&self) -> TestApp {
        TestApp::start_with(|config| {
            config.data_dir.clone_from(&self.data);
            config.plugins_dir.clone_from(&self.plugins);
        })
        .await
    }

    /// A server in a process of its own, with settings from the environment.
    pub(crate) fn process(&self, settings: &[(&str, &str)]) -> Process {
        tokio::task::block_in_place(|| Process::serve_with(&self.data, &self.plugins, settings))
    }
}
