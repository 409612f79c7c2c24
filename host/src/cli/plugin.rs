//! The way to the commands about plugins, and what they share.

use std::process::ExitCode;

use clap::Subcommand;

use super::{
    SettingsArgs,
    output::OutputArgs,
    plugin_build, plugin_check, plugin_list,
    plugin_new::{self, Sdk},
    plugin_replay, plugin_test, progress,
};
use crate::{
    clock::Clock,
    config::{Config, Overrides},
    plugins::{Plugins, Settings, Watcher},
    secret::SecretKey,
    server,
    storage::Store,
};

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Check and list the plugins, and which versions are to run · 检查并列出插件及应运行的版本
    List(OutputArgs),
    /// Make a crate for a new plugin, which builds as it is · 新建插件工程，可直接编译
    New(plugin_new::NewArgs),
    /// Check a .wasm file and show what it is and asks for · 检查 .wasm 文件，列出它需要的授权
    Check(plugin_check::CheckArgs),
    /// Build a plugin with cargo and print where its .wasm is · 用 cargo 编译插件，输出文件位置
    Build(plugin_build::BuildArgs),
    /// Let a .wasm file answer a message without a server · 不启动服务端，让插件回复一条消息
    Test(Box<plugin_test::TestArgs>),
    /// Make a recorded call again, on the same or another version; exit 1 when it fails
    /// · 在原版本或新版本上重放调用，调用失败时退出码为 1
    #[command(verbatim_doc_comment)]
    Replay(plugin_replay::ReplayArgs),
}

pub(super) async fn run(settings: &SettingsArgs, command: PluginCommand, sdk: &Sdk) -> anyhow::Result<ExitCode> {
    let config = || settings.load(Overrides::default());
    match command {
        PluginCommand::List(output) => plugin_list::run(&config()?, output).await?,
        PluginCommand::Check(args) => return plugin_check::run(&config()?, args).await,
        PluginCommand::New(args) => plugin_new::run(&args, sdk)?,
        PluginCommand::Build(args) => plugin_build::run(&config()?, args).await?,
        PluginCommand::Test(args) => return Box::pin(plugin_test::run(&config()?, *args)).await,
        PluginCommand::Replay(args) => return plugin_replay::run(&config()?, args).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// The plugins of the folder, each taken through every check.
pub(super) async fn loaded(config: &Config, store: Store, key: &SecretKey) -> anyhow::Result<Plugins> {
    let settings = Settings { decides: false, ..server::plugin_settings(config, key) };
    let plugins = server::platform(settings, server::services(config, store, Clock::system())?)?;
    plugins.refresh().await?;
    let mut watcher = Watcher::new(plugins.clone())?;
    let what = format!("{} is read · 正在读取", config.plugins_dir.display());
    progress::shown(&what, Box::pin(async { watcher.begin().await.await })).await;
    Ok(plugins)
}
