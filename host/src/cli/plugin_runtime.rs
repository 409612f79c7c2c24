//! The plugin runtime without a server: for one file, on a database that goes away, with a simulated WeChat.

use std::{path::Path, sync::Arc};

use anyhow::{Context, anyhow};
use tempfile::TempDir;

use crate::{
    clock::Clock,
    config::{Config, DatabaseUrl, WechatConfig},
    model::{App, AppPlugin},
    plugins::{Loaded, Plugins, Services, Settings},
    secret::{Secret, SecretKey},
    server,
    simulator::wechat::Wechat as SimulatedWechat,
    storage::Store,
};

/// A plugin in the runtime that servers have.
pub(super) struct Runtime {
    pub(super) plugins: Plugins,
    pub(super) loaded: Loaded,
    services: Services,
    /// Plays WeChat for as long as it is there.
    wechat: SimulatedWechat,
    folder: TempDir,
}

impl Runtime {
    /// Takes a file through every check, within the limits of the configuration.
    ///
    /// # Errors
    /// The first check that it fails.
    pub(super) async fn load(config: &Config, name: &str, file: &Path, counts_fuel: bool) -> anyhow::Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("weft-plugin-").tempdir().context("a temporary folder · 临时目录")?;
        let (clock, key) = (Clock::system(), SecretKey::generate());
        let data_dir = folder.path().to_owned();
        let simulated = SimulatedWechat::start_on(([127, 0, 0, 1], 0).into(), clock.clone()).await?;
        let wechat = WechatConfig { api_base: simulated.base.clone(), ..WechatConfig::default() };
        let config = Config { plugins_dir: data_dir.join("plugins"), data_dir, wechat, ..config.clone() };
        let settings = Settings { counts_fuel, ..server::plugin_settings(&config, &key) };
        let url = DatabaseUrl::Sqlite(folder.path().join("weft.db"));
        let store = Store::open(&url, Arc::new(key), clock.clone()).await?;
        store.migrate().await?;
        let services = server::services(&config, store, clock)?;
        let plugins = server::platform(settings, services.clone())?;
        let loaded = plugins.check_file(name, file).await;
        let loaded = loaded.map_err(|refused| anyhow!("{refused} ({})", refused.error.code()));
        let loaded = loaded.with_context(|| file.display().to_string())?;
        Ok(Self { plugins, loaded, services, wechat: simulated, folder })
    }

    /// Adds an app of the simulated WeChat, with one follower, and what the plugin may do for it.
    pub(super) async fn add(&self, app: &mut App, plugin: &AppPlugin, openid: &str) -> anyhow::Result<()> {
        let secret = "simulated";
        app.appsecret = Some(Secret::new(secret));
        self.wechat.add_account(&app.appid, secret);
        self.wechat.follow(&app.appid, openid);
        self.services.store.apps().insert(app).await?;
        self.services.store.app_plugins().put(plugin).await?;
        self.services.users.fetch(app, openid).await.context("the simulated user · 模拟的用户")?;
        Ok(())
    }

    /// Ends it, and takes away what was kept.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.services.store.close().await;
        Ok(self.folder.close()?)
    }
}
