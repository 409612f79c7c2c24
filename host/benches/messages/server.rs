//! The servers under load, each in a process of its own: the real one, and a handler that always
//! says the same, to compare with.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    str::FromStr,
};

use anyhow::{Context, ensure};
use axum::{body::Bytes, routing::post};
use tokio_util::sync::CancellationToken;
use weft::{
    clock::Clock,
    config::Config,
    model::{App, AppPlugin, AppType, Condition, EncodingMode, Grants, Handler, ReplyContent},
    plugin_limits::LimitChanges,
    plugins::{Plugins, Watcher},
    secret::Secret,
    server::Server,
};
use weft_wechat::reply::Reply;

use super::{least, neighbours};

/// Makes this program a server; its kind follows.
pub(crate) const ARGUMENT: &str = "--serve";

/// What the constant handler answers.
pub(crate) const CONSTANT: &str = "success";

/// Of every app here.
pub(crate) const TOKEN: &str = "benchtoken";
/// Of every app here.
pub(crate) const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// What the rule answers.
pub(crate) const RULE_REPLY: &str = "A rule answers / 规则回复";

/// What a message has in it that the rule answers.
pub(crate) const RULE_WORD: &str = "message";

/// The handler that the apps name.
pub(crate) const HANDLER: &str = "greeter/greet";
/// The same, within its plugin.
pub(crate) const ENTRY: &str = "greet";

/// The app whose messages are timed.
pub(crate) const GOOD: &str = "good";
/// The plugin that misbehaves, in apps of its own.
pub(crate) const ADVERSARY: &str = "adversary";

/// Where a server keeps what it writes, within its folder.
pub(crate) const DATA: &str = "data";

/// Threads that answer.
const WORKERS: usize = 2;

/// Which server.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// axum, served the plain way, without middleware: the constant handler, and the least that could answer WeChat,
    /// with the greeter of this folder.
    Plain(PathBuf),
    /// Weft as `weft serve` runs it, with its plugins in `plugins` of this folder.
    Weft(PathBuf),
    /// The same with the app `good`, which has the greeter, and an app for each neighbour with the plugin `adversary`,
    /// which may keep values and ask the silent server. What it logs goes to a file in the folder.
    Neighbours(PathBuf),
}

impl Kind {
    /// Reads what [`Running::start`] writes.
    pub(crate) fn of(arguments: &[PathBuf]) -> Option<Self> {
        match arguments {
            [kind, folder] if kind == Path::new("plain") => Some(Self::Plain(folder.clone())),
            [kind, folder] if kind == Path::new("weft") => Some(Self::Weft(folder.clone())),
            [kind, folder] if kind == Path::new("neighbours") => Some(Self::Neighbours(folder.clone())),
            _ => None,
        }
    }
}

/// Serves until standard input ends; prints the address first.
pub(crate) fn serve(kind: &Kind) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        stopping.cancel();
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    runtime.block_on(async {
        match kind {
            Kind::Plain(folder) => serve_plain(folder, stop).await,
            Kind::Weft(folder) => serve_weft(folder, stop).await,
            Kind::Neighbours(folder) => serve_neighbours(folder, stop).await,
        }
    })
}

async fn serve_plain(folder: &Path, stop: CancellationToken) -> anyhow::Result<()> {
    let routes = least::routes(folder)?.route(
        "/constant",
        post(|body: Bytes| async move {
            std::hint::black_box(body);
            CONSTANT
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    print_address(listener.local_addr()?)?;
    // Not gracefully: the load's connections may still be open.
    tokio::select! {
        result = axum::serve(listener, routes) => Ok(result?),
        () = stop.cancelled() => Ok(()),
    }
}

async fn serve_weft(folder: &Path, stop: CancellationToken) -> anyhow::Result<()> {
    weft::telemetry::start(tracing::Level::INFO);
    let server = Server::prepare(config(folder, DATA), Clock::system()).await?;
    let state = server.state().clone();
    load(&state.plugins).await?;
    for (name, mode, handler) in [
        ("silent", EncodingMode::Plain, None),
        ("rule", EncodingMode::Plain, None),
        ("plain", EncodingMode::Plain, Some(HANDLER)),
        ("safe", EncodingMode::Safe, Some(HANDLER)),
        ("logged", EncodingMode::Plain, Some(HANDLER)),
    ] {
        let mut app = app(name, mode, handler)?;
        app.settings.log_messages = name == "logged";
        app.settings.log_replies = name == "logged";
        state.store.apps().insert(&app).await?;
    }
    state.store.handlers().insert(&rule()).await?;
    state.accounts.refresh().await?;
    print_address(server.address()?)?;
    server.run(stop).await;
    Ok(())
}

async fn serve_neighbours(folder: &Path, stop: CancellationToken) -> anyhow::Result<()> {
    weft::telemetry::start(tracing::Level::INFO);
    let mut config = config(folder, DATA);
    // As the command itself does.
    config.plugins.compiler = Some(PathBuf::from(env!("CARGO_BIN_EXE_weft")));
    let server = Server::prepare(config, Clock::system()).await?;
    let state = server.state().clone();
    load(&state.plugins).await?;
    state.store.apps().insert(&app(GOOD, EncodingMode::Plain, Some(HANDLER))?).await?;
    let silent = format!("http://{}", fs::read_to_string(folder.join(neighbours::SILENT))?);
    for (name, has_breaker) in neighbours::apps() {
        state.store.apps().insert(&app(&name, EncodingMode::Plain, Some(ADVERSARY))?).await?;
        let grants = Grants { kv: true, http_hosts: vec![silent.clone()], ..Grants::default() };
        let limits = LimitChanges { breaker_failures: (!has_breaker).then_some(1_000_000), ..LimitChanges::default() };
        state.store.app_plugins().put(&AppPlugin { grants, limits, ..AppPlugin::new(name, ADVERSARY) }).await?;
    }
    state.accounts.refresh().await?;
    print_address(server.address()?)?;
    server.run(stop).await;
    Ok(())
}

/// Answers every message of the load.
fn rule() -> Handler {
    Handler {
        rules: vec![Condition::Contain(RULE_WORD.to_owned()).into()],
        replies: vec![ReplyContent::Static(Reply::Text(RULE_REPLY.to_owned())).into()],
        ..Handler::new("rule", "rule")
    }
}

/// Loads the plugins; makes sure that every one runs, and that there is one.
pub(crate) async fn load(plugins: &Plugins) -> anyhow::Result<()> {
    Watcher::new(plugins.clone())?.begin().await.await;
    let plugins = plugins.list();
    ensure!(!plugins.is_empty(), "there is no plugin");
    for plugin in plugins {
        ensure!(plugin.loaded.is_some(), "the plugin {} does not run: {:?}", plugin.name, plugin.error);
    }
    Ok(())
}

/// A server's settings: the defaults, with a port that is free.
pub(crate) fn config(folder: &Path, data: &str) -> Config {
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: folder.join(data),
        plugins_dir: folder.join("plugins"),
        ..Config::default()
    }
}

/// An app that `handler` answers.
pub(crate) fn app(name: &str, mode: EncodingMode, handler: Option<&str>) -> anyhow::Result<App> {
    let mut app = App::new(name, AppType::Service, appid(name));
    app.token = Some(Secret::new(TOKEN));
    app.encoding_mode = mode;
    app.encoding_aes_key = (mode != EncodingMode::Plain).then(|| Secret::new(AES_KEY));
    app.message_handler = handler.map(FromStr::from_str).transpose()?;
    Ok(app)
}

/// The appid of an app here.
pub(crate) fn appid(name: &str) -> String {
    format!("wxbench{name}")
}

fn print_address(address: SocketAddr) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{address}")?;
    out.flush()
}

/// A server process. It stops when this is dropped, and also when this process dies.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Starts this very program as a server and waits until it listens.
    pub(crate) fn start(kind: &Kind) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(ARGUMENT);
        match kind {
            Kind::Plain(folder) => command.arg("plain").arg(folder),
            Kind::Weft(folder) => command.arg("weft").arg(folder),
            Kind::Neighbours(folder) => {
                command.arg("neighbours").arg(folder).stderr(File::create(folder.join("server.log"))?)
            }
        };
        // The figures are those of the log level that servers have when nobody sets one, without backtraces of errors.
        command.env_remove("WEFT_LOG").env_remove("WEFT_LOG_FORMAT").env_remove("RUST_BACKTRACE");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take();
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no standard output")?).read_line(&mut line)?;
        ensure!(!line.is_empty(), "the server {kind:?} does not start");
        Ok(Self { child, stdin, address: line.trim().parse()? })
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
