//! A component that was let in, and what the host calls in it.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};
use wasmtime::{
    Store,
    component::{Instance, InstancePre, types::ComponentItem},
};

use super::{
    admission::Report,
    bindings::exported::{handlers, hooks, manifest, observers, pages, refund_hooks, rules},
    entry_kind::EntryKind,
    guard::{Breakers, Breaking},
    instance::State,
    memory::TotalMemory,
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
    /// How it was let in.
    pub report: Report,
    pub(super) linked: Arc<Linked>,
    /// For what keeps failing in this version.
    pub(super) breakers: Breakers,
}

impl Loaded {
    /// What keeps failing in this version, and for which app: its calls are refused for a while.
    pub fn breaking(&self) -> Vec<Breaking> {
        self.breakers.open()
    }

    /// The JSON Schema that the plugin gives for its configuration. It is shown, and nothing is compared with it.
    pub fn config_schema(&self) -> Option<Value> {
        // Whatever is no JSON was refused.
        serde_json::from_str(self.description.config_schema.as_deref()?).ok()
    }
}

/// A component that is connected with the host.
pub(super) struct Linked {
    /// The plugin's name.
    pub(super) plugin: Arc<str>,
    /// The same in every pool.
    pub(super) in_pools: Box<[InPool]>,
    /// What its instances share with those of all plugins.
    pub(super) memory: Arc<TotalMemory>,
}

/// A component in one pool.
pub(super) struct InPool {
    pub(super) pre: InstancePre<State>,
    pub(super) exports: Exports,
}

impl Linked {
    /// The component in one of the pools, where it does not matter in which.
    pub(super) fn anywhere(&self) -> &InPool {
        &self.in_pools[0]
    }
}

macro_rules! exports {
    ($($field:ident $interface:literal,)*) => {
        /// The interfaces that the component exports.
        pub(super) struct Exports {
            pub(super) manifest: manifest::GuestIndices,
            $(pub(super) $field: Option<$field::GuestIndices>,)*
        }

        impl Exports {
            /// The interfaces that a component may do without.
            #[cfg(test)]
            const OPTIONAL: &[&str] = &[$($interface,)*];

            /// Looks up the functions of the interfaces that a component exports.
            ///
            /// # Errors
            /// When an interface lacks a function, or there is no manifest.
            pub(super) fn of(pre: &InstancePre<State>) -> wasmtime::Result<Self> {
                let component = pre.component();
                let names: Vec<String> = component
                    .component_type()
                    .exports(pre.engine())
                    .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentInstance(_)))
                    .map(|(name, _)| name.to_owned())
                    .collect();
                let has = |interface: &str| {
                    names.iter().any(|name| name.split('@').next() == Some(&format!("weft:plugin/{interface}")))
                };
                Ok(Self {
                    manifest: manifest::GuestIndices::new(pre)?,
                    $($field: has($interface).then(|| $field::GuestIndices::new(pre)).transpose()?,)*
                })
            }

            /// Compares the types of all functions with what this host calls; calls none of them.
            ///
            /// # Errors
            /// Names the interface and how it differs.
            pub(super) fn check_types(&self, store: &mut Store<State>, instance: &Instance) -> Result<(), String> {
                let checked = [
                    ("manifest", self.manifest.load(&mut *store, instance).map(drop)),
                    $((
                        $interface,
                        self.$field.as_ref().map_or(Ok(()), |found| found.load(&mut *store, instance).map(drop)),
                    ),)*
                ];
                match checked.into_iter().find_map(|(name, result)| result.err().map(|error| (name, error))) {
                    Some((name, error)) => Err(format!("weft:plugin/{name}: {error:#}")),
                    None => Ok(()),
                }
            }
        }
    };
}

exports! {
    handlers "handlers",
    rules "rules",
    hooks "hooks",
    observers "observers",
    pages "pages",
    refund_hooks "refund-hooks",
}

impl Exports {
    /// Whether the component exports the interface that entries of this kind stand in.
    pub(super) fn has(&self, kind: EntryKind) -> bool {
        match kind {
            EntryKind::Handler => self.handlers.is_some(),
            EntryKind::Rule => self.rules.is_some(),
            EntryKind::Hook => self.hooks.is_some(),
            EntryKind::Observer => self.observers.is_some(),
            EntryKind::Page => self.pages.is_some(),
        }
    }
}

/// The SHA-256 of a file's bytes in lower-case hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// [`digest`], where a long file must hold nobody up.
pub(super) async fn digest_of(bytes: &Bytes) -> String {
    let hashed = bytes.clone();
    // The blocking pool takes no more work only when the process is about to end.
    tokio::task::spawn_blocking(move || digest(&hashed)).await.unwrap_or_else(|_| digest(bytes))
}

/// Whether a hook says of itself that it hears of refunds.
pub(super) fn hears_of_refunds(hook: &Entry) -> bool {
    hook.options.iter().any(|(name, value)| name == "refunds" && value == "true")
}

/// The option of a description by which a plugin asks for an entry of `pay_apis`, the beginning of paths: the
/// contract's record `asks` cannot get another field.
const ASKS_PAY_APIS: &str = "asks-pay-apis";

impl From<&Description> for Grants {
    fn from(description: &Description) -> Self {
        let Asks { http_hosts, wechat_apis, kv, users, orders } = description.asks.clone();
        let pay_apis = description.options.iter().filter(|(name, _)| name == ASKS_PAY_APIS);
        let pay_apis = pay_apis.flat_map(|(_, paths)| paths.split_whitespace().map(str::to_owned)).collect();
        // A plugin that has pages wants them to be served.
        let pages = !description.pages.is_empty();
        Self { kv, http_hosts, wechat_apis, users, orders, pay_apis, pages }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_the_contract_lets_plugins_export_is_looked_up() {
        let world = include_str!("../../../wit/world.wit");
        let exports = world.lines().filter_map(|line| line.trim().strip_prefix("export ")?.strip_suffix(';'));
        assert_eq!(exports.filter(|name| *name != "manifest").collect::<Vec<_>>(), Exports::OPTIONAL);
    }
}
