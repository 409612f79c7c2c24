//! What plugins ask for, and the apps that use them have not granted.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use crate::{accounts::Accounts, model::Grants, plugins::Plugins};

/// How soon what was loaded is looked at.
const POLL: Duration = Duration::from_secs(1);

/// How many apps a line names.
const NAMED: usize = 5;

/// By app, what of `asked` is not granted to a plugin: in the apps that name it, and in those in which something is set
/// for it.
pub fn by_app(accounts: &Accounts, plugin: &str, asked: &Grants) -> BTreeMap<String, Vec<String>> {
    if asked.each().is_empty() {
        return BTreeMap::new();
    }
    let lacking = |set: Option<&Grants>| match set {
        Some(granted) => asked.beyond(granted).each(),
        None => asked.each(),
    };
    let using = accounts.all().into_iter().filter_map(|account| {
        let set = account.plugins.get(plugin);
        let uses = set.is_some() || account.plugin_targets().any(|target| target.plugin == plugin);
        uses.then(|| (account.app.name.clone(), lacking(set.map(|set| &set.grants))))
    });
    using.filter(|(_, missing)| !missing.is_empty()).collect()
}

/// Says of every version that is loaded what of its wishes is not granted, for as long as it is polled. Nothing waits
/// for it: a version runs, whatever it is granted.
pub async fn tell(plugins: Plugins, accounts: Accounts) {
    let mut told = HashSet::new();
    loop {
        tokio::time::sleep(POLL).await;
        let mut loaded = HashSet::new();
        for plugin in plugins.list() {
            for version in plugin.versions() {
                let which = (Arc::clone(&plugin.name), version.digest.clone());
                if !told.contains(&which) {
                    let missing = by_app(&accounts, &plugin.name, &Grants::from(&version.description));
                    if !missing.is_empty() {
                        let (name, version, apps) = (&*plugin.name, &version.description.version, in_short(&missing));
                        tracing::info!(
                            plugin = name,
                            version,
                            apps,
                            "apps have not granted all that the plugin asks for · 有的账号没有给全插件需要的授权"
                        );
                    }
                }
                loaded.insert(which);
            }
            // There may be many apps: let messages have their turn.
            tokio::task::yield_now().await;
        }
        told = loaded;
    }
}

/// The first few.
fn in_short(missing: &BTreeMap<String, Vec<String>>) -> String {
    let named = missing.iter().take(NAMED).map(|(app, grants)| format!("{app} ({})", grants.join(", ")));
    let named = named.collect::<Vec<_>>().join(", ");
    match missing.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more apps"),
    }
}
