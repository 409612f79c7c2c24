//! One table: whatever lies in a file, what the operator is told of it. A plugin runs beside it all the time.

use std::fs;

use reqwest::Method;
use serde_json::Value;
use wasmtime::Engine;
use weft::simulator::{Incoming, Sender};
use weft_wechat::account::EncodingMode;

use super::components::{
    bomb_body, busy_body, component, core_module, deep_body, describing, empty_body, exporting, functions, holding,
    importing, instances, long_body, lying_module, modules, nested,
};
#[cfg(unix)]
use crate::support::compilers::Gate;
use crate::{
    bilingual::is_bilingual,
    support::{HandMade, PATIENCE, TestApp, guests},
};

/// What is in the file, the step that it fails, the code, and what the text must say.
type Case = (&'static str, Vec<u8>, &'static str, &'static str, &'static str);

fn not_components() -> Vec<Case> {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    // As `wasmtime compile` makes it of a good plugin.
    let compiled = Engine::default().precompile_component(&HandMade::PLAIN.bytes()).unwrap();
    vec![
        ("nothing", Vec::new(), "header", "not_webassembly", "an empty file"),
        ("one byte", vec![0], "header", "not_webassembly", "the beginning of a file"),
        ("a text", b"hello, plugin\n".to_vec(), "header", "not_webassembly", "a text"),
        ("WebAssembly as text", b"(component)".to_vec(), "header", "not_webassembly", "WebAssembly as text"),
        ("a picture", png, "header", "not_webassembly", "a PNG picture"),
        ("an archive", b"PK\x03\x04\x14\0".to_vec(), "header", "not_webassembly", "a ZIP archive"),
        ("a program", b"\x7fELF\x02\x01\x01".to_vec(), "header", "not_webassembly", "a native program"),
        ("compiled code", compiled, "header", "precompiled", "the .wasm file that it was compiled from"),
        ("noise", vec![0xfe; 4096], "header", "not_webassembly", "something else"),
        ("a core module", core_module(), "header", "core_module", "--target wasm32-wasip2"),
        ("half a header", b"\0asm\x0d\0".to_vec(), "header", "truncated", "2 bytes are missing"),
        ("a header alone", b"\0asm\x0d\0\x01\0".to_vec(), "world", "empty_component", "copy it again"),
        ("an old draft", b"\0asm\x0c\0\x01\0".to_vec(), "header", "invalid_component", "before the standard"),
    ]
}

fn other_worlds() -> Vec<Case> {
    let command = exporting(&["wasi:cli/run@0.2.6"]);
    let server = exporting(&["wasi:http/incoming-handler@0.2.3"]);
    let newer = exporting(&["weft:plugin/manifest@1.0.0", "weft:plugin/handlers@1.900.0"]);
    let next = exporting(&["weft:plugin/manifest@2.0.0"]);
    let before = exporting(&["weft:plugin/manifest@0.3.0"]);
    let unversioned = exporting(&["weft:plugin/manifest"]);
    let other = "interface_of_another_major_version";
    vec![
        ("a program", command, "world", "wrong_world", "crate-type = [\"cdylib\"]"),
        ("a server", server, "world", "wrong_world", "wasi:http/incoming-handler@0.2.3"),
        ("another plugin", exporting(&["zed:extension/run@1.0.0"]), "world", "wrong_world", "zed:extension/run@1.0.0"),
        ("of a newer Weft", newer, "world", "interface_too_new", "weft:plugin 1.900.0"),
        ("of the next major version", next, "world", other, "weft:plugin 2.0.0"),
        ("of before the first", before, "world", other, "weft:plugin 0.3.0"),
        ("of no version", unversioned, "world", other, "no version"),
        ("no manifest", exporting(&["weft:plugin/handlers@1.0.0"]), "world", "no_manifest", "weft:plugin/manifest"),
        ("files", importing(&["wasi:filesystem/types@0.2.3"]), "imports", "import_not_offered", "include_str!"),
        ("sockets", importing(&["wasi:sockets/tcp@0.2.3"]), "imports", "import_not_offered", "weft_plugin::http"),
        ("later WASI", importing(&["wasi:clocks/monotonic-clock@0.3.0"]), "imports", "import_not_offered", "WASI 0.2"),
        ("unknown", importing(&["weft:plugin/teleport@1.0.0"]), "imports", "import_not_offered", "a newer one may"),
        ("anything", importing(&["env", "other"]), "imports", "import_not_offered", "it imports env, other"),
    ]
}

fn other_shapes() -> Vec<Case> {
    let wrong_import = r#"(import "weft:plugin/log@1.0.0" (instance (export "shout" (func))))
        (instance $nothing) (export "weft:plugin/manifest@1.0.0" (instance $nothing))"#;
    let loops = describing("(func $l (loop (br 0))) (start $l)");
    let hoards = describing("(memory 5000)");
    let tabulates = describing("(table 20001 funcref)");
    // The list of the handler's options: so many empty ones at a place with zeros.
    let options = r#"(data (i32.const 1168) "\00\00\02\00\65\00\00\00")"#;
    let talks = HandMade { more: options, ..HandMade::PLAIN }.bytes();
    // The handler's description: so many zeros.
    let long = r#"(data (i32.const 1152) "\00\08\00\00\01\04\00\00")"#;
    let long = HandMade { more: long, ..HandMade::PLAIN }.bytes();
    // What it asks for on orders: a list of one text.
    let orders = r#"(data (i32.const 1108) "\00\08\00\00\01\00\00\00")
        (data (i32.const 2048) "\08\08\00\00\03\00\00\00own")"#;
    let wishes = HandMade { more: orders, ..HandMade::PLAIN }.bytes();
    let schema = r#"(data (i32.const 1116) "\01\00\00\00\00\08\00\00\03\00\00\00") (data (i32.const 2048) "own")"#;
    let odd = HandMade { more: schema, ..HandMade::PLAIN }.bytes();
    // A hook at 1400, whose option at 1440 is `refunds`, `true`.
    let refunds = r#"(data (i32.const 1064) "\78\05\00\00\01\00\00\00")
        (data (i32.const 1400) "\98\04\00\00\04\00\00\00")
        (data (i32.const 1424) "\a0\05\00\00\01\00\00\00")
        (data (i32.const 1440) "\b0\05\00\00\07\00\00\00\b7\05\00\00\04\00\00\00refundstrue")
        (func (export "weft:plugin/hooks@VERSION#order-updated") (param i32) (result i32) i32.const 4096)"#;
    let deaf = HandMade { more: refunds, interfaces: &["hooks"], ..HandMade::PLAIN }.bytes();
    let mute = HandMade { describe: "unreachable", ..HandMade::PLAIN }.bytes();
    let muses = HandMade { describe: "(loop $l br $l) unreachable", ..HandMade::PLAIN }.bytes();
    vec![
        ("a manifest of nothing", importing(&[]), "link", "interface_mismatch", "describe"),
        ("a function that is not there", component(wrong_import), "link", "interface_mismatch", "shout"),
        ("a manifest of another type", describing(""), "instantiate", "interface_mismatch", "weft:plugin/manifest"),
        (
            "a trap at its start",
            describing("(func $t unreachable) (start $t)"),
            "instantiate",
            "instantiate_failed",
            "unreachable",
        ),
        ("a loop at its start", loops, "instantiate", "instantiate_failed", "500 ms of CPU time"),
        ("more memory than there is", hoards, "link", "beyond_limits", "plugins.memory_mib"),
        ("a larger table than there is", tabulates, "link", "beyond_limits", "plugins.table_elements"),
        ("a fifth table", instances("(table 1 funcref)", 5), "link", "beyond_limits", "no setting allows more"),
        ("a fifth memory", instances("(memory 1)", 5), "link", "beyond_limits", "no setting allows more"),
        ("a 65th core instance", instances("", 65), "link", "beyond_limits", "no more than 64"),
        ("a trap instead of a description", mute, "describe", "describe_failed", "unreachable"),
        ("a loop instead of a description", muses, "describe", "describe_failed", "500 ms of CPU time"),
        ("refunds for nobody", deaf, "describe", "bad_description", "`hand` in hooks is to hear of refunds"),
        ("options without an end", talks, "describe", "bad_description", "options of `hand` in handlers"),
        ("a long description", long, "describe", "bad_description", "description of `hand` in handlers"),
        ("a schema that is none", odd, "describe", "bad_description", "its config_schema is no JSON Schema"),
        ("a wish of nobody's to grant", wishes, "grants", "ungrantable", "orders: entry 1: read, create or refund"),
        ("64-bit memory", describing("(memory i64 1)"), "compile", "compile_failed", "memory64"),
    ]
}

fn bombs() -> Vec<Case> {
    let many = holding(&functions(250_000, &empty_body()));
    let long = holding(&functions(1, &long_body(5 << 20)));
    let deep = holding(&functions(1, &deep_body(10_000)));
    let large = holding(&functions(1, &bomb_body(20_000)));
    vec![
        ("too many functions", many, "parse", "too_complex", "functions"),
        ("a function of 5 MiB", long, "parse", "too_complex", "bytes in one function"),
        ("components within components", nested(1000), "parse", "too_complex", "within each other"),
        ("thousands of modules", modules(5000), "parse", "too_complex", "modules and components"),
        ("lies about its length", holding(&lying_module()), "parse", "too_complex", "types"),
        ("blocks within blocks", deep, "link", "interface_mismatch", "describe"),
        ("takes all memory", large, "compile", "compile_out_of_memory", "plugins.compile_memory_mib"),
    ]
}

async fn server() -> (TestApp, Sender) {
    let app = TestApp::start_with(|config| {
        config.plugins.limits.cpu_ms = 500;
        config.plugins.compile_timeout_ms = 60_000;
        config.plugins.compile_memory_mib = Some(256);
    })
    .await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    let account = app.account("shop", EncodingMode::Plain, "greeter").await;
    (app, account)
}

async fn greeted(account: &Sender) -> bool {
    account.send(&Incoming::text("oUser", "hi")).await.unwrap().text().is_some()
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_goes_back_to_an_earlier_version_waits_for_no_compiler() {
    let (home, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let app = TestApp::start_with(|config| {
        // Of its own: nothing was compiled before.
        config.data_dir = home.path().join("data");
        config.plugins.compiler = Some(gate.compiler());
        config.plugins.compile_timeout_ms = 600_000;
    })
    .await;
    let version = |pages| HandMade { pages, ..HandMade::PLAIN }.bytes();
    let of = |pages| Value::from(weft::plugins::digest(&version(pages)));
    for pages in [17, 18] {
        assert_eq!(app.upload("plain", version(pages)).await.0, 200);
    }
    gate.close();
    fs::write(app.plugin_file("plain"), version(19)).unwrap();
    gate.holds_one().await;
    let (status, plugin) = app.api(Method::POST, "/plugins/plain/rollback", None).await;
    assert_eq!((status, &plugin["digest"]), (200, &of(17)), "{plugin}");
    gate.open();
    // What was dropped is newer than what was gone back from.
    app.plugin_becomes("plain", |plugin| plugin["digest"] == of(19)).await;
}

/// Only where it has the memory is it the time that ends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_takes_the_compiler_for_ever_is_given_up() {
    let app = TestApp::start_with(|config| {
        config.plugins.compile_timeout_ms = 1000;
        config.plugins.compile_memory_mib = Some(4096);
    })
    .await;
    let (status, problem) = app.upload("fixture", holding(&functions(40_000, &busy_body()))).await;
    assert_eq!((status, &problem["type"]), (422, &Value::from("compile_timed_out")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("plugins.compile_timeout_ms"), "{problem}");
    assert_steps("takes the compiler for ever", &problem["admission"], "compile");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_compiled_before_does_not_wait_for_the_compiler() {
    let (home, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let app = TestApp::start_with(|config| {
        // Of its own: nothing was compiled before.
        config.data_dir = home.path().join("data");
        config.plugins.compiler = Some(gate.compiler());
        config.plugins.compile_timeout_ms = 600_000;
    })
    .await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    gate.close();
    for (name, pages) in [("slow", 17), ("slower", 18)] {
        fs::write(app.plugin_file(name), HandMade { pages, ..HandMade::PLAIN }.bytes()).unwrap();
    }
    // That is all that are compiled at once.
    gate.has_held(2).await;
    app.drop_plugin("copy", guests::greeter().await).await;
    for name in ["slow", "slower"] {
        let (status, plugin) = app.api(Method::GET, &format!("/plugins/{name}"), None).await;
        assert_eq!(status, 404, "it is not compiled yet: {plugin}");
    }
    gate.open();
    for name in ["slow", "slower"] {
        app.plugin_becomes(name, |plugin| plugin["state"] == "ready").await;
    }
}

/// Every step up to the one that failed has passed, and those behind it were not taken.
fn assert_steps(what: &str, admission: &Value, failed: &str) {
    let steps = admission["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 10, "{what}: {admission}");
    let at = steps.iter().position(|step| step["name"] == failed).unwrap();
    for (index, step) in steps.iter().enumerate() {
        let expected = match index.cmp(&at) {
            std::cmp::Ordering::Less => "passed",
            std::cmp::Ordering::Equal => "failed",
            std::cmp::Ordering::Greater => "skipped",
        };
        assert_eq!(step["outcome"], expected, "{what}: {admission}");
        assert!(step["took_ms"].is_f64(), "{what}: {step}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_file_is_refused_at_its_step_and_in_its_words() {
    let (app, account) = server().await;
    let cases = [not_components(), other_worlds(), other_shapes(), bombs()].concat();
    for (what, bytes, step, code, says) in cases {
        let (status, problem) = app.upload("fixture", bytes).await;
        assert_eq!((status, &problem["type"]), (422, &Value::from(code)), "{what}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{what}: {problem}");
        assert_steps(what, &problem["admission"], step);
        assert!(!app.plugin_file("fixture").exists(), "{what} was placed");
        assert!(greeted(&account).await, "after {what}");
    }
    assert_eq!(app.api(Method::GET, "/plugins/fixture", None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_cut_anywhere_says_how_much_is_missing_at_least() {
    let (app, _) = server().await;
    let whole = guests::greeter().await;
    for length in [9, 100, whole.len() / 2, whole.len() - 1] {
        let (status, problem) = app.upload("greeter", whole[..length].to_vec()).await;
        assert_eq!((status, &problem["type"]), (422, &Value::from("truncated")), "{length}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("missing"), "{length}: {problem}");
        assert_steps("cut", &problem["admission"], "parse");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_is_let_in_shows_every_step() {
    let (app, _) = server().await;
    let (status, plugin) = app.upload("other", guests::greeter().await.to_vec()).await;
    assert_eq!(status, 200, "{plugin}");
    let admission = &plugin["admission"];
    let steps: Vec<_> = admission["steps"].as_array().unwrap().iter().map(|step| &step["outcome"]).collect();
    assert_eq!(steps, ["passed"; 10], "{admission}");
    assert_eq!(admission["digest"], plugin["digest"]);
    assert_eq!(admission["bytes"], guests::greeter().await.len());
    let exports = admission["exports"].as_array().unwrap();
    assert!(exports.iter().any(|name| name.as_str().unwrap().starts_with("weft:plugin/handlers@")), "{exports:?}");
    assert_eq!(plugin["error"], Value::Null);

    // The file that lies there now is refused, and the report of the one that runs stays beside it.
    fs::write(app.plugin_file("other"), b"nothing").unwrap();
    let plugin = app.plugin_becomes("other", |plugin| plugin["error"]["code"] == "not_webassembly").await;
    assert_eq!(plugin["admission"]["digest"], plugin["digest"]);
    assert_steps("text", &plugin["error"]["admission"], "header");
    for part in ["cause", "remedy"].map(|part| plugin["error"][part].as_str().unwrap()) {
        assert!(is_bilingual(part), "{plugin}");
        let detail = plugin["error"]["detail"].as_str().unwrap();
        assert!(part.split(" · ").all(|language| detail.contains(language)), "{plugin}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_is_none_is_remarked_and_no_reason_to_refuse_a_plugin() {
    let (app, _) = server().await;
    for (bytes, remark) in [(HandMade::PLAIN.bytes(), true), (guests::greeter().await.to_vec(), false)] {
        let (status, plugin) = app.upload("other", bytes).await;
        assert_eq!(status, 200, "{plugin}");
        let steps = plugin["admission"]["steps"].as_array().unwrap();
        let described = steps.iter().find(|step| step["name"] == "describe").unwrap();
        let remarked = described["detail"].as_str().is_some_and(|detail| detail.contains("not a semantic one"));
        assert_eq!((&described["outcome"], remarked), (&Value::from("passed"), remark), "{described}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_is_let_in_within_its_own_limits_and_tried_again_when_they_change() {
    let app = TestApp::start_with(|config| config.plugins.limits.cpu_ms = 5).await;
    // 100 MiB of memory, and some ten milliseconds before it can be asked anything.
    let large = HandMade {
        pages: 1600,
        start: "(local $n i32) (loop $again (br_if $again
            (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 50000000))))",
        ..HandMade::PLAIN
    };
    fs::write(app.plugin_file("large"), large.bytes()).unwrap();
    let why = |plugin: &Value| plugin["error"]["detail"].as_str().unwrap_or_default().to_owned();
    let limit = async |limits: Value| {
        let limits = serde_json::json!({"limits": limits});
        assert_eq!(app.api(Method::PATCH, "/plugins/large", Some(limits)).await.0, 200);
    };
    let plugin = app.plugin_becomes("large", |plugin| plugin["state"] == "failed").await;
    assert!(why(&plugin).contains("plugins.memory_mib") && why(&plugin).contains("PATCH"), "{plugin}");
    assert_steps("large", &plugin["error"]["admission"], "instantiate");

    limit(serde_json::json!({"memory_mib": 200})).await;
    app.plugin_becomes("large", |plugin| why(plugin).contains(" 5 ms of CPU time")).await;
    limit(serde_json::json!({"memory_mib": 200, "cpu_ms": 10_000})).await;
    let plugin = app.plugin_becomes("large", |plugin| plugin["state"] == "ready").await;
    assert_eq!(plugin["error"], Value::Null, "{plugin}");
    let larger = HandMade { pages: 1601, ..large };
    let (status, plugin) = app.upload("large", larger.bytes()).await;
    assert_eq!((status, &plugin["error"]), (200, &Value::Null), "{plugin}");
}

/// A section of a component that says nothing and has a MiB.
fn padding() -> Vec<u8> {
    // Its length in LEB128 stands for 2^20 bytes, of which the first two are its name.
    [&[0, 0x80, 0x80, 0x40, 1, b'p'][..], &vec![0; (1 << 20) - 2]].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_may_have_a_larger_file_than_others() {
    let app = TestApp::start_with(|config| config.plugins.limits.max_file_mib = 1).await;
    let file = |bytes: &[u8]| [bytes, &padding()].concat();
    fs::write(app.plugin_file("large"), file(guests::greeter().await)).unwrap();
    let plugin = app.plugin_becomes("large", |plugin| plugin["state"] == "failed").await;
    assert_eq!(plugin["error"]["code"], "too_large", "{plugin}");

    let limits = serde_json::json!({"limits": {"max_file_mib": 4}});
    let (status, problem) = app.api(Method::PUT, "/apps/shop/plugins/large", Some(limits.clone())).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &Value::from("limits.max_file_mib")), "{problem}");
    assert_eq!(app.api(Method::PATCH, "/plugins/large", Some(limits)).await.0, 200);
    app.plugin_becomes("large", |plugin| plugin["state"] == "ready").await;
    let (status, plugin) = app.upload("large", file(guests::formal_greeter().await)).await;
    assert_eq!((status, &plugin["effective_limits"]["max_file_mib"]), (200, &Value::from(4)), "{plugin}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_things_in_the_folder_hold_nobody_up() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt, process::Command};

    let (app, account) = server().await;
    let folder = &app.plugins;
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, folder.join(name)).unwrap();
    link("round.wasm", "about.wasm");
    link("about.wasm", "round.wasm");
    link(".", "itself.wasm");
    link("nowhere", "dangling.wasm");
    fs::create_dir(folder.join("folder.wasm")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("pipe.wasm")).status().unwrap().success());
    fs::write(folder.join(OsStr::from_bytes(b"n\xffme.wasm")), b"x").unwrap();
    fs::write(folder.join(format!("{}.wasm", "n".repeat(250))), b"x").unwrap();
    fs::write(folder.join("case.WASM"), b"x").unwrap();
    let sparse = fs::File::create(folder.join(".huge.new")).unwrap();
    sparse.set_len(100 << 20).unwrap();
    fs::rename(folder.join(".huge.new"), folder.join("huge.wasm")).unwrap();

    let huge = app.plugin_becomes("huge", |plugin| plugin["state"] == "failed").await;
    assert_eq!(huge["error"]["code"], "too_large");
    assert!(huge["error"]["detail"].as_str().unwrap().contains("plugins.max_file_mib"), "{huge}");
    app.drop_plugin("last", guests::greeter().await).await;
    let (_, list) = app.api(Method::GET, "/plugins", None).await;
    let items = list["items"].as_array().unwrap().iter();
    let runs = items.filter(|plugin| plugin["error"].is_null());
    assert_eq!(runs.map(|plugin| plugin["name"].as_str().unwrap()).collect::<Vec<_>>(), ["greeter", "last"]);
    let words = [
        ("about", "a link that leads back to itself"),
        ("dangling", "a link that leads nowhere"),
        ("folder", "a folder"),
        ("itself", "a folder"),
        ("pipe", "a pipe or a device"),
        ("round", "a link that leads back to itself"),
    ];
    for (name, what) in words {
        let plugin = app.plugin_becomes(name, |plugin| plugin["state"] == "failed").await;
        assert_eq!(plugin["error"]["code"], "not_a_file", "{plugin}");
        assert!(plugin["error"]["detail"].as_str().unwrap().contains(what), "{plugin}");
    }
    assert!(greeted(&account).await);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_may_not_be_read_is_taken_up_once_it_may() {
    use std::os::unix::fs::PermissionsExt;

    let (app, _) = server().await;
    let beside = app.plugins.join(".secret.new");
    fs::write(&beside, guests::greeter().await).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o000)).unwrap();
    let is_closed = fs::read(&beside).is_err();
    fs::rename(&beside, app.plugin_file("secret")).unwrap();
    if is_closed {
        let plugin = app.plugin_becomes("secret", |plugin| plugin["state"] == "failed").await;
        assert_eq!(plugin["error"]["code"], "unreadable", "{plugin}");
        fs::set_permissions(app.plugin_file("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    }
    // Root reads everything.
    tokio::time::timeout(PATIENCE, app.plugin_becomes("secret", |plugin| plugin["state"] == "ready")).await.unwrap();
}
