//! The `weft` command, as a process.

mod plugins;

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::{bilingual::is_bilingual, support::guests};

/// Runs `weft` in a folder of its own, away from the settings of this process.
pub(crate) fn weft(folder: &Path, arguments: &[&str]) -> Output {
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
fn what_turns_text_round_in_a_terminal_is_shown_to_programs_alone() {
    let folder = tempfile::tempdir().unwrap();
    let title = "one\u{202e}two\u{2066}";
    let add = ["app", "add", "shop", "--type", "service", "--appid", "wx1", "--title", title];
    assert_eq!(weft(folder.path(), &add).status.code(), Some(0));
    for command in [&["app", "list"][..], &["app", "show", "shop"]] {
        let text = String::from_utf8(weft(folder.path(), command).stdout).unwrap();
        assert!(text.contains("one two") && !text.contains(['\u{202e}', '\u{2066}']), "{text:?}");
    }
    assert_eq!(json(&weft(folder.path(), &["app", "list", "--json"]))[0]["title"], title);
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
fn an_app_is_shown_with_what_the_admin_api_shows_of_it() {
    let folder = tempfile::tempdir().unwrap();
    weft(folder.path(), &["app", "add", "shop", "--type", "service", "--appid", "wx1"]);
    let shown = json(&weft(folder.path(), &["app", "show", "shop", "--json"]));
    let document = json(&weft(folder.path(), &["openapi"]));
    let fields = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let mut documented = fields(&document["components"]["schemas"]["AppView"]["properties"]);
    assert!(documented.remove("warnings"), "some of them are of plugins, which only a server knows");
    assert_eq!(fields(&shown), documented);
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
    assert!(refused.contains("--encoding-aes-key / WECHAT_ENCODING_AES_KEY: encoding mode safe needs"), "{refused}");
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
