//! `weft plugin list`

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    output::{OutputArgs, table},
    plugin::loaded,
};
use crate::{
    accounts::Accounts,
    clock::Clock,
    config::Config,
    http::admin::PluginView,
    missing_grants,
    model::{Grants, PluginSource},
    plugins::{Decided, DecidedCanary, Plugin},
    server, time,
};

/// A plugin, and which version of it is to run.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    file: Option<PluginView>,
    /// Of a plugin that has no file in the folder, which tells its name otherwise.
    #[serde(flatten)]
    absent: Option<Absent>,
    /// Null while nothing is decided: then the folder alone counts.
    decided: Option<DecidedView>,
}

#[derive(Serialize)]
struct Absent {
    name: String,
    state: &'static str,
    /// Nothing, as what it asks for is not known.
    missing: BTreeMap<String, Vec<String>>,
}

/// Which version of a plugin is to run in all processes that share the database.
#[derive(Serialize)]
struct DecidedView {
    /// SHA-256 of its file; null when the plugin was removed.
    digest: Option<String>,
    /// As the plugin says; null when it is not kept.
    version: Option<String>,
    source: PluginSource,
    /// RFC 3339.
    changed_at: String,
    /// Whether the folder has this very file, or none where there is to be none.
    in_folder: bool,
    /// Whether its file is there at all: in the folder, or among the versions that are kept.
    at_hand: bool,
    /// A version that only some users get.
    canary: Option<CanaryView>,
}

#[derive(Serialize)]
struct CanaryView {
    digest: String,
    version: Option<String>,
    /// The share of openids that get it, 0 to 100.
    percent: u8,
    openids: Vec<String>,
    at_hand: bool,
}

impl From<&Decided> for DecidedView {
    fn from(decided: &Decided) -> Self {
        Self {
            digest: decided.decision.digest.clone(),
            version: decided.version.clone(),
            source: decided.decision.source,
            changed_at: time::rfc3339(decided.decision.decided_at),
            in_folder: !decided.differs(),
            at_hand: decided.is_at_hand,
            canary: decided.canary.as_ref().map(CanaryView::from),
        }
    }
}

impl From<&DecidedCanary> for CanaryView {
    fn from(DecidedCanary { canary, version, is_at_hand }: &DecidedCanary) -> Self {
        Self {
            digest: canary.digest.clone(),
            version: version.clone(),
            percent: canary.percent,
            openids: canary.openids.clone(),
            at_hand: *is_at_hand,
        }
    }
}

/// Lists what the folder has and what is decided, and changes neither.
pub(super) async fn run(config: &Config, output: OutputArgs) -> anyhow::Result<()> {
    let (store, key) = server::open_store(config, Clock::system()).await?;
    let plugins = loaded(config, store.clone(), &key).await?;
    let accounts = Accounts::load(store.clone()).await?;
    let decided: BTreeMap<_, _> =
        plugins.decided().await?.into_iter().map(|decided| (decided.decision.plugin.clone(), decided)).collect();
    let files: BTreeMap<_, _> = plugins.list().into_iter().map(|plugin| (plugin.name.to_string(), plugin)).collect();
    let is_to_run = |name: &&String| decided.get(*name).is_some_and(|decided| decided.decision.digest.is_some());
    let mut names: Vec<_> = files.keys().chain(decided.keys().filter(is_to_run)).collect();
    names.sort();
    names.dedup();
    let (mut views, mut rows) = (Vec::new(), Vec::new());
    for name in names {
        let (file, decided) = (files.get(name), decided.get(name));
        let missing = match file.and_then(|plugin| plugin.loaded.as_ref()) {
            Some(loaded) => missing_grants::by_app(&accounts, name, &Grants::from(&loaded.description)),
            None => BTreeMap::new(),
        };
        rows.push(row(name, file.map(AsRef::as_ref), &missing, decided));
        views.push(Listed {
            file: file.map(|plugin| PluginView::new(plugin, &accounts)),
            absent: file.is_none().then(|| Absent { name: name.clone(), state: ABSENT, missing: BTreeMap::new() }),
            decided: decided.map(DecidedView::from),
        });
    }
    output
        .print(&views, || table(["PLUGIN", "STATE", "VERSION", "HANDLERS / ERROR", "NOT GRANTED", "DECIDED"], &rows))?;
    store.close().await;
    Ok(())
}

/// The state of a plugin that is to run and has no file in the folder.
const ABSENT: &str = "absent";

fn row(
    name: &str,
    file: Option<&Plugin>,
    missing: &BTreeMap<String, Vec<String>>,
    decided: Option<&Decided>,
) -> [String; 6] {
    let missing: Vec<_> = missing.iter().map(|(app, grants)| format!("{app}: {}", grants.join(", "))).collect();
    let (name, missing, decided) = (name.to_owned(), missing.join("; "), decided.map(in_short).unwrap_or_default());
    let Some(plugin) = file else {
        return [name, ABSENT.to_owned(), String::new(), String::new(), missing, decided];
    };
    let state = plugin.state().as_str().to_owned();
    match (&plugin.loaded, &plugin.error) {
        (Some(loaded), None) => {
            let description = &loaded.description;
            let handlers = description.handlers.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>();
            [name, state, description.version.clone(), handlers.join(", "), missing, decided]
        }
        (_, error) => {
            let error = error.as_ref().map(ToString::to_string).unwrap_or_default();
            [name, state, String::new(), error, missing, decided]
        }
    }
}

/// What the folder does not tell: another version that is to run, and a canary.
fn in_short(decided: &Decided) -> String {
    let lost = |is_at_hand: bool| if is_at_hand { "" } else { ", whose file is lost" };
    let version = |version: &Option<String>, digest: &str| {
        let version = version.as_deref().map(|version| format!("{version} ")).unwrap_or_default();
        format!("{version}({digest:.12})")
    };
    let differs = decided.differs().then(|| match &decided.decision.digest {
        Some(digest) => {
            let (version, source) = (version(&decided.version, digest), decided.decision.source.as_str());
            format!("{version} by {source}{}", lost(decided.is_at_hand))
        }
        None => format!("none, by {}", decided.decision.source.as_str()),
    });
    let canary = decided.canary.as_ref().map(|DecidedCanary { canary, version: of_canary, is_at_hand }| {
        let (version, named) = (version(of_canary, &canary.digest), canary.openids.len());
        let named = if named == 0 { String::new() } else { format!(" and {named} users") };
        format!("canary {version} for {} %{named}{}", canary.percent, lost(*is_at_hand))
    });
    differs.into_iter().chain(canary).collect::<Vec<_>>().join("; ")
}
