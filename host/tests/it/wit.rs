//! The contract with plugins keeps its promises.

use std::{fmt::Write, fs, path::Path};

use sha2::{Digest, Sha256};

/// The SHA-256 of each released version's text. A released version never changes: a change of
/// `wit/` is a new version, beside the old one.
const RELEASED: &[(&str, &str)] = &[("1.0.0", "1678cb3f0de03bf82c643f58c7d1e7d3c9a86e00339142ca4a87b9dcbb7706fa")];

/// Comments may be mended; what remains may not.
#[test]
fn the_released_version_is_what_it_was() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let mut text = String::new();
    for path in names {
        let file = fs::read_to_string(&path).unwrap();
        let lines = file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
        for line in lines {
            writeln!(text, "{line}").unwrap();
        }
    }
    let version = text.split("package weft:plugin@").nth(1).unwrap().split(';').next().unwrap();
    let digest = hex::encode(Sha256::digest(&text));
    assert!(
        RELEASED.contains(&(version, &*digest)),
        "weft:plugin@{version} is released and reads differently now ({digest}): add a version instead"
    );
}
