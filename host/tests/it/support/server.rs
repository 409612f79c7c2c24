//! A whole server on a free port, with its own folder.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use weft::{
    clock::Clock,
    config::Config,
    http::AppState,
    secret::Secret,
    server::Server,
    simulator::{Sender, Settings},
};
use weft_wechat::account::EncodingMode;

use super::{PATIENCE, client, with};

/// Of every account in the tests.
pub(crate) const TOKEN: &str = "testtoken";
/// Of every account in the tests.
pub(crate) const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
/// Of every account in the tests.
pub(crate) const ORIGINAL_ID: &str = "gh_test";

/// The same for all, so that compiled plugins can be shared.
pub(crate) const SECRET_KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

/// A running server.
pub(crate) struct TestApp {
    /// `http://127.0.0.1:…`
    pub base: String,
    /// Where plugins are dropped.
    pub plugins: PathBuf,
    /// May do everything.
    pub token: String,
    /// What it is made of, for what no door leads to yet.
    pub state: AppState,
    client: Client,
    _folder: TempDir,
    stop: DropGuard,
    running: JoinHandle<()>,
}

impl TestApp {
    /// Starts with the defaults.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// Starts with a changed configuration.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_at(Clock::system(), change).await
    }

    /// Starts with a clock that the test moves, and a changed configuration.
    pub(crate) async fn start_at(clock: Clock, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        share_compiled_plugins(&data, "plugin-cache");
        let mut config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            data_dir: data,
            plugins_dir: folder.path().join("plugins"),
            secret_key: Some(Secret::new(SECRET_KEY)),
            ..Config::default()
        };
        config.plugins.compiler = Some(env!("CARGO_BIN_EXE_weft").into());
        change(&mut config);
        let plugins = config.plugins_dir.clone();
        let server = Server::prepare(config, clock).await.unwrap();
        let base = format!("http://{}", server.address().unwrap());
        let (_, token) = server.state().store.tokens().create("test", &["*".to_owned()], None).await.unwrap();
        let state = server.state().clone();
        let stop = CancellationToken::new();
        let running = tokio::spawn(server.run(stop.clone()));
        while !state.plugins.is_ready() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let client = client();
        let token = token.expose().to_owned();
        Self { base, plugins, token, state, client, _folder: folder, stop: stop.drop_guard(), running }
    }

    /// Another process with the same database and data, and a plugins folder of its own.
    pub(crate) async fn beside(&self) -> Self {
        let known = Arc::clone(&self.state.config);
        Self::start_with(|config| {
            config.database_url.clone_from(&known.database_url);
            config.data_dir.clone_from(&known.data_dir);
        })
        .await
    }

    /// Stops as a process does that is asked to end, and waits until it has ended.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.running.await.unwrap();
    }

    /// Calls the admin API with the token that may do everything.
    pub(crate) async fn api(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.api_as(&self.token, method, path, body).await
    }

    /// Calls the admin API with a token.
    pub(crate) async fn api_as(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}/api/v1{path}", self.base)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Sends a form to the admin API with the token that may do everything.
    pub(crate) async fn form(&self, path: &str, form: reqwest::multipart::Form) -> (u16, Value) {
        let url = format!("{}/api/v1{path}", self.base);
        let response = self.client.post(url).bearer_auth(&self.token).multipart(form).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Reads from the admin API with the token that may do everything; returns the whole response.
    pub(crate) async fn api_response(&self, path: &str) -> reqwest::Response {
        let url = format!("{}/api/v1{path}", self.base);
        self.client.get(url).bearer_auth(&self.token).send().await.unwrap()
    }

    /// Each line that was logged `of` an app or a plugin, such as `apps/shop`, oldest first.
    pub(crate) async fn logged(&self, of: &str) -> Vec<Value> {
        let (status, events) = self.api(Method::GET, &format!("/{of}/logs?follow=false"), None).await;
        assert_eq!(status, 200, "{events}");
        let lines = events.as_str().unwrap().lines().filter_map(|line| line.strip_prefix("data: "));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Uploads a plugin.
    pub(crate) async fn upload(&self, name: &str, bytes: Vec<u8>) -> (u16, Value) {
        let url = format!("{}/api/v1/plugins/{name}", self.base);
        let request = self.client.put(url).bearer_auth(&self.token);
        let response = request.body(bytes).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Sends a request without a token; returns the whole response.
    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    /// Sends a request as it is; returns status and body.
    pub(crate) async fn request(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> (u16, String) {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// A token with these permissions, such as `shop|menu`.
    pub(crate) async fn token_for(&self, permissions: &[&str]) -> String {
        let new = json!({"name": "t", "permissions": permissions});
        let (status, created) = self.api(Method::POST, "/tokens", Some(new)).await;
        assert_eq!(status, 201, "{created}");
        created["token"].as_str().unwrap().to_owned()
    }

    /// Creates an app: a service account with the appid `wx{name}`, where `fields` do not say otherwise.
    pub(crate) async fn create_app(&self, name: &str, fields: Value) -> Value {
        let new = with(json!({"name": name, "type": "service", "appid": format!("wx{name}")}), fields);
        let (status, created) = self.api(Method::POST, "/apps", Some(new)).await;
        assert_eq!(status, 201, "{created}");
        created
    }

    /// Creates an app that `handler` answers, and the account at the simulated WeChat for it.
    pub(crate) async fn account(&self, name: &str, mode: EncodingMode, handler: &str) -> Sender {
        let fields = json!({
            "token": TOKEN, "encoding_mode": mode, "encoding_aes_key": AES_KEY, "message_handler": handler,
        });
        self.create_app(name, fields).await;
        self.sender(name, mode)
    }

    /// The account at the simulated WeChat for an app.
    pub(crate) fn sender(&self, name: &str, mode: EncodingMode) -> Sender {
        sender_to(&self.base, name, mode)
    }

    /// Where a plugin's file is.
    pub(crate) fn plugin_file(&self, name: &str) -> PathBuf {
        self.plugins.join(format!("{name}.wasm"))
    }

    /// Drops a plugin as `mv` does, and waits until it runs; returns how long that took.
    pub(crate) async fn drop_plugin(&self, name: &str, bytes: &[u8]) -> Duration {
        let beside = self.plugins.join(format!(".{name}.new"));
        std::fs::write(&beside, bytes).unwrap();
        let began = Instant::now();
        std::fs::rename(&beside, self.plugin_file(name)).unwrap();
        let digest = weft::plugins::digest(bytes);
        self.plugin_becomes(name, |plugin| plugin["digest"] == digest.as_str()).await;
        began.elapsed()
    }

    /// Waits until a plugin is as it should be.
    pub(crate) async fn plugin_becomes(&self, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let (status, plugin) = self.api(Method::GET, &format!("/plugins/{name}"), None).await;
            last = if status == 200 { plugin } else { Value::Null };
            if is(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("plugin {name} stays {last}");
    }
}

/// The account at the simulated WeChat for an app of the server at `base`.
pub(crate) fn sender_to(base: &str, name: &str, mode: EncodingMode) -> Sender {
    Sender::new(Settings {
        url: format!("{base}/wechat/{name}/"),
        token: TOKEN.to_owned(),
        appid: format!("wx{name}"),
        original_id: ORIGINAL_ID.to_owned(),
        mode,
        key: Some(AES_KEY.parse().unwrap()),
    })
    .unwrap()
}

/// In a debug build compiling a plugin takes a second, so the tests share what they compile in a folder of that name.
pub(crate) fn share_compiled_plugins(data: &Path, folder: &str) {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    std::fs::create_dir_all(&shared).unwrap();
    std::fs::create_dir_all(data).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(shared, data.join("plugin-cache")).unwrap();
}
