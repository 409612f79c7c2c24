//! Plugins in other languages: built by their own tools, tested by them, and answering like any other.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::Method;
use weft::simulator::Incoming;
use weft_wechat::account::EncodingMode;

use crate::support::{TestApp, tool};

/// An unoptimized compiler takes half a minute for Python's 18 MB, on a machine that has nothing else to do.
const PATIENCE: Duration = Duration::from_mins(10);

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins-examples").join(name)
}

fn runs(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).status().unwrap().success()
}

/// What a registry gives. Where there is none, one line says so; in CI it has to be there.
#[expect(clippy::explicit_write, reason = "what eprintln! says, the test runner keeps to itself")]
fn is_installed(what: &str, install: &mut Command) -> bool {
    let output = install.stdin(Stdio::null()).output().unwrap();
    if output.status.success() {
        return true;
    }
    assert!(env::var("CI").as_deref() != Ok("true"), "{}", String::from_utf8_lossy(&output.stderr));
    writeln!(std::io::stderr(), "skipped: {what} cannot be installed").unwrap();
    false
}

/// Drops the component, and talks to it.
async fn answers(name: &str, component: &Path) {
    let app = TestApp::start_with(|config| {
        config.plugins.limits.cpu_ms = 5000;
        config.plugins.compile_timeout_ms = 600_000;
    })
    .await;
    app.account("shop", EncodingMode::Plain, name).await;
    fs::copy(component, app.plugin_file(name)).unwrap();
    let began = Instant::now();
    let plugin = loop {
        let (status, plugin) = app.api(Method::GET, &format!("/plugins/{name}"), None).await;
        if status == 200 {
            break plugin;
        }
        assert!(began.elapsed() < PATIENCE, "{plugin}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(plugin["state"], "ready", "{plugin}");
    assert_eq!(plugin["exports"]["handlers"][0]["name"], "greet", "{plugin}");

    let account = app.sender("shop", EncodingMode::Plain);
    for (message, answer) in [
        (Incoming::text("oUser", "hi"), Some("Hello / 你好：hi")),
        (Incoming::subscribe("oUser", None), Some("Welcome to shop! / 欢迎关注 shop！")),
        (Incoming::image("oUser", "m1"), None),
    ] {
        assert_eq!(account.send(&message).await.unwrap().text().as_deref(), answer, "{message:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_in_javascript_answers_whichever_tool_built_it() {
    let source = example("javascript-greeter");
    let npm = |arguments: &[&str]| {
        let mut npm = Command::new("npm");
        npm.args(arguments).current_dir(&source);
        npm
    };
    if !tool::is_there("npm") {
        return;
    }
    assert!(runs(&mut npm(&["test"])));
    // One after the other: both begin with a copy of the contract, in the same place.
    let tools: [(&str, &[&str], &str, &str); 2] = [
        ("componentize-qjs", &[], "build", "javascript_greeter"),
        ("jco", &["--prefix", "jco"], "build:jco", "javascript_greeter_jco"),
    ];
    for (what, place, script, plugin) in tools {
        let install = [&["ci", "--no-audit", "--no-fund"][..], place].concat();
        if is_installed(what, &mut npm(&install)) {
            assert!(runs(&mut npm(&["run", script])));
            answers(plugin, &source.join(plugin).with_extension("wasm")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_in_python_answers() {
    let source = example("python-greeter");
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("componentize-py");
    let python = |arguments: &[&str]| {
        let mut python = Command::new("python3");
        python.args(arguments).current_dir(&source).env("PYTHONPATH", source.join("bindings"));
        python
    };
    let mut pip = python(&["-m", "pip", "install", "--quiet", "--upgrade", "-r", "requirements.txt", "--target"]);
    if !tool::is_there("python3") || !is_installed("componentize-py", pip.arg(&tools)) {
        return;
    }
    let componentize = |arguments: &[&str]| {
        let mut tool = Command::new(tools.join("bin/componentize-py"));
        tool.args(["-d", "../../wit/released/1.0.0", "-d", "wit", "-w", "weft-examples:greeter/greeter"]);
        tool.args(arguments).current_dir(&source).env("PYTHONPATH", &tools);
        tool
    };
    // Those of before may be of another tool.
    fs::remove_dir_all(source.join("bindings")).ok();
    assert!(runs(&mut componentize(&["bindings", "bindings"])));
    assert!(runs(&mut python(&["-m", "unittest"])));
    let build = ["componentize", "plugin", "--stub-wasi", "--output", "python_greeter.wasm"];
    assert!(runs(&mut componentize(&build)));
    answers("python_greeter", &source.join("python_greeter.wasm")).await;
}
