//! `weft plugin list`, and the way to the other commands about plugins.

use std::{collections::BTreeMap, process::ExitCode};

use clap::Subcommand;
use serde::Serialize;

use super::{
    SettingsArgs,
    output::{OutputArgs, table},
    plugin_build, plugin_check,
    plugin_new::{self, Sdk},
    plugin_replay, plugin_test,
};
use crate::{
    clock::Clock,
    config::{Config, Overrides},
    http::admin::PluginView,
    model::{App, AppPlugin, Grants},
    plugins::{Plugin, Plugins, Settings, Watcher},
    secret::SecretKey,
    server,
    storage::Store,
};

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Check and list the plugins in the folder
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
        PluginCommand::List(output) => list(&config()?, output).await?,
        PluginCommand::Check(args) => return plugin_check::run(&config()?, args).await,
        PluginCommand::New(args) => plugin_new::run(&args, sdk)?,
        PluginCommand::Build(args) => plugin_build::run(&config()?, args).await?,
        PluginCommand::Test(args) => return plugin_test::run(&config()?, args).await,
        PluginCommand::Replay(args) => return plugin_replay::run(&config()?, args).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// A plugin, and by app what it asks for and is not granted.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    plugin: PluginView,
    missing: BTreeMap<String, Vec<String>>,
}

async fn list(config: &Config, output: OutputArgs) -> anyhow::Result<()> {
    let (store, key) = server::open_store(config, Clock::system()).await?;
    let plugins = loaded(config, store.clone(), &key).await?;
    let (apps, records) = (store.apps().list().await?, store.app_plugins().all().await?);
    let listed: Vec<_> = plugins.list().into_iter().map(|plugin| (missing(&plugin, &apps, &records), plugin)).collect();
    let views: Vec<_> = listed
        .iter()
        .map(|(missing, plugin)| Listed { plugin: PluginView::from(&**plugin), missing: missing.clone() })
        .collect();
    output.print(&views, || {
        let rows: Vec<_> = listed.iter().map(|(missing, plugin)| row(plugin, missing)).collect();
        table(["PLUGIN", "STATE", "VERSION", "HANDLERS / ERROR", "NOT GRANTED"], &rows)
    })?;
    store.close().await;
    Ok(())
}

fn row(plugin: &Plugin, missing: &BTreeMap<String, Vec<String>>) -> [String; 5] {
    let missing: Vec<_> = missing.iter().map(|(app, grants)| format!("{app}: {}", grants.join(", "))).collect();
    let (name, missing) = (plugin.name.to_string(), missing.join("; "));
    match (&plugin.loaded, &plugin.error) {
        (Some(loaded), None) => {
            let description = &loaded.description;
            let handlers = description.handlers.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>();
            [name, "ready".to_owned(), description.version.clone(), handlers.join(", "), missing]
        }
        (_, error) => {
            let error = error.as_ref().map(ToString::to_string).unwrap_or_default();
            [name, "failed".to_owned(), String::new(), error, missing]
        }
    }
}

/// What the plugin asks for and is not granted, in the apps that name it or have something set for it.
fn missing(plugin: &Plugin, apps: &[App], records: &[AppPlugin]) -> BTreeMap<String, Vec<String>> {
    let Some(loaded) = &plugin.loaded else { return BTreeMap::new() };
    let asked = Grants::from(&loaded.description);
    let missing = apps.iter().filter_map(|app| {
        let mut named = app.message_handler.iter().chain(&app.order_hook).chain(&app.settings.message_observers);
        let record = records.iter().find(|record| record.app == app.name && record.plugin == *plugin.name);
        if record.is_none() && !named.any(|target| target.plugin == *plugin.name) {
            return None;
        }
        let granted = record.map(|record| record.grants.clone()).unwrap_or_default();
        Some((app.name.clone(), asked.beyond(&granted).each()))
    });
    missing.filter(|(_, grants)| !grants.is_empty()).collect()
}

/// The plugins of the folder, each taken through every check.
pub(super) async fn loaded(config: &Config, store: Store, key: &SecretKey) -> anyhow::Result<Plugins> {
    let settings = Settings { decides: false, ..server::plugin_settings(config, key) };
    let plugins = server::platform(settings, server::services(config, store, Clock::system())?)?;
    plugins.refresh_limits().await?;
    Watcher::new(plugins.clone())?.load_all().await;
    Ok(plugins)
}
