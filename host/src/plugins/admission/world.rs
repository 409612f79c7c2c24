//! Which world a component was built for, by the names at its border, and whether this host has what it imports.

use std::sync::LazyLock;

use semver::Version;

use super::{LoadError, anatomy::Anatomy};
use crate::plugins::engine;

/// What all names of the contract with plugins begin with.
const PACKAGE: &str = "weft:plugin/";

/// The version of `weft:plugin` that this host has, as `wit/` says.
pub static INTERFACE_VERSION: LazyLock<Version> = LazyLock::new(|| {
    let text = include_str!("../../../../wit/world.wit");
    let declared = text.lines().find_map(|line| line.strip_prefix("package weft:plugin@")?.strip_suffix(';'));
    declared.and_then(|version| version.parse().ok()).unwrap_or_else(|| Version::new(1, 0, 0))
});

/// The version of `weft:plugin` that a component was built for.
///
/// A component of an older minor version has everything that it knows; one of a newer may miss something, and semantic
/// versions promise it nothing.
pub(super) fn check(anatomy: &Anatomy) -> Result<Version, LoadError> {
    let exported = anatomy.exports.iter().filter(|name| name.starts_with(PACKAGE)).count();
    if exported == 0 {
        return Err(match (&*anatomy.exports, &*anatomy.imports) {
            ([], []) => LoadError::EmptyComponent,
            (exports, _) => LoadError::WrongWorld { exports: exports.to_vec() },
        });
    }
    let host = &*INTERFACE_VERSION;
    let names = anatomy.exports.iter().chain(&anatomy.imports);
    let mut newest: Option<Version> = None;
    for (_, version) in names.filter_map(|name| name.strip_prefix(PACKAGE)).map(split) {
        let Some(version) = version.and_then(|text| text.parse::<Version>().ok()) else {
            return Err(LoadError::OtherMajor {
                found: version.unwrap_or("no version").to_owned(),
                host: host.clone(),
            });
        };
        newest = newest.max(Some(version));
    }
    let newest = newest.unwrap_or_else(|| host.clone());
    if newest.major != host.major {
        return Err(LoadError::OtherMajor { found: newest.to_string(), host: host.clone() });
    }
    if newest > *host {
        return Err(LoadError::NewerInterface { found: newest, host: host.clone() });
    }
    if anatomy.exports.iter().any(|name| split(name).0 == "weft:plugin/manifest") {
        Ok(newest)
    } else {
        Err(LoadError::NoManifest)
    }
}

/// Names what is imported and not offered.
pub(super) fn check_imports(anatomy: &Anatomy) -> Result<(), LoadError> {
    let missing: Vec<_> = anatomy.imports.iter().filter(|name| !is_offered(name)).cloned().collect();
    if missing.is_empty() { Ok(()) } else { Err(LoadError::Import { names: missing }) }
}

fn is_offered(name: &str) -> bool {
    let (interface, version) = split(name);
    // Only WASI 0.2 is offered. The versions of `weft:plugin` were checked before.
    let is_its_version = !interface.starts_with("wasi:") || version.is_some_and(|version| version.starts_with("0.2."));
    is_its_version && engine::offers(interface)
}

/// `weft:plugin/kv@1.0.0` is an interface and a version.
fn split(name: &str) -> (&str, Option<&str>) {
    name.split_once('@').map_or((name, None), |(interface, version)| (interface, Some(version)))
}
