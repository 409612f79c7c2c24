//! The plugins folder, changed while messages flow.

mod canary;
mod files;
mod load;
mod replicas;
mod versions;
mod volumes;

use std::{
    fs,
    io::Write,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::Value;
use weft::simulator::{Incoming, Sender};
use weft_wechat::account::EncodingMode;

use crate::support::{TestApp, guests};

const OPENID: &str = "oUser";
const SECOND: Duration = Duration::from_secs(1);
/// Sooner than by the look at the whole folder, which comes every five seconds, on a machine that may be slow.
const SOON: Duration = Duration::from_secs(2);

async fn answer(account: &Sender) -> Option<String> {
    account.send(&Incoming::text(OPENID, "weft")).await.unwrap().text()
}

/// A server with the greeter, its account, and what both builds of the greeter answer.
async fn server() -> (TestApp, Sender, String, String) {
    let app = TestApp::start().await;
    let account = app.account("shop", EncodingMode::Plain, "greeter").await;
    app.drop_plugin("greeter", guests::formal_greeter().await).await;
    let formal = answer(&account).await.unwrap();
    app.drop_plugin("greeter", guests::greeter().await).await;
    let usual = answer(&account).await.unwrap();
    assert_ne!(usual, formal);
    (app, account, usual, formal)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_file_answers_within_a_second() {
    let (app, account, _, formal) = server().await;
    let mut shortest = Duration::MAX;
    // What else runs on this machine makes it longer, and never shorter.
    for _ in 0..5 {
        shortest = shortest.min(app.drop_plugin("greeter", guests::formal_greeter().await).await);
        assert_eq!(answer(&account).await.as_ref(), Some(&formal));
        app.drop_plugin("greeter", guests::greeter().await).await;
    }
    assert!(shortest < SECOND, "{shortest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_written_in_place_is_taken_up_too() {
    let (app, account, _, formal) = server().await;
    let bytes = guests::formal_greeter().await;
    fs::write(app.plugin_file("greeter"), bytes).unwrap();
    app.plugin_becomes("greeter", |plugin| plugin["digest"] == weft::plugins::digest(bytes).as_str()).await;
    assert_eq!(answer(&account).await, Some(formal));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_copy_is_not_taken_for_a_version() {
    let (app, account, usual, formal) = server().await;
    let bytes = guests::formal_greeter().await;
    let mut file = fs::File::create(app.plugin_file("greeter")).unwrap();
    // In a thread of its own: no answer that takes its time holds it up.
    let copying = std::thread::spawn(move || {
        for chunk in bytes.chunks(bytes.len() / 20 + 1) {
            std::thread::sleep(Duration::from_millis(50));
            file.write_all(chunk).unwrap();
            file.flush().unwrap();
        }
    });
    loop {
        let said = answer(&account).await;
        let (_, plugin) = app.api(Method::GET, "/plugins/greeter", None).await;
        // The whole file may have been taken up by now.
        if copying.is_finished() {
            break;
        }
        assert_eq!(said.as_ref(), Some(&usual));
        assert_eq!(plugin["error"], Value::Null, "half a file was read");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    copying.join().unwrap();
    app.plugin_becomes("greeter", |plugin| plugin["digest"] == weft::plugins::digest(bytes).as_str()).await;
    assert_eq!(answer(&account).await, Some(formal));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_with_pauses_is_read_when_it_is_whole_whatever_else_comes_meanwhile() {
    let (app, _, _, _) = server().await;
    let bytes = guests::formal_greeter().await;
    let mut file = fs::File::create(app.plugin_file("greeter")).unwrap();
    let other = app.plugin_file("other");
    // In a thread of its own: no answer that takes its time holds it up.
    let copying = std::thread::spawn(move || {
        for chunk in bytes.chunks(bytes.len() / 4 + 1) {
            file.write_all(chunk).unwrap();
            std::thread::sleep(Duration::from_millis(300));
            // Another file has the folder looked at.
            fs::write(&other, b"no plugin").unwrap();
            std::thread::sleep(Duration::from_millis(400));
        }
    });
    while !copying.is_finished() {
        let (_, plugin) = app.api(Method::GET, "/plugins/greeter", None).await;
        assert_eq!(plugin["error"], Value::Null, "half a file was read");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    copying.join().unwrap();
    app.plugin_becomes("greeter", |plugin| plugin["digest"] == weft::plugins::digest(bytes).as_str()).await;

    // Whoever leaves half a file open is not waited for without an end.
    let mut file = fs::File::create(app.plugin_file("greeter")).unwrap();
    file.write_all(&bytes[..bytes.len() / 4]).unwrap();
    let plugin = app.plugin_becomes("greeter", |plugin| plugin["error"]["code"] == "truncated").await;
    assert_eq!(plugin["state"], "ready", "{plugin}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_leaves_the_last_good_version_running() {
    let (app, account, usual, _) = server().await;
    let good = guests::greeter().await;
    let core_module = b"\0asm\x01\0\0\0".to_vec();
    let broken = [
        ("truncated at the header, a valid empty component", good[..8].to_vec(), "empty_component"),
        ("truncated", good[..good.len() / 2].to_vec(), "truncated"),
        ("a text", b"hello".to_vec(), "not_webassembly"),
        ("empty", Vec::new(), "not_webassembly"),
        ("a core module", core_module, "core_module"),
        ("WebAssembly text", b"(component)".to_vec(), "not_webassembly"),
    ];
    for (what, bytes, code) in broken {
        fs::write(app.plugin_file("greeter"), bytes).unwrap();
        let plugin = app.plugin_becomes("greeter", |plugin| plugin["error"]["code"] == code).await;
        assert_eq!(plugin["state"], "ready", "{what}");
        assert_eq!(answer(&account).await.as_ref(), Some(&usual), "{what}");
    }
    fs::write(app.plugin_file("greeter"), good).unwrap();
    app.plugin_becomes("greeter", |plugin| plugin["error"] == Value::Null).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_file_that_is_broken_is_shown_as_failed() {
    let app = TestApp::start().await;
    fs::write(app.plugin_file("fresh"), b"nothing").unwrap();
    let plugin = app.plugin_becomes("fresh", |plugin| plugin["state"] == "failed").await;
    assert!(plugin["error"]["detail"].as_str().unwrap().contains("wasm32-wasip2"), "{plugin}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_file_is_out_and_a_returning_one_back() {
    let (app, account, usual, _) = server().await;
    let aside = app.plugins.join("aside.bak");
    fs::rename(app.plugin_file("greeter"), &aside).unwrap();
    let began = Instant::now();
    app.plugin_becomes("greeter", Value::is_null).await;
    let took = began.elapsed();
    assert!(took < SOON, "{took:?}");
    assert_eq!(answer(&account).await, None);
    fs::rename(&aside, app.plugin_file("greeter")).unwrap();
    app.plugin_becomes("greeter", |plugin| plugin["state"] == "ready").await;
    assert_eq!(answer(&account).await, Some(usual));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_replaced_is_followed() {
    let (app, account, _, formal) = server().await;
    fs::rename(&app.plugins, app.plugins.with_extension("old")).unwrap();
    fs::create_dir(&app.plugins).unwrap();
    app.drop_plugin("greeter", guests::formal_greeter().await).await;
    assert_eq!(answer(&account).await, Some(formal));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_followed_that_is_replaced_at_once_or_lies_in_one_that_is() {
    let home = tempfile::tempdir().unwrap();
    let above = home.path().join("srv");
    let folder = above.join("plugins");
    let app = TestApp::start_with(|config| config.plugins_dir.clone_from(&folder)).await;
    let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
    app.drop_plugin("greeter", second).await;
    app.drop_plugin("greeter", first).await;

    // No look comes between: its inode may be the same.
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    let took = app.drop_plugin("greeter", second).await;
    assert!(took < SOON, "{took:?}");

    let release = home.path().join("release");
    fs::create_dir_all(release.join("plugins")).unwrap();
    fs::write(release.join("plugins/greeter.wasm"), first).unwrap();
    let began = Instant::now();
    fs::rename(&above, home.path().join("old")).unwrap();
    fs::rename(&release, &above).unwrap();
    app.plugin_becomes("greeter", |plugin| plugin["digest"] == weft::plugins::digest(first).as_str()).await;
    let took = began.elapsed();
    assert!(took < SOON, "{took:?}");

    // What happens in the new one is reported.
    let took = app.drop_plugin("greeter", second).await;
    assert!(took < SOON, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_no_plugin_can_be_called_as_are_left_alone() {
    let (app, account, usual, _) = server().await;
    fs::write(app.plugins.join("bad name.wasm"), b"x").unwrap();
    fs::write(app.plugins.join(".hidden.wasm"), b"x").unwrap();
    fs::write(app.plugins.join("readme.txt"), b"x").unwrap();
    fs::write(app.plugins.join("case.WASM"), b"x").unwrap();
    app.drop_plugin("other", guests::formal_greeter().await).await;
    let (_, list) = app.api(Method::GET, "/plugins", None).await;
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|plugin| plugin["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["greeter", "other"]);
    assert_eq!(answer(&account).await, Some(usual));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_messages_during_fifty_reloads_have_no_wrong_answer() {
    let (app, account, usual, formal) = server().await;
    let account = std::sync::Arc::new(account);
    let sending = {
        let account = std::sync::Arc::clone(&account);
        tokio::spawn(async move {
            let mut answers = Vec::new();
            while answers.len() < 1000 {
                let batch = (0..8).map(|_| answer(&account));
                answers.extend(futures::future::join_all(batch).await);
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
            answers
        })
    };
    let mut reloads = 0;
    while reloads < 50 || !sending.is_finished() {
        let bytes = if reloads % 2 == 0 { guests::formal_greeter().await } else { guests::greeter().await };
        app.drop_plugin("greeter", bytes).await;
        reloads += 1;
    }
    let answers = sending.await.unwrap();
    assert!(answers.iter().all(|answer| answer.as_ref() == Some(&usual) || answer.as_ref() == Some(&formal)));
    let formal_answers = answers.iter().filter(|answer| answer.as_ref() == Some(&formal)).count();
    assert!(formal_answers > 100 && formal_answers < 900, "{formal_answers} of {}", answers.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_checked_before_it_is_placed() {
    let (app, account, usual, formal) = server().await;
    let (status, problem) = app.upload("greeter", b"nothing".to_vec()).await;
    assert_eq!((status, &problem["type"]), (422, &Value::from("not_webassembly")), "{problem}");
    assert_eq!(fs::read(app.plugin_file("greeter")).unwrap(), guests::greeter().await);
    assert_eq!(answer(&account).await, Some(usual));

    let (status, plugin) = app.upload("greeter", guests::formal_greeter().await.to_vec()).await;
    assert_eq!((status, &plugin["state"]), (200, &Value::from("ready")), "{plugin}");
    assert_eq!(answer(&account).await, Some(formal));
    assert_eq!(fs::read(app.plugin_file("greeter")).unwrap(), guests::formal_greeter().await);

    assert_eq!(app.api(Method::DELETE, "/plugins/greeter", None).await.0, 204);
    assert_eq!(answer(&account).await, None);
    assert_eq!(app.api(Method::DELETE, "/plugins/greeter", None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compiled_plugin_that_somebody_changed_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let start = || TestApp::start_with(|config| config.data_dir.clone_from(&data));
    let compiled = || {
        let mut files = fs::read_dir(data.join("plugin-cache")).unwrap().map(|entry| entry.unwrap().path());
        (files.next().unwrap(), files.next())
    };

    let app = start().await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    let (file, other) = compiled();
    assert_eq!(other, None);
    let good = fs::read(&file).unwrap();
    app.stop().await;

    for change in [0, good.len() / 2, good.len() - 1] {
        let mut changed = good.clone();
        changed[change] ^= 1;
        fs::write(&file, &changed).unwrap();
        let app = start().await;
        let account = match app.api(Method::GET, "/apps/shop", None).await.0 {
            404 => app.account("shop", EncodingMode::Plain, "greeter").await,
            _ => app.sender("shop", EncodingMode::Plain),
        };
        app.drop_plugin("greeter", guests::greeter().await).await;
        assert!(answer(&account).await.is_some());
        assert_ne!(fs::read(&file).unwrap(), changed, "byte {change}: the changed file was used");
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compiled_plugin_under_the_name_of_another_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let start = || TestApp::start_with(|config| config.data_dir.clone_from(&data));
    let compiled = |component: &[u8]| {
        let digest = weft::plugins::digest(component);
        let mut files = fs::read_dir(data.join("plugin-cache")).unwrap().map(|entry| entry.unwrap().path());
        files.find(|file| file.file_name().unwrap().to_str().unwrap().starts_with(&digest)).unwrap()
    };
    let (usual, formal) = (guests::greeter().await, guests::formal_greeter().await);

    let app = start().await;
    app.drop_plugin("usual", usual).await;
    app.drop_plugin("formal", formal).await;
    let usual_answer = answer(&app.account("blog", EncodingMode::Plain, "usual").await).await.unwrap();
    let formal_answer = answer(&app.account("shop", EncodingMode::Plain, "formal").await).await.unwrap();
    assert_ne!(usual_answer, formal_answer);
    app.stop().await;

    // This server made it, and nobody changed a byte of it: only its name is that of another file.
    let place = compiled(formal);
    let moved = fs::read(compiled(usual)).unwrap();
    fs::write(&place, &moved).unwrap();
    let app = start().await;
    app.drop_plugin("formal", formal).await;
    assert_eq!(answer(&app.sender("shop", EncodingMode::Plain)).await, Some(formal_answer));
    assert_ne!(fs::read(&place).unwrap(), moved, "it is still there");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_while_a_start_loads_plugins_waits_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let plugins = folder.path().join("plugins");
    let start = |listen: &str| {
        let config = weft::config::Config {
            listen: listen.parse().unwrap(),
            data_dir: data.clone(),
            plugins_dir: plugins.clone(),
            ..weft::config::Config::default()
        };
        weft::server::Server::prepare(config, weft::clock::Clock::system())
    };
    let server = start("127.0.0.1:0").await.unwrap();
    let mut shop = weft::model::App::new("shop", weft::model::AppType::Service, "wxshop");
    shop.token = Some(weft::secret::Secret::new(crate::support::TOKEN));
    shop.message_handler = Some("greeter".parse().unwrap());
    server.state().store.apps().insert(&shop).await.unwrap();
    drop(server);
    fs::write(plugins.join("greeter.wasm"), guests::greeter().await).unwrap();

    // Nothing compiled is there yet, so the message is earlier than the plugin.
    let server = start("127.0.0.1:0").await.unwrap();
    let account = Sender::new(weft::simulator::Settings {
        url: format!("http://{}/wechat/shop/", server.address().unwrap()),
        token: crate::support::TOKEN.to_owned(),
        appid: "wxshop".to_owned(),
        original_id: crate::support::ORIGINAL_ID.to_owned(),
        mode: EncodingMode::Plain,
        key: None,
    })
    .unwrap();
    let ending = tokio_util::sync::CancellationToken::new();
    let _ended = ending.clone().drop_guard();
    tokio::spawn(server.run(ending));
    assert!(answer(&account).await.is_some_and(|answer| answer.contains("Hello")));
}
