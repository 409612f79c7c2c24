//! The plugins folder on a volume that is not always mounted. What stands in its place then, an empty folder of another file
//! system, a link leads to here.
#![cfg(target_os = "linux")]

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use weft::plugins::digest;

use super::{files::link, versions::at};
use crate::{
    command::weft,
    support::{SECRET_KEY, TestApp, guests, until},
};

/// A home whose plugins folder is on a volume.
struct Mounts {
    home: TempDir,
    mount_point: TempDir,
}

impl Mounts {
    async fn new(plugins: &[&str]) -> Self {
        let mounts =
            Self { home: tempfile::tempdir().unwrap(), mount_point: tempfile::tempdir_in("/dev/shm").unwrap() };
        fs::create_dir(mounts.volume()).unwrap();
        let device = |folder: &Path| fs::metadata(folder).unwrap().dev();
        assert_ne!(device(&mounts.volume()), device(mounts.mount_point.path()), "these have to be two file systems");
        for plugin in plugins {
            fs::write(mounts.file(plugin), guests::greeter().await).unwrap();
        }
        mounts.mount();
        mounts
    }

    fn volume(&self) -> PathBuf {
        self.home.path().join("volume")
    }

    fn file(&self, plugin: &str) -> PathBuf {
        self.volume().join(plugin).with_extension("wasm")
    }

    fn mount(&self) {
        link(self.volume(), &self.home.path().join("plugins"));
    }

    fn unmount(&self) {
        link(self.mount_point.path(), &self.home.path().join("plugins"));
    }
}

async fn runs_unmounted(app: &TestApp, name: &str) {
    let plugin = app.plugin_becomes(name, |plugin| plugin["error"]["code"] == "not_mounted").await;
    assert_eq!(plugin["state"], "ready", "{plugin}");
}

async fn runs(app: &TestApp, name: &str, component: &[u8]) {
    let digest = digest(component);
    app.plugin_becomes(name, |plugin| plugin["digest"] == digest.as_str() && plugin["error"].is_null()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_that_is_not_mounted_takes_no_plugin_along() {
    let mounts = Mounts::new(&["greeter", "updated", "deleted"]).await;
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    let app = at(mounts.home.path()).await;
    mounts.unmount();
    for name in ["greeter", "updated", "deleted"] {
        runs_unmounted(&app, name).await;
    }
    for name in ["updated", "fresh"] {
        assert_eq!(app.upload(name, second.to_vec()).await.0, 200);
    }
    assert_eq!(app.api(Method::DELETE, "/plugins/deleted", None).await.0, 204);
    // For longer than all run on where a folder was made anew.
    tokio::time::sleep(Duration::from_secs(3)).await;
    runs_unmounted(&app, "greeter").await;
    runs_unmounted(&app, "updated").await;
    runs(&app, "fresh", second).await;
    app.plugin_becomes("deleted", Value::is_null).await;
    assert_eq!(fs::read_dir(mounts.mount_point.path()).unwrap().count(), 0, "what lies there lacks all others");

    // What was done meanwhile holds, and is done to the volume's files.
    mounts.mount();
    runs(&app, "greeter", first).await;
    runs(&app, "updated", second).await;
    until("the volume has what runs", async || {
        let files = ["updated", "fresh", "deleted"].map(|name| fs::read(mounts.file(name)).ok());
        (files == [Some(second.to_vec()), Some(second.to_vec()), None]).then_some(())
    })
    .await;
    runs(&app, "fresh", second).await;
    // And from now on all is as ever.
    fs::write(mounts.file("deleted"), first).unwrap();
    runs(&app, "deleted", first).await;
    fs::remove_file(mounts.file("greeter")).unwrap();
    app.plugin_becomes("greeter", Value::is_null).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_the_volume_takes_no_plugin_along() {
    let mounts = Mounts::new(&["greeter", "removed"]).await;
    let first = guests::greeter().await;
    at(mounts.home.path()).await.stop().await;

    mounts.unmount();
    let app = at(mounts.home.path()).await;
    runs_unmounted(&app, "greeter").await;
    runs_unmounted(&app, "removed").await;
    app.stop().await;
    fs::write(mounts.home.path().join("weft.toml"), format!("secret_key = \"{SECRET_KEY}\"")).unwrap();
    let check = weft(mounts.home.path(), &["check"]);
    let text = String::from_utf8(check.stdout).unwrap();
    assert!(text.lines().any(|line| line.starts_with("FAILED plugins") && line.contains("(not_mounted)")), "{text}");

    // Whoever removes a file removes it from the volume.
    fs::remove_file(mounts.file("removed")).unwrap();
    mounts.mount();
    let app = at(mounts.home.path()).await;
    runs(&app, "greeter", first).await;
    app.plugin_becomes("removed", Value::is_null).await;
    assert_eq!(fs::read(mounts.file("greeter")).unwrap(), first);
    app.stop().await;
}
