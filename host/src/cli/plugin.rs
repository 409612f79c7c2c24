//! The way to the commands about plugins, and what they share.

use std::process::ExitCode;

use clap::Subcommand;

use super::{
    SettingsArgs,
    output::OutputArgs,
    plugin_build, plugin_check, plugin_list,
    plugin_new::{self, Sdk},
    plugin_replay, plugin_test,
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
    /// Check and list the plugins in the folder, and which versions are to run where that differs
    List(OutputArgs),
    /// Make a crate for a new plugin, which builds as it is
    New(plugin_new::NewArgs),
    /// Take a .wasm file through every check that the server makes, and show what it is and asks for
    Check(plugin_check::CheckArgs),
    /// Build a plugin's source with cargo and print where its .wasm is
    Build(plugin_build::BuildArgs),
    /// Let a .wasm file answer a message, as a server would, without one
    Test(plugin_test::TestArgs),
    /// Make a recorded call again, on the same version or another one, with the answers that were recorded
    Replay(plugin_replay::ReplayArgs),
}

pub(super) async fn run(settings: &SettingsArgs, command: PluginCommand, sdk: &Sdk) -> anyhow::Result<ExitCode> {
    let config = || settings.load(Overrides::default());
    match command {
        PluginCommand::List(output) => plugin_list::run(&config()?, output).await?,
        PluginCommand::Check(args) => return plugin_check::run(&config()?, args).await,
        PluginCommand::New(args) => plugin_new::run(&args, sdk)?,
        PluginCommand::Build(args) => plugin_build::run(&config()?, args).await?,
        PluginCommand::Test(args) => return plugin_test::run(&config()?, args).await,
        PluginCommand::Replay(args) => return plugin_replay::run(&config()?, args).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// The plugins of the folder, each taken through every check.
pub(super) async fn loaded(config: &Config, store: Store, key: &SecretKey) -> anyhow::Result<Plugins> {
    let settings = Settings { decides: false, ..server::plugin_settings(config, key) };
    let plugins = server::platform(settings, server::services(config, store, Clock::system())?)?;
    plugins.refresh_limits().await?;
    Watcher::new(plugins.clone())?.load_all().await;
    Ok(plugins)
}
