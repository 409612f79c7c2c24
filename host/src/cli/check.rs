//! `weft check`

use std::process::ExitCode;

use serde::Serialize;

use super::{SettingsArgs, output::OutputArgs, plugin};
use crate::{clock::Clock, config::Overrides, server};

/// What was looked at and how it is.
#[derive(Debug, Serialize)]
struct Finding {
    part: String,
    ok: bool,
    detail: String,
}

pub(super) async fn run(settings: &SettingsArgs, output: OutputArgs) -> anyhow::Result<ExitCode> {
    let findings = findings(settings).await;
    let ok = findings.iter().all(|finding| finding.ok);
    output.print(&serde_json::json!({ "ok": ok, "findings": findings }), || {
        let lines = findings.iter().map(|finding| {
            format!("{} {}: {}", if finding.ok { "ok    " } else { "FAILED" }, finding.part, finding.detail)
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn findings(settings: &SettingsArgs) -> Vec<Finding> {
    let good = |part: &str, detail: String| Finding { part: part.to_owned(), ok: true, detail };
    let bad = |part: &str, detail: String| Finding { part: part.to_owned(), ok: false, detail };
    let config = match settings.load(Overrides::default()) {
        Ok(config) => config,
        Err(error) => return vec![bad("configuration", format!("{error:#}"))],
    };
    let mut findings = vec![good("configuration", "every key and value is known".to_owned())];
    let (store, key) = match server::open_store(&config, Clock::system()).await {
        Ok(opened) => opened,
        Err(error) => {
            findings.push(bad("database", format!("{error:#}")));
            return findings;
        }
    };
    match store.apps().list().await {
        Ok(apps) => findings.push(good("database", format!("up to date, {} apps", apps.len()))),
        Err(error) => findings.push(bad("database", error.to_string())),
    }
    match plugin::loaded(&config, store.clone(), &key).await {
        Ok(plugins) => {
            let folder = config.plugins_dir.display();
            findings.push(good("plugins", format!("{} in {folder}", plugins.list().len())));
            for plugin in plugins.list() {
                let part = format!("plugin {}", plugin.name);
                findings.push(match (&plugin.error, &plugin.loaded) {
                    (Some(error), _) => bad(&part, error.to_string()),
                    (None, Some(loaded)) => good(&part, loaded.description.version.clone()),
                    (None, None) => bad(&part, "not loaded".to_owned()),
                });
            }
        }
        Err(error) => findings.push(bad("plugins", format!("{error:#}"))),
    }
    store.close().await;
    findings
}
