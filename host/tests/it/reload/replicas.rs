//! Processes that share a PostgreSQL database end with the same versions.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use weft::{config::DatabaseUrl, plugins::digest, simulator::Incoming};
use weft_wechat::account::EncodingMode;

use crate::support::{
    HandMade, PATIENCE, TestApp,
    database::{TestDatabase, on_postgres},
    guests,
    process::Process,
    sender_to, until,
};

/// A process of its own, with its own folders.
struct Replica {
    process: Process,
    home: TempDir,
}

impl Replica {
    fn start(database: &TestDatabase) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), database)
    }

    fn start_in(home: TempDir, database: &TestDatabase) -> Self {
        let DatabaseUrl::Postgres(url) = &database.url else { panic!("not PostgreSQL") };
        fs::create_dir_all(home.path().join("plugins")).unwrap();
        let process = Process::serve(&home.path().join("data"), &home.path().join("plugins"), url.expose());
        Self { process, home }
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("plugins/greeter.wasm")
    }

    fn drop_file(&self, bytes: &[u8]) {
        let beside = self.home.path().join("plugins/.new");
        fs::write(&beside, bytes).unwrap();
        fs::rename(beside, self.file()).unwrap();
    }

    async fn call(&self, app: &TestApp, method: Method, path: &str, body: Option<Vec<u8>>) -> (u16, Value) {
        let mut request = reqwest::Client::new()
            .request(method, format!("{}/api/v1{path}", self.process.base))
            .bearer_auth(&app.token);
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    async fn plugin(&self, app: &TestApp) -> Value {
        self.call(app, Method::GET, "/plugins/greeter", None).await.1
    }

    /// Waits until it runs the version.
    async fn runs(&self, app: &TestApp, digest: Option<&str>) {
        let deadline = Instant::now() + PATIENCE;
        let mut last = Value::Null;
        while Instant::now() < deadline {
            last = self.plugin(app).await;
            if last["digest"].as_str() == digest {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{digest:?} does not run: {last}");
    }

    async fn folder_has(&self, bytes: Option<&[u8]>) {
        let deadline = Instant::now() + PATIENCE;
        while fs::read(self.file()).ok().as_deref() != bytes {
            assert!(Instant::now() < deadline, "the folder stays as it is");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The component with a section behind it that nobody reads.
fn third(component: &[u8]) -> Vec<u8> {
    [component, &[0, 3, 1, b'n', 3]].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_in_one_process_is_made_in_the_other() {
    on_postgres(async |database| {
        // It makes the token and the account.
        let app = TestApp::start_with(|config| config.database_url = Some(database.url.clone())).await;
        app.account("shop", EncodingMode::Plain, "greeter").await;
        let (one, two) = (Replica::start(&database), Replica::start(&database));
        let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
        let both = async |digest: Option<&str>| {
            one.runs(&app, digest).await;
            two.runs(&app, digest).await;
        };

        let (status, plugin) = one.call(&app, Method::PUT, "/plugins/greeter", Some(first.to_vec())).await;
        assert_eq!(status, 200, "{plugin}");
        both(Some(&digest(first))).await;
        two.folder_has(Some(first)).await;
        for replica in [&one, &two] {
            let account = sender_to(&replica.process.base, "shop", EncodingMode::Plain);
            assert!(account.send(&Incoming::text("oUser", "weft")).await.unwrap().text().is_some());
        }

        two.drop_file(second);
        both(Some(&digest(second))).await;
        one.folder_has(Some(second)).await;

        let (status, _) = one.call(&app, Method::POST, "/plugins/greeter/rollback", None).await;
        assert_eq!(status, 200);
        both(Some(&digest(first))).await;
        assert_eq!(fs::read(two.file()).unwrap(), second, "a rollback leaves folders alone");
        assert_eq!(two.plugin(&app).await["rolled_back"], digest(second));

        let third = third(second);
        one.drop_file(&third);
        both(Some(&digest(&third))).await;
        two.folder_has(Some(&third)).await;
        let plugin = two.plugin(&app).await;
        let running: Vec<_> = plugin["replicas"].as_array().unwrap().iter().map(|replica| &replica["digest"]).collect();
        assert!(running.len() >= 3 && running.iter().all(|digest| !digest.is_null()), "{plugin}");

        assert_eq!(two.call(&app, Method::DELETE, "/plugins/greeter", None).await.0, 204);
        both(None).await;
        one.folder_has(None).await;
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_comes_after_a_deletion_counts_also_where_that_is_not_known_yet() {
    on_postgres(async |database| {
        let app = TestApp::start_with(|config| config.database_url = Some(database.url.clone())).await;
        let (one, two) = (Replica::start(&database), Replica::start(&database));
        let version = |round: u8| [HandMade::PLAIN.bytes(), vec![0, 3, 1, b'x', round]].concat();
        for round in 0..6 {
            let (before, after) = (version(2 * round), version(2 * round + 1));
            one.drop_file(&before);
            one.runs(&app, Some(&digest(&before))).await;
            two.runs(&app, Some(&digest(&before))).await;
            two.folder_has(Some(&before)).await;
            assert_eq!(one.call(&app, Method::DELETE, "/plugins/greeter", None).await.0, 204);
            // The other one asks for what was decided every second.
            tokio::time::sleep(Duration::from_millis(150 * u64::from(round))).await;
            two.drop_file(&after);
            one.runs(&app, Some(&digest(&after))).await;
            two.runs(&app, Some(&digest(&after))).await;
        }

        // A file that is refused stays, as nobody has removed it; and what was there before it may come again.
        let good = version(0);
        one.drop_file(&good);
        two.runs(&app, Some(&digest(&good))).await;
        two.folder_has(Some(&good)).await;
        let two_has = async |state: &str, has_error: bool| {
            until("the other one has seen it", async || {
                let plugin = two.plugin(&app).await;
                (plugin["state"] == state && plugin["error"].is_object() == has_error).then_some(())
            })
            .await;
        };
        two.drop_file(b"no plugin");
        two_has("ready", true).await;
        assert_eq!(one.call(&app, Method::DELETE, "/plugins/greeter", None).await.0, 204);
        two_has("failed", true).await;
        two.folder_has(Some(b"no plugin")).await;
        two.drop_file(&good);
        two_has("ready", false).await;
        one.runs(&app, Some(&digest(&good))).await;
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_with_an_old_file_or_none_takes_what_the_others_have() {
    on_postgres(async |database| {
        let app = TestApp::start_with(|config| config.database_url = Some(database.url.clone())).await;
        let (first, second) = (guests::greeter().await, guests::formal_greeter().await);
        assert_eq!(app.upload("greeter", first.to_vec()).await.0, 200);
        assert_eq!(app.upload("greeter", second.to_vec()).await.0, 200);

        let empty = Replica::start(&database);
        empty.runs(&app, Some(&digest(second))).await;
        empty.folder_has(Some(second)).await;

        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("plugins")).unwrap();
        fs::write(home.path().join("plugins/greeter.wasm"), first).unwrap();
        let old = Replica::start_in(home, &database);
        old.runs(&app, Some(&digest(second))).await;

        // A file that nobody has seen is a new version, also in a new process.
        let home = tempfile::tempdir().unwrap();
        let third = third(first);
        fs::create_dir_all(home.path().join("plugins")).unwrap();
        fs::write(home.path().join("plugins/greeter.wasm"), &third).unwrap();
        let new = Replica::start_in(home, &database);
        for replica in [&new, &old, &empty] {
            replica.runs(&app, Some(&digest(&third))).await;
        }
        app.plugin_becomes("greeter", |plugin| plugin["digest"] == json!(digest(&third))).await;
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_changes_at_once_end_with_one_version_everywhere() {
    on_postgres(async |database| {
        let app = TestApp::start_with(|config| config.database_url = Some(database.url.clone())).await;
        let (one, two) = (Replica::start(&database), Replica::start(&database));
        let versions = [guests::greeter().await.to_vec(), guests::formal_greeter().await.to_vec()];
        for round in 0..5 {
            one.drop_file(&versions[round % 2]);
            two.drop_file(&versions[(round + 1) % 2]);
            // They have come to rest when they have been at one for longer than it takes to hear of a change.
            let (began, mut at_one) = (Instant::now(), None);
            while at_one.is_none_or(|since: Instant| since.elapsed() < Duration::from_secs(3)) {
                assert!(began.elapsed() < PATIENCE, "they do not come to rest");
                let decided = app.state.store.plugin_decisions().find("greeter").await.unwrap();
                let decided = decided.and_then(|decided| decided.digest);
                let (_, here) = app.api(Method::GET, "/plugins/greeter", None).await;
                let running = [here, one.plugin(&app).await, two.plugin(&app).await];
                let agree = running.iter().all(|plugin| plugin["digest"].as_str() == decided.as_deref())
                    // A file is placed when its version runs.
                    && fs::read(one.file()).unwrap_or_default() == fs::read(two.file()).unwrap_or_default();
                at_one = if agree && decided.is_some() { at_one.or(Some(Instant::now())) } else { None };
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        app.stop().await;
    })
    .await;
}
