//! The modules stand on floors, and each uses only the floors below its own.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Bottom to top. Modules on one floor do not know each other.
const FLOORS: &[&[&str]] = &[
    &[
        "bilingual",
        "clock",
        "failure_lines",
        "histogram",
        "json_object",
        "losses",
        "machine",
        "newest",
        "plugin_limits",
        "printable",
        "qr_code",
        "time",
        "secret",
        "shares",
        "turns",
    ],
    &["model", "config"],
    &["storage", "rules"],
    &["accounts", "jobs", "upstream"],
    &["materials", "message_log", "pay", "users"],
    &["articles", "audit_log", "handler_sync", "mass_messages", "menus", "outcomes", "plugins", "sends", "templates"],
    &["dispatch", "migrate", "missing_grants", "order_hooks"],
    &["http"],
    &["server", "simulator"],
    &["cli", "telemetry"],
    &["main", "lib", "sdk"],
];

#[test]
fn no_module_uses_a_floor_beside_or_above_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut broken = Vec::new();
    for file in rust_files(&source) {
        let module = module_of(&source, &file);
        let text = fs::read_to_string(&file).unwrap();
        let own = floor(&module).unwrap_or_else(|| panic!("`{module}` is missing from FLOORS"));
        let names = text.split("crate::").skip(1).flat_map(used);
        for used in names {
            if let Some(at) = floor(&used)
                && used != module
                && at >= own
                // `lib` is the map, and `telemetry` is started by the command itself.
                && !(module == "cli" && used == "telemetry")
            {
                broken.push(format!("{} uses {used}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The modules that stand behind one `crate::`, alone or in braces.
fn used(rest: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(braces) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let (mut depth, mut names, mut start) = (0_usize, Vec::new(), true);
    for (at, c) in braces.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            c if c.is_whitespace() => {}
            _ if start && depth == 0 => {
                names.push(word(&braces[at..]));
                start = false;
            }
            _ => {}
        }
    }
    names
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|names| names.contains(&module))
}

fn module_of(source: &Path, file: &Path) -> String {
    let first = file.strip_prefix(source).unwrap().components().next().unwrap();
    Path::new(first.as_os_str()).file_stem().unwrap().to_string_lossy().into_owned()
}

pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}
