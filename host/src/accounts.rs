//! Every app, ready for its webhook, in memory: a message costs no query.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use weft_wechat::account::{Account as Webhook, Token};

use crate::{
    model::{App, AppPlugin, Handler, PluginTarget},
    rules::RuleSet,
    storage::{Store, StoreError, with_causes},
};

/// How soon a change that another process made is seen.
const POLL: Duration = Duration::from_secs(1);

/// One app with what its webhook and its plugins need.
pub struct Account {
    /// The app as it is stored.
    pub app: Arc<App>,
    /// Tells it from the others in this process, in fewer bytes than its name. No app has 0.
    pub number: u32,
    /// None for an app that takes no messages: it has no token, or its key is missing or wrong.
    pub webhook: Option<Webhook>,
    /// What plugins may do for the app, by plugin.
    pub plugins: HashMap<String, Arc<AppPlugin>>,
    /// Which of the app's handlers a message is for.
    pub rules: Arc<RuleSet>,
}

impl Account {
    /// What the app names in plugins: in its settings, and in handlers that are switched on.
    pub fn plugin_targets(&self) -> impl Iterator<Item = &PluginTarget> {
        let handlers = self.rules.handlers().filter(|handler| handler.enabled);
        self.app.plugin_targets().chain(handlers.flat_map(Handler::plugin_targets))
    }
}

/// All apps by name. Clones share them.
#[derive(Clone)]
pub struct Accounts {
    store: Store,
    snapshot: Arc<ArcSwap<Snapshot>>,
    /// How many numbers were given to apps.
    numbers: Arc<AtomicU32>,
}

#[derive(Default)]
struct Snapshot {
    revision: u64,
    accounts: HashMap<String, Arc<Account>>,
    rules: HashMap<String, Compiled>,
}

/// The handlers of one app, as they were at a revision.
#[derive(Clone, Default)]
struct Compiled {
    revision: u64,
    rules: Arc<RuleSet>,
}

impl Accounts {
    /// Reads all apps.
    ///
    /// # Errors
    /// When the database does not answer, or the secret key is not the one that it was written with.
    pub async fn load(store: Store) -> Result<Self, StoreError> {
        let accounts = Self::new(store);
        accounts.refresh().await?;
        Ok(accounts)
    }

    /// None of them until they are [read](Self::refresh).
    pub fn new(store: Store) -> Self {
        Self { store, snapshot: Arc::default(), numbers: Arc::default() }
    }

    /// The app of that name.
    pub fn find(&self, name: &str) -> Option<Arc<Account>> {
        self.snapshot.load().accounts.get(name).map(Arc::clone)
    }

    /// What a plugin may do for an app now, when the operator has set anything.
    pub fn granted(&self, app: &str, plugin: &str) -> Option<Arc<AppPlugin>> {
        self.snapshot.load().accounts.get(app)?.plugins.get(plugin).map(Arc::clone)
    }

    /// All apps, in no order.
    pub fn all(&self) -> Vec<Arc<Account>> {
        self.snapshot.load().accounts.values().map(Arc::clone).collect()
    }

    /// Reads all apps again after a change that is stored. Where they cannot be read now, the change counts when
    /// [`follow`](Self::follow) has read them: it is made, and whoever is told otherwise makes it a second time.
    pub async fn take_over(&self) {
        if let Err(error) = self.refresh().await {
            let error = with_causes(&error);
            tracing::warn!(%error, "a change of an app is stored, and counts when the apps can be read again");
        }
    }

    /// Reads all apps again.
    ///
    /// # Errors
    /// When the database does not answer; what was known stays.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        // The revision is read first: a change in between is then read twice, and not missed.
        let revision = self.store.apps().revision().await?;
        let mut plugins: HashMap<String, HashMap<String, Arc<AppPlugin>>> = HashMap::new();
        for granted in self.store.app_plugins().all().await? {
            plugins.entry(granted.app.clone()).or_default().insert(granted.plugin.clone(), Arc::new(granted));
        }
        let rules = self.compiled().await?;
        let known = self.snapshot.load_full();
        let accounts = self.store.apps().list().await?.into_iter().map(|app| {
            let number = match known.accounts.get(&app.name) {
                Some(account) => account.number,
                None => 1 + self.numbers.fetch_add(1, Relaxed),
            };
            let plugins = plugins.remove(&app.name).unwrap_or_default();
            let rules = rules.get(&app.name).map(|compiled| Arc::clone(&compiled.rules)).unwrap_or_default();
            let name = app.name.clone();
            (name, Arc::new(Account { webhook: webhook(&app), app: Arc::new(app), number, plugins, rules }))
        });
        let read = Arc::new(Snapshot { revision, accounts: accounts.collect(), rules });
        // Who read earlier and took longer must not undo what another has read since.
        self.snapshot.rcu(|known| Arc::clone(if known.revision > revision { known } else { &read }));
        Ok(())
    }

    /// The rules of all apps; those that have not changed are not compiled again.
    async fn compiled(&self) -> Result<HashMap<String, Compiled>, StoreError> {
        let known = self.snapshot.load_full();
        let mut all = HashMap::new();
        for (app, revision) in self.store.handlers().revisions().await? {
            let before = known.rules.get(&app);
            let compiled = match before {
                Some(before) if before.revision == revision => before.clone(),
                _ if revision == 0 => Compiled::default(),
                before => match self.compile(&app, revision).await {
                    // One app's fault is not the others'.
                    Err(error @ StoreError::Corrupt { .. }) => {
                        let error = with_causes(&error);
                        tracing::error!(app, %error, "the app's handlers could not be read; the ones known stay");
                        before.cloned().unwrap_or_default()
                    }
                    compiled => compiled?,
                },
            };
            all.insert(app, compiled);
        }
        Ok(all)
    }

    async fn compile(&self, app: &str, revision: u64) -> Result<Compiled, StoreError> {
        let handlers = self.store.handlers().list(app).await?;
        // Many regular expressions take long enough to keep a thread from its messages.
        let rules = tokio::task::spawn_blocking(|| RuleSet::compile(handlers)).await;
        let rules = rules.map_err(|error| StoreError::Corrupt { what: format!("handlers/{app} ({error})") })?;
        Ok(Compiled { revision, rules: Arc::new(rules) })
    }

    /// Follows the changes that other processes make, for as long as it is polled.
    pub async fn follow(self) {
        let mut told: Option<String> = None;
        loop {
            tokio::time::sleep(POLL).await;
            let seen = self.snapshot.load().revision;
            let result = match self.store.apps().revision().await {
                Ok(revision) if revision == seen => Ok(()),
                Ok(_) => self.refresh().await,
                Err(error) => Err(error),
            };
            let Err(error) = result else {
                if told.take().is_some() {
                    tracing::info!("the apps can be read again");
                }
                continue;
            };
            let failure = with_causes(&error);
            if told.as_ref() != Some(&failure) {
                // Asked once for each failure: it may take another connection, and there are none to spare.
                let error = self.store.why(&error).await;
                tracing::warn!(error, "the apps could not be read again; the ones known stay until they can");
                told = Some(failure);
            }
        }
    }
}

/// What the webhook needs of an app. Keys were checked when they were stored, so one that does not
/// parse was changed by hand.
fn webhook(app: &App) -> Option<Webhook> {
    let token = app.token.as_ref()?;
    let token: Token = token
        .expose()
        .parse()
        .inspect_err(|error| tracing::error!(app = app.name, %error, "the app takes no messages"))
        .ok()?;
    let keys = [&app.encoding_aes_key, &app.previous_encoding_aes_key];
    let keys = keys.into_iter().flatten().map(|key| key.expose().parse()).collect::<Result<Vec<_>, _>>();
    let keys = keys.inspect_err(|error| tracing::error!(app = app.name, %error, "the app takes no messages")).ok()?;
    Some(Webhook { token, appid: app.appid.clone(), mode: app.encoding_mode, keys })
}
