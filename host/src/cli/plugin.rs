//! `weft plugin list|build`

use std::path::PathBuf;

use clap::Subcommand;

use super::{
    SettingsArgs,
    output::{OutputArgs, table},
};
use crate::{
    clock::Clock,
    config::{Config, Overrides},
    http::admin::PluginView,
    plugins::{Limits, Plugins, Settings, Watcher, build},
    secret::SecretKey,
    server,
    storage::Store,
};

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Check and list the plugins in the folder
    List(OutputArgs),
    /// Build a plugin's source with cargo and print where its .wasm is
    Build {
        /// The folder with its Cargo.toml
        #[arg(default_value = ".")]
        source: PathBuf,
        /// Copy the .wasm into the plugins folder, where a running server takes it up
        #[arg(long)]
        install: bool,
        #[command(flatten)]
        output: OutputArgs,
    },
}

pub(super) async fn run(settings: &SettingsArgs, command: PluginCommand) -> anyhow::Result<()> {
    let config = settings.load(Overrides::default())?;
    match command {
        PluginCommand::List(output) => list(&config, output).await,
        PluginCommand::Build { source, install, output } => {
            let mut component = build::build(&source, &[]).await?;
            if install {
                component = build::install(&component, &config.plugins_dir).await?;
            }
            output.print(&serde_json::json!({ "component": component }), || component.display().to_string())
        }
    }
}

async fn list(config: &Config, output: OutputArgs) -> anyhow::Result<()> {
    let (store, key) = server::open_store(config, Clock::system()).await?;
    let plugins = loaded(config, store.clone(), &key).await?;
    let views: Vec<PluginView> = plugins.list().iter().map(|plugin| PluginView::from(&**plugin)).collect();
    output.print(&views, || {
        let rows: Vec<_> = plugins
            .list()
            .iter()
            .map(|plugin| match (&plugin.loaded, &plugin.error) {
                (Some(loaded), None) => {
                    let description = &loaded.description;
                    let handlers = description.handlers.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>();
                    [plugin.name.to_string(), "ready".to_owned(), description.version.clone(), handlers.join(", ")]
                }
                (_, error) => {
                    let error = error.as_ref().map(ToString::to_string).unwrap_or_default();
                    [plugin.name.to_string(), "failed".to_owned(), String::new(), error]
                }
            })
            .collect();
        table(["PLUGIN", "STATE", "VERSION", "HANDLERS / ERROR"], &rows)
    })?;
    store.close().await;
    Ok(())
}

/// The plugins of the folder, each taken through every check.
pub(super) async fn loaded(config: &Config, store: Store, key: &SecretKey) -> anyhow::Result<Plugins> {
    let settings = Settings {
        folder: config.plugins_dir.clone(),
        cache: config.data_dir.join("plugin-cache"),
        cache_key: key.derive("plugin-cache"),
        limits: Limits::from(&config.plugins),
    };
    let plugins = Plugins::new(settings, store).map_err(|error| anyhow::anyhow!("{error:#}"))?;
    Watcher::new(plugins.clone())?.load_all().await;
    Ok(plugins)
}
