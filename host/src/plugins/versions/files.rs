//! What files of the plugins folder make of plugins.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{InFolder, NotApplied, known::Told, was_asked};
use crate::{
    model::PluginSource,
    plugins::{
        admission::{LoadError, Refused},
        component::{Loaded, digest_of},
        folder,
        registry::{Plugin, Plugins},
    },
    storage::{StoreError, with_causes},
};

/// What became of a file that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plugins) enum FileOutcome {
    /// It runs, or is refused for what it is, or has no effect.
    Done,
    /// It may pass as it is, so much later.
    TryAgain(Duration),
    /// It is not at rest.
    Changing,
}

/// A file as it was before its plugin was held. Another may lie in its place by then.
struct Ahead {
    bytes: Bytes,
    digest: String,
    /// None where the file took effect before, or was not read.
    checked: Option<Result<Arc<Loaded>, Refused>>,
}

impl Plugins {
    /// Lets what lies in a plugin's file now take effect, if it is good and new.
    pub(in crate::plugins) async fn load_file(&self, name: &str) -> FileOutcome {
        let ahead = self.check_ahead(name).await;
        let _changing = self.changing(name).await;
        let read = match self.read(name, self.file(name)).await {
            Ok(Some(read)) => read,
            Ok(None) => return FileOutcome::Changing,
            Err(error) => return self.refuse(name, Refused::unread(error)).await,
        };
        let Ahead { bytes, digest, checked } = match ahead {
            Some(ahead) if ahead.bytes == read => ahead,
            Some(_) => return FileOutcome::Changing,
            None => Ahead { digest: digest_of(&read).await, bytes: read, checked: None },
        };
        let is_old = self.has_taken_effect(name, &digest).await;
        if is_old {
            match self.apply(name, InFolder::Good(&bytes)).await {
                Ok(()) => {
                    self.versions().mark_seen(name, Some(&digest)).await;
                    self.sync_folder(name).await;
                    return FileOutcome::Done;
                }
                Err(_) if self.find(name).is_some_and(|plugin| plugin.loaded.is_some()) => return FileOutcome::Done,
                // Which is this file: as such it is tried again, where it may pass.
                Err(NotApplied::Refused(refused)) if refused.report.digest == digest => {
                    self.refuse(name, *refused).await;
                    return FileOutcome::Done;
                }
                // Better than nothing, until what was decided can be had.
                Err(_) => {}
            }
        }
        let checked = match checked {
            Some(checked) => checked,
            None => self.checked(name, bytes.clone()).await,
        };
        match checked {
            Ok(loaded) => {
                self.install(name, loaded, InFolder::Good(&bytes));
                if !is_old {
                    self.publish(name, bytes).await;
                }
                FileOutcome::Done
            }
            Err(refused) => self.refuse(name, refused).await,
        }
    }

    /// Reads a file and checks it if it is new, while others may change the plugin: nobody who goes back to an earlier
    /// version waits for the compiler. None when it cannot be read.
    async fn check_ahead(&self, name: &str) -> Option<Ahead> {
        let bytes = self.read(name, self.file(name)).await.ok()??;
        let digest = digest_of(&bytes).await;
        let is_old = self.has_taken_effect(name, &digest).await;
        let checked = if is_old { None } else { Some(self.checked(name, bytes.clone()).await) };
        Some(Ahead { bytes, digest, checked })
    }

    /// Whether a file changes nothing: it took effect before, or it lies in a folder that is read for
    /// the first time and is a version from before what was decided.
    async fn has_taken_effect(&self, name: &str, digest: &str) -> bool {
        let versions = self.versions();
        let seen = versions.seen.of(name);
        let Some(decision) = versions.known.decision(name) else {
            return !was_asked(versions) && seen.as_deref() == Some(digest);
        };
        if decision.digest.as_deref() == Some(digest) && decision.rolled_back.is_none() {
            return true;
        }
        match seen {
            None if self.is_ready() => false,
            _ => self.was_there_before(name, digest).await,
        }
    }

    /// Whether a file that lies in the folder when it is read for the first time is a version from before what was
    /// decided.
    pub(super) async fn was_there_before(&self, name: &str, digest: &str) -> bool {
        let versions = self.versions();
        if let Some(seen) = versions.seen.of(name) {
            return seen == digest;
        }
        let known = versions.store.plugin_versions().list(name).await;
        known.is_ok_and(|known| known.iter().any(|version| version.digest == digest))
    }

    /// Tells the other processes of the version that runs here, whose file lies in the folder. When the database does
    /// not answer, it is told later.
    pub(super) async fn publish(&self, name: &str, bytes: Bytes) {
        let versions = self.versions();
        if !versions.decides {
            return;
        }
        versions.known.mark_changed(name);
        if !was_asked(versions) {
            if let Some(running) = self.find(name).and_then(|plugin| plugin.loaded.clone()) {
                versions.keep_on_disk(name, &running.digest, &bytes).await;
            }
            // The file may be from before what was decided.
            let is_from_nowhere = !self.is_ready() && versions.seen.of(name).is_none();
            versions.known.set_told(name, if is_from_nowhere { Told::Unsure } else { Told::No });
            return;
        }
        match self.decide_running(name, &bytes).await {
            Ok(()) => versions.known.set_told(name, Told::Yes),
            Err(error) => {
                tracing::warn!(
                    error = %with_causes(&error),
                    plugin = name,
                    "the other processes could not be told of the plugin's version yet"
                );
            }
        }
    }

    async fn decide_running(&self, name: &str, bytes: &Bytes) -> Result<(), StoreError> {
        let versions = self.versions();
        let Some(loaded) = self.find(name).and_then(|plugin| plugin.loaded.clone()) else { return Ok(()) };
        let decided = versions.known.decision(name);
        if !decided.is_some_and(|known| known.digest.as_ref() == Some(&loaded.digest) && known.rolled_back.is_none()) {
            versions.keep(name, &loaded, bytes).await?;
            self.decide(name, Some(&loaded.digest), PluginSource::Folder, None).await?;
            versions.mark_effective(name);
        }
        versions.mark_seen(name, Some(&loaded.digest)).await;
        Ok(())
    }

    /// Shows why a file does not run, beside the version that does. Where none runs, the last good one is called back.
    async fn refuse(&self, name: &str, refused: Refused) -> FileOutcome {
        let again = refused.error.may_pass().then(|| self.versions().pause(name, &refused));
        let before = self.find(name);
        let known = before.as_ref().and_then(|plugin| plugin.error.as_ref());
        if known.is_none_or(|known| known.error != refused.error) {
            let mut runs = before.is_some_and(|plugin| plugin.loaded.is_some());
            let decided = self.versions().known.decision(name).and_then(|decision| decision.digest);
            if !runs && decided.as_ref() != Some(&refused.report.digest) {
                let called_back = self.apply(name, InFolder::Refused(&refused)).await;
                runs = called_back.is_ok() && self.find(name).is_some_and(|plugin| plugin.loaded.is_some());
            }
            // Who only looks shows by itself what is refused.
            if self.versions().decides {
                let (still, in_chinese) = if runs {
                    ("; the last good version keeps running", "，原来的版本继续运行")
                } else {
                    ("", "")
                };
                tracing::error!(
                    plugin = name,
                    code = refused.error.code(),
                    error = %refused,
                    steps = %refused.report,
                    "{name}.wasm is refused{still} · {name}.wasm 没有通过检查{in_chinese}"
                );
            }
            self.replace(name, |plugin| Plugin { error: Some(refused), ..plugin });
        }
        again.map_or(FileOutcome::Done, FileOutcome::TryAgain)
    }

    /// Shows that a plugin's file is gone, and why its version runs on all the same.
    pub(in crate::plugins) async fn show_missing(&self, name: &str, error: LoadError) {
        let Some(_changing) = self.unless_changing(name) else { return };
        let Some(plugin) = self.find(name).filter(|plugin| plugin.loaded.is_some()) else { return };
        let is_shown = plugin.error.as_ref().is_some_and(|refused| refused.error == error);
        if !is_shown && self.versions().seen.of(name).is_some() && self.is_gone(name).await {
            self.replace(name, |plugin| Plugin { error: Some(Refused::unread(error)), ..plugin });
        }
    }

    /// Whether there is no plugins folder, or an empty one on another file system than its files were: its volume is not
    /// mounted.
    pub fn is_unmounted(&self) -> bool {
        self.versions().seen.is_unmounted()
    }

    /// Whether a file of the plugin should lie in the folder. One that was uploaded where the folder cannot be written
    /// runs without.
    pub(in crate::plugins) fn expects_file(&self, plugin: &Plugin) -> bool {
        plugin.loaded.is_none() || plugin.error.is_some() || self.versions().seen.of(&plugin.name).is_some()
    }

    /// Takes a plugin out whose file is no longer there. One that never had a file in the folder runs on.
    pub(in crate::plugins) async fn remove_if_gone(&self, name: &str) {
        let Some(_changing) = self.unless_changing(name) else { return };
        let Some(plugin) = self.find(name) else { return };
        if self.is_unmounted() || !self.is_gone(name).await {
            return;
        }
        if self.versions().seen.of(name).is_some() {
            self.remove_everywhere(name).await;
        } else if plugin.loaded.is_none() {
            self.remove(name);
        } else {
            self.clear_error(name);
        }
    }

    /// Takes a plugin out, here and in the other processes.
    pub(super) async fn remove_everywhere(&self, name: &str) {
        let versions = self.versions();
        self.remove(name);
        versions.mark_seen(name, None).await;
        if versions.known.decision(name).is_none_or(|known| known.digest.is_none()) {
            return;
        }
        match self.decide(name, None, PluginSource::Folder, None).await {
            Ok(()) => versions.mark_effective(name),
            Err(error) => {
                let error = with_causes(&error);
                tracing::warn!(%error, plugin = name, "the other processes could not be told yet that the plugin is gone");
                versions.known.mark_changed(name);
            }
        }
    }

    pub(super) async fn is_gone(&self, name: &str) -> bool {
        let file = self.file(name);
        tokio::task::spawn_blocking(move || folder::is_gone(&file)).await.unwrap_or(false)
    }
}
