//! Canaries: who gets them, what is counted, and when they are taken back.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    time::{Duration, SystemTime},
};

use futures::{StreamExt as _, future, stream};
use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    clock::Clock,
    plugins::digest,
    simulator::{Incoming, Sender},
};
use weft_wechat::account::EncodingMode;

use super::{OPENID, answer, server};
#[cfg(unix)]
use crate::support::compilers::Gate;
use crate::support::{
    PATIENCE, TestApp,
    database::{START, on_postgres},
    guests, until,
};

async fn upload(app: &TestApp, canary: u8, bytes: &[u8]) -> (u16, Value) {
    app.upload(&format!("greeter?canary={canary}"), bytes.to_vec()).await
}

async fn set(app: &TestApp, settings: Value) -> (u16, Value) {
    app.api(Method::POST, "/plugins/greeter/canary", Some(settings)).await
}

async fn answers_to(account: &Sender, openid: &str) -> Option<String> {
    account.send(&Incoming::text(openid, "weft")).await.unwrap().text()
}

/// Of so many users those who get `text`.
async fn who_gets(account: &Sender, users: usize, text: &str) -> Vec<usize> {
    let asking = (0..users).map(async |user| {
        let answer = answers_to(account, &format!("oUser{user:04}")).await.unwrap();
        (answer == text).then_some(user)
    });
    // Some at a time: all at once would wait for each other longer than WeChat does where the machine is busy.
    stream::iter(asking).buffered(16).filter_map(future::ready).collect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_of_the_users_gets_it_always_the_same_ones() {
    let (app, account, usual, formal) = server().await;
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    let (status, plugin) = upload(&app, 30, second).await;
    assert_eq!((status, &plugin["digest"]), (200, &json!(digest(first))), "{plugin}");
    let canary = &plugin["canary"];
    assert_eq!((&canary["digest"], &canary["state"]), (&json!(digest(second)), &json!("running")));
    assert_eq!(std::fs::read(app.plugin_file("greeter")).unwrap(), first, "the folder stays");

    let some = who_gets(&account, 200, &formal).await;
    assert!((30..=90).contains(&some.len()), "{}", some.len());
    assert_eq!(who_gets(&account, 200, &formal).await, some);
    assert_eq!(set(&app, json!({"percent": 60})).await.0, 200);
    let more = who_gets(&account, 200, &formal).await;
    assert!(more.len() > some.len() && some.iter().all(|user| more.contains(user)), "{some:?} {more:?}");

    // Named users only.
    assert_eq!(set(&app, json!({"openids": ["oUser0001"]})).await.0, 200);
    assert_eq!(who_gets(&account, 50, &formal).await, [1]);
    let counted = app.plugin_becomes("greeter", |plugin| plugin["canary"]["calls"]["total"].as_u64() > Some(100)).await;
    let canary = &counted["canary"];
    assert!(canary["stable_calls"]["total"].as_u64() > Some(200), "{canary}");
    assert_eq!((&canary["calls"]["failed"], &canary["stable_calls"]["failed"]), (&json!(0), &json!(0)));

    let (status, plugin) = app.api(Method::POST, "/plugins/greeter/canary/promote", None).await;
    assert_eq!((status, &plugin["digest"]), (200, &json!(digest(second))), "{plugin}");
    assert_eq!((&plugin["canary"]["state"], &plugin["source"]), (&json!("promoted"), &json!("canary")));
    assert_eq!(std::fs::read(app.plugin_file("greeter")).unwrap(), second);
    assert_eq!(answer(&account).await, Some(formal));

    let (status, plugin) = app.api(Method::POST, "/plugins/greeter/rollback", None).await;
    assert_eq!((status, &plugin["digest"]), (200, &json!(digest(first))), "{plugin}");
    assert_eq!(answer(&account).await, Some(usual));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_more_is_taken_back() {
    let app = TestApp::start().await;
    let account = app.account("shop", EncodingMode::Plain, "greeter").await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    let (status, plugin) = upload(&app, 0, guests::misbehave().await).await;
    assert_eq!(status, 200, "{plugin}");
    assert_eq!(set(&app, json!({"openids": [OPENID]})).await.0, 200);
    for _ in 0..10 {
        assert_eq!(account.send(&Incoming::text(OPENID, "panic")).await.unwrap().text(), None);
        assert!(account.send(&Incoming::text("oOther", "panic")).await.unwrap().text().is_some());
    }
    let plugin = app.plugin_becomes("greeter", |plugin| plugin["canary"]["state"] == "taken_back").await;
    let reason = plugin["canary"]["reason"].as_str().unwrap();
    assert!(reason.contains("10 of its last 10 calls failed, and 0 of 10"), "{reason}");
    // The process hears of what it has told the database.
    until("the version before answers", async || account.send(&Incoming::text(OPENID, "panic")).await.unwrap().text())
        .await;

    let (_, entries) = app.api(Method::GET, "/audit-log?action=take_back_plugin_canary", None).await;
    let entry = &entries["items"][0];
    assert_eq!(
        (&entry["actor"]["name"], &entry["before"]["digest"]),
        (&json!("weft"), &plugin["canary"]["digest"]),
        "{entry}"
    );
    assert_eq!(entry["after"]["reason"], reason);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_is_taken_back_while_another_version_is_compiled() {
    let (home, gate) = (tempfile::tempdir().unwrap(), Gate::new());
    let app = TestApp::start_with(|config| {
        // Of its own: nothing was compiled before.
        config.data_dir = home.path().join("data");
        config.plugins.compiler = Some(gate.compiler());
        config.plugins.compile_timeout_ms = 600_000;
    })
    .await;
    let account = app.account("shop", EncodingMode::Plain, "greeter").await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    assert_eq!(upload(&app, 0, guests::misbehave().await).await.0, 200);
    assert_eq!(set(&app, json!({"openids": [OPENID]})).await.0, 200);
    gate.close();
    let uploading = app.upload("greeter", guests::formal_greeter().await.to_vec());
    let failing = async {
        gate.holds_one().await;
        for _ in 0..10 {
            assert_eq!(account.send(&Incoming::text(OPENID, "panic")).await.unwrap().text(), None);
            assert!(account.send(&Incoming::text("oOther", "panic")).await.unwrap().text().is_some());
        }
        app.plugin_becomes("greeter", |plugin| plugin["canary"]["state"] == "taken_back").await;
        let again = async || account.send(&Incoming::text(OPENID, "panic")).await.unwrap().text();
        until("the version before answers", again).await;
        gate.open();
    };
    let ((status, plugin), ()) = tokio::join!(uploading, failing);
    assert_eq!(status, 200, "{plugin}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_app_alone_takes_it_back_from_itself_and_from_no_other() {
    let app = TestApp::start().await;
    let shop = app.account("shop", EncodingMode::Plain, "greeter").await;
    let cafe = app.account("cafe", EncodingMode::Plain, "greeter").await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    // It calls seldom: no more before the other has failed.
    assert!(answers_to(&cafe, OPENID).await.is_some());
    assert_eq!(upload(&app, 100, guests::misbehave().await).await.0, 200);
    let fail = async |account: &Sender, times: u64| {
        for _ in 0..times {
            assert_eq!(account.send(&Incoming::text(OPENID, "error")).await.unwrap().text(), None);
        }
    };
    fail(&shop, 10).await;
    let plugin = app.plugin_becomes("greeter", |plugin| plugin["canary"]["without_apps"] == json!(["shop"])).await;
    assert_eq!(plugin["canary"]["state"], "running", "{plugin}");
    // What the database has been told counts here a moment later.
    until("the version before answers", async || shop.send(&Incoming::text(OPENID, "error")).await.unwrap().text())
        .await;

    // What it lacked may be there now.
    assert_eq!(app.api(Method::PUT, "/apps/shop/plugins/greeter", Some(json!({"kv": true}))).await.0, 200);
    let (_, plugin) = app.api(Method::GET, "/plugins/greeter", None).await;
    assert_eq!(plugin["canary"]["without_apps"], json!([]), "{plugin}");
    fail(&shop, 10).await;
    app.plugin_becomes("greeter", |plugin| plugin["canary"]["without_apps"] == json!(["shop"])).await;

    fail(&cafe, 10).await;
    let plugin = app.plugin_becomes("greeter", |plugin| plugin["canary"]["state"] == "taken_back").await;
    assert_eq!(plugin["canary"]["calls"]["failed"], plugin["canary"]["calls"]["total"], "{plugin}");

    // The other app's users are none of those.
    assert_eq!(upload(&app, 0, guests::misbehave().await).await.0, 200);
    assert_eq!(set(&app, json!({"openids": [OPENID]})).await.0, 200);
    fail(&shop, 10).await;
    app.plugin_becomes("greeter", |plugin| plugin["canary"]["state"] == "taken_back").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_as_often_as_the_other_stays() {
    let app = TestApp::start().await;
    let account = app.account("shop", EncodingMode::Plain, "greeter").await;
    let component = guests::misbehave().await;
    app.drop_plugin("greeter", component).await;
    let other = [component, &[0, 3, 1, b'n', 1]].concat();
    assert_eq!(upload(&app, 50, &other).await.0, 200);
    for user in 0..60 {
        let failing = Incoming::text(&format!("oUser{user}"), "panic");
        assert_eq!(account.send(&failing).await.unwrap().text(), None);
    }
    let sum = |plugin: &Value| {
        let calls = ["calls", "stable_calls"].map(|calls| plugin["canary"][calls]["failed"].as_u64().unwrap());
        calls.iter().sum::<u64>()
    };
    let plugin = app.plugin_becomes("greeter", |plugin| sum(plugin) == 60).await;
    assert_eq!(plugin["canary"]["state"], "running", "{plugin}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused_and_another_version_ends_it() {
    let (app, account, usual, formal) = server().await;
    let second = guests::formal_greeter().await;
    assert_eq!(app.upload("fresh?canary=10", second.to_vec()).await.0, 409, "nothing runs beside it");
    let (status, problem) = upload(&app, 101, second).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("canary")), "{problem}");
    assert_eq!(upload(&app, 10, b"nothing").await.0, 422);
    assert_eq!(upload(&app, 10, guests::greeter().await).await.0, 409, "it is what runs");
    assert_eq!(set(&app, json!({"percent": 10})).await.0, 409, "there is none");
    assert_eq!(app.api(Method::DELETE, "/plugins/greeter/canary", None).await.0, 409);
    assert_eq!(app.api(Method::POST, "/plugins/greeter/canary/promote", None).await.0, 409);
    assert_eq!(set(&app, json!({"digest": "00", "percent": 10})).await.0, 422);
    assert_eq!(set(&app, json!({"openids": ["o k"]})).await.0, 422);

    // A version that is kept.
    assert_eq!(set(&app, json!({"digest": digest(second), "percent": 100})).await.0, 200);
    assert_eq!(answer(&account).await.as_ref(), Some(&formal));
    assert_eq!(app.api(Method::DELETE, "/plugins/greeter/canary", None).await.0, 204);
    assert_eq!(answer(&account).await.as_ref(), Some(&usual));

    assert_eq!(set(&app, json!({"digest": digest(second), "percent": 100})).await.0, 200);
    let other = [guests::greeter().await, &[0, 3, 1, b'n', 1]].concat();
    app.drop_plugin("greeter", &other).await;
    app.plugin_becomes("greeter", |plugin| plugin["canary"]["state"] == "taken_back").await;
    assert_eq!(answer(&account).await, Some(usual));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_refused_leaves_the_one_before_to_be_taken_back() {
    let (app, account, ..) = server().await;
    // A section that nobody reads, of 3 MiB: its length in LEB128, and its name.
    let padding = [&[0, 0x80, 0x80, 0xc0, 1, 1, b'p'][..], &vec![0; (3 << 20) - 2]].concat();
    let large = [guests::greeter().await, &padding].concat();
    assert_eq!(upload(&app, 10, &large).await.0, 200);
    assert_eq!(upload(&app, 0, guests::misbehave().await).await.0, 200);
    assert_eq!(set(&app, json!({"openids": [OPENID]})).await.0, 200);
    let limits = json!({"limits": {"max_file_mib": 2}});
    assert_eq!(app.api(Method::PATCH, "/plugins/greeter", Some(limits)).await.0, 200);

    let (status, problem) = set(&app, json!({"digest": digest(&large), "percent": 100})).await;
    assert_eq!((status, &problem["type"]), (422, &json!("too_large")), "{problem}");
    let (_, plugin) = app.api(Method::GET, "/plugins/greeter", None).await;
    let canary = &plugin["canary"];
    assert_eq!(canary["digest"], digest(guests::misbehave().await), "{canary}");
    assert_eq!((&canary["state"], &canary["openids"]), (&json!("running"), &json!([OPENID])), "{canary}");
    for _ in 0..10 {
        assert_eq!(account.send(&Incoming::text(OPENID, "panic")).await.unwrap().text(), None);
        assert!(account.send(&Incoming::text("oOther", "panic")).await.unwrap().text().is_some());
    }
    app.plugin_becomes("greeter", |plugin| plugin["canary"]["state"] == "taken_back").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_passes_over_what_was_a_canary_alone() {
    let (app, ..) = server().await;
    let (good, broken) = (guests::greeter().await, guests::misbehave().await);
    let roll_back = async || app.api(Method::POST, "/plugins/greeter/rollback", None).await;
    assert_eq!(upload(&app, 10, broken).await.0, 200);
    assert_eq!(app.api(Method::DELETE, "/plugins/greeter/canary", None).await.0, 204);
    let bad = [good, &[0, 3, 1, b'n', 1]].concat();
    assert_eq!(app.upload("greeter", bad.clone()).await.0, 200);
    let (status, plugin) = roll_back().await;
    assert_eq!((status, &plugin["digest"]), (200, &json!(digest(good))), "{plugin}");
    let ran = |version: &Value| version["ran_for_all"] == (version["digest"] != digest(broken).as_str());
    assert!(plugin["versions"].as_array().unwrap().iter().all(ran), "{plugin}");

    // Nor is it the last good one where none runs.
    assert_eq!(app.upload("greeter", good.to_vec()).await.0, 200);
    let next = [good, &[0, 3, 1, b'n', 2]].concat();
    assert_eq!(upload(&app, 10, &next).await.0, 200);
    assert_eq!(app.api(Method::DELETE, "/plugins/greeter", None).await.0, 204);
    let (status, plugin) = roll_back().await;
    assert_eq!((status, &plugin["digest"]), (200, &json!(digest(good))), "{plugin}");

    // One that was promoted is.
    assert_eq!(set(&app, json!({"digest": digest(&next), "percent": 100})).await.0, 200);
    assert_eq!(app.api(Method::POST, "/plugins/greeter/canary/promote", None).await.0, 200);
    assert_eq!(app.upload("greeter", bad).await.0, 200);
    let (status, plugin) = roll_back().await;
    assert_eq!((status, &plugin["digest"]), (200, &json!(digest(&next))), "{plugin}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_that_were_canaries_alone_leave_the_disk_too_and_push_out_no_other() {
    let (app, ..) = server().await;
    for number in 0..8 {
        let version = [guests::greeter().await, &[0, 3, 1, b'n', number]].concat();
        assert_eq!(upload(&app, 10, &version).await.0, 200);
    }
    let folder = app.state.config.data_dir.join("plugin-versions/greeter");
    let kept = until("the disk has no more than the database", async || {
        let (_, plugin) = app.api(Method::GET, "/plugins/greeter", None).await;
        let versions = plugin["versions"].as_array().unwrap().iter();
        let known: BTreeSet<_> = versions.map(|version| version["digest"].as_str().unwrap().to_owned()).collect();
        let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        let kept: BTreeSet<_> = files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        (kept == known).then_some(kept)
    })
    .await;
    assert_eq!(kept.len(), 7, "the last five, and both that ran for all");
    for ran in [guests::greeter().await, guests::formal_greeter().await] {
        assert!(kept.contains(&digest(ran)), "{kept:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_refused_is_shown_beside_whatever_is_done_elsewhere() {
    let (app, ..) = server().await;
    std::fs::write(app.plugin_file("greeter"), b"nothing").unwrap();
    app.plugin_becomes("greeter", |plugin| plugin["error"]["code"] == "not_webassembly").await;
    // As another process does.
    let second = digest(guests::formal_greeter().await);
    app.state.store.plugin_canaries().begin("greeter", &second, 50, &[]).await.unwrap();
    until("the canary runs here", async || app.state.plugins.find("greeter")?.canary.clone()).await;
    let (_, plugin) = app.api(Method::GET, "/plugins/greeter", None).await;
    assert_eq!((&plugin["canary"]["state"], &plugin["error"]["code"]), (&json!("running"), &json!("not_webassembly")));

    let (status, plugin) = app.api(Method::POST, "/plugins/greeter/rollback", None).await;
    assert_eq!((status, &plugin["digest"]), (200, &json!(second)), "{plugin}");
    assert_eq!(plugin["error"]["code"], "not_webassembly", "the file lies there as before: {plugin}");
    std::fs::write(app.plugin_file("greeter"), guests::misbehave().await).unwrap();
    app.plugin_becomes("greeter", |plugin| plugin["error"].is_null()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_survives_a_restart_and_so_does_its_code_however_old() {
    let home = tempfile::tempdir().unwrap();
    let start = async || {
        TestApp::start_with(|config| {
            config.data_dir = home.path().join("data");
            config.plugins_dir = home.path().join("plugins");
        })
        .await
    };
    let app = start().await;
    let account = app.account("shop", EncodingMode::Plain, "greeter").await;
    assert_eq!(app.upload("greeter", guests::greeter().await.to_vec()).await.0, 200);
    assert_eq!(upload(&app, 50, guests::formal_greeter().await).await.0, 200);
    let usual = answers_to(&account, "oUser0000").await.unwrap();
    let before = who_gets(&account, 40, &usual).await;
    assert!(!before.is_empty() && before.len() < 40);
    app.stop().await;
    let cache = home.path().join("data/plugin-cache");
    let unused = cache.join("0000-0000.cwasm");
    std::fs::write(&unused, b"code").unwrap();
    let compiled = || {
        let files = std::fs::read_dir(&cache).unwrap().map(|file| file.unwrap());
        let times = files.map(|file| (file.path(), file.metadata().unwrap().modified().unwrap()));
        times.collect::<BTreeMap<_, _>>()
    };
    for file in compiled().keys() {
        let long_ago = SystemTime::now() - Duration::from_hours(8 * 24);
        File::options().append(true).open(file).unwrap().set_modified(long_ago).unwrap();
    }
    let mut kept = compiled();
    kept.remove(&unused);
    assert_eq!(kept.len(), 2);

    let app = start().await;
    let account = app.sender("shop", EncodingMode::Plain);
    assert_eq!(who_gets(&account, 40, &usual).await, before);
    until("what nothing needs is removed", async || (!unused.exists()).then_some(())).await;
    assert_eq!(compiled(), kept, "nothing else was, nor compiled again");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_that_nothing_needs_any_more_goes_while_the_server_runs() {
    let (home, clock) = (tempfile::tempdir().unwrap(), Clock::manual(START));
    let app = TestApp::start_at(clock.clone(), |config| config.data_dir = home.path().join("data")).await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    let cache = home.path().join("data/plugin-cache");
    let running = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let unused = cache.join("0000-0000.cwasm");
    std::fs::write(&unused, b"code").unwrap();
    for file in [&unused, &running] {
        let long_ago = SystemTime::now() - Duration::from_hours(8 * 24);
        File::options().append(true).open(file).unwrap().set_modified(long_ago).unwrap();
    }
    // More than one round, as the one of the start may be yet to begin.
    until("what nothing needs is removed", async || {
        clock.advance(Duration::from_hours(1));
        (!unused.exists()).then_some(())
    })
    .await;
    assert!(running.exists());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_processes_give_it_to_the_same_users_and_count_together() {
    on_postgres(async |database| {
        let start = async || TestApp::start_with(|config| config.database_url = Some(database.url.clone())).await;
        let (one, two) = (start().await, start().await);
        let account = one.account("shop", EncodingMode::Plain, "greeter").await;
        let other = two.sender("shop", EncodingMode::Plain);
        assert_eq!(one.upload("greeter", guests::greeter().await.to_vec()).await.0, 200);
        let first = json!(digest(guests::greeter().await));
        two.plugin_becomes("greeter", |plugin| plugin["digest"] == first).await;
        let usual = answer(&account).await.unwrap();
        assert_eq!(upload(&one, 50, guests::formal_greeter().await).await.0, 200);
        two.plugin_becomes("greeter", |plugin| plugin["canary"]["state"] == "running").await;
        let here = who_gets(&account, 40, &usual).await;
        // The other process looks once a second.
        let deadline = std::time::Instant::now() + PATIENCE;
        while who_gets(&other, 40, &usual).await != here {
            assert!(std::time::Instant::now() < deadline);
        }
        assert_eq!(one.api(Method::DELETE, "/plugins/greeter/canary", None).await.0, 204);
        while who_gets(&other, 40, &usual).await.len() < 40 {
            assert!(std::time::Instant::now() < deadline);
        }
        one.stop().await;
        two.stop().await;
    })
    .await;
}
