//! What plugin authors do with the command: a new crate, its test, and a build at every change.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde_json::Value;
use weft::simulator::{Incoming, Sender};
use weft_wechat::account::EncodingMode;

use crate::support::{SECRET_KEY, TestApp, process::Process};

/// A build compiles the SDK, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_mins(10);

/// A command that builds without a network, into the folder in which the dependencies lie compiled.
fn offline(program: &str, folder: &Path) -> Command {
    let needed = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME"];
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .envs(needed.into_iter().filter_map(|name| Some((name, env::var_os(name)?))))
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap())
        .env("CARGO_NET_OFFLINE", "true");
    command
}

fn weft(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = offline(env!("CARGO_BIN_EXE_weft"), folder);
    command.args(arguments);
    command
}

/// `weft plugin build --watch`; killed when it is dropped.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(source: &Path, plugins: &Path) -> Self {
        let arguments = ["plugin", "build", "--watch", "--plugins-dir"];
        let mut child =
            weft(source, &arguments).arg(plugins).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// Everything that is said until it waits for a change.
    fn built(&self) -> String {
        let mut said = String::new();
        while !said.contains("waiting for a change") {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{error} after {said}"));
            said = said + &line + "\n";
        }
        said
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It may have ended before.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Signatures that the attributes refuse, each with where that is told, and what.
const REFUSED: &[(&str, &str)] = &[
    (
        "#[message_handler]\nasync fn a(message: Message) -> String { message.sender }",
        "2:1: error: a message handler is not `async`",
    ),
    ("#[message_rule]\nfn b<T>(message: Message) -> bool { true }", "2:5: error: a message rule is not generic"),
    (
        "#[order_hook]\nfn c(event: OrderEvent, context: Context, more: u8) {}",
        "2:6: error: an order hook takes (OrderEvent, Context)",
    ),
    ("#[message_handler(nam = \"x\")]\nfn d() {}", "1:19: error: there is no option `nam`"),
    ("#[message_handler(name = \"VIP\")]\nfn e() {}", "1:26: error: `VIP` has to be 1 to 64 of a-z"),
    ("#[page]\nstruct F;", "2:1: error: #[page] stands on a function"),
    ("#[message_observer]\nfn 问候() {}", "2:4: error: `问候` has to be 1 to 64 of a-z"),
];

/// Those whose types do not fit.
const UNFIT: &[(&str, &str)] = &[
    ("#[message_handler]\nfn a(text: String) -> String { text }", "2:12: error[E0308]"),
    ("#[message_handler]\nfn b(message: &Message) -> String { message.sender.clone() }", "2:15: error[E0308]"),
    (
        "#[message_handler]\nfn c(message: Message) -> usize { message.sender.len() }",
        "2:27: error[E0277]: `usize` is no answer to a message",
    ),
    (
        "#[message_rule]\nfn d(message: Message) -> String { message.sender }",
        "2:27: error[E0277]: this function has to return `bool`",
    ),
    (
        "#[order_hook]\nfn e(event: OrderEvent) -> Result<(), Mine> { Err(Mine) }\nstruct Mine;",
        "2:28: error[E0277]: a function of a plugin cannot fail with `Mine`",
    ),
];

/// What is wrong with a function is told at the words in which it is wrong.
fn mistakes_are_told_where_they_stand(source: &Path) {
    let file = source.join("src/lib.rs");
    let whole = fs::read_to_string(&file).unwrap();
    for mistakes in [REFUSED, UNFIT] {
        let (mut program, mut expected) = ("use weft_plugin::prelude::*;\n".to_owned(), Vec::new());
        for (function, told) in mistakes {
            let (line, rest) = told.split_once(':').unwrap();
            let line = program.lines().count() + line.parse::<usize>().unwrap();
            expected.push(format!("src/lib.rs:{line}:{rest}"));
            program = program + function + "\n";
        }
        fs::write(&file, program).unwrap();
        let arguments = ["test", "--no-run", "--message-format", "short"];
        let checked = offline("cargo", source).args(arguments).output().unwrap();
        let said = String::from_utf8(checked.stderr).unwrap();
        for told in expected {
            assert!(said.contains(&told), "no {told} in\n{said}");
        }
    }
    fs::write(file, whole).unwrap();
}

/// What the SDK's documents show, such as settings of the operator's, needs nothing that a new crate has not.
fn it_has_what_the_documents_use(source: &Path) {
    let file = source.join("src/lib.rs");
    let whole = fs::read_to_string(&file).unwrap();
    let document = fs::read_to_string(source.join("vendor/weft/plugin-sdk/README.md")).unwrap();
    let settings = document.split("```rust\n").filter_map(|rest| rest.split("```").next());
    let settings: Vec<_> = settings.filter(|example| example.contains("context.config()?")).collect();
    assert_eq!(settings.len(), 1);
    fs::write(&file, settings[0]).unwrap();
    let built = offline("cargo", source).args(["test", "--no-run"]).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    fs::write(file, whole).unwrap();
}

/// Hooks that look up what they are told of, and give money back.
const GIVES_BACK: &str = r#"use weft_plugin::{orders::NewRefund, prelude::*};

asks! { orders: ["read", "refund"] }

#[order_hook]
fn give_back(event: OrderEvent) -> Result<()> {
    let Order { out_trade_no, total_fee, .. } = &event.order;
    let found = orders::find(None, out_trade_no)?.ok_or("it is not there")?;
    let asked = orders::query(None, out_trade_no)?;
    let refund = orders::create_refund(&NewRefund::new(out_trade_no, "R1", *total_fee))?;
    log::info!("{} {} {}", found == event.order, asked == event.order, refund.status);
    Ok(())
}

#[refund_hook(name = "give_back")]
fn give_the_rest(event: RefundEvent) -> Result<()> {
    let Order { out_trade_no, total_fee, .. } = &event.order;
    let found = orders::find(None, out_trade_no)?.ok_or("it is not there")?;
    let rest = total_fee - event.refund.refund_fee;
    let beyond = orders::create_refund(&NewRefund::new(out_trade_no, "R1", rest + 1));
    let refund = orders::create_refund(&NewRefund::new(out_trade_no, "R1", rest))?;
    log::info!("{} {} {}", found == event.order, matches!(beyond, Err(Error::Invalid(_))), refund.status);
    Ok(())
}
"#;

/// An order hook is tried with an order that is there: the plugin finds it, WeChat Pay knows it, and it is refunded.
fn a_hook_is_tried_with_its_order(source: &Path) {
    let file = source.join("src/lib.rs");
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, GIVES_BACK).unwrap();
    let built = weft(source, &["plugin", "build"]).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let component = String::from_utf8(built.stdout).unwrap();
    for change in ["--order", "--refund"] {
        let arguments = ["plugin", "test", component.trim(), change, "SUCCESS", "--grant", "asked", "--json"];
        let tried = weft(source, &arguments).output().unwrap();
        let [shown, beside] = [tried.stdout, tried.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(tried.status.success(), "{change}: {shown}{beside}");
        let told: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(told["logs"][0]["text"], "true true SUCCESS", "{change}: {told}");
    }
    fs::write(file, whole).unwrap();
}

async fn answer(account: &Sender) -> Option<String> {
    account.send(&Incoming::text("oUser", "hi")).await.unwrap().text()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_plugin_is_tested_and_answers_and_every_change_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let made = weft(folder.path(), &["plugin", "new", "tea-shop", "--json"]).output().unwrap();
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!((&made["folder"], &made["plugin"]), (&"./tea-shop".into(), &"tea_shop".into()));
    let source = folder.path().join("tea-shop");
    let tested = offline("cargo", &source).arg("test").output().unwrap();
    let said = String::from_utf8_lossy(&tested.stdout);
    assert!(said.contains("3 passed"), "{said}{}", String::from_utf8_lossy(&tested.stderr));
    mistakes_are_told_where_they_stand(&source);
    it_has_what_the_documents_use(&source);
    a_hook_is_tried_with_its_order(&source);

    // Nobody says where a server takes plugins from: it says where this one went.
    let built = weft(&source, &["plugin", "build", "--install"]).output().unwrap();
    let [path, said] = [built.stdout, built.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    let plugins = source.canonicalize().unwrap().join("plugins");
    assert_eq!(Path::new(path.trim()), plugins.join("tea_shop.wasm"), "{said}");
    assert!(said.contains(&format!("made {}: ", plugins.display())) && said.contains("--plugins-dir"), "{said}");
    fs::remove_dir_all(plugins).unwrap();

    let app = TestApp::start().await;
    let account = app.account("shop", EncodingMode::Plain, "tea_shop").await;
    let watching = Watching::start(&source, &app.plugins);
    let said = watching.built();
    assert!(said.contains(" KiB in ") && !said.contains("--plugins-dir"), "{said}");
    let first = app.plugin_becomes("tea_shop", |plugin| plugin["state"] == "ready").await;
    assert_eq!(answer(&account).await.as_deref(), Some("你好 / Hello: hi"));

    let program = source.join("src/lib.rs");
    let text = fs::read_to_string(&program).unwrap();
    fs::write(&program, format!("{text}\nfn broken(")).unwrap();
    let said = watching.built();
    assert!(said.contains("unclosed delimiter") && said.contains("cargo could not build"), "{said}");
    assert_eq!(answer(&account).await.as_deref(), Some("你好 / Hello: hi"));

    // What cargo builds and no server lets in.
    let reads = text.replace("message.text()?;", "message.text()?;\n    let _ = std::fs::read(text);");
    fs::write(&program, reads).unwrap();
    let said = watching.built();
    assert!(said.contains("a server refuses it (import_not_offered)") && said.contains("include_str!"), "{said}");
    app.plugin_becomes("tea_shop", |plugin| plugin["error"]["code"] == "import_not_offered").await;
    assert_eq!(answer(&account).await.as_deref(), Some("你好 / Hello: hi"));

    fs::write(&program, text.replace("你好 / Hello", "Good day")).unwrap();
    let said = watching.built();
    assert!(said.contains(" KiB in "), "{said}");
    app.plugin_becomes("tea_shop", |plugin| plugin["state"] == "ready" && plugin["digest"] != first["digest"]).await;
    assert_eq!(answer(&account).await.as_deref(), Some("Good day: hi"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_commands_lead_from_nothing_to_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = weft(folder.path(), arguments).env("WEFT_SECRET_KEY", SECRET_KEY).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["plugin", "new", "hello"]);
    run(&["plugin", "build", "hello", "--install"]);
    let add = ["app", "add", "shop", "--type", "service", "--appid", "wx1234567890abcdef", "--token", "weixin"];
    run(&[&add[..], &["--message-handler", "hello"]].concat());
    let process = Process::serve_with(&folder.path().join("data"), &folder.path().join("plugins"), &[]);
    let webhook = format!("{}/wechat/shop/", process.base);
    let answer = run(&["simulate", "message", "--to", &webhook, "--token", "weixin", "--text", "hi"]);
    assert!(answer.contains("你好 / Hello: hi"), "{answer}");
}

#[test]
fn a_new_plugin_has_the_whole_sdk() {
    let folder = tempfile::tempdir().unwrap();
    let made = weft(folder.path(), &["plugin", "new", "hello", "--dir", "mine"]).output().unwrap();
    let hints = String::from_utf8(made.stdout).unwrap();
    assert!(hints.contains("weft plugin build mine/hello") && hints.contains("已创建"), "{hints}");
    let fetched = hints.find("cargo fetch --manifest-path mine/hello/Cargo.toml").unwrap();
    assert!(hints.find("rustup target add wasm32-wasip2").is_some_and(|added| added < fetched), "{hints}");
    assert!(hints.contains(r#"weft plugin test "$(weft plugin build mine/hello)" --message hi"#), "{hints}");
    let made = folder.path().join("mine/hello");
    assert_eq!(fs::read_to_string(made.join(".gitignore")).unwrap(), "/target\n");

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["plugin-sdk/src", "plugin-sdk/macros/src", "wit"] {
        collect(&root.join(folder), &mut files);
    }
    assert!(files.len() > 50, "{files:?}");
    for file in files {
        let path = file.strip_prefix(&root).unwrap();
        let copied = fs::read(made.join("vendor/weft").join(path)).unwrap_or_default();
        assert!(copied == fs::read(&file).unwrap(), "{}", path.display());
    }
}

#[test]
fn a_new_plugin_is_the_one_that_the_documents_show() {
    let folder = tempfile::tempdir().unwrap();
    let made = weft(folder.path(), &["plugin", "new", "hello"]).output().unwrap();
    assert_eq!(made.status.code(), Some(0));
    let program = fs::read_to_string(folder.path().join("hello/src/lib.rs")).unwrap();
    let its_test = r#"assert_eq!(greet(testing::text("o1", "hi")).as_deref(), Some("你好 / Hello: hi"))"#;
    assert!(program.contains(its_test), "{program}");

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (document, tells_of_tests) in [
        ("README.md", false),
        ("README.zh-CN.md", false),
        ("plugin-sdk/README.md", true),
        ("plugin-sdk/README.zh-CN.md", true),
    ] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let shown = text.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        assert!(program.contains(shown), "{document}: {shown}");
        assert_eq!(text.contains(its_test), tells_of_tests, "{document}");
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

#[test]
fn a_name_that_is_none_or_taken_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(65);
    for name in ["", "9lives", "Shop", "a b", "../x", "a/b", "fn", "test", "weft-plugin", &long] {
        let refused = weft(folder.path(), &["plugin", "new", name]).output().unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!((refused.status.code(), said.contains(&format!("`{name}`"))), (Some(2), true), "{said}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_is_there_already_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("shop")).unwrap();
    fs::write(folder.path().join("shop/notes"), "mine").unwrap();
    fs::write(folder.path().join("tea"), "mine").unwrap();
    for name in ["shop", "tea"] {
        let refused = weft(folder.path(), &["plugin", "new", name]).output().unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.status.code() == Some(1) && said.contains("is there already"), "{said}");
    }
    let names = |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!((names(folder.path()).len(), names(&folder.path().join("shop")).len()), (2, 1));
}
