//! The SDK's source, as this binary carries it.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use include_dir::Dir;

/// The SDK for plugins. The binary carries it and not the library, which so need not be compiled again whenever the SDK
/// changes.
#[derive(Debug)]
pub struct Sdk {
    /// The workspace's Cargo.toml.
    pub workspace: &'static str,
    /// The workspace's Cargo.lock: the versions that the SDK was tested with.
    pub lock: &'static str,
    /// Files by their paths in the workspace.
    pub files: &'static [(&'static str, &'static str)],
    /// Folders by their paths in the workspace.
    pub folders: &'static [(&'static str, Dir<'static>)],
}

impl Sdk {
    /// Every file that belongs to the SDK, by its path, with a workspace's Cargo.toml for it alone.
    ///
    /// # Errors
    /// When a Cargo.toml among them is none.
    pub(super) fn files(&self) -> Result<Vec<(PathBuf, Vec<u8>)>, toml::de::Error> {
        let manifest = self.manifest()?.to_string().into_bytes();
        let single = self.files.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()));
        let mut files: Vec<_> = single.chain([(PathBuf::from("Cargo.toml"), manifest)]).collect();
        for (path, folder) in self.folders {
            collect(Path::new(path), folder, &mut files);
        }
        Ok(files)
    }

    /// The workspace's Cargo.toml without what is not the SDK's.
    fn manifest(&self) -> Result<toml::Table, toml::de::Error> {
        let mut manifest: toml::Table = self.workspace.parse()?;
        let manifests: Vec<(&str, toml::Table)> = self
            .files
            .iter()
            .filter_map(|(path, text)| Some((path.strip_suffix("/Cargo.toml")?, text)))
            .map(|(folder, text)| Ok((folder, text.parse()?)))
            .collect::<Result<_, _>>()?;
        let used: HashSet<String> = manifests
            .iter()
            .filter_map(|(_, package)| package.get("dependencies")?.as_table())
            .flat_map(|dependencies| dependencies.keys().cloned())
            .collect();
        manifest.retain(|key, _| key == "workspace");
        if let Some(workspace) = manifest.get_mut("workspace").and_then(toml::Value::as_table_mut) {
            let members = manifests.iter().map(|(folder, _)| toml::Value::from(*folder)).collect();
            workspace.insert("members".to_owned(), toml::Value::Array(members));
            workspace.retain(|key, _| key != "exclude" && key != "default-members");
            if let Some(dependencies) = workspace.get_mut("dependencies").and_then(toml::Value::as_table_mut) {
                dependencies.retain(|name, _| used.contains(name));
            }
        }
        Ok(manifest)
    }
}

fn collect(path: &Path, folder: &Dir<'static>, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    files.extend(folder.files().map(|file| (path.join(file.path()), file.contents().to_vec())));
    for folder in folder.dirs() {
        collect(path, folder, files);
    }
}
