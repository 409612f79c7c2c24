//! Earlier versions: kept, gone back to, and over restarts.

use std::{fs, path::Path, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
#[cfg(unix)]
use weft::model::PluginSource;
use weft::plugins::digest;
use weft_wechat::account::EncodingMode;

use super::{answer, server};
#[cfg(unix)]
use crate::support::{HandMade, compilers::Gate};
use crate::support::{TestApp, guests, until};

async fn roll_back(app: &TestApp, body: Option<Value>) -> (u16, Value) {
    app.api(Method::POST, "/plugins/greeter/rollback", body).await
}

/// A component that is another version for every number: a section that nobody reads is behind it.
fn numbered(component: &[u8], number: u8) -> Vec<u8> {
    [component, &[0, 3, 1, b'n', number]].concat()
}

fn digests(plugin: &Value) -> Vec<&str> {
    plugin["versions"].as_array().unwrap().iter().map(|version| version["digest"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_taken_back_until_another_file_comes() {
    let (app, account, usual, formal) = server().await;
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    let new = app.drop_plugin("greeter", second).await;
    assert!(new < Duration::from_secs(5));
    assert_eq!(answer(&account).await.as_ref(), Some(&formal));

    let (status, plugin) = roll_back(&app, None).await;
    assert_eq!(status, 200, "{plugin}");
    assert_eq!((&plugin["digest"], &plugin["decided"]), (&json!(digest(first)), &json!(digest(first))));
    assert_eq!((&plugin["rolled_back"], &plugin["source"]), (&json!(digest(second)), &json!("rollback")));
    assert_eq!(answer(&account).await.as_ref(), Some(&usual));
    // The file stays, and whoever copies it there again changes nothing.
    assert_eq!(fs::read(app.plugin_file("greeter")).unwrap(), second);
    assert_eq!(plugin["in_folder"], digest(second));
    fs::write(app.plugin_file("greeter"), second).unwrap();
    let other = numbered(second, 1);
    app.drop_plugin("beacon", &other).await;
    assert_eq!(answer(&account).await.as_ref(), Some(&usual), "the same file again");

    assert_eq!(roll_back(&app, None).await.0, 409, "there is nothing older");
    let (status, problem) = roll_back(&app, Some(json!({"digest": "00"}))).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("digest")), "{problem}");

    app.drop_plugin("greeter", &other).await;
    let plugin = app.plugin_becomes("greeter", |plugin| plugin["source"] == "folder").await;
    assert_eq!(plugin["rolled_back"], Value::Null, "{plugin}");
    assert_eq!(digests(&plugin), [&digest(&other), &digest(second), &digest(first)]);
    assert_eq!(answer(&account).await, Some(formal));

    let (_, entries) = app.api(Method::GET, "/audit-log?action=roll_back_plugin", None).await;
    let entry = &entries["items"][0];
    assert_eq!(entry["before"]["digest"], digest(second), "{entries}");
    assert_eq!(entry["after"]["digest"], digest(first));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_log_shows_what_each_change_of_a_plugin_changes_and_no_counts() {
    // Calls of the plugin are counted by now.
    let (app, ..) = server().await;
    let (first, second) = (digest(guests::greeter().await), digest(guests::formal_greeter().await));
    app.plugin_becomes("greeter", |plugin| plugin["decided"] == first.as_str()).await;
    let post =
        async |path: &str, body: Value| app.api(Method::POST, &format!("/plugins/greeter{path}"), Some(body)).await;
    let entry = async |action: &str| {
        let (_, log) = app.api(Method::GET, &format!("/audit-log?action={action}&limit=1"), None).await;
        log["items"][0].clone()
    };
    let keys = |document: &Value| document.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let changed = async |action: &str, changes: Value| {
        let entry = entry(action).await;
        let (before, after) = (&entry["before"], &entry["after"]);
        assert_eq!(keys(before), keys(after), "{entry}");
        assert!(["calls", "breakers", "versions", "replicas"].iter().all(|name| before.get(name).is_none()), "{entry}");
        for (name, change) in changes.as_object().unwrap() {
            assert_eq!(json!([before[name], after[name]]), *change, "{action}, {name}: {entry}");
        }
    };

    assert_eq!(app.upload("greeter", guests::formal_greeter().await.to_vec()).await.0, 200);
    let changes = json!({"digest": [first, second], "decided": [first, second], "source": ["folder", "upload"]});
    changed("put_plugin", changes).await;
    assert_eq!(roll_back(&app, None).await.0, 200);
    let changes = json!({
        "digest": [second, first], "decided": [second, first], "source": ["upload", "rollback"],
        "rolled_back": [null, second], "name": ["greeter", "greeter"], "canary": [null, null],
    });
    changed("roll_back_plugin", changes).await;

    let canary = |percent: u8, state: &str, reason: Value| {
        let nobody: [&str; 0] = [];
        json!({"digest": second, "percent": percent, "openids": nobody, "state": state, "reason": reason})
    };
    let running = |percent| canary(percent, "running", Value::Null);
    assert_eq!(app.upload("greeter?canary=10", guests::formal_greeter().await.to_vec()).await.0, 200);
    changed("put_plugin", json!({"digest": [first, first], "canary": [null, running(10)]})).await;
    assert_eq!(post("/canary", json!({"percent": 50})).await.0, 200);
    changed("set_plugin_canary", json!({"canary": [running(10), running(50)]})).await;
    assert_eq!(app.api(Method::DELETE, "/plugins/greeter/canary", None).await.0, 204);
    let taken_back = canary(50, "taken_back", json!("it was taken back through the API"));
    changed("take_back_plugin_canary", json!({"canary": [running(50), taken_back]})).await;
    assert_eq!(post("/canary", json!({"digest": second, "percent": 50})).await.0, 200);
    assert_eq!(post("/canary/promote", json!({})).await.0, 200);
    let changes = json!({
        "digest": [first, second], "source": ["rollback", "canary"], "rolled_back": [second, null],
        "canary": [running(50), canary(50, "promoted", Value::Null)],
    });
    changed("promote_plugin_canary", changes).await;

    let patch = json!({"state": "disabled", "limits": {"cpu_ms": 123}});
    assert_eq!(app.api(Method::PATCH, "/plugins/greeter", Some(patch)).await.0, 200);
    changed("patch_plugin", json!({"state": ["ready", "disabled"], "limits": [{}, {"cpu_ms": 123}]})).await;
    assert_eq!(app.api(Method::DELETE, "/plugins/greeter", None).await.0, 204);
    let entry = entry("delete_plugin").await;
    assert_eq!((&entry["before"]["digest"], &entry["after"]), (&json!(second), &Value::Null), "{entry}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_kept_version_can_be_named_and_only_the_last_ones_are_kept() {
    let (app, ..) = server().await;
    let component = guests::greeter().await;
    let versions: Vec<_> = (0..8).map(|number| numbered(component, number)).collect();
    for version in &versions {
        assert_eq!(app.upload("greeter", version.clone()).await.0, 200);
    }
    let (_, plugin) = app.api(Method::GET, "/plugins/greeter", None).await;
    let kept: Vec<_> = versions.iter().rev().take(5).map(|version| digest(version)).collect();
    assert_eq!(digests(&plugin), kept);
    assert_eq!(plugin["versions"][0]["current"], true);
    assert_eq!(plugin["versions"][0]["size"], versions[7].len());

    let (status, plugin) = roll_back(&app, Some(json!({"digest": kept[3]}))).await;
    assert_eq!((status, &plugin["digest"]), (200, &json!(kept[3])));
    assert_eq!(digests(&plugin), kept, "going back puts nothing into another order");
    assert_eq!(roll_back(&app, None).await.1["digest"], kept[4]);
    // Forward again: nothing is taken back any more.
    let (_, plugin) = roll_back(&app, Some(json!({"digest": kept[0]}))).await;
    assert_eq!((&plugin["digest"], &plugin["rolled_back"]), (&json!(kept[0]), &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_versions_are_not_gone_back_to_and_push_out_no_good_one() {
    let (app, ..) = server().await;
    let good = guests::greeter().await;
    for number in 0..7 {
        assert_eq!(app.upload("greeter", numbered(good, number)).await.0, 200);
        let (status, plugin) = roll_back(&app, None).await;
        assert_eq!((status, &plugin["digest"]), (200, &json!(digest(good))), "after {number}: {plugin}");
        let rolled_back = |version: &&Value| version["rolled_back"] == true;
        let rolled_back = plugin["versions"].as_array().unwrap().iter().filter(rolled_back).count();
        assert_eq!(rolled_back, usize::from(number + 1).min(5), "{plugin}");
    }
    // One that is named runs all the same, and is good again.
    let named = digest(&numbered(good, 6));
    assert_eq!(roll_back(&app, Some(json!({"digest": named}))).await.0, 200);
    assert_eq!(app.upload("greeter", numbered(good, 7)).await.0, 200);
    assert_eq!(roll_back(&app, None).await.1["digest"], named);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_was_removed_comes_back() {
    let (app, account, usual, _) = server().await;
    assert_eq!(app.api(Method::DELETE, "/plugins/greeter", None).await.0, 204);
    assert_eq!(answer(&account).await, None);
    let (status, plugin) = roll_back(&app, None).await;
    assert_eq!(status, 200, "{plugin}");
    assert_eq!(answer(&account).await, Some(usual));
    assert_eq!(app.api(Method::POST, "/plugins/nobody/rollback", None).await.0, 404);
}

/// A server with its data and plugins in `home`.
pub(super) async fn at(home: &Path) -> TestApp {
    TestApp::start_with(|config| {
        config.data_dir = home.join("data");
        config.plugins_dir = home.join("plugins");
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_finds_everything_as_it_was_left() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("plugins/greeter.wasm");
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    let running = async |app: &TestApp| app.api(Method::GET, "/plugins/greeter", None).await.1["digest"].clone();

    let app = at(home.path()).await;
    app.account("shop", EncodingMode::Plain, "greeter").await;
    assert_eq!(app.upload("greeter", first.to_vec()).await.0, 200);
    assert_eq!(app.upload("greeter", second.to_vec()).await.0, 200);
    assert_eq!(roll_back(&app, None).await.0, 200);
    app.stop().await;

    let app = at(home.path()).await;
    assert_eq!(running(&app).await, digest(first), "the rollback holds");
    assert_eq!(fs::read(&file).unwrap(), second);
    app.stop().await;

    // The file breaks while nothing runs.
    fs::write(&file, b"broken").unwrap();
    let app = at(home.path()).await;
    let (_, plugin) = app.api(Method::GET, "/plugins/greeter", None).await;
    assert_eq!((&plugin["digest"], &plugin["state"]), (&json!(digest(first)), &json!("ready")), "{plugin}");
    assert_eq!(plugin["error"]["code"], "not_webassembly");
    assert!(answer(&app.sender("shop", EncodingMode::Plain)).await.is_some());
    app.stop().await;

    // A newer file comes while nothing runs, and then it goes.
    fs::write(&file, numbered(second, 1)).unwrap();
    let app = at(home.path()).await;
    assert_eq!(running(&app).await, digest(&numbered(second, 1)));
    app.stop().await;
    fs::remove_file(&file).unwrap();
    let app = at(home.path()).await;
    assert_eq!(app.api(Method::GET, "/plugins/greeter", None).await.0, 404);
    app.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_decided_elsewhere_waits_for_no_other_plugin_that_is_compiled() {
    let (home, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    let app = TestApp::start_with(|config| {
        // Of its own: nothing was compiled before.
        config.data_dir = home.path().join("data");
        config.plugins.compiler = Some(gate.compiler());
        config.plugins.compile_timeout_ms = 600_000;
    })
    .await;
    for version in [first, second] {
        assert_eq!(app.upload("greeter", version.to_vec()).await.0, 200);
    }
    gate.close();
    fs::write(app.plugin_file("slow"), HandMade::PLAIN.bytes()).unwrap();
    gate.holds_one().await;

    // As another process does.
    let decisions = app.state.store.plugin_decisions();
    decisions.decide("slow", None, PluginSource::Delete, None).await.unwrap();
    // The second of these comes when the first is seen, and with it what was decided of the other plugin.
    for (to, from) in [(first, second), (second, first), (first, second)] {
        let (to, from) = (digest(to), digest(from));
        decisions.decide("greeter", Some(&to), PluginSource::Rollback, Some(&from)).await.unwrap();
        app.plugin_becomes("greeter", |plugin| plugin["digest"] == to.as_str()).await;
    }
    assert!(app.state.plugins.find("slow").is_none(), "it is still being compiled");
    gate.open();
    app.plugin_becomes("slow", |plugin| plugin["state"] == "ready").await;
    app.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_compiled_for_long_at_a_start_holds_up_no_change_of_another() {
    let (home, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    let start = || {
        TestApp::start_with(|config| {
            config.data_dir = home.path().join("data");
            config.plugins_dir = home.path().join("plugins");
            config.plugins.compiler = Some(gate.compiler());
            config.plugins.compile_timeout_ms = 600_000;
        })
    };
    let app = start().await;
    app.drop_plugin("greeter", first).await;
    // So that it is compiled already.
    app.drop_plugin("formal", second).await;
    app.stop().await;

    gate.close();
    fs::write(home.path().join("plugins/slow.wasm"), HandMade::PLAIN.bytes()).unwrap();
    let changed = home.path().join(format!("data/plugin-versions/greeter/{}.wasm", digest(second)));
    let change = async {
        gate.holds_one().await;
        fs::write(home.path().join("plugins/greeter.wasm"), second).unwrap();
        until("the changed file is a version", async || changed.exists().then_some(())).await;
        gate.open();
    };
    // Which ends when all has been loaded.
    let (app, ()) = tokio::join!(start(), change);
    app.plugin_becomes("greeter", |plugin| plugin["digest"] == digest(second).as_str()).await;
    app.plugin_becomes("slow", |plugin| plugin["state"] == "ready").await;
    app.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_decided_runs_although_a_compiler_was_killed() {
    let (home, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let start = async || {
        TestApp::start_with(|config| {
            // Of its own: nothing was compiled before.
            config.data_dir = home.path().join("data");
            config.plugins_dir = home.path().join("plugins");
            config.plugins.compiler = Some(gate.compiler());
            config.plugins.compile_timeout_ms = 600_000;
        })
        .await
    };
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    let app = start().await;
    assert_eq!(app.upload("greeter", first.to_vec()).await.0, 200);
    gate.close();
    let ((status, problem), ()) = tokio::join!(app.upload("greeter", second.to_vec()), gate.kills_one());
    assert_eq!((status, &problem["type"]), (422, &json!("compiler_killed")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("plugins.compile_memory_mib"), "{problem}");

    // As another process does, which has compiled it.
    let (decisions, versions) = (app.state.store.plugin_decisions(), app.state.store.plugin_versions());
    versions.keep("greeter", &digest(second), "1.0.0", second).await.unwrap();
    decisions.decide("greeter", Some(&digest(second)), PluginSource::Upload, None).await.unwrap();
    gate.kills_one().await;
    assert_eq!(running(&app), Some(digest(first)));
    gate.open();
    app.plugin_becomes("greeter", |plugin| plugin["digest"] == digest(second).as_str()).await;
    let file = app.plugin_file("greeter");
    until("the folder has it, too", async || (fs::read(&file).unwrap() == second).then_some(())).await;
    app.stop().await;

    // The file lies there when a server starts that has no code of it.
    fs::remove_dir_all(home.path().join("data/plugin-cache")).unwrap();
    gate.close();
    let (app, ()) = tokio::join!(start(), gate.kills_one());
    let (_, plugin) = app.api(Method::GET, "/plugins/greeter", None).await;
    assert_eq!((&plugin["state"], &plugin["error"]["code"]), (&json!("failed"), &json!("compiler_killed")), "{plugin}");
    gate.open();
    let plugin = app.plugin_becomes("greeter", |plugin| plugin["state"] == "ready").await;
    assert_eq!((&plugin["digest"], &plugin["error"]), (&json!(digest(second)), &Value::Null), "{plugin}");
    app.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_for_which_there_was_no_time_is_compiled_when_there_is() {
    let (home, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let app = TestApp::start_with(|config| {
        // Of its own: nothing was compiled before.
        config.data_dir = home.path().join("data");
        config.plugins.compiler = Some(gate.compiler());
        config.plugins.compile_timeout_ms = 3000;
    })
    .await;
    gate.close();
    fs::write(app.plugin_file("slow"), HandMade::PLAIN.bytes()).unwrap();
    app.plugin_becomes("slow", |plugin| plugin["error"]["code"] == "compile_timed_out").await;
    gate.open();
    let plugin = app.plugin_becomes("slow", |plugin| plugin["state"] == "ready").await;
    assert_eq!(plugin["error"], Value::Null, "{plugin}");
    app.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_looked_at_is_told_of_and_hides_no_version() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("plugins/greeter.wasm");
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    let unreadable = |plugin: &Value| plugin["error"]["code"] == "unreadable";
    // No name is so long, which is neither a file nor none.
    let hide = || {
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("x".repeat(300), &file).unwrap();
    };

    let app = at(home.path()).await;
    assert_eq!(app.upload("greeter", first.to_vec()).await.0, 200);
    hide();
    let plugin = app.plugin_becomes("greeter", unreadable).await;
    assert_eq!((&plugin["digest"], &plugin["state"]), (&json!(digest(first)), &json!("ready")), "{plugin}");
    app.stop().await;

    let app = at(home.path()).await;
    let (_, plugin) = app.api(Method::GET, "/plugins/greeter", None).await;
    assert!(unreadable(&plugin), "{plugin}");
    assert_eq!((&plugin["digest"], &plugin["state"]), (&json!(digest(first)), &json!("ready")), "{plugin}");
    app.drop_plugin("greeter", second).await;
    app.plugin_becomes("greeter", |plugin| plugin["error"].is_null()).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_on_the_disk_that_somebody_changed_is_not_used() {
    let home = tempfile::tempdir().unwrap();
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    let app = at(home.path()).await;
    for version in [first, second] {
        assert_eq!(app.upload("greeter", version.to_vec()).await.0, 200);
    }
    let kept = home.path().join(format!("data/plugin-versions/greeter/{}.wasm", digest(first)));
    let mut changed = fs::read(&kept).unwrap();
    changed[100] ^= 1;
    fs::write(&kept, changed).unwrap();
    // The database has it, too.
    let (status, plugin) = roll_back(&app, None).await;
    assert_eq!((status, &plugin["digest"]), (200, &json!(digest(first))), "{plugin}");
}

/// Lets the database of a server in `home` say nothing of decisions, or say it again.
async fn change_tables(home: &Path, sql: &'static str) {
    let url = format!("sqlite://{}", home.join("data/weft.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

const HIDE: &str = "ALTER TABLE plugin_decisions RENAME TO hidden";
const SHOW: &str = "ALTER TABLE hidden RENAME TO plugin_decisions";

fn running(app: &TestApp) -> Option<String> {
    let plugin = app.state.plugins.find("greeter")?;
    plugin.loaded.as_ref().map(|loaded| loaded.digest.clone())
}

async fn decided(app: &TestApp) -> Option<String> {
    app.state.store.plugin_decisions().find("greeter").await.unwrap()?.digest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_file_is_decided_as_soon_as_the_database_answers() {
    let home = tempfile::tempdir().unwrap();
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    let app = at(home.path()).await;
    assert_eq!(app.upload("greeter", first.to_vec()).await.0, 200);
    app.stop().await;

    fs::write(home.path().join("plugins/greeter.wasm"), second).unwrap();
    change_tables(home.path(), HIDE).await;
    let app = at(home.path()).await;
    assert_eq!(running(&app), Some(digest(second)), "the folder alone counts");
    change_tables(home.path(), SHOW).await;
    until("the database is told", async || decided(&app).await.filter(|decided| *decided == digest(second))).await;
    assert_eq!(running(&app), Some(digest(second)));
    app.stop().await;
    let app = at(home.path()).await;
    assert_eq!(running(&app), Some(digest(second)));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_file_that_nobody_knows_takes_nothing_back_when_the_database_answers() {
    let home = tempfile::tempdir().unwrap();
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    let app = at(home.path()).await;
    for version in [first, second] {
        assert_eq!(app.upload("greeter", version.to_vec()).await.0, 200);
    }
    app.stop().await;

    // As a new process that shares the database, and has what its image has.
    fs::remove_dir_all(home.path().join("data/plugin-versions")).unwrap();
    fs::write(home.path().join("plugins/greeter.wasm"), first).unwrap();
    change_tables(home.path(), HIDE).await;
    let app = at(home.path()).await;
    assert_eq!(running(&app), Some(digest(first)), "better than nothing");
    change_tables(home.path(), SHOW).await;
    until("what was decided runs", async || running(&app).filter(|running| *running == digest(second))).await;
    assert_eq!(decided(&app).await, Some(digest(second)));
    let file = home.path().join("plugins/greeter.wasm");
    until("the folder has it, too", async || (fs::read(&file).unwrap() == second).then_some(())).await;
    app.stop().await;
}
