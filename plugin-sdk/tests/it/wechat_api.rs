//! `docs/wechat-api.md` beside the code that it is about.

use std::{collections::BTreeMap, fs, path::Path};

const TABLE: &str = include_str!("../../docs/wechat-api.md");

/// A row: `GET`, `/cgi-bin/user/info`, what stands in the plugin's column, and in the admin API's.
fn rows() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    let cells = TABLE.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = cells.filter_map(|line| {
        let mut cells = line.split(" | ");
        let (call, plugin, admin) = (cells.next()?, cells.next()?, cells.next()?);
        let (method, path) = call.split_once(' ')?;
        Some((method, path.strip_prefix('`')?.strip_suffix('`')?, plugin, admin))
    });
    rows.collect()
}

/// The functions below `src` that a row may name, `wechat::user::info`, with the paths that their documentation names.
fn functions() -> BTreeMap<String, Vec<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = fs::read_dir(source.join("wechat")).unwrap().map(|entry| entry.unwrap().path());
    let mut functions = BTreeMap::new();
    for file in files.chain([source.join("messages.rs")]) {
        let module = match file.file_stem().unwrap().to_str().unwrap() {
            "mod" => continue,
            "messages" => "messages".to_owned(),
            name => format!("wechat::{name}"),
        };
        let (text, mut paths) = (fs::read_to_string(&file).unwrap(), Vec::new());
        for line in text.lines().map(str::trim) {
            if let Some(comment) = line.strip_prefix("///") {
                let quoted = comment.split('`').skip(1).step_by(2);
                paths.extend(quoted.filter(|text| text.starts_with('/')).map(str::to_owned));
            } else if let Some(name) = line.strip_prefix("pub fn ") {
                let name = name.split(['(', '<']).next().unwrap_or_default();
                functions.insert(format!("{module}::{name}"), std::mem::take(&mut paths));
            } else if !line.starts_with("#[") && module != "wechat::datacube" {
                paths.clear();
            }
        }
    }
    functions
}

#[test]
fn the_table_has_every_call_once() {
    let mut paths: Vec<_> = rows().into_iter().map(|(_, path, ..)| path).collect();
    assert!(paths.len() > 330, "{}", paths.len());
    paths.sort_unstable();
    let twice: Vec<_> = paths.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn every_line_of_the_table_makes_its_call() {
    let functions = functions();
    for (method, path, plugin, admin) in rows() {
        if plugin.starts_with('—') {
            assert!(!admin.contains("/wechat/"), "{path}");
            continue;
        }
        assert_eq!(admin, format!("`{method} /wechat{path}`"));
        for line in plugin.split("<br>").map(|line| line.trim_matches('`')) {
            let verb = if method == "GET" { "wechat::get" } else { "wechat::post" };
            let upload = method == "POST" && line == format!("wechat::Request::post(\"{path}\").part(file).send()?");
            if upload || line.starts_with(&format!("{verb}(\"{path}\", &")) {
                continue;
            }
            let name = line.split('(').next().unwrap_or_default().replace("code.", "wechat::qrcode::");
            let documented = functions.get(&name).unwrap_or_else(|| panic!("{path}: there is no {name}"));
            assert!(documented.iter().any(|known| known == path), "{name} does not call {path}: {documented:?}");
        }
    }
}

#[test]
fn every_function_stands_in_the_table() {
    let rows = rows();
    for (name, paths) in functions() {
        for path in paths {
            let row = rows.iter().find(|(_, known, ..)| *known == path);
            let (.., plugin, _) = row.unwrap_or_else(|| panic!("{path} of {name} is missing"));
            let short = name.replace("wechat::qrcode::picture", "code.picture");
            assert!(plugin.contains(&format!("{short}(")), "{path} has a function of its own, {name}");
        }
    }
}
