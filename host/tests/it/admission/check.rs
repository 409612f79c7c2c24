//! `weft plugin check`, as its author runs it before anybody else sees the file.

use std::{path::Path, process::Command};

use serde_json::Value;

use super::components::{busy_body, exporting, functions, holding};
use crate::support::{HandMade, guests};

/// Runs `weft plugin check` in a folder of its own; returns the exit code and what it printed.
fn check(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(["plugin", "check"])
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_file_is_shown_with_all_that_it_has_and_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("scenes.wasm"), guests::qr_attribution().await).unwrap();
    let (code, text) = check(folder.path(), &["scenes.wasm"]);
    assert_eq!(code, Some(0), "{text}");
    for part in [
        "scenes",
        "weft:plugin/handlers@",
        "weft:plugin/manifest@",
        "this Weft has",
        "granted  users",
        "\"maxLength\": 30",
        "sha256",
        "ok: ",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    for step in ["size", "header", "parse", "world", "imports", "compile", "link", "instantiate", "describe", "grants"]
    {
        let passed = text.lines().any(|line| line.starts_with(step) && line.contains("passed"));
        assert!(passed, "{step} in {text}");
    }
    let (code, json) = check(folder.path(), &["scenes.wasm", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["state"], &json["asks"]["users"]), (Some(0), &"ready".into(), &true.into()), "{json}");
    assert_eq!(json["config_schema"]["properties"]["scenes"]["type"], "object", "{json}");
    assert!(json["admission"]["compile_memory"].as_u64().unwrap() > 0, "{json}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "a check leaves nothing behind: {left:?}");
}

#[test]
fn a_refused_file_is_explained_and_the_exit_code_is_1() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("new.wasm"), exporting(&["weft:plugin/manifest@1.900.0"])).unwrap();
    let (code, text) = check(folder.path(), &["new.wasm"]);
    assert_eq!(code, Some(1));
    for part in ["interface_too_new", "weft:plugin 1.900.0", "update Weft", "world        failed"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let (code, json) = check(folder.path(), &["new.wasm", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["error"]["code"]), (Some(1), &"interface_too_new".into()), "{json}");
    assert!(json["error"]["remedy"].as_str().unwrap().contains("update Weft"), "{json}");

    let (code, text) = check(folder.path(), &["nowhere.wasm"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("unreadable") && text.contains("No such file"), "{text}");
}

#[test]
fn a_good_file_that_a_server_would_pass_over_is_refused_for_its_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["greeter-1.2.wasm", "你好.wasm", "greeter.component"] {
        std::fs::write(folder.path().join(name), HandMade::PLAIN.bytes()).unwrap();
        let (code, text) = check(folder.path(), &[name]);
        assert_eq!(code, Some(1), "{text}");
        for part in ["bad_name", &format!("passes over `{name}`"), "rename the file"] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        let passed = text.lines().any(|line| line.starts_with("describe") && line.contains("passed"));
        assert!(passed, "the rest is looked at all the same: {text}");
        let (_, json) = check(folder.path(), &[name, "--json"]);
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["state"], &json["error"]["code"]), (&"failed".into(), &"bad_name".into()), "{json}");
    }
}

/// `script` plays the terminal: every Linux system has it.
#[cfg(target_os = "linux")]
#[test]
fn who_waits_at_a_terminal_sees_for_what_and_a_program_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slow.wasm");
    std::fs::write(&file, holding(&functions(20_000, &busy_body()))).unwrap();
    let check = format!("'{}' plugin check slow.wasm", env!("CARGO_BIN_EXE_weft"));
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(folder.path()).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let (shown, piped) = (said("script", &["-qec", &check, "/dev/null"]), said("sh", &["-c", &check]));
    let waiting = "slow.wasm is checked · 正在检查";
    assert!(shown.contains(waiting) && !piped.contains(waiting), "{shown}\n{piped}");
    assert_eq!(shown.lines().last().map(str::trim), piped.lines().last().map(str::trim), "nothing is left of it");
}
