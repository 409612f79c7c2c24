//! How tools replace files: through links, by renaming, by removing first, and again and again.
#![cfg(unix)]

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;
use sqlx::{Connection, SqliteConnection};
use weft::plugins::digest;

use super::{answer, server};
use crate::support::{HandMade, TestApp, guests, until};

/// Sets a link as `ln -sfn` does where it can do so in one step.
pub(super) fn link(target: impl AsRef<Path>, at: &Path) {
    let beside = at.with_extension("link");
    symlink(target, &beside).unwrap();
    fs::rename(beside, at).unwrap();
}

/// Waits until the greeter is the component with these bytes.
async fn becomes(app: &TestApp, bytes: &[u8]) -> Duration {
    let (began, digest) = (Instant::now(), digest(bytes));
    app.plugin_becomes("greeter", |plugin| plugin["digest"] == digest.as_str() && plugin["error"].is_null()).await;
    began.elapsed()
}

/// `cp -p` of a release whose files all have one date, over a file of the same size.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_the_same_size_and_date_is_another_version() {
    let (app, ..) = server().await;
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    // Each ends in a custom section `x` of one byte.
    let versions = [b'1', b'2'].map(|byte| [HandMade::PLAIN.bytes(), vec![0, 3, 1, b'x', byte]].concat());
    for version in &versions {
        let mut file =
            File::options().write(true).create(true).truncate(false).open(app.plugin_file("greeter")).unwrap();
        file.set_len(version.len() as u64).unwrap();
        file.write_all(version).unwrap();
        file.set_modified(date).unwrap();
        drop(file);
        becomes(&app, version).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_link_leads_to_is_followed_at_every_step() {
    let (app, account, usual, formal) = server().await;
    let releases = tempfile::tempdir().unwrap();
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    for (release, bytes) in [("v1", first), ("v2", second)] {
        fs::create_dir(releases.path().join(release)).unwrap();
        fs::write(releases.path().join(release).join("plugin.wasm"), bytes).unwrap();
    }
    let current = releases.path().join("current");
    link("v1", &current);
    link(current.join("plugin.wasm"), &app.plugin_file("greeter"));
    app.plugin_becomes("greeter", |plugin| plugin["digest"] == digest(first).as_str()).await;

    link("v2", &current);
    let took = becomes(&app, second).await;
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(answer(&account).await, Some(formal));

    // The file that the links lead to is written in its place.
    fs::write(releases.path().join("v2/plugin.wasm"), first).unwrap();
    let took = becomes(&app, first).await;
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(answer(&account).await.as_ref(), Some(&usual));

    // A link that leads nowhere is a broken file, whatever it led to before.
    let file = releases.path().join("v2/plugin.wasm");
    for (broken, mended) in [("nowhere", "v2"), ("current", "v2")] {
        link(broken, &current);
        let plugin = app.plugin_becomes("greeter", |plugin| plugin["error"]["code"] == "not_a_file").await;
        assert!(plugin["error"]["detail"].as_str().unwrap().contains("a link that leads"), "{plugin}");
        // For longer than it takes to take out a plugin whose file is gone.
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(answer(&account).await.as_ref(), Some(&usual), "the last good version runs on");
        link(mended, &current);
        becomes(&app, first).await;
    }
    fs::remove_file(file).unwrap();
    app.plugin_becomes("greeter", |plugin| plugin["error"]["code"] == "not_a_file").await;

    // Who ends the plugin removes the link.
    let began = Instant::now();
    fs::remove_file(app.plugin_file("greeter")).unwrap();
    app.plugin_becomes("greeter", Value::is_null).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_weft_places_may_be_read_by_whom_the_one_before_let_read() {
    use std::os::unix::fs::PermissionsExt;

    let app = TestApp::start().await;
    let mode = |file: &Path| fs::metadata(file).unwrap().permissions().mode() & 0o777;
    let (file, others) = (app.plugin_file("greeter"), app.plugins.join("others.txt"));
    assert_eq!(app.upload("greeter", guests::greeter().await.to_vec()).await.0, 200);
    fs::write(&others, b"what any program writes").unwrap();
    assert_eq!(format!("{:o}", mode(&file)), format!("{:o}", mode(&others)));

    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(app.upload("greeter", guests::formal_greeter().await.to_vec()).await.0, 200);
    assert_eq!(format!("{:o}", mode(&file)), "640");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_gone_for_long_takes_no_plugin_along() {
    let (app, account, usual, _) = server().await;
    let aside = app.plugins.with_extension("aside");
    fs::remove_file(app.plugin_file("greeter")).unwrap();
    fs::rename(&app.plugins, &aside).unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(answer(&account).await.as_ref(), Some(&usual), "there is no folder that lacks it");
    fs::create_dir(&app.plugins).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(answer(&account).await, Some(usual), "it may be filled only now");
    app.plugin_becomes("greeter", Value::is_null).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_folder_may_be_a_link_that_is_set_to_another() {
    let home = tempfile::tempdir().unwrap();
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    for release in ["v1", "v2"] {
        fs::create_dir(home.path().join(release)).unwrap();
        fs::write(home.path().join(release).join("greeter.wasm"), first).unwrap();
    }
    fs::write(home.path().join("v1/other.wasm"), first).unwrap();
    fs::create_dir(home.path().join("v3")).unwrap();
    let current = home.path().join("current");
    link("v1", &current);
    let app = TestApp::start_with(|config| config.plugins_dir.clone_from(&current)).await;
    becomes(&app, first).await;
    app.plugin_becomes("other", |plugin| plugin["state"] == "ready").await;
    let began = Instant::now();
    link("v2", &current);
    // Nothing is compiled meanwhile: the file that is in both has the same bytes.
    app.plugin_becomes("other", Value::is_null).await;
    assert!(began.elapsed() < Duration::from_millis(1900), "the new folder was filled before: {:?}", began.elapsed());
    // The new folder is followed from now on.
    fs::write(home.path().join("v2/greeter.wasm"), second).unwrap();
    becomes(&app, second).await;
    // An empty one may be filled only then.
    link("v3", &current);
    tokio::time::sleep(Duration::from_secs(1)).await;
    app.plugin_becomes("greeter", |plugin| plugin["state"] == "ready").await;
    app.plugin_becomes("greeter", Value::is_null).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_in_circles_and_what_is_no_file_hold_nothing_up() {
    let (app, account, _, formal) = server().await;
    symlink("two.wasm", app.plugins.join("one.wasm")).unwrap();
    symlink("one.wasm", app.plugins.join("two.wasm")).unwrap();
    symlink(".", app.plugins.join("here.wasm")).unwrap();
    symlink("/dev/zero", app.plugins.join("endless.wasm")).unwrap();
    assert!(Command::new("mkfifo").arg(app.plugins.join("pipe.wasm")).status().unwrap().success());
    app.drop_plugin("greeter", guests::formal_greeter().await).await;
    assert_eq!(answer(&account).await, Some(formal));
    for name in ["one", "two", "here", "endless", "pipe"] {
        let plugin = app.plugin_becomes(name, |plugin| plugin["state"] == "failed").await;
        assert_eq!(plugin["error"]["code"], "not_a_file", "{plugin}");
    }
    fs::remove_file(app.plugins.join("pipe.wasm")).unwrap();
    app.plugin_becomes("pipe", Value::is_null).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_is_lost_while_tools_replace_the_file_their_way() {
    let (app, account, _, _) = server().await;
    let (file, aside) = (app.plugin_file("greeter"), app.plugins.join("greeter.wasm~"));
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    let ended = AtomicBool::new(false);
    let asking = async {
        let mut answered = 0;
        while !ended.load(Relaxed) {
            assert!(answer(&account).await.is_some(), "after {answered} answers");
            answered += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        answered
    };
    let replacing = async {
        // An editor: the old file gets another name, and a new one is written.
        fs::rename(&file, &aside).unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        fs::write(&file, second).unwrap();
        becomes(&app, second).await;
        // rsync: a hidden file beside it is renamed.
        let beside = app.plugins.join(".greeter.wasm.Xq81bc");
        fs::write(&beside, first).unwrap();
        fs::rename(&beside, &file).unwrap();
        becomes(&app, first).await;
        // cp --remove-destination, slowly.
        fs::remove_file(&file).unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        fs::write(&file, second).unwrap();
        becomes(&app, second).await;
        // The folder is made anew.
        fs::remove_dir_all(&app.plugins).unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        fs::create_dir(&app.plugins).unwrap();
        fs::write(&file, first).unwrap();
        becomes(&app, first).await;
        ended.store(true, Relaxed);
    };
    let (answered, ()) = tokio::join!(asking, replacing);
    assert!(answered > 10, "{answered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_gone_for_a_moment_is_missed_and_not_mourned() {
    let (app, account, usual, _) = server().await;
    let aside = app.plugins.join("aside.bak");
    fs::rename(app.plugin_file("greeter"), &aside).unwrap();
    let missed = app.plugin_becomes("greeter", |plugin| plugin["error"]["code"] == "file_missing").await;
    assert_eq!(missed["state"], "ready");
    assert_eq!(answer(&account).await.as_ref(), Some(&usual));
    fs::rename(&aside, app.plugin_file("greeter")).unwrap();
    app.plugin_becomes("greeter", |plugin| plugin["error"] == Value::Null).await;
    assert_eq!(answer(&account).await, Some(usual));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_hundred_changes_a_second_the_last_one_runs() {
    let (app, account, usual, formal) = server().await;
    let versions = [guests::greeter().await, guests::formal_greeter().await];
    let broken = &versions[0][..versions[0].len() / 2];
    for last in 0..2 {
        let beside = app.plugins.join(".next");
        for number in 0..200 {
            let bytes = if number % 3 == 0 { broken } else { versions[number % 2] };
            fs::write(&beside, bytes).unwrap();
            fs::rename(&beside, app.plugin_file("greeter")).unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        fs::write(app.plugin_file("greeter"), versions[last]).unwrap();
        becomes(&app, versions[last]).await;
        assert_eq!(answer(&account).await.as_ref(), Some([&usual, &formal][last]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_removed_while_the_database_hangs_hold_up_no_other() {
    const NAMES: [&str; 4] = ["one", "two", "three", "four"];
    let app = TestApp::start().await;
    let bytes = HandMade::PLAIN.bytes();
    let digest = digest(&bytes);
    for name in NAMES {
        app.drop_plugin(name, &bytes).await;
        app.plugin_becomes(name, |plugin| plugin["in_folder"] == digest.as_str()).await;
    }
    let url = app.state.config.database().to_string();
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let runs = |name: &str| app.state.plugins.find(name).is_some_and(|plugin| plugin.loaded.is_some());

    let began = Instant::now();
    for name in NAMES {
        fs::remove_file(app.plugin_file(name)).unwrap();
    }
    until("they are out", async || (!NAMES.into_iter().any(runs)).then_some(())).await;
    for name in ["one", "five"] {
        fs::write(app.plugin_file(name), &bytes).unwrap();
    }
    until("a new one runs", async || runs("five").then_some(())).await;
    let took = began.elapsed();
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    // Each of the four waits for the database for five seconds.
    assert!(took < Duration::from_secs(10), "{took:?}");

    for name in ["one", "five"] {
        app.plugin_becomes(name, |plugin| plugin["digest"] == digest.as_str() && plugin["decided"] == plugin["digest"])
            .await;
    }
    for name in ["two", "three", "four"] {
        until("the database knows that it is gone", async || {
            let decision = app.state.store.plugin_decisions().find(name).await.unwrap();
            decision.is_some_and(|decision| decision.digest.is_none()).then_some(())
        })
        .await;
    }
    app.stop().await;
}
