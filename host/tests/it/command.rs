//! The `weft` command, as a process.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

use reqwest::Method;
use serde_json::{Value, json};

use weft::{
    clock::Clock,
    config::Config,
    model::{Handler, PluginSource, ReplyContent, ReplyTemplate},
    plugins::digest,
    server::open_store,
};

use crate::{
    bilingual::is_bilingual,
    support::{TestApp, guests},
};

/// Runs `weft` in a folder of its own, away from the settings of this process.
fn weft(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn apps_are_added_listed_shown_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let add = ["app", "add", "shop", "--type", "service", "--appid", "wx1", "--token", "sometoken", "--json"];
    let added = json(&weft(folder.path(), &add));
    assert_eq!((&added["name"], &added["token"]["set"]), (&"shop".into(), &true.into()));
    assert_eq!(weft(folder.path(), &add).status.code(), Some(1), "the name is taken");
    assert_eq!(json(&weft(folder.path(), &["app", "list", "--json"])).as_array().unwrap().len(), 1);
    let shown = weft(folder.path(), &["app", "show", "shop"]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("wx1") && !text.contains("sometoken"), "{text}");
    assert_eq!(weft(folder.path(), &["app", "remove", "shop"]).status.code(), Some(1), "nobody confirmed");
    assert_eq!(weft(folder.path(), &["app", "remove", "shop", "--yes"]).status.code(), Some(0));
    assert_eq!(json(&weft(folder.path(), &["app", "list", "--json"])), Value::Array(Vec::new()));
}

#[test]
fn an_app_without_a_token_is_told_to_get_one_before_its_address_is_of_use() {
    let folder = tempfile::tempdir().unwrap();
    let add = |name, more: &[&str]| {
        let add = [&["app", "add", name, "--type", "service", "--appid", "wx1"], more].concat();
        let output = weft(folder.path(), &add);
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let waits = add("waits", &[]);
    assert!(waits.starts_with("added; it takes no messages until it has a token: "), "{waits}");
    let ready = add("ready", &["--token", "sometoken"]);
    assert!(ready.contains("/wechat/ready/") && !ready.contains("until it has"), "{ready}");
    assert!(ready.contains("within a second"), "{ready}");
    let typo = add("typo", &["--token", "sometoken", "--message-handler", "greetr/vip"]);
    assert!(typo.contains("until there is a ./plugins/greetr.wasm"), "{typo}");
}

#[test]
fn the_settings_of_an_app_are_shown_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let add = [
        &["app", "add", "shop", "--type", "service", "--appid", "wx1", "--token", "sometoken"][..],
        &["--late-reply", "customer_service", "--log-messages"],
    ];
    let added = String::from_utf8(weft(folder.path(), &add.concat()).stdout).unwrap();
    assert!(added.contains("late answers reach nobody yet: the app has no appsecret"), "{added}");
    let shown = String::from_utf8(weft(folder.path(), &["app", "show", "shop"]).stdout).unwrap();
    let value = |field| {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        shown.lines().map(words).find(|words| words[0] == field).unwrap()[1..].join(" ")
    };
    let fields = ["late_reply", "log_messages", "log_replies", "forward_hosts", "token", "appsecret"];
    assert_eq!(fields.map(value), ["customer_service", "yes", "no", "-", "set", "not set"], "{shown}");
    let json = json(&weft(folder.path(), &["app", "show", "shop", "--json"]));
    assert_eq!((&json["late_reply"], &json["log_messages"]), (&"customer_service".into(), &true.into()));
    let refused =
        weft(folder.path(), &["app", "add", "a", "--type", "service", "--appid", "wx1", "--late-reply", "never"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("one of join, customer_service, drop"));
}

#[test]
fn what_is_easily_overlooked_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = |more: &[&str]| {
        let output = weft(folder.path(), more);
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let add = |name, appid, more: &[&str]| {
        run(&[&["app", "add", name, "--type", "service", "--token", "sometoken", "--appid", appid], more].concat())
    };
    let [added, _] = add("right", "wx0123456789abcdef", &[]);
    assert!(added.starts_with("added; a server that runs knows it within a second"), "{added}");
    assert!(!added.contains("appid: ") && added.contains("WeChat cannot reach http://127.0.0.1:8000"), "{added}");
    let [checked, _] = run(&["check"]);
    assert!(checked.contains("ok     configuration: ") && checked.contains("up to date, 1 app · "), "{checked}");
    assert!(checked.contains("WeChat cannot reach http://127.0.0.1:8000: set `public_url`"), "{checked}");
    let [added, _] = add("odd", "foo", &[]);
    assert!(added.contains("appid: WeChat's are wx and 16 of 0-9 and a-f, and `foo` is not"), "{added}");
    let [_, refused] = add("safe", "wx0123456789abcdef", &["--encoding-mode", "safe"]);
    assert!(refused.contains("--encoding-aes-key (or WECHAT_ENCODING_AES_KEY): encoding mode safe needs"), "{refused}");
    let [shown, _] = run(&["app", "show", "right"]);
    let verified = shown.lines().find(|line| line.starts_with("verified ")).unwrap();
    assert!(verified.contains("assumed (WeChat certification) · 视为已通过微信认证"), "{verified}");
}

#[test]
fn a_token_is_printed_once_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let created = json(&weft(folder.path(), &["token", "create", "--name", "ci", "--json"]));
    let token = created["token"].as_str().unwrap();
    assert!(token.starts_with("weft_"));
    let listed = weft(folder.path(), &["token", "list", "--json"]);
    assert!(!String::from_utf8_lossy(&listed.stdout).contains(token));
    let id = json(&listed)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(weft(folder.path(), &["token", "revoke", &id]).status.code(), Some(0));
    assert_eq!(weft(folder.path(), &["token", "revoke", &id]).status.code(), Some(1));
    assert_eq!(weft(folder.path(), &["token", "create", "--name", "x", "--permission", "a b"]).status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_tells_what_is_wrong_and_exits_1() {
    let folder = tempfile::tempdir().unwrap();
    let good = json(&weft(folder.path(), &["check", "--json"]));
    assert_eq!(good["ok"], true, "{good}");

    let plugins = folder.path().join("plugins");
    std::fs::write(plugins.join("greeter.wasm"), guests::greeter().await).unwrap();
    assert_eq!(json(&weft(folder.path(), &["check", "--json"]))["ok"], true);
    let listed = json(&weft(folder.path(), &["plugin", "list", "--json"]));
    assert_eq!((&listed[0]["name"], &listed[0]["state"]), (&"greeter".into(), &"ready".into()));

    // Tools write hidden files for a while.
    std::fs::write(plugins.join(".greeter.wasm"), b"half").unwrap();
    assert_eq!(json(&weft(folder.path(), &["check", "--json"]))["ok"], true);
    std::fs::write(plugins.join("greeter-1.2.wasm"), guests::greeter().await).unwrap();
    let output = weft(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(1), "a server passes it over");
    let text = String::from_utf8(output.stdout).unwrap();
    let told = text.lines().find(|line| line.starts_with("FAILED file")).unwrap();
    assert!(told.contains("greeter-1.2.wasm: ") && told.contains("rename") && told.contains("(bad_name)"), "{told}");
    std::fs::remove_file(plugins.join("greeter-1.2.wasm")).unwrap();

    std::fs::write(plugins.join("broken.wasm"), b"nothing").unwrap();
    let output = weft(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("FAILED plugin broken") && text.contains("wasm32-wasip2"), "{text}");
    let listed = weft(folder.path(), &["plugin", "list"]);
    let table = String::from_utf8(listed.stdout).unwrap();
    assert!(table.contains("wasm32-wasip2") && table.lines().all(|line| line.chars().count() < 130), "{table}");
    for told_twice in [output.stderr, listed.stderr] {
        assert_eq!(String::from_utf8(told_twice).unwrap(), "");
    }

    std::fs::write(folder.path().join("weft.toml"), "[webhook]\nreply_deadline = 5\n").unwrap();
    let output = weft(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("weft.toml") && text.contains("reply_deadline_ms"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_names_the_plugins_that_apps_and_rules_want_and_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let add = ["app", "add", "shop", "--type", "service", "--appid", "wx1", "--message-handler", "greeter/vip"];
    assert_eq!(weft(folder.path(), &add).status.code(), Some(0));
    add_handler(folder.path(), "greeter/vip").await;
    let check = || {
        let output = weft(folder.path(), &["check"]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = check();
    assert_eq!(code, Some(1), "{text}");
    for lacking in ["message_handler: plugin `greeter`", "handler `vips`: replies[0].handler: plugin `greeter`"] {
        assert!(
            text.lines().any(|line| line.starts_with(&format!("FAILED app shop: {lacking} is not loaded"))),
            "{text}"
        );
    }
    std::fs::write(folder.path().join("plugins/greeter.wasm"), guests::greeter().await).unwrap();
    let (code, text) = check();
    assert_eq!((code, text.contains("app shop")), (Some(0), false), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_is_switched_off_is_shown_as_such_and_missed_by_the_apps_that_name_it() {
    let folder = tempfile::tempdir().unwrap();
    let check = || {
        let output = weft(folder.path(), &["check"]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(check().0, Some(0));
    std::fs::write(folder.path().join("plugins/greeter.wasm"), guests::greeter().await).unwrap();
    let config = Config { data_dir: folder.path().join("data"), ..Config::default() };
    let (store, _) = open_store(&config, Clock::system()).await.unwrap();
    store.change_plugin("greeter", None, Some(true)).await.unwrap();
    let (code, text) = check();
    let shown =
        text.lines().any(|line| line.starts_with("ok     plugin greeter: ") && line.contains(", switched off · "));
    assert!(code == Some(0) && shown, "{text}");
    assert_eq!(json(&weft(folder.path(), &["plugin", "list", "--json"]))[0]["state"], "disabled");
    let table = String::from_utf8(weft(folder.path(), &["plugin", "list"]).stdout).unwrap();
    assert!(table.contains("disabled"), "{table}");

    let add = ["app", "add", "shop", "--type", "service", "--appid", "wx1", "--message-handler", "greeter"];
    assert_eq!(weft(folder.path(), &add).status.code(), Some(0));
    let (code, text) = check();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("FAILED app shop: message_handler: plugin `greeter` is switched off"), "{text}");
    store.change_plugin("greeter", None, Some(false)).await.unwrap();
    assert_eq!(check().0, Some(0));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_counts_versions_that_are_kept_and_not_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let check = || {
        let output = weft(folder.path(), &["check"]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let add = ["app", "add", "shop", "--type", "service", "--appid", "wx1", "--message-handler", "guest/misbehave"];
    assert_eq!(weft(folder.path(), &add).status.code(), Some(0));
    let config = Config { data_dir: folder.path().join("data"), ..Config::default() };
    let (store, _) = open_store(&config, Clock::system()).await.unwrap();
    let (decisions, versions) = (store.plugin_decisions(), store.plugin_versions());
    let (other, meant) = (guests::greeter().await, guests::misbehave().await);
    for bytes in [other, meant] {
        versions.keep("guest", &digest(bytes), "1.0.0", bytes).await.unwrap();
    }
    decisions.decide("guest", Some(&digest(meant)), PluginSource::Upload, None).await.unwrap();
    let (code, text) = check();
    assert_eq!((code, text.contains("app shop")), (Some(0), false), "uploaded to another process: {text}");
    assert!(text.contains("ok     plugin guest: 0.1.0 is to run"), "{text}");

    // An older file lies there, which has not what is named.
    let file = folder.path().join("plugins/guest.wasm");
    std::fs::write(&file, other).unwrap();
    decisions.decide("guest", Some(&digest(meant)), PluginSource::Rollback, Some(&digest(other))).await.unwrap();
    let (code, text) = check();
    assert_eq!((code, text.contains("app shop")), (Some(0), false), "rolled back: {text}");
    assert_eq!(std::fs::read(&file).unwrap(), other, "the folder stays as it is");

    decisions.decide("guest", None, PluginSource::Delete, None).await.unwrap();
    let (code, text) = check();
    assert_eq!(code, Some(1), "deleted: {text}");
    assert!(text.contains("FAILED app shop: message_handler: plugin `guest` is not loaded"), "{text}");

    // A file that nobody has seen yet takes effect.
    decisions.decide("guest", Some(&digest(other)), PluginSource::Upload, None).await.unwrap();
    std::fs::write(&file, [meant, &[0, 3, 1, b'n', 1]].concat()).unwrap();
    let (code, text) = check();
    assert_eq!((code, text.contains("app shop")), (Some(0), false), "a new file: {text}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_granted_is_listed_for_every_app_that_names_the_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let apps: [(&str, &[&str]); 3] = [("shop", &[]), ("blog", &["--message-handler", "scenes"]), ("none", &[])];
    for (name, more) in apps {
        let add = [&["app", "add", name, "--type", "service", "--appid", "wx1"], more].concat();
        assert_eq!(weft(folder.path(), &add).status.code(), Some(0));
    }
    add_handler(folder.path(), "scenes").await;
    std::fs::create_dir_all(folder.path().join("plugins")).unwrap();
    std::fs::write(folder.path().join("plugins/scenes.wasm"), guests::qr_attribution().await).unwrap();
    let listed = json(&weft(folder.path(), &["plugin", "list", "--json"]));
    assert_eq!(listed[0]["missing"], json!({"blog": ["users"], "shop": ["users"]}), "{listed}");
    let table = String::from_utf8(weft(folder.path(), &["plugin", "list"]).stdout).unwrap();
    assert!(table.contains("blog: users; shop: users"), "{table}");
}

/// A handler of the app `shop` that a plugin answers, in the database that `weft` has made in `folder`.
async fn add_handler(folder: &Path, plugin: &str) {
    let config = Config { data_dir: folder.join("data"), ..Config::default() };
    let (store, _) = open_store(&config, Clock::system()).await.unwrap();
    let mut handler = Handler::new("shop", "vips");
    let content = ReplyContent::Custom(plugin.parse().unwrap());
    handler.replies = vec![ReplyTemplate { weight: 0, content }];
    store.handlers().insert(&handler).await.unwrap();
    store.close().await;
}

#[test]
fn usage_is_2_and_help_names_every_command() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(weft(folder.path(), &["serv"]).status.code(), Some(2));
    assert_eq!(weft(folder.path(), &["app", "add", "x"]).status.code(), Some(2));
    let told = |arguments: &[&str]| {
        let output = weft(folder.path(), arguments);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for listens in
        [["serve", "--listen"], ["serve", "--admin-listen"], ["demo", "--listen"], ["simulate", "--pay-listen"]]
    {
        let (code, error) = told(&[&listens[..], &["localhost:8200"]].concat());
        assert!(code == Some(2) && error.contains("an IP address and a port, such as 127.0.0.1:8000"), "{error}");
    }
    let (code, error) = told(&["plugin", "build"]);
    assert!(code == Some(1) && error.contains("no Cargo.toml in .: ") && error.contains("weft plugin new"), "{error}");
    let help = String::from_utf8(weft(folder.path(), &["--help"]).stdout).unwrap();
    for command in ["serve", "demo", "migrate", "check", "app", "token", "plugin", "openapi"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(&format!("{command} "))), "{command}: {help}");
    }
    let openapi = json(&weft(folder.path(), &["openapi"]));
    assert_eq!(openapi["info"]["title"], "Weft");
    assert_eq!(json(&weft(folder.path(), &["openapi", "--json"])), openapi);
    assert_eq!(weft(folder.path(), &["migrate"]).status.code(), Some(0));
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let mut weft = Command::new(env!("CARGO_BIN_EXE_weft"))
        .arg("openapi")
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // As `head -1`: the pipe is closed behind the first line, and has no room for the rest.
    let mut first = String::new();
    BufReader::new(weft.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = weft.wait_with_output().unwrap();
    assert_eq!((first.as_str(), output.status.code()), ("{\n", Some(0)));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn the_help_of_every_command_is_in_english_and_chinese() {
    let folder = tempfile::tempdir().unwrap();
    let (mut waiting, mut seen) = (vec!["weft".to_owned()], Vec::new());
    while let Some(command) = waiting.pop() {
        let arguments: Vec<_> = command.split(' ').skip(1).chain(["--help"]).collect();
        let output = weft(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{command}");
        let help = String::from_utf8(output.stdout).unwrap();
        for text in told(&help) {
            assert!(is_bilingual(&text), "{command}: {text}");
        }
        waiting.extend(commands(&help).map(|name| format!("{command} {name}")));
        seen.push(command);
    }
    for command in ["weft serve", "weft app add", "weft simulate message", "weft plugin test"] {
        assert!(seen.iter().any(|seen| seen == command), "{command}: {seen:?}");
    }
}

/// With more blanks than before any name in a help, what stands above goes on.
const GOES_ON: &str = "       ";

/// What a help says in words: what the command is, each heading, and each entry as one text.
fn told(help: &str) -> Vec<String> {
    let mut paragraphs = help.split("\n\n");
    let mut told = vec![paragraphs.next().unwrap().to_owned()];
    let are_words = |paragraph: &&str| !paragraph.starts_with("Usage:") && !paragraph.starts_with("First steps");
    for line in paragraphs.filter(are_words).flat_map(str::lines) {
        if line.starts_with(GOES_ON) {
            told.last_mut().unwrap().push_str(line);
        } else {
            told.push(line.to_owned());
        }
    }
    told
}

/// The commands that a help names, but for `help` itself.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let paragraph = help.split("\n\n").find(|paragraph| paragraph.starts_with("Commands"));
    let entries = paragraph.unwrap_or_default().lines().skip(1).filter(|line| !line.starts_with(GOES_ON));
    entries.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help")
}

#[test]
fn a_failure_is_told_in_english_and_chinese() {
    let folder = tempfile::tempdir().unwrap();
    let failure = |arguments: &[&str]| {
        let output = weft(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    std::fs::write(folder.path().join("file"), "").unwrap();
    let told = failure(&["--data-dir", "file/data", "migrate"]);
    let parts = ["weft: the secret key: cannot read or create", "(os error 20) · 加密密钥：无法读取或创建", "data_dir"];
    assert!(parts.iter().all(|part| told.contains(part)) && told.lines().count() == 1, "{told}");
    for arguments in [
        &["app", "show", "nobody"][..],
        &["app", "remove", "nobody", "--yes"],
        &["app", "remove", "nobody"],
        &["token", "revoke", "nobody"],
        &["plugin", "new", "fn"],
        &["plugin", "build"],
        &["plugin", "replay", "nothing"],
        &["plugin", "replay", "hello/nothing"],
        &["pay", "reconcile", "--date", "2016-01-01"],
        &[
            "simulate",
            "message",
            "--to",
            "http://127.0.0.1:1/wechat/shop/",
            "--token",
            "sometoken",
            "--encoding-aes-key",
            "x",
        ],
        &["simulate", "verify", "--to", "http://127.0.0.1:1/wechat/shop/", "--token", "sometoken"],
    ] {
        let told = failure(arguments);
        assert!(told.starts_with("weft: ") && told.lines().count() == 1 && is_bilingual(&told), "{told}");
    }
    std::fs::write(folder.path().join("weft.toml"), "lisen = 1\nlisten = 1\n[plugins]\ncpu_ms = 0\n").unwrap();
    let told = failure(&["migrate"]);
    assert!(told.lines().count() == 3 && told.lines().all(is_bilingual), "{told}");
}

#[cfg(unix)]
#[test]
fn serve_ends_in_order_when_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut serving = Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .env_clear()
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(serving.stderr.take().unwrap()).lines();
    assert!(lines.by_ref().map_while(Result::ok).any(|line| line.contains("serves")));
    let id = serving.id().to_string();
    assert!(Command::new("kill").arg(id).status().unwrap().success());
    assert!(lines.map_while(Result::ok).any(|line| line.contains("stopped")));
    assert_eq!(serving.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_version_that_is_to_run_is_told_where_the_folder_has_another() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        TestApp::start_with(|config| {
            config.data_dir = folder.path().join("data");
            config.plugins_dir = folder.path().join("plugins");
            config.secret_key = None;
        })
    };
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    let listed = || json(&weft(folder.path(), &["plugin", "list", "--json"]));
    let table = || String::from_utf8(weft(folder.path(), &["plugin", "list"]).stdout).unwrap();

    let app = start().await;
    app.drop_plugin("greeter", first).await;
    app.stop().await;
    let same = &listed()[0]["decided"];
    assert_eq!((&same["digest"], &same["source"]), (&json!(digest(first)), &json!("folder")), "{same}");
    assert_eq!((&same["in_folder"], &same["at_hand"], &same["canary"]), (&json!(true), &json!(true), &json!(null)));
    assert!(!table().contains(&digest(first)[..12]), "{}", table());

    let app = start().await;
    app.drop_plugin("greeter", second).await;
    assert_eq!(app.api(Method::POST, "/plugins/greeter/rollback", None).await.0, 200);
    assert_eq!(app.upload("greeter?canary=5", second.to_vec()).await.0, 200);
    app.stop().await;
    for _ in 0..2 {
        let plugin = &listed()[0];
        assert_eq!((&plugin["name"], &plugin["digest"]), (&json!("greeter"), &json!(digest(second))), "the folder's");
        let decided = &plugin["decided"];
        assert_eq!((&decided["digest"], &decided["source"]), (&json!(digest(first)), &json!("rollback")));
        assert_eq!((&decided["in_folder"], &decided["at_hand"]), (&json!(false), &json!(true)), "{decided}");
        let canary = &decided["canary"];
        assert_eq!((&canary["digest"], &canary["percent"]), (&json!(digest(second)), &json!(5)), "{canary}");
        assert!(decided["version"].is_string() && decided["version"] == plugin["version"], "{decided}");
    }
    let table = table();
    assert!(table.contains(&format!("({:.12}) by rollback; canary ", digest(first))), "{table}");
    assert!(table.contains(&format!("({:.12}) for 5 %", digest(second))), "{table}");
    assert_eq!(weft(folder.path(), &["check"]).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_says_when_the_version_that_is_to_run_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let check = || {
        let output = weft(folder.path(), &["check"]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(check().0, Some(0));
    let config = Config { data_dir: folder.path().join("data"), ..Config::default() };
    let (store, _) = open_store(&config, Clock::system()).await.unwrap();
    let (here, lost) = (guests::greeter().await, digest(b"lost"));
    let (decisions, versions) = (store.plugin_decisions(), store.plugin_versions());
    versions.keep("kept", &digest(here), "1.0.0", here).await.unwrap();
    decisions.decide("kept", Some(&digest(here)), PluginSource::Upload, None).await.unwrap();
    decisions.decide("removed", None, PluginSource::Delete, None).await.unwrap();
    assert_eq!(check().0, Some(0), "what is kept comes into the folder when a server starts");
    decisions.decide("gone", Some(&lost), PluginSource::Folder, None).await.unwrap();
    let (code, text) = check();
    assert_eq!(code, Some(1), "{text}");
    let failed: Vec<_> = text.lines().filter(|line| line.starts_with("FAILED")).collect();
    assert!(matches!(failed[..], [line] if line.starts_with("FAILED plugin gone: ") && line.contains(&lost)), "{text}");

    let listed = json(&weft(folder.path(), &["plugin", "list", "--json"]));
    let states: Vec<_> = listed.as_array().unwrap().iter().map(|plugin| (&plugin["name"], &plugin["state"])).collect();
    assert_eq!(states, [(&json!("gone"), &json!("absent")), (&json!("kept"), &json!("absent"))]);
    assert_eq!(listed[0]["decided"]["at_hand"], false);
    store.close().await;
}
