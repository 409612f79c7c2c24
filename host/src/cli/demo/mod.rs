//! `weft demo`: everything at work with a simulated WeChat, on this machine alone.
//!
//! `scenes` is what is shown, `api` calls the admin API as a program would, `slow` is a server that takes its time, and
//! `hints` is what to try afterwards.

mod api;
mod hints;
mod scenes;
mod slow;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{serve::stop_on_signal, this_command};
use crate::{
    clock::Clock,
    config::{Config, PluginsConfig, WebhookConfig, WechatConfig},
    plugins::build,
    server::Server,
    simulator::wechat::Wechat,
};

use api::Api;
use scenes::Stage;

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Exit after the exchanges
    #[arg(long)]
    once: bool,
    /// Address to listen on; a free port is taken when it is in use
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
}

/// The demo's accounts share these; they exist nowhere else.
const TOKEN: &str = "demotoken";
const AES_KEY: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const APPSECRET: &str = "demosecret";
const ORIGINAL_ID: &str = "gh_demo";
const OPENID: &str = "oDemoUser";

/// How long the host lets WeChat wait here, in milliseconds: nobody wants to watch for the usual 4.5 seconds.
const REPLY_DEADLINE_MS: u64 = 1000;

pub(super) async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let source = greeter()?;
    step("building the greeter plugin (the first time takes a minute) · 编译示例插件 greeter（首次约一分钟）");
    let component = build::build(&source, &[]).await?;

    let folder = tempfile::Builder::new().prefix("weft-demo-").tempdir()?;
    let wechat = Wechat::start().await.context("the simulated WeChat")?;
    let (server, token) = prepare(folder.path(), args.listen, &wechat.base).await?;
    let base = format!("http://{}", server.address()?);
    let plugins = server.state().plugins.folder().to_owned();
    let stop = if args.once { CancellationToken::new() } else { stop_on_signal()? };
    let serving = tokio::spawn(server.run(stop.clone()));

    let stage = Stage { api: Api::new(&base, &token)?, wechat: &wechat, plugins: &plugins };
    let result = stage.show(&component, &source).await;
    if result.is_ok() && !args.once {
        print!("{}", hints::hints(&base, &token, &plugins));
        stop.cancelled().await;
    }
    stop.cancel();
    serving.await?;
    result
}

/// A server on embedded SQLite in a folder that goes away with the demo, and a token for its API.
async fn prepare(folder: &Path, listen: SocketAddr, api_base: &str) -> anyhow::Result<(Server, String)> {
    let config = |listen| Config {
        listen,
        data_dir: folder.join("data"),
        plugins_dir: folder.join("plugins"),
        public_url: format!("http://{listen}"),
        wechat: WechatConfig { api_base: api_base.to_owned(), ..WechatConfig::default() },
        plugins: PluginsConfig { compiler: this_command(), ..PluginsConfig::default() },
        webhook: WebhookConfig { reply_deadline_ms: REPLY_DEADLINE_MS, ..WebhookConfig::default() },
        ..Config::default()
    };
    let free = SocketAddr::new(listen.ip(), 0);
    let server = match Server::prepare(config(listen), Clock::system()).await {
        Ok(server) => server,
        Err(_) => Server::prepare(config(free), Clock::system()).await?,
    };
    let (_, token) = server.state().store.tokens().create("demo", &["*".to_owned()], None).await?;
    Ok((server, token.expose().to_owned()))
}

/// A heading.
fn step(text: &str) {
    println!("\n● {text}");
}

/// The greeter's source: the demo runs in a checkout.
fn greeter() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir()?;
    let found = here.ancestors().map(|folder| folder.join("plugins-examples/greeter")).find(|source| source.is_dir());
    found.context("the demo builds plugins-examples/greeter: run it in a checkout of Weft, with `cargo run -- demo`")
}
