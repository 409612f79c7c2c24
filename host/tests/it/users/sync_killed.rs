//! A sync of very many users, in a process that is killed again and again.

use std::{
    collections::BTreeSet,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use weft::{
    config::DatabaseUrl,
    simulator::wechat::{self, Wechat},
};

use super::APPID;
use crate::support::{TestApp, client, process::Process};

/// How many users there are, unless this variable says otherwise.
const USERS: u64 = 100_000;
const VARIABLE: &str = "WEFT_TEST_SYNC_USERS";

const KILLS: usize = 3;
const LEFT_BEFORE: u64 = 1000;

/// How much more memory than at the first kill there may be later, in KiB.
const GROWTH: u64 = 32 << 10;

fn users() -> u64 {
    std::env::var(VARIABLE).map_or(USERS, |users| users.parse().unwrap())
}

/// Where the servers that follow each other have their data, and how they are called.
struct Home {
    folder: tempfile::TempDir,
    wechat: Wechat,
    token: String,
    client: Client,
}

impl Home {
    /// With an app, and with users of it who have left.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let wechat = Wechat::start().await.unwrap();
        wechat.add_account(APPID, "thesecret");
        let data = folder.path().join("data");
        let app = TestApp::start_with(|config| config.data_dir = data).await;
        app.create_app("shop", json!({"appsecret": "thesecret"})).await;
        let left: Vec<_> = (0..LEFT_BEFORE).map(|number| format!("oLeft{number}")).collect();
        app.state.store.users().follow("shop", 0, app.state.clock.now(), &left).await.unwrap();
        let token = app.token.clone();
        app.stop().await;
        Self { folder, wechat, token, client: client() }
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    fn start(&self) -> Process {
        let plugins = self.folder.path().join("plugins");
        std::fs::create_dir_all(&plugins).unwrap();
        Process::serve_with(&self.data(), &plugins, &[("WEFT_WECHAT__API_BASE", &self.wechat.base)])
    }

    async fn call(&self, process: &Process, method: Method, path: &str, body: Option<Value>) -> Value {
        let request = self.client.request(method, format!("{}/api/v1{path}", process.base)).bearer_auth(&self.token);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// Who follows, and how many of them have no details, as the database says.
    async fn stored(&self) -> (BTreeSet<String>, i64) {
        let mut connection = open(&self.data()).await;
        let followers = sqlx::query_scalar("SELECT openid FROM users WHERE subscribed").fetch_all(&mut connection);
        let followers: Vec<String> = followers.await.unwrap();
        let bare = "SELECT COUNT(*) FROM users WHERE subscribed AND profile_fetched_at IS NULL";
        let bare = sqlx::query_scalar(bare).fetch_one(&mut connection).await.unwrap();
        (followers.into_iter().collect(), bare)
    }
}

async fn open(data: &Path) -> SqliteConnection {
    let url = DatabaseUrl::Sqlite(data.join("weft.db")).to_string();
    SqliteConnection::connect(&url).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_is_killed_three_times_ends_with_exactly_those_who_follow() {
    let (home, users) = (Home::new().await, users());
    home.wechat.follow_many(APPID, 0..users);
    let mut kills: Vec<u64> = (0..KILLS).map(|_| rand::random_range(users / 50..users * 3 / 4)).collect();
    kills.sort_unstable();
    let mut next_kill = kills.iter();
    let (mut kill_at, mut killed) = (next_kill.next(), 0);
    let (mut seen, mut peaks) = (BTreeSet::new(), Vec::new());

    let began = Instant::now();
    let mut process = home.start();
    let input = json!({"mode": "full", "details": true});
    let job = home.call(&process, Method::POST, "/apps/shop/users/sync", Some(input)).await;
    let path = format!("/jobs/{}", job["id"].as_str().unwrap());
    let job = loop {
        assert!(began.elapsed() < Duration::from_mins(10), "{seen:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
        let job = home.call(&process, Method::GET, &path, None).await;
        assert_ne!(job["state"], "failed", "{job}");
        let done = job["progress"]["done"].as_u64().unwrap();
        assert!(seen.last().is_none_or(|last| done >= *last), "{done} after {seen:?}");
        seen.insert(done);
        if job["state"] == "done" {
            break job;
        }
        if kill_at.is_some_and(|at| done >= *at) {
            peaks.push(process.peak_memory());
            process.kill();
            // Others leave, and come, while nobody looks.
            killed += 1;
            home.wechat.unfollow(APPID, &wechat::openid(users - killed));
            home.wechat.follow_many(APPID, users * killed + users..users * killed + users + 10);
            kill_at = next_kill.next();
            process = home.start();
        }
    };
    let took = began.elapsed();
    peaks.push(process.peak_memory());
    process.kill();

    assert_eq!(killed, KILLS as u64);
    assert_eq!(job["result"]["unfollowed"], LEFT_BEFORE, "{job}");
    let (stored, bare) = home.stored().await;
    let at_wechat: BTreeSet<_> = home.wechat.followers(APPID).into_iter().collect();
    let (missing, wrong) = (at_wechat.difference(&stored).count(), stored.difference(&at_wechat).count());
    assert_eq!((stored.len() as u64, missing, wrong, bare), (users + 27, 0, 0, 0));
    assert!(seen.len() > 20, "progress is seen rising: {seen:?}");
    assert!(peaks.iter().max() < Some(&(peaks[0] + GROWTH)), "memory grows with the users: {peaks:?}");
    say(users, took, &kills, &peaks);
}

#[expect(clippy::explicit_write, reason = "what eprintln! says, the test runner keeps to itself")]
fn say(users: u64, took: Duration, kills: &[u64], peaks: &[u64]) {
    let mebibytes: Vec<_> = peaks.iter().map(|peak| peak / 1024).collect();
    let seconds = took.as_secs_f32();
    writeln!(
        std::io::stderr(),
        "a sync of {users} users, killed at {kills:?}: {seconds:.1} s, at most {mebibytes:?} MiB of memory"
    )
    .unwrap();
}
