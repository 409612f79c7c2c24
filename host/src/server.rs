//! The composition root: from a configuration to a running server.

use std::{net::SocketAddr, panic::AssertUnwindSafe, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use futures::FutureExt;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    accounts::Accounts,
    articles::Articles,
    audit_log::AuditLog,
    clock::Clock,
    config::Config,
    dispatch::{Dispatcher, Surroundings},
    failure_lines::FailureLines,
    handler_sync::HandlerSync,
    http::{self, AppState, Measures, Parts, Probes, Routes},
    jobs::{Jobs, Work},
    mass_messages::MassMessages,
    materials::{ARTICLE_SYNC, CleanUp, ListSync, MATERIAL_SYNC, Materials},
    menus::Menus,
    message_log::MessageLog,
    migrate::Migration,
    missing_grants,
    model::{CanaryRule, PluginState},
    order_hooks::OrderHooks,
    outcomes::Outcomes,
    pay::{Pay, ReconcileWork},
    plugins::{DatabaseTurns, GoingOn, PlatformLimits, Plugins, Services, Settings, Watcher},
    secret::SecretKey,
    sends::{SendWork, Sends},
    shares::Room,
    storage::{OnlyServer, Store},
    templates::Templates,
    upstream::{Forward, Gateway, Outbound, Wechat},
    users::Users,
};

/// How long handlers may go on when the process stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the database may take for what is left to write when the process stops, and then to end connections.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that has its sockets and its database. It loads its plugins when it runs.
pub struct Server {
    state: AppState,
    listeners: Vec<(TcpListener, Routes)>,
    watcher: Watcher,
    only: Option<OnlyServer>,
}

/// Opens the database that the configuration names, with its secret key, and brings it up to date.
///
/// # Errors
/// When the key or the database cannot be had; the text says what to do.
pub async fn open_store(config: &Config, clock: Clock) -> anyhow::Result<(Store, Arc<SecretKey>)> {
    let key = Arc::new(config.load_secret_key().context("the secret key · 加密密钥")?);
    let store = Store::open(&config.database(), Arc::clone(&key), clock).await.context("the database · 数据库")?;
    store.migrate().await.context("the database · 数据库")?;
    Ok((store, key))
}

impl Server {
    /// Prepares everything that can be wrong before anything answers.
    ///
    /// # Errors
    /// When a part cannot start; the text says which and why.
    pub async fn prepare(config: Config, clock: Clock) -> anyhow::Result<Self> {
        let only = OnlyServer::of(&config.database()).await?;
        let (listener, admin_listener) = bind_both(&config).await?;
        let (state, watcher) = compose(config, clock).await?;
        let listeners = match admin_listener {
            Some(admin) => {
                let public = Routes::new(http::public(&state)).with_webhooks(&state);
                vec![(listener, public), (admin, Routes::new(http::operator(&state)))]
            }
            None => vec![(listener, Routes::new(http::everything(&state)).with_webhooks(&state))],
        };
        Ok(Self { state, listeners, watcher, only })
    }

    /// The address that WeChat's side listens on; with the port that the system chose for port 0.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        match self.listeners.first() {
            Some((listener, _)) => listener.local_addr(),
            None => Err(std::io::Error::other("no listener")),
        }
    }

    /// The address of the operator's side.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        match self.listeners.last() {
            Some((listener, _)) => listener.local_addr(),
            None => Err(std::io::Error::other("no listener")),
        }
    }

    /// What the server is made of, for those who run it inside their own process.
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Serves at once and loads the plugins meanwhile, until `stop`; then requests and handlers in
    /// flight end, and the database is closed.
    pub async fn run(self, stop: CancellationToken) {
        let Self { state, listeners, watcher, only } = self;
        let background = TaskTracker::new();
        work_in_background(&state, watcher, &background, &stop);
        let (stopped, stopping) = (stop.clone(), state.stopping.clone());
        background.spawn(async move {
            stopped.cancelled().await;
            stopping.cancel();
        });
        let working = tokio::spawn(state.jobs.clone().run(stop.clone()));
        // Not ended by `stop`: what handlers leave that end after it is written too.
        let writing = futures::future::join3(
            state.dispatcher.clone().write(),
            state.message_log.clone().run(),
            state.outcomes.clone().run(),
        );
        let writing = tokio::spawn(writing);
        let limits = http::ConnectionLimits::shared_by(listeners.len());
        let serving =
            listeners.into_iter().map(|(listener, routes)| http::serve(listener, routes, limits, stop.clone()));
        futures::future::join_all(serving).await;
        state.page_calls.close();
        // Handlers and pages go on when their connection ends; what they write must be written.
        let finishing = async {
            drop(tokio::join!(
                state.page_calls.wait(),
                state.dispatcher.finish(),
                state.users.finish(),
                state.handler_sync.finish(),
                state.articles.finish(),
                state.materials.finish(),
                state.menus.finish(),
                state.sends.finish(),
                state.mass_messages.finish(),
                state.audit_log.finish(),
                state.order_hooks.finish(),
                working
            ));
            // Last: what ends above may have called plugins, whose calls leave work behind.
            state.plugins.finish().await;
        };
        if tokio::time::timeout(STOP_TIMEOUT, finishing).await.is_err() {
            tracing::warn!("some handlers, pages, syncs or jobs did not end within {STOP_TIMEOUT:?} and are cut off");
        }
        let closing = futures::future::join4(
            state.dispatcher.close(),
            state.message_log.close(),
            state.outcomes.close(),
            state.wechat.close(),
        );
        if tokio::time::timeout(WRITE_TIMEOUT, closing).await.is_err() {
            tracing::warn!("the database did not take the last answers and log entries within {WRITE_TIMEOUT:?}");
        }
        writing.abort();
        background.close();
        background.wait().await;
        if tokio::time::timeout(WRITE_TIMEOUT, state.store.close()).await.is_err() {
            tracing::warn!("the database did not let go of all connections within {WRITE_TIMEOUT:?}");
        }
        drop(only);
    }
}

/// Begins what is done beside requests, until `stop`.
fn work_in_background(state: &AppState, watcher: Watcher, background: &TaskTracker, stop: &CancellationToken) {
    let tasks = [
        ("plugins_folder", follow_folder(watcher, state.clone()).boxed()),
        ("plugin_versions", state.plugins.clone().follow().boxed()),
        ("apps", state.accounts.clone().follow().boxed()),
        ("plugin_cache", state.plugins.clone().forget_code(state.clock.clone()).boxed()),
        ("plugin_settings", state.plugins.clone().follow_settings().boxed()),
        ("kv_expiry", state.plugins.clone().forget_expired().boxed()),
        ("missing_grants", missing_grants::tell(state.plugins.clone(), state.accounts.clone()).boxed()),
        ("deliveries", state.dispatcher.clone().forget().boxed()),
        ("profiles", state.users.clone().look_up().boxed()),
        ("access_tokens", state.wechat.clone().keep_fresh().boxed()),
        ("publications", state.articles.clone().follow().boxed()),
        ("sends", state.sends.clone().look_after().boxed()),
        ("audit_log", state.audit_log.clone().prune().boxed()),
        ("open_orders", state.pay.clone().follow().boxed()),
        ("bills", reconcile_daily(state).boxed()),
        ("order_hooks", state.order_hooks.clone().tell().boxed()),
        ("call_counts", state.wechat.clone().keep_counts(state.store.is_shared()).boxed()),
    ];
    for (task, work) in tasks {
        let (stop, work) = (stop.clone(), AssertUnwindSafe(work).catch_unwind());
        background.spawn(async move {
            if let Some(Err(_)) = stop.run_until_cancelled_owned(work).await {
                tracing::error!(
                    task,
                    "work in the background has ended by a panic and is done no more until the server is restarted"
                );
            }
        });
    }
}

/// What plugins' host functions answer with. No app is read yet.
pub(crate) fn services(config: &Config, store: Store, clock: Clock) -> anyhow::Result<Services> {
    let wechat =
        Wechat::new(&config.wechat, store.clone(), clock.clone()).context("calls of WeChat's API · 微信接口的调用")?;
    let users = Users::new(store.clone(), wechat.clone(), clock.clone());
    let gateway = Gateway::new(&config.pay, clock.clone()).context("calls of WeChat Pay · 微信支付的调用")?;
    let pay = Pay::new(store.clone(), gateway, clock.clone(), &config.public_url);
    let message_log = MessageLog::new(store.clone(), clock.clone(), &config.webhook);
    let outbound = Outbound::new().context("requests of plugins · 插件的请求")?;
    let (failures, going_on) = (FailureLines::default(), GoingOn::default());
    let (accounts, database_turns) = (Accounts::new(store.clone()), DatabaseTurns::default());
    Ok(Services {
        store,
        database_turns,
        accounts,
        outbound,
        wechat,
        users,
        pay,
        message_log,
        clock,
        failures,
        going_on,
    })
}

/// The plugin platform without any plugin.
pub(crate) fn platform(settings: Settings, services: Services) -> anyhow::Result<Plugins> {
    Plugins::new(settings, services)
        .map_err(|error| anyhow::anyhow!("the plugin runtime cannot start: {error:#} · 插件运行时无法启动"))
}

/// The plugin platform with what is set for single plugins, and what fills it.
async fn plugins(config: &Config, key: &SecretKey, services: Services) -> anyhow::Result<(Plugins, Watcher)> {
    let plugins = platform(plugin_settings(config, key), services)?;
    plugins.refresh().await.context("what is set for plugins · 插件的设置")?;
    let watcher = Watcher::new(plugins.clone())
        .with_context(|| format!("the plugins folder {0} · 插件目录 {0}", config.plugins_dir.display()))?;
    Ok((plugins, watcher))
}

/// Where plugins are, and what they may use.
pub(crate) fn plugin_settings(config: &Config, key: &SecretKey) -> Settings {
    Settings {
        folder: config.plugins_dir.clone(),
        cache: config.data_dir.join("plugin-cache"),
        cache_key: key.derive("plugin-cache"),
        versions: kept_versions(config),
        decides: true,
        canary: CanaryRule::from(&config.plugins),
        limits: PlatformLimits::from(&config.plugins),
        counts_fuel: false,
        compiler: config.plugins.compiler.clone(),
    }
}

/// Where the last good versions of plugins are kept.
pub(crate) fn kept_versions(config: &Config) -> PathBuf {
    config.data_dir.join("plugin-versions")
}

/// Compares bills every day, unless that is switched off.
fn reconcile_daily(state: &AppState) -> impl Future<Output = ()> + Send + use<> {
    let (pay, jobs) = (state.pay.clone(), state.jobs.clone());
    let is_wanted = state.config.pay.reconcile_daily;
    async move {
        if is_wanted {
            pay.reconcile_daily(jobs).await;
        }
    }
}

/// All kinds of jobs.
fn works(
    store: &Store,
    wechat: &Wechat,
    clock: &Clock,
    (users, materials, articles): (&Users, &Materials, &Articles),
) -> Vec<Box<dyn Work>> {
    let mut works = users.works();
    works.push(Box::new(SendWork::new(store.clone(), wechat.clone(), clock.clone())));
    works.push(Box::new(Migration::new(store.clone(), materials.clone(), articles.clone())));
    for kind in [MATERIAL_SYNC, ARTICLE_SYNC] {
        works.push(Box::new(ListSync::new(kind, store.clone(), wechat.clone(), clock.clone())));
    }
    works.push(Box::new(CleanUp::new(materials.clone(), clock.clone())));
    works
}

/// Puts the parts together; each takes what stands before it.
async fn compose(config: Config, clock: Clock) -> anyhow::Result<(AppState, Watcher)> {
    let (store, key) = open_store(&config, clock.clone()).await?;
    let services = services(&config, store.clone(), clock.clone())?;
    let Services { accounts, wechat, users, pay, message_log, failures, .. } = services.clone();
    accounts.refresh().await.context("the apps · 账号")?;
    wechat.restore().await.context("the pauses of WeChat's calls · 微信接口的暂停")?;
    let (plugins, watcher) = plugins(&config, &key, services).await?;
    let order_hooks = OrderHooks::new(store.clone(), accounts.clone(), plugins.clone(), clock.clone())
        .context("calls of operators' servers · 对部署者服务器的调用")?;
    let materials = Materials::new(store.clone(), wechat.clone());
    let handler_sync = HandlerSync::new(store.clone(), wechat.clone(), materials.clone(), clock.clone());
    let articles = Articles::new(store.clone(), wechat.clone(), clock.clone());
    let menus = Menus::new(store.clone(), wechat.clone());
    let audit_log = AuditLog::new(store.clone(), clock.clone());
    let mut works = works(&store, &wechat, &clock, (&users, &materials, &articles));
    works.push(Box::new(ReconcileWork::new(pay.clone(), clock.clone())));
    let jobs = Jobs::new(store.clone(), clock.clone(), works);
    let outcomes = Outcomes::new(store.clone());
    let templates = Templates::new(store.clone(), wechat.clone());
    let sends = Sends::new(store.clone(), wechat.clone());
    let mass_messages = MassMessages::new(store.clone(), wechat.clone());
    let surroundings = Surroundings {
        plugins: plugins.clone(),
        store: store.clone(),
        clock: clock.clone(),
        users: users.clone(),
        outcomes: outcomes.clone(),
        message_log: message_log.clone(),
        wechat: wechat.clone(),
        forward: Forward::new().context("calls of operators' servers · 对部署者服务器的调用")?,
        failures: failures.clone(),
    };
    let dispatcher = Dispatcher::new(surroundings, &config.webhook);
    dispatcher.restore().await.context("the deliveries · 消息去重的记录")?;
    let state = AppState::from(Parts {
        config: Arc::new(config),
        clock,
        store,
        accounts,
        articles,
        materials,
        menus,
        audit_log,
        jobs,
        measures: Measures::default(),
        probes: Probes::default(),
        failures,
        message_log,
        users,
        wechat,
        pay,
        order_hooks,
        handler_sync,
        outcomes,
        templates,
        sends,
        mass_messages,
        dispatcher,
        plugins,
        uploads: Room::new(http::UPLOADS.0, http::UPLOADS.1),
        spools: Room::new(http::SPOOLS.0, http::SPOOLS.1),
        log_readers: Room::new(http::LOG_READERS.0, http::LOG_READERS.1),
        pages: http::Answers::default(),
        replies: http::Answers::default(),
        page_calls: TaskTracker::new(),
        stopping: CancellationToken::new(),
    });
    Ok((state, watcher))
}

/// Loads what lies in the plugins folder, says so, and follows the folder.
async fn follow_folder(mut watcher: Watcher, state: AppState) {
    let all_loaded = watcher.begin().await;
    let tell = async {
        all_loaded.await;
        let plugins = state.plugins.list();
        let count = |state: PluginState| plugins.iter().filter(|plugin| plugin.state() == state).count();
        let (ready, failed, disabled) =
            (count(PluginState::Ready), count(PluginState::Failed), count(PluginState::Disabled));
        tracing::info!(ready, failed, disabled, "the plugins folder has been read");
    };
    futures::join!(tell, watcher.run());
}

/// WeChat's side, and the operator's where it has an address of its own.
async fn bind_both(config: &Config) -> anyhow::Result<(TcpListener, Option<TcpListener>)> {
    let listener = bind(config.listen, "`listen` (--listen)").await?;
    match config.admin_listen.filter(|admin| *admin != config.listen) {
        Some(admin) => Ok((listener, Some(bind(admin, "`admin_listen` (--admin-listen)").await?))),
        None => Ok((listener, None)),
    }
}

/// `setting` is where another address is named.
async fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| cannot_listen(address, setting))
}

/// What to do where an address cannot be listened on.
pub(crate) fn cannot_listen(address: SocketAddr, setting: &str) -> String {
    format!(
        "cannot listen on {address}; is it in use? {setting} names another address · 无法监听 {address}，可能已被占用；可用 \
         {setting} 换一个地址"
    )
}
