//! Every setting: defaults, overridden by a file, by the environment, by flags.
//!
//! Only this module reads the environment. Each key is described once in a `KEYS` table beside its field: what it
//! expects, so that a wrong value is refused with words, wherever it was written.

mod admin;
mod database;
mod error;
mod key;
mod layer;
mod pay;
mod plugins;
mod webhook;
mod wechat;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use axum::http::Uri;
use figment::Figment;
use serde::Deserialize;

pub use self::admin::AdminConfig;
pub use self::database::{DatabaseUrl, MalformedDatabaseUrl};
pub use self::error::{ConfigError, Problem};
use self::key::{Expects, Key};
use self::layer::Layer;
pub use self::pay::PayConfig;
pub use self::plugins::{PluginCeilings, PluginsConfig};
pub use self::webhook::{LogDurability, WebhookConfig};
pub use self::wechat::WechatConfig;
use crate::secret::{Secret, SecretKey, SecretKeyError};

/// All settings, checked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The public listener.
    pub listen: SocketAddr,
    /// A separate listener for /admin, /api and /metrics; they are on `listen` where none is set.
    pub admin_listen: Option<SocketAddr>,
    /// Base of callback, notify and OAuth URLs; no slash at the end. Where none is set, `listen` on this machine.
    pub public_url: String,
    /// Where the SQLite file, the secret key and the plugin cache are.
    pub data_dir: PathBuf,
    /// The database; see [`database`](Self::database) for where none is set.
    pub database_url: Option<DatabaseUrl>,
    /// A cache that replicas share.
    pub redis_url: Option<Secret>,
    /// Where the .wasm files are dropped.
    pub plugins_dir: PathBuf,
    /// 64 hexadecimal digits; see [`load_secret_key`](Self::load_secret_key) for where none is set.
    pub secret_key: Option<Secret>,
    /// `[webhook]`
    pub webhook: WebhookConfig,
    /// `[plugins]`
    pub plugins: PluginsConfig,
    /// `[wechat]`
    pub wechat: WechatConfig,
    /// `[pay]`
    pub pay: PayConfig,
    /// `[admin]`
    pub admin: AdminConfig,
}

const KEYS: &[Key] = &[
    Key::new("listen", Expects::Address),
    Key::new("admin_listen", Expects::Address),
    Key::new("public_url", Expects::BaseUrl),
    Key::new("data_dir", Expects::Folder),
    Key::new("database_url", Expects::DatabaseUrl),
    Key::new("redis_url", Expects::RedisUrl),
    Key::new("plugins_dir", Expects::Folder),
    Key::new("secret_key", Expects::SecretKey),
];

/// The file that is read when it is there and no other was named.
const USUAL_FILE: &str = "weft.toml";

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            admin_listen: None,
            public_url: "http://127.0.0.1:8000".to_owned(),
            data_dir: PathBuf::from("./data"),
            database_url: None,
            redis_url: None,
            plugins_dir: PathBuf::from("./plugins"),
            secret_key: None,
            webhook: WebhookConfig::default(),
            plugins: PluginsConfig::default(),
            wechat: WechatConfig::default(),
            pay: PayConfig::default(),
            admin: AdminConfig::default(),
        }
    }
}

/// Settings given as flags: key (`plugins.cpu_ms`) and value, as they were typed.
#[derive(Default, Clone)]
pub struct Overrides(Vec<(String, String)>);

impl Overrides {
    /// Sets `key` when there is a value.
    pub fn set(&mut self, key: &str, value: Option<impl Into<String>>) {
        self.0.extend(value.map(|value| (key.to_owned(), value.into())));
    }
}

/// Where settings come from, lowest first.
#[derive(Default, Clone)]
pub struct Sources {
    /// The folder in which `weft.toml` is looked for.
    pub folder: PathBuf,
    /// The file named by `--config`; `WEFT_CONFIG` names it otherwise.
    pub path: Option<PathBuf>,
    /// Names and values of environment variables; others than `WEFT_…` do not matter.
    pub environment: Vec<(String, String)>,
    /// The flags.
    pub overrides: Overrides,
}

impl Config {
    /// Reads the settings of this process: the file at `path` (or `WEFT_CONFIG`, or `./weft.toml` when it is there),
    /// the environment, and `overrides`. Blocks on the file system: call it while starting.
    pub fn load(path: Option<&Path>, overrides: Overrides) -> Result<Self, ConfigError> {
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        let environment = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Self::from_sources(&Sources { folder: PathBuf::new(), path: path.map(Path::to_owned), environment, overrides })
    }

    /// Reads the settings from `sources` and nothing else.
    pub fn from_sources(sources: &Sources) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut layers = Vec::new();
        if let Some(path) = file_to_read(sources)? {
            layers.push(Layer::of_file(&path, &mut problems)?);
        }
        layers.push(Layer::of_environment(&sources.environment, &mut problems));
        layers.push(Layer::of_flags(&sources.overrides.0, &mut problems));
        if !problems.is_empty() {
            return Err(ConfigError::Invalid(problems));
        }
        let merged = layers.into_iter().fold(Figment::new(), Figment::merge);
        // Cannot fail after the checks above, unless a table of keys and its struct differ.
        let invalid = |error: figment::Error| error.into_iter().map(Problem::from_figment).collect();
        let mut config: Self = merged.extract().map_err(|error| ConfigError::Invalid(invalid(error)))?;
        // Port 0 means one that the system chooses later.
        if !merged.contains("public_url") && config.listen.port() != 0 {
            config.public_url = url_on_this_machine(config.listen);
        }
        Ok(config)
    }

    /// What to do where `public_url` is an address of this machine alone.
    pub fn unreachable(&self) -> Option<String> {
        let url = self.public_url.parse::<Uri>().ok()?;
        let host = url.host()?.trim_matches(['[', ']']);
        let is_local =
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified());
        is_local.then(|| {
            format!(
                "WeChat cannot reach {0}: set `public_url` to the address under which it can · 微信访问不到 {0}：请把 \
                 `public_url` 设为微信能访问的地址",
                self.public_url
            )
        })
    }

    /// The database: the one configured, or an SQLite file in the data folder.
    pub fn database(&self) -> DatabaseUrl {
        self.database_url.clone().unwrap_or_else(|| DatabaseUrl::Sqlite(self.data_dir.join("weft.db")))
    }

    /// The secret key: the one configured, or the one in the data folder, created when there is none. Blocks on the
    /// file system: call it while starting.
    pub fn load_secret_key(&self) -> Result<SecretKey, SecretKeyError> {
        match &self.secret_key {
            Some(text) => SecretKey::parse(text.expose()),
            None => SecretKey::load_or_create(&self.data_dir.join("secret.key")),
        }
    }
}

/// Where what listens there is found from this machine.
fn url_on_this_machine(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

/// A file that was named must exist; the usual one may be missing.
fn file_to_read(sources: &Sources) -> Result<Option<PathBuf>, ConfigError> {
    let from_environment =
        || sources.environment.iter().find(|(name, value)| name == "WEFT_CONFIG" && !value.is_empty());
    let named = sources.path.clone().or_else(|| from_environment().map(|(_, value)| PathBuf::from(value)));
    if let Some(path) = named {
        return if path.exists() { Ok(Some(path)) } else { Err(ConfigError::Missing { path }) };
    }
    let usual = sources.folder.join(USUAL_FILE);
    Ok(usual.exists().then_some(usual))
}

/// Every key there is, by its dotted name.
pub fn key_names() -> impl Iterator<Item = &'static str> {
    keys().map(|key| key.name)
}

fn keys() -> impl Iterator<Item = &'static Key> {
    [KEYS, webhook::KEYS, &plugins::KEYS, wechat::KEYS, pay::KEYS, admin::KEYS].into_iter().flatten()
}
