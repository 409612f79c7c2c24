//! `weft plugin check`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use clap::Args;

use super::{
    output::{OutputArgs, table},
    progress,
};
use crate::{
    clock::Clock,
    config::{Config, DatabaseUrl},
    http::admin::CheckView,
    model::Grants,
    plugins::{Description, INTERFACE_VERSION, LoadError, Loaded, Outcome, Refused, Report, Step, plugin_name},
    secret::SecretKey,
    server,
    storage::Store,
};

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The .wasm file · .wasm 文件
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(config: &Config, args: CheckArgs) -> anyhow::Result<ExitCode> {
    let CheckArgs { file, output } = args;
    let (name, checked) = checked(config, &file).await?;
    output.print(&CheckView::new(&name, &checked), || match &checked {
        Ok(loaded) => accepted(loaded),
        Err(refused) => refusal(refused),
    })?;
    Ok(if checked.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The name of the plugin that a file would be, and what a server with this configuration would say of it. Needs no database
/// of the server's, and leaves nothing behind.
pub(super) async fn checked(config: &Config, file: &Path) -> anyhow::Result<(String, Result<Loaded, Refused>)> {
    let folder = tempfile::Builder::new().prefix("weft-check-").tempdir()?;
    let key = Arc::new(SecretKey::load_or_create(&folder.path().join("secret.key"))?);
    let database = DatabaseUrl::Sqlite(folder.path().join("weft.db"));
    let store = Store::open(&database, Arc::clone(&key), Clock::system())
        .await
        .context("a database for the check · 检查用的数据库")?;
    let config = Config { data_dir: folder.path().to_owned(), ..config.clone() };
    let services = server::services(&config, store.clone(), Clock::system())?;
    let plugins = server::platform(server::plugin_settings(&config, &key), services)?;
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let what = format!("{} is checked · 正在检查", file.display());
    let checked = match progress::shown(&what, Box::pin(plugins.check_file(&name, file))).await {
        Ok(loaded) if plugin_name(file).is_none() => {
            let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Err(Refused { error: LoadError::Misnamed(file), report: loaded.report })
        }
        checked => checked,
    };
    store.close().await;
    Ok((name, checked))
}

fn accepted(loaded: &Loaded) -> String {
    let Description { name, version, description, sdk, .. } = &loaded.description;
    let asks = Grants::from(&loaded.description).each();
    let asks = if asks.is_empty() { "nothing".to_owned() } else { asks.join("\n") };
    let mut lines = vec![
        ("plugin", loaded.name.to_string()),
        ("title", name.clone()),
        ("version", version.clone()),
        ("about", description.clone()),
        ("built with", sdk.clone()),
    ];
    lines.extend(exported(&loaded.description));
    lines.push(("needs to be granted", asks));
    lines.push(("configuration", loaded.config_schema().map(|schema| format!("{schema:#}")).unwrap_or_default()));
    format!("{}\n\n{}\n\n{}", columns(&lines), examined(&loaded.report), "ok: a server lets it in · 检查通过，可以加载")
}

fn refusal(refused: &Refused) -> String {
    let Refused { error, report } = refused;
    let why =
        [("refused", error.code().to_owned()), ("cause", error.to_string()), ("to do", error.remedy().to_owned())];
    format!("{}\n\n{}", examined(report), columns(&why))
}

/// What the plugin has of each kind, one a line.
fn exported(description: &Description) -> Vec<(&'static str, String)> {
    let kinds = [
        ("handlers", &description.handlers),
        ("rules", &description.rules),
        ("order hooks", &description.hooks),
        ("observers", &description.observers),
        ("pages", &description.pages),
    ];
    let lines = kinds.into_iter().filter(|(_, entries)| !entries.is_empty()).map(|(kind, entries)| {
        let each = entries.iter().map(|entry| match (&*entry.description, entry.apps.is_empty()) {
            ("", true) => entry.name.clone(),
            (about, true) => format!("{}: {about}", entry.name),
            (about, false) => format!("{} (only {}): {about}", entry.name, entry.apps.join(", ")),
        });
        (kind, each.collect::<Vec<_>>().join("\n"))
    });
    lines.collect()
}

/// The file itself, and its steps.
fn examined(report: &Report) -> String {
    let world = match &report.version {
        Some(version) => format!(
            "plugin of weft:plugin {version}; this Weft has {0} · 接口版本 {version}，这个 Weft 的是 {0}",
            *INTERFACE_VERSION
        ),
        None => {
            format!(
                "not known; this Weft has plugin of weft:plugin {0} · 未知，这个 Weft 的接口版本是 {0}",
                *INTERFACE_VERSION
            )
        }
    };
    let names = |names: &[String]| if names.is_empty() { "-".to_owned() } else { names.join("\n") };
    let file = columns(&[
        ("size", format!("{} bytes", report.bytes)),
        ("sha256", report.digest.clone()),
        ("world", world),
        ("exports", names(&report.exports)),
        ("imports", names(&report.imports)),
    ]);
    let steps: Vec<_> = report.steps.iter().map(row).collect();
    format!("{file}\n\n{}", table(["STEP", "OUTCOME", "MS", "REMARK"], &steps))
}

fn row(Step { name, outcome, took, detail }: &Step) -> [String; 4] {
    let took = match outcome {
        Outcome::Skipped => String::new(),
        _ => format!("{:.1}", took.as_secs_f64() * 1000.0),
    };
    [(*name).to_owned(), outcome.as_str().to_owned(), took, detail.clone().unwrap_or_default()]
}

/// Names and values; the further lines of a value stand below its first. What is empty is left out.
fn columns(lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default() + 2;
    let below = format!("\n{:width$}", "");
    let lines = lines.iter().filter(|(_, value)| !value.is_empty());
    let lines = lines.map(|(name, value)| format!("{name:width$}{}", value.trim_end().replace('\n', &below)));
    lines.collect::<Vec<_>>().join("\n")
}
