//! Rules of the house that no other tool keeps.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Beyond this a file has more than one subject.
const LINES: usize = 600;

/// From this on an example is not read at one go.
const EXAMPLE_LINES: usize = 100;

/// Names that say nothing of what is inside.
const DRAWERS: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "types", "prelude"];

/// How the lines of a document begin that people type.
const COMMANDS: &[&str] = &["cargo ", "cp ", "curl ", "export ", "rustup ", "weft ", "WEFT_"];

#[test]
fn every_source_file_says_what_it_is_for_and_fits_in_a_head() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut untidy = Vec::new();
    let mut seen = 0;
    for folder in ["host", "plugin-sdk", "plugins-examples"] {
        for file in sources(&root.join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.file_stem().unwrap().to_str().unwrap();
            let says = text.lines().next().is_some_and(|line| line.starts_with("//!") || line.starts_with("#![doc"));
            let lines = text.lines().count();
            if !says {
                untidy.push(format!("{} does not open with `//!`", file.display()));
            }
            if lines > LINES {
                untidy.push(format!("{} has {lines} lines", file.display()));
            }
            if DRAWERS.contains(&name) {
                untidy.push(format!("{} is named like a drawer", file.display()));
            }
            seen += 1;
        }
    }
    assert!(untidy.is_empty(), "{}", untidy.join("\n"));
    assert!(seen > 50, "{seen}");
}

#[test]
fn every_example_plugin_has_less_than_a_hundred_lines_of_rust() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins-examples");
    let examples = fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let mut seen = 0;
    for example in examples {
        let texts = sources(&example).into_iter().map(|file| fs::read_to_string(file).unwrap());
        let lines: usize = texts.map(|text| text.lines().count()).sum();
        assert!(lines < EXAMPLE_LINES, "{} has {lines} lines", example.display());
        // Some are in other languages.
        seen += usize::from(lines > 0);
    }
    assert!(seen >= 7, "{seen}");
}

#[test]
fn both_languages_of_a_document_name_the_same_commands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let commands = |name: &str| {
        let text = fs::read_to_string(root.join(name)).unwrap();
        let is_command = |line: &&str| COMMANDS.iter().any(|start| line.starts_with(start));
        let lines = text.lines().map(str::trim).filter(is_command);
        lines.map(|line| line.split('#').next().unwrap().trim().to_owned()).collect::<Vec<_>>()
    };
    for document in ["README", "host/docs/deploy", "host/docs/pages", "host/docs/pay"] {
        let english = commands(&format!("{document}.md"));
        assert!(!english.is_empty(), "{document}");
        assert_eq!(english, commands(&format!("{document}.zh-CN.md")), "{document}");
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.flat_map(|path| match path.is_dir() {
        // Other tests install there meanwhile.
        true if path.ends_with("target") || path.ends_with("node_modules") => Vec::new(),
        true => sources(&path),
        false => vec![path],
    });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}
