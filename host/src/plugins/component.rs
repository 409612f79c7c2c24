//! From the bytes of a file to a plugin that can be called: checked, compiled, asked what it is.

use std::{collections::HashSet, sync::Arc, time::SystemTime};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use wasmtime::{
    Engine, Store,
    component::{Component, Instance, InstancePre, Linker, types::ComponentItem},
};

use super::{
    bindings::exported::{handlers, hooks, manifest, observers, pages, rules},
    cache::Cache,
    engine,
    error::{CallError, LoadError},
    instance::{Sandbox, Services, State},
    limits::{DESCRIBE_TIMEOUT, DESCRIPTION_BYTES, DESCRIPTION_ENTRIES, Limits},
};
use crate::model::Grants;

pub use manifest::{Asks, Description, Entry};

/// A plugin's code, ready to be called.
pub struct Loaded {
    /// The file's name without `.wasm`.
    pub name: Arc<str>,
    /// The SHA-256 of the file in lower-case hexadecimal.
    pub digest: String,
    /// What the plugin says of itself.
    pub description: Description,
    /// When it was loaded.
    pub loaded_at: SystemTime,
    pub(super) pre: InstancePre<State>,
    pub(super) exports: Exports,
}

/// The interfaces that the component exports.
pub(super) struct Exports {
    manifest: manifest::GuestIndices,
    pub(super) handlers: Option<handlers::GuestIndices>,
    pub(super) rules: Option<rules::GuestIndices>,
    pub(super) hooks: Option<hooks::GuestIndices>,
    pub(super) observers: Option<observers::GuestIndices>,
    pub(super) pages: Option<pages::GuestIndices>,
}

/// The SHA-256 of a file's bytes in lower-case hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl From<&Asks> for Grants {
    fn from(asks: &Asks) -> Self {
        let Asks { http_hosts, wechat_apis, kv, users, orders } = asks.clone();
        Self { kv, http_hosts, wechat_apis, users, orders }
    }
}

/// What loading needs, the same for every file.
#[derive(Clone)]
pub(super) struct Loader {
    engine: Engine,
    linker: Arc<Linker<State>>,
    cache: Arc<Cache>,
    sandbox: Arc<Sandbox>,
}

impl Loader {
    /// Makes the engine.
    ///
    /// # Errors
    /// When wasmtime cannot run on this machine.
    pub(super) fn new(cache: Cache, services: Services, limits: Limits) -> wasmtime::Result<Self> {
        let engine = engine::engine(limits.memory)?;
        let linker = Arc::new(engine::linker(&engine)?);
        let sandbox = Arc::new(Sandbox::new(&engine, services, limits)?);
        Ok(Self { engine, linker, cache: Arc::new(cache), sandbox })
    }

    /// Forgets compiled code that is old and not among `digests`.
    pub(super) fn sweep(&self, digests: &HashSet<String>) {
        self.cache.sweep(digests);
    }

    /// Where what is loaded runs.
    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Takes a file through every check. A file that passes can be called.
    ///
    /// # Errors
    /// The first check that it fails.
    pub(super) async fn load(&self, name: &str, bytes: Bytes) -> Result<Loaded, LoadError> {
        let this = self.clone();
        let outcome = tokio::task::spawn_blocking(move || this.compile(&bytes)).await;
        let (digest, fresh, pre, exports) =
            outcome.unwrap_or_else(|panic| Err(LoadError::Invalid(format!("the compiler failed: {panic}"))))?;
        let mut loaded = Loaded {
            name: name.into(),
            digest,
            description: empty_description(),
            loaded_at: SystemTime::now(),
            pre,
            exports,
        };
        loaded.description = self.describe(&loaded).await.map_err(|error| LoadError::Describe {
            reason: error.to_string(),
            busy: matches!(error, CallError::TimedOut { .. }),
        })?;
        check_description(&loaded)?;
        if fresh {
            let (this, digest, pre) = (self.clone(), loaded.digest.clone(), loaded.pre.clone());
            let kept = tokio::task::spawn_blocking(move || this.cache.keep(&this.engine, &digest, pre.component()));
            // What cannot be kept is compiled again at the next start; `keep` has logged why.
            drop(kept.await);
        }
        Ok(loaded)
    }

    fn compile(&self, bytes: &[u8]) -> Result<(String, bool, InstancePre<State>, Exports), LoadError> {
        check_header(bytes, self.sandbox.limits().file)?;
        let digest = digest(bytes);
        let kept = self.cache.find(&self.engine, &digest);
        let fresh = kept.is_none();
        let component = match kept {
            Some(component) => component,
            None => {
                Component::from_binary(&self.engine, bytes).map_err(|error| LoadError::Invalid(format!("{error:#}")))?
            }
        };
        check_imports(&component, &self.engine)?;
        let pre = self.linker.instantiate_pre(&component).map_err(|error| LoadError::Mismatch(format!("{error:#}")))?;
        let exports = exports(&pre)?;
        Ok((digest, fresh, pre, exports))
    }

    async fn describe(&self, loaded: &Loaded) -> Result<Description, CallError> {
        let manifest = &loaded.exports.manifest;
        let call = async |store: &mut Store<State>, instance: &Instance| {
            manifest.load(&mut *store, instance)?.call_describe(store).await
        };
        self.sandbox.run(loaded, None, DESCRIBE_TIMEOUT, call).await.result
    }
}

/// The first eight bytes tell a component from a core module and from anything else.
fn check_header(bytes: &[u8], limit: u64) -> Result<(), LoadError> {
    let actual = bytes.len() as u64;
    if actual > limit {
        return Err(LoadError::TooLarge { actual, limit });
    }
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => Err(LoadError::CoreModule),
        _ => Err(LoadError::NotWebAssembly),
    }
}

/// Names the first import that is not offered, in words that say what to do.
fn check_imports(component: &Component, engine: &Engine) -> Result<(), LoadError> {
    for (name, _) in component.component_type().imports(engine) {
        let interface = name.split('@').next().unwrap_or(name);
        if engine::OFFERED.contains(&interface) {
            continue;
        }
        let hint = if interface.starts_with("wasi:filesystem") {
            "there is no file system; put what the plugin reads into the program with include_str!, or into its configuration"
        } else if interface.starts_with("wasi:sockets") || interface.starts_with("wasi:http") {
            "there are no sockets; weft_plugin::http calls the hosts that the operator grants"
        } else if interface.starts_with("weft:plugin") {
            "this Weft does not offer it yet; a newer one may"
        } else {
            "they have weft:plugin and WASI's clocks, randomness and standard output"
        };
        return Err(LoadError::Import { name: name.to_owned(), hint: hint.to_owned() });
    }
    Ok(())
}

fn exports(pre: &InstancePre<State>) -> Result<Exports, LoadError> {
    let component = pre.component();
    let names: Vec<String> = component
        .component_type()
        .exports(pre.engine())
        .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentInstance(_)))
        .map(|(name, _)| name.to_owned())
        .collect();
    let has =
        |interface: &str| names.iter().any(|name| name.split('@').next() == Some(&format!("weft:plugin/{interface}")));
    if !has("manifest") {
        return Err(LoadError::NoManifest);
    }
    let mismatch = |error: wasmtime::Error| LoadError::Mismatch(format!("{error:#}"));
    Ok(Exports {
        manifest: manifest::GuestIndices::new(pre).map_err(mismatch)?,
        handlers: has("handlers").then(|| handlers::GuestIndices::new(pre)).transpose().map_err(mismatch)?,
        rules: has("rules").then(|| rules::GuestIndices::new(pre)).transpose().map_err(mismatch)?,
        hooks: has("hooks").then(|| hooks::GuestIndices::new(pre)).transpose().map_err(mismatch)?,
        observers: has("observers").then(|| observers::GuestIndices::new(pre)).transpose().map_err(mismatch)?,
        pages: has("pages").then(|| pages::GuestIndices::new(pre)).transpose().map_err(mismatch)?,
    })
}

/// What a component says is shown to people and kept in memory: it has bounds.
fn check_texts(description: &Description) -> Result<(), LoadError> {
    let Description { name, version, description: about, sdk, config_schema, asks, .. } = description;
    let entries =
        [&description.handlers, &description.rules, &description.hooks, &description.observers, &description.pages];
    let lists = [&asks.http_hosts, &asks.wechat_apis, &asks.orders];
    let too_many = entries.iter().any(|entries| entries.len() > DESCRIPTION_ENTRIES)
        || entries.iter().copied().flatten().any(|entry| entry.apps.len() > DESCRIPTION_ENTRIES)
        || lists.iter().any(|list| list.len() > DESCRIPTION_ENTRIES);
    if too_many {
        return Err(LoadError::Description(format!("a list in it has more than {DESCRIPTION_ENTRIES} entries")));
    }
    let of_entries = entries.into_iter().flatten().flat_map(|entry| entry.apps.iter().chain([&entry.description]));
    let texts = [name, version, about, sdk].into_iter().chain(lists.into_iter().flatten()).chain(of_entries);
    let schema = config_schema.as_ref().map_or(0, String::len);
    if texts.into_iter().any(|text| text.len() > DESCRIPTION_BYTES) || schema > 64 * DESCRIPTION_BYTES {
        return Err(LoadError::Description(format!("a text in it has more than {DESCRIPTION_BYTES} bytes")));
    }
    Ok(())
}

/// What a component says must be addressable: names are checked, and each kind that has entries
/// must be exported.
fn check_description(loaded: &Loaded) -> Result<(), LoadError> {
    let (description, exports) = (&loaded.description, &loaded.exports);
    check_texts(description)?;
    let kinds = [
        ("handlers", &description.handlers, exports.handlers.is_some()),
        ("rules", &description.rules, exports.rules.is_some()),
        ("hooks", &description.hooks, exports.hooks.is_some()),
        ("observers", &description.observers, exports.observers.is_some()),
        ("pages", &description.pages, exports.pages.is_some()),
    ];
    for (kind, entries, exported) in kinds {
        if !entries.is_empty() && !exported {
            return Err(LoadError::Description(format!("it names {kind} and does not export weft:plugin/{kind}")));
        }
        let mut seen = HashSet::new();
        for entry in entries {
            if !is_name(&entry.name) {
                let name = super::host::log::printable(&entry.name);
                return Err(LoadError::Description(format!("`{name}` in {kind} is not a name of [a-z0-9_-], 1 to 64")));
            }
            if !seen.insert(&entry.name) {
                return Err(LoadError::Description(format!("`{}` stands twice in {kind}", entry.name)));
            }
        }
    }
    if kinds.iter().all(|(_, entries, _)| entries.is_empty()) {
        return Err(LoadError::Description(
            "it has no handler, rule, hook, observer or page: annotate a function with #[message_handler]".to_owned(),
        ));
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
}

fn empty_description() -> Description {
    Description {
        name: String::new(),
        version: String::new(),
        description: String::new(),
        handlers: Vec::new(),
        rules: Vec::new(),
        hooks: Vec::new(),
        observers: Vec::new(),
        pages: Vec::new(),
        asks: Asks { http_hosts: Vec::new(), wechat_apis: Vec::new(), kv: false, users: false, orders: Vec::new() },
        config_schema: None,
        sdk: String::new(),
        options: Vec::new(),
    }
}
