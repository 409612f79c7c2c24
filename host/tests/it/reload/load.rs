//! Versions that change while many messages come, and calls that trap again and again: nothing is lost, and memory
//! stays as it is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use weft::simulator::{Incoming, Sender};
use weft_wechat::account::EncodingMode;

use super::{answer, server};
use crate::support::{PATIENCE, TestApp, guests, process::Process, share_compiled_plugins, until};

/// What must hold before a release: so many reloads, and so many calls that trap.
const RELOADS: u64 = 200;
/// See [`RELOADS`].
const TRAPS: u64 = 100_000;

/// Messages on their way at most: after a pause of the whole machine not all that were missed come at once.
const ON_THE_WAY: usize = 64;

/// A number from the environment, for long runs.
fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().unwrap())
}

/// A component that is another version for every number.
fn numbered(component: &[u8], number: u64) -> Vec<u8> {
    let text = format!("{number:07}");
    [component, &[0, 9, 1, b'n'], text.as_bytes()].concat()
}

/// How long it takes until all is full that fills in the beginning: the answers that are remembered for a minute or two,
/// and the database's pages.
const FILLS: Duration = Duration::from_secs(130);

/// Answers are forgotten every minute, all that are old enough at once, and memory goes up and down with them: only the
/// most that it was for so long can be compared.
const FORGETS: Duration = Duration::from_secs(65);

/// The most memory of a part of a run, in KiB, may grow by a twentieth until another part. A run that is not whole ends
/// before all is full.
fn assert_stays(half: u64, whole: u64, does_all: bool) {
    let fills = if does_all { 0 } else { 4 << 10 };
    assert!(whole <= half + half / 20 + fills, "{half} KiB, then {whole} KiB");
}

/// `weft serve` with an app that a plugin answers, and what reads its versions.
struct Served {
    process: Process,
    account: Arc<Sender>,
    token: String,
    home: tempfile::TempDir,
    client: reqwest::Client,
}

impl Served {
    async fn start(plugin: &str, bytes: &[u8]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (data, plugins) = (home.path().join("data"), home.path().join("plugins"));
        std::fs::create_dir_all(&plugins).unwrap();
        std::fs::write(plugins.join(format!("{plugin}.wasm")), bytes).unwrap();
        let config = weft::config::Config {
            data_dir: data.clone(),
            secret_key: Some(weft::secret::Secret::new(crate::support::SECRET_KEY)),
            ..weft::config::Config::default()
        };
        std::fs::create_dir_all(&data).unwrap();
        let (store, _) = weft::server::open_store(&config, weft::clock::Clock::system()).await.unwrap();
        let mut shop = weft::model::App::new("shop", weft::model::AppType::Service, "wxshop");
        shop.token = Some(weft::secret::Secret::new(crate::support::TOKEN));
        shop.message_handler = Some(plugin.parse().unwrap());
        store.apps().insert(&shop).await.unwrap();
        let (_, token) = store.tokens().create("test", &["*".to_owned()], None).await.unwrap();
        store.close().await;
        // Every call that fails is made; and nonces, which are remembered for minutes, do not hide what else grows.
        let settings = [("WEFT_PLUGINS__BREAKER_FAILURES", "1000000"), ("WEFT_WEBHOOK__REJECT_REPLAYS", "false")];
        let process = Process::serve_with(&data, &plugins, &settings);
        let account = Arc::new(crate::support::sender_to(&process.base, "shop", EncodingMode::Plain));
        let client = reqwest::Client::new();
        Self { process, account, token: token.expose().to_owned(), home, client }
    }

    /// Replaces the plugin's file as `mv` does, and waits until it runs.
    async fn replace(&self, plugin: &str, bytes: &[u8]) {
        let plugins = self.home.path().join("plugins");
        std::fs::write(plugins.join(".next"), bytes).unwrap();
        std::fs::rename(plugins.join(".next"), plugins.join(format!("{plugin}.wasm"))).unwrap();
        let (digest, deadline) = (weft::plugins::digest(bytes), Instant::now() + PATIENCE);
        let url = format!("{}/api/v1/plugins/{plugin}", self.process.base);
        loop {
            let response = self.client.get(&url).bearer_auth(&self.token).send().await.unwrap();
            let plugin: serde_json::Value = response.json().await.unwrap();
            if plugin["digest"] == digest.as_str() {
                return;
            }
            assert!(Instant::now() < deadline, "{plugin}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// `WEFT_TEST_RELOADS=200` is the whole of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_lose_no_message_and_no_memory() {
    let (reloads, per_second) = (number("WEFT_TEST_RELOADS", 20), number("WEFT_TEST_REQUESTS_PER_SECOND", 50));
    let (does_all, pause) = (reloads >= RELOADS, Duration::from_micros(1_000_000 / per_second));
    let versions = [guests::greeter().await, guests::formal_greeter().await];
    let served = Served::start("greeter", versions[0]).await;
    let usual = answer(&served.account).await.unwrap();
    served.replace("greeter", versions[1]).await;
    let formal = answer(&served.account).await.unwrap();
    assert_ne!(usual, formal);

    let ended = Arc::new(AtomicBool::new(false));
    let counts: Arc<[AtomicU64; 2]> = Arc::default();
    let sending = {
        let (account, ended, counts) = (Arc::clone(&served.account), Arc::clone(&ended), Arc::clone(&counts));
        tokio::spawn(async move {
            let (mut tick, mut running) = (tokio::time::interval(pause), tokio::task::JoinSet::new());
            while !ended.load(Relaxed) {
                tick.tick().await;
                let (account, counts, known) =
                    (Arc::clone(&account), Arc::clone(&counts), [usual.clone(), formal.clone()]);
                running.spawn(async move {
                    let answer = answer(&account).await;
                    let which = known.iter().position(|known| answer.as_ref() == Some(known));
                    counts[which.unwrap_or_else(|| panic!("{answer:?}"))].fetch_add(1, Relaxed);
                });
                while let Some(done) = running.try_join_next() {
                    done.unwrap();
                }
                if running.len() >= ON_THE_WAY {
                    running.join_next().await.unwrap().unwrap();
                }
            }
            while let Some(done) = running.join_next().await {
                done.unwrap();
            }
        })
    };
    let (began, mut half) = (Instant::now(), 0);
    for number in 0..reloads {
        // The second quarter and the last are compared.
        if number == reloads / 2 {
            half = served.process.peak_memory();
        }
        if number == reloads / 4 || number == reloads / 4 * 3 {
            served.process.forget_peak_memory();
        }
        // Each is another version, so that nothing that is kept for each hides.
        let version = numbered(versions[usize::from(number % 2 == 1)], number);
        served.replace("greeter", &version).await;
        assert!(!sending.is_finished(), "after {number} reloads");
    }
    let (whole, took) = (served.process.peak_memory(), began.elapsed());
    let meanwhile: u64 = counts.iter().map(|count| count.load(Relaxed)).sum();
    ended.store(true, Relaxed);
    sending.await.unwrap();
    let counts = [counts[0].load(Relaxed), counts[1].load(Relaxed)];
    println!(
        "{reloads} reloads and {counts:?} answers in {took:?}; memory {half} KiB in the second quarter, {whole} KiB in the last"
    );
    assert!(counts.iter().all(|count| *count > reloads), "{counts:?}");
    // All that are sent are answered. Of those of the last moments some are on their way, and beside other tests more.
    let asked = per_second * u64::try_from(took.as_millis()).unwrap() / 1000;
    let percent = if does_all { 95 } else { 50 };
    assert!(meanwhile >= asked * percent / 100, "{meanwhile} of {asked} answers in {took:?}");
    assert_stays(half, whole, does_all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_of_old_versions_is_freed() {
    let (app, ..) = server().await;
    let component = guests::greeter().await;
    let mut old = Vec::new();
    for number in 0..6 {
        let running = app.state.plugins.find("greeter").unwrap().loaded.clone().unwrap();
        old.push(Arc::downgrade(&running));
        drop(running);
        app.drop_plugin("greeter", &numbered(component, number)).await;
    }
    assert_eq!(app.api(Method::POST, "/plugins/greeter/rollback", None).await.0, 200);
    assert!(old.iter().all(|version| version.upgrade().is_none()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_in_flight_ends_on_the_version_that_it_began_with() {
    let app = TestApp::start().await;
    // Compiled before, it is there as soon as its file is.
    app.drop_plugin("guest", guests::greeter().await).await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let account = Arc::new(app.account("shop", EncodingMode::Plain, "guest").await);
    let naps = (0..8).map(|_| {
        let account = Arc::clone(&account);
        tokio::spawn(async move { account.send(&Incoming::text("oUser", "nap 2000")).await.unwrap().text() })
    });
    let naps: Vec<_> = naps.collect();
    let calls = async || app.api(Method::GET, "/plugins/guest", None).await.1["calls"].clone();
    until("all of them are at it", async || (calls().await["running"] == 8).then_some(())).await;
    app.drop_plugin("guest", guests::greeter().await).await;
    assert!(answer(&account).await.unwrap().contains("Hello"), "the new version answers at once");
    assert!(naps.iter().all(|nap| !nap.is_finished()), "they are still at it");
    for nap in join_all(naps).await {
        assert_eq!(nap.unwrap().as_deref(), Some("napped 2000 ms"));
    }
    assert_eq!(calls().await["failed"], json!(0));
}

/// `WEFT_TEST_TRAPS=100000` is the whole of it: half of them, and more until all is full, some whose memory is the
/// measure, and then the other half.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_trap_leave_nothing_behind() {
    let traps = number("WEFT_TEST_TRAPS", 2000);
    let does_all = traps >= TRAPS;
    let served = Served::start("guest", guests::misbehave().await).await;
    let trap = async |traps: u64, time: Duration| {
        served.process.forget_peak_memory();
        // How many answers of a minute are remembered depends on how fast they come, and a million traps open the breaker.
        let (began, mut done, mut pace) = (Instant::now(), 0, tokio::time::interval(Duration::from_millis(80)));
        while done < traps || (does_all && began.elapsed() < time) {
            let batch = (0..50).map(|_| async {
                let trapped = served.account.send(&Incoming::text("oUser", "panic")).await.unwrap();
                assert_eq!(trapped.text(), None);
            });
            join_all(batch).await;
            done += 50;
            if does_all {
                pace.tick().await;
            }
        }
        (done, served.process.peak_memory())
    };
    let began = Instant::now();
    let (first, _) = trap(traps / 2, FILLS).await;
    let (second, half) = trap(50, FORGETS).await;
    let (third, whole) = trap(traps / 2, FORGETS).await;
    let done = first + second + third;
    println!(
        "{done} traps in {:?}; memory {half} KiB at most after {first}, {whole} KiB at most in the last {third}",
        began.elapsed()
    );
    assert_stays(half, whole, does_all);
    assert_eq!(served.account.send(&Incoming::text("oUser", "ok")).await.unwrap().text().as_deref(), Some("ok"));
}

/// A start with fifty plugins loads code that was compiled before: all of them in a second, in a release build.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_plugins_start_within_a_second_without_being_compiled() {
    let home = tempfile::tempdir().unwrap();
    let (data, plugins) = (home.path().join("data"), home.path().join("plugins"));
    // Of its own, so that no other server takes them for code that nobody needs any more.
    share_compiled_plugins(&data, "plugin-cache-of-fifty");
    let start = async || {
        let began = Instant::now();
        let app = TestApp::start_with(|config| {
            config.data_dir.clone_from(&data);
            config.plugins_dir.clone_from(&plugins);
        })
        .await;
        (app, began.elapsed())
    };
    std::fs::create_dir_all(&plugins).unwrap();
    let mut digests = Vec::new();
    for number in 0..50 {
        let component = numbered(guests::greeter().await, number);
        digests.push(weft::plugins::digest(&component));
        std::fs::write(plugins.join(format!("greeter-{number}.wasm")), component).unwrap();
    }
    let (app, first) = start().await;
    app.stop().await;
    // When the code of each was written.
    let compiled = || {
        let files = std::fs::read_dir(data.join("plugin-cache")).unwrap().map(|entry| entry.unwrap());
        let times = files.map(|file| (file.file_name(), file.metadata().unwrap().modified().unwrap()));
        let times: Vec<_> = times.collect();
        let of = |digest: &String| {
            let own = times.iter().filter(|(name, _)| name.to_str().unwrap().starts_with(digest.as_str()));
            own.cloned().max_by_key(|(_, time)| *time)
        };
        digests.iter().map(of).collect::<Vec<_>>()
    };
    let before = compiled();
    assert!(before.iter().all(Option::is_some), "{before:?}");

    // This one checks and describes each with the code of a debug build.
    let limit = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });
    let mut best = Duration::MAX;
    // What else runs on this machine makes a start longer, and never shorter.
    for _ in 0..5 {
        let (app, took) = start().await;
        let running = app.state.plugins.list();
        assert!(running.iter().all(|plugin| plugin.loaded.is_some() && plugin.error.is_none()));
        assert_eq!(running.len(), 50);
        app.stop().await;
        best = best.min(took);
        if best < limit {
            break;
        }
    }
    println!("fifty plugins: first start {first:?}, the best of the next ones {best:?}");
    assert_eq!(compiled(), before, "something was compiled again");
    assert!(best < limit, "{best:?} after {first:?}");
}
