//! `weft check`

use std::{path::Path, process::ExitCode};

use serde::Serialize;

use super::{SettingsArgs, output::OutputArgs, plugin};
use crate::{
    bilingual::{because, languages},
    clock::Clock,
    config::{Config, Overrides},
    model::App,
    plugins::{Decided, LoadError, Plugins, Report},
    secret::SecretKey,
    server,
    storage::{Store, StoreError, with_causes},
};

/// What was looked at and how it is.
#[derive(Debug, Serialize)]
struct Finding {
    part: String,
    ok: bool,
    detail: String,
    /// The steps that a plugin's file took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    admission: Option<String>,
}

impl Finding {
    fn good(part: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { part: part.into(), ok: true, detail: detail.into(), admission: None }
    }

    fn bad(part: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { part: part.into(), ok: false, detail: detail.into(), admission: None }
    }

    fn of(self, report: &Report) -> Self {
        Self { admission: Some(report.to_string()), ..self }
    }
}

pub(super) async fn run(settings: &SettingsArgs, output: OutputArgs) -> anyhow::Result<ExitCode> {
    let mut findings = Vec::new();
    check(settings, &mut findings).await;
    let ok = findings.iter().all(|finding| finding.ok);
    output.print(&serde_json::json!({ "ok": ok, "findings": findings }), || {
        let lines = findings.iter().map(|finding| {
            format!("{} {}: {}", if finding.ok { "ok    " } else { "FAILED" }, finding.part, finding.detail)
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// As far as one part can be looked at without the one before it.
async fn check(settings: &SettingsArgs, findings: &mut Vec<Finding>) {
    let config = match settings.load(Overrides::default()) {
        Ok(config) => config,
        Err(error) => return findings.push(Finding::bad("configuration", with_causes(&*error))),
    };
    findings.push(Finding::good("configuration", "every key and value is known · 设置项和值都有效"));
    findings.extend(config.unreachable().map(|unreachable| Finding::good("public_url", unreachable)));
    let (store, key) = match server::open_store(&config, Clock::system()).await {
        Ok(opened) => opened,
        Err(error) => return findings.push(Finding::bad("database", with_causes(&*error))),
    };
    if let Err(error) = check_contents(&config, &store, &key, findings).await {
        findings.push(Finding::bad("database", with_causes(&error)));
    }
    store.close().await;
}

async fn check_contents(
    config: &Config,
    store: &Store,
    key: &SecretKey,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let apps = store.apps().list().await?;
    let (count, plural) = (apps.len(), if apps.len() == 1 { "" } else { "s" });
    findings.push(Finding::good("database", format!("up to date, {count} app{plural} · 已是最新，共 {count} 个账号")));
    match plugin::loaded(config, store.clone(), key).await {
        Ok(plugins) => {
            check_plugins(config, &plugins, findings);
            let decided = plugins.decided().await?;
            check_decided(&decided, findings);
            check_kept(&plugins, &decided, findings).await?;
            for app in apps {
                let lacking = lacking(store, &plugins, &app).await?;
                let part = format!("app {}", app.name);
                findings.extend(lacking.into_iter().map(|lacking| Finding::bad(&part, lacking)));
            }
        }
        Err(error) => findings.push(Finding::bad("plugins", with_causes(&*error))),
    }
    Ok(())
}

fn check_plugins(config: &Config, plugins: &Plugins, findings: &mut Vec<Finding>) {
    let list = plugins.list();
    findings.push(Finding::good("plugins", format!("{} in {}", list.len(), config.plugins_dir.display())));
    match plugins.misnamed_files() {
        Ok(_) if plugins.is_unmounted() => {
            let error = LoadError::NotMounted;
            let empty = "the folder is empty and on another file system than its files were · 目录是空的，而且与原来的文件不在同一个文件系统";
            findings.push(Finding::bad("plugins", format!("{} ({})", because(empty, error.remedy()), error.code())));
        }
        Ok(files) => findings.extend(files.iter().map(|file| misnamed(file))),
        Err(error) => {
            findings.push(Finding::bad("plugins", format!("the folder cannot be read: {error} · 无法读取插件目录")));
        }
    }
    for plugin in list {
        let part = format!("plugin {}", plugin.name);
        findings.push(match (&plugin.error, &plugin.loaded) {
            (Some(refused), _) => {
                Finding::bad(part, format!("{} ({})", refused, refused.error.code())).of(&refused.report)
            }
            (None, Some(loaded)) => {
                let version = &loaded.description.version;
                let switched_off = format!("{version}, switched off · {version}，已停用");
                let detail = if plugin.is_disabled { switched_off } else { version.clone() };
                Finding::good(part, detail).of(&loaded.report)
            }
            (None, None) => Finding::bad(part, "not loaded · 未加载"),
        });
    }
}

fn misnamed(file: &Path) -> Finding {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let error = LoadError::Misnamed(name);
    Finding::bad(format!("file {}", file.display()), format!("{} ({})", error.explained(), error.code()))
}

const TO_RUN: &str = "the version that is to run · 应运行的版本";

/// Whether the versions that are to run are there, where the folder has others.
fn check_decided(decided: &[Decided], findings: &mut Vec<Finding>) {
    for decided in decided {
        let name = &decided.decision.plugin;
        let part = format!("plugin {name}");
        let lost = |what: &str, digest: &str, mend: &str| {
            let (what, in_chinese) = languages(what);
            let detail = format!(
                "{what} {digest} is neither in the folder nor among the versions that are kept, on the disk or in the \
                 database · {in_chinese} {digest} 不在插件目录中，也不在磁盘和数据库保存的版本中"
            );
            Finding::bad(&part, because(&detail, mend))
        };
        if let (Some(digest), false) = (&decided.decision.digest, decided.is_at_hand) {
            let mend = format!(
                "put the file into the folder again, or POST /api/v1/plugins/{name}/rollback · 请把文件重新放进插件目录，或 \
                 POST /api/v1/plugins/{name}/rollback"
            );
            findings.push(lost(TO_RUN, digest, &mend));
        }
        if let Some(canary) = decided.canary.as_ref().filter(|canary| !canary.is_at_hand) {
            let mend = format!(
                "upload it again, or DELETE /api/v1/plugins/{name}/canary · 请重新上传，或 DELETE \
                 /api/v1/plugins/{name}/canary"
            );
            findings.push(lost("the canary · 灰度版本", &canary.canary.digest, &mend));
        }
    }
}

/// Whether the versions that are to run pass every check, where the folder has others. From here on they are what apps
/// find.
async fn check_kept(plugins: &Plugins, decided: &[Decided], findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    for (name, checked) in plugins.load_decided(decided).await? {
        let part = format!("plugin {name}");
        findings.push(match &checked {
            Ok(loaded) => {
                let detail = format!(
                    "{0} is to run, which is kept and not in the folder · 应运行 {0}，它已保存，不在插件目录中",
                    loaded.description.version
                );
                Finding::good(part, detail).of(&loaded.report)
            }
            Err(refused) => {
                let detail = format!("{} ({})", because(TO_RUN, &refused.to_string()), refused.error.code());
                Finding::bad(part, detail).of(&refused.report)
            }
        });
    }
    Ok(())
}

/// What an app and its handlers name in plugins and would not find there. Handlers that are switched off name nothing.
async fn lacking(store: &Store, plugins: &Plugins, app: &App) -> Result<Vec<String>, StoreError> {
    let mut lacking = plugins.lacking_in_app(app);
    for handler in store.handlers().list(&app.name).await?.iter().filter(|handler| handler.enabled) {
        let named = plugins.lacking_in_handler(handler).into_iter();
        lacking
            .extend(named.map(|lacking| because(&format!("handler `{0}` · 自动回复 `{0}`", handler.name), &lacking)));
    }
    Ok(lacking)
}
