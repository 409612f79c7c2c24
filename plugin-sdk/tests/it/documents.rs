//! The READMEs, which are read as files and as the crate's documentation.

use std::path::Path;

const CRATE: &str = include_str!("../../src/lib.rs");

/// Links of a document that are defined at its end, with where they lead.
fn defined(text: &str) -> Vec<(&str, &str)> {
    let links =
        text.lines().filter_map(|line| line.trim_start_matches(['/', '!', ' ']).strip_prefix('[')?.split_once("]: "));
    links.collect()
}

#[test]
fn their_links_lead_to_files_and_in_the_documentation_to_modules() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = defined(CRATE);
    for text in [include_str!("../../README.md"), include_str!("../../README.zh-CN.md")] {
        let inline = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in inline {
            assert!(
                target.starts_with('#') || target.starts_with("http"),
                "{target} is no place of the documentation: define the link at the end"
            );
        }
        let links = defined(text);
        assert_eq!(links.len(), 2, "{links:?}");
        for (name, file) in links {
            assert!(folder.join(file).is_file(), "{file}");
            assert!(modules.iter().any(|(defined, module)| *defined == name && module.starts_with("crate")), "{name}");
        }
    }
}
