//! The contract with plugins keeps its promises.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use sha2::{Digest, Sha256};

/// The SHA-256 of each released version's text, which stands in `wit/released`. A released version never changes.
const RELEASED: &[(&str, &str)] = &[("1.0.0", "1678cb3f0de03bf82c643f58c7d1e7d3c9a86e00339142ca4a87b9dcbb7706fa")];

/// The lines of each file of a folder of `wit/`, without comments.
fn files(folder: &str) -> BTreeMap<String, Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit").join(folder);
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "wit"))
        .map(|path| {
            let file = fs::read_to_string(&path).unwrap();
            let lines = file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
            (path.file_name().unwrap().to_str().unwrap().to_owned(), lines.map(str::to_owned).collect())
        })
        .collect()
}

/// Comments may be mended; what remains may not.
#[test]
fn released_versions_are_what_they_were() {
    for (version, digest) in RELEASED {
        let mut text = String::new();
        for line in files(&format!("released/{version}")).values().flatten() {
            writeln!(text, "{line}").unwrap();
        }
        assert!(text.contains(&format!("package weft:plugin@{version};")));
        assert_eq!(
            hex::encode(Sha256::digest(&text)),
            *digest,
            "weft:plugin@{version} is released and reads differently"
        );
    }
}

/// A minor version adds functions and interfaces: every line of a released version is still there, in its order, and
/// what stands in a record, variant or enum has nothing new between it.
#[test]
fn the_current_version_only_adds_to_released_ones() {
    let current = files("");
    for (version, _) in RELEASED {
        for (name, lines) in files(&format!("released/{version}")) {
            let now = current.get(&name).unwrap_or_else(|| panic!("{name} of {version} is gone"));
            let types = |lines: &[String]| {
                let mut inside = false;
                let mut types = Vec::new();
                for line in lines {
                    inside |= ["record ", "variant ", "enum ", "flags "].iter().any(|kind| line.starts_with(kind));
                    if inside {
                        types.push(line.clone());
                    }
                    inside &= line != "}";
                }
                types
            };
            assert!(is_within(&types(&lines), &types(now)), "a type in {name} is not what it was in {version}");
            let before: Vec<_> = lines.into_iter().filter(|line| !line.starts_with("package ")).collect();
            let mut rest = now.iter();
            for line in &before {
                assert!(rest.any(|now| now == line), "`{line}` of {name} in {version} is gone");
            }
        }
    }
}

/// Whether all types that were there are there, each of them unchanged.
fn is_within(before: &[String], now: &[String]) -> bool {
    let blocks = |lines: &[String]| -> Vec<Vec<String>> {
        lines.split_inclusive(|line| line == "}").map(<[String]>::to_vec).collect()
    };
    let now = blocks(now);
    blocks(before).iter().all(|block| now.contains(block))
}
