//! Compiling happens in a process of its own: it can be ended, and costs the server nothing.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use super::components::{bomb_body, busy_body, functions, holding};
#[cfg(unix)]
use crate::support::compilers::compiler;
use crate::support::{HandMade, TestApp, guests, process::Process};

/// `weft compile-plugin`, as the server starts it; returns its exit code, and what it wrote to both its outputs.
fn compile(bytes: &[u8], memory: u64, seconds: u64) -> (std::process::ExitStatus, Vec<u8>, String) {
    let mut input = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut input, bytes).unwrap();
    std::io::Seek::rewind(&mut input).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(["compile-plugin", "--memory", &memory.to_string(), "--seconds", &seconds.to_string()])
        .env_clear()
        .env("MIMALLOC_ARENA_RESERVE", "0")
        .stdin(Stdio::from(input))
        .output()
        .unwrap();
    (output.status, output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_comes_back_compiled_with_what_it_took() {
    let (status, output, complaint) = compile(guests::greeter().await, 1 << 30, 60);
    assert!(status.success(), "{status}: {complaint}");
    let line_ends = output.iter().position(|byte| *byte == b'\n').unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output[..line_ends]).unwrap();
    if cfg!(target_os = "linux") {
        assert!(answer["compiled"]["memory"].as_u64().unwrap() > 1 << 20, "{answer}");
    }
    assert!(output[line_ends + 1..].starts_with(b"\x7fELF"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_compiler_that_wants_more_than_its_limits_is_ended_by_the_system() {
    use std::os::unix::process::ExitStatusExt;

    let bomb = holding(&functions(1, &bomb_body(20_000)));
    let (status, _, complaint) = compile(&bomb, 256 << 20, 600);
    assert!(!status.success() && complaint.contains("memory allocation of"), "{status}: {complaint}");
    let (status, _, complaint) = compile(&holding(&functions(40_000, &busy_body())), 8 << 30, 1);
    // SIGXCPU.
    assert_eq!(status.signal(), Some(24), "{status}: {complaint}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_too_long_to_start_is_compiled_once() {
    let folder = tempfile::tempdir().unwrap();
    let app = TestApp::start_with(|config| {
        // Of its own: nothing was compiled before.
        config.data_dir = folder.path().join("data");
        // More than there is time for.
        config.plugins.limits.cpu_ms = 10_000;
    })
    .await;
    let slow = HandMade { start: "(loop (br 0))", ..HandMade::PLAIN }.bytes();
    for was_compiled in [false, true] {
        let (status, problem) = app.upload("slow", slow.clone()).await;
        assert_eq!((status, problem["type"].as_str()), (422, Some("instantiate_failed")), "{problem}");
        let steps = problem["admission"]["steps"].as_array().unwrap();
        let compiled = steps.iter().find(|step| step["name"] == "compile").unwrap();
        let detail = compiled["detail"].as_str().unwrap_or_default();
        assert_eq!(detail.contains("compiled before"), was_compiled, "{problem}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_without_an_end_is_not_read_for_as_long_as_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let endless = compiler(folder.path(), "exec cat /dev/zero");
    let app = TestApp::start_with(|config| {
        // Of its own: nothing was compiled before.
        config.data_dir = folder.path().join("data");
        config.plugins.limits.max_file_mib = 1;
        config.plugins.compiler = Some(endless);
    })
    .await;
    let (status, problem) = app.upload("endless", HandMade::PLAIN.bytes()).await;
    assert_eq!((status, problem["type"].as_str()), (422, Some("code_too_large")), "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("8 MiB") && detail.contains("max_file_mib"), "{problem}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_compiler_can_be_run_no_file_is_to_blame_and_what_lies_there_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let app = TestApp::start_with(|config| {
        // Of its own: nothing was compiled before.
        config.data_dir = folder.path().join("data");
        // It is not there yet.
        config.plugins.compiler = Some(folder.path().join("compiler"));
    })
    .await;
    let refused = async |why: &str| {
        let (status, problem) = app.upload("uploaded", HandMade::PLAIN.bytes()).await;
        assert_eq!((status, problem["type"].as_str()), (422, Some("compiler_unavailable")), "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(why) && detail.contains("memory and processes left"), "{problem}");
        let steps = problem["admission"]["steps"].as_array().unwrap();
        let failed = steps.iter().find(|step| step["outcome"] == "failed").unwrap();
        assert_eq!(failed["name"], "compile", "{problem}");
        assert!(!app.plugin_file("uploaded").exists(), "it was placed");
    };
    refused("No such file").await;
    std::fs::write(app.plugin_file("dropped"), HandMade::PLAIN.bytes()).unwrap();
    let plugin = app.plugin_becomes("dropped", |plugin| plugin["error"]["code"] == "compiler_unavailable").await;
    assert_eq!(plugin["state"], "failed", "{plugin}");

    compiler(folder.path(), "echo hello");
    refused("is not the weft command").await;

    compiler(folder.path(), &format!("exec '{}' \"$@\"", env!("CARGO_BIN_EXE_weft")));
    let plugin = app.plugin_becomes("dropped", |plugin| plugin["state"] == "ready").await;
    assert_eq!(plugin["error"], serde_json::Value::Null, "{plugin}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bomb_is_a_refused_file_and_the_server_is_none_the_larger() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    std::fs::write(plugins.join("greeter.wasm"), guests::greeter().await).unwrap();
    let start = |plugins: &Path| {
        let settings = [("WEFT_PLUGINS__COMPILE_MEMORY_MIB", "256"), ("WEFT_PLUGINS__COMPILE_TIMEOUT_MS", "60000")];
        Process::serve_with(&folder.path().join("data"), plugins, &settings)
    };
    let server = start(&plugins);
    let before = server.peak_memory();
    drop(server);
    for name in ["bomb1", "bomb2"] {
        std::fs::write(plugins.join(format!("{name}.wasm")), holding(&functions(1, &bomb_body(20_000)))).unwrap();
    }
    let server = start(&plugins);
    let after = server.peak_memory();
    assert!(after < before + (64 << 10), "{before} KiB without, {after} KiB with");
    let list = Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(["plugin", "list", "--json"])
        .env_clear()
        .env("WEFT_DATA_DIR", folder.path().join("data"))
        .env("WEFT_PLUGINS_DIR", &plugins)
        .env("WEFT_PLUGINS__COMPILE_MEMORY_MIB", "256")
        .env("WEFT_SECRET_KEY", "0707070707070707070707070707070707070707070707070707070707070707")
        .output()
        .unwrap();
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    let codes: Vec<_> = list.as_array().unwrap().iter().map(|plugin| plugin["error"]["code"].as_str()).collect();
    assert_eq!(codes, [Some("compile_out_of_memory"), Some("compile_out_of_memory"), None]);
}
