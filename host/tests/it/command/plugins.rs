//! What `weft check` and `weft plugin list` tell of plugins, of the apps that name them, and of versions.

use std::path::Path;

use reqwest::Method;
use serde_json::json;
use weft::{
    clock::Clock,
    config::Config,
    model::{Handler, PluginSource, ReplyContent, ReplyTemplate},
    plugins::digest,
    server::open_store,
};

use super::{json, weft};
use crate::support::{TestApp, guests};

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
