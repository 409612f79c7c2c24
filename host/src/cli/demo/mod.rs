//! `weft demo`: everything at work with a simulated WeChat, on this machine alone.
//!
//! `scenes` is what is shown, `payment` the one with money, `api` calls the admin API as a program would, `slow` is a
//! server that takes its time, `shop` one that sells something, and `hints` is what to try afterwards.

mod api;
mod hints;
mod payment;
mod scenes;
mod shop;
mod slow;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{address, output::say, serve::stop_on_signal, this_command};
use crate::{
    clock::Clock,
    config::{Config, PayConfig, PluginsConfig, WebhookConfig, WechatConfig},
    plugins::build,
    server::Server,
    simulator::{pay::PayGateway, wechat::Wechat},
};

use api::Api;
use scenes::Stage;
use shop::Shop;

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Exit after the exchanges · 演示完即退出
    #[arg(long)]
    once: bool,
    /// Address to listen on; a free port is taken when it is in use
    /// · 监听地址，被占用时换用空闲端口
    #[arg(long, value_name = "ADDRESS", value_parser = address, default_value = "127.0.0.1:8000", verbatim_doc_comment)]
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
    let (source, fulfilment) = (example("greeter")?, example("order-fulfilment")?);
    step("building the example plugins (the first time takes a minute) · 编译示例插件（首次约一分钟）")?;
    let component = build::build(&source, &[]).await?;
    let fulfilment = build::build(&fulfilment, &[]).await?;

    let folder = tempfile::Builder::new().prefix("weft-demo-").tempdir()?;
    let wechat = Wechat::start().await.context("the simulated WeChat · 模拟的微信")?;
    let beside = SocketAddr::new(args.listen.ip(), 0);
    let pay =
        PayGateway::start_on(beside, Clock::system()).await.context("the simulated WeChat Pay · 模拟的微信支付")?;
    let (server, token) = prepare(folder.path(), args.listen, &wechat.base, &pay.base).await?;
    let base = format!("http://{}", server.address()?);
    let shop = Shop::start(beside, &base, &token).await?;
    let plugins = server.state().plugins.folder().to_owned();
    let stop = if args.once { CancellationToken::new() } else { stop_on_signal()? };
    let serving = tokio::spawn(server.run(stop.clone()));

    let stage = Stage { api: Api::new(&base, &token)?, wechat: &wechat, pay: &pay, plugins: &plugins };
    let result = stage.show(&component, &source, &fulfilment).await;
    if result.is_ok() && !args.once {
        let payments = hints::payments(&base, &shop.base, &pay.page(payment::MCH_ID, hints::NUMBER));
        say!("{}{}", hints::hints(&base, &token, &plugins), payments.trim_end())?;
        stop.cancelled().await;
    }
    stop.cancel();
    serving.await?;
    result
}

/// A server on embedded SQLite in a folder that goes away with the demo, and a token for its API.
async fn prepare(
    folder: &Path,
    listen: SocketAddr,
    api_base: &str,
    pay_base: &str,
) -> anyhow::Result<(Server, String)> {
    let config = |listen| Config {
        listen,
        data_dir: folder.join("data"),
        plugins_dir: folder.join("plugins"),
        public_url: format!("http://{listen}"),
        wechat: WechatConfig { api_base: api_base.to_owned(), ..WechatConfig::default() },
        pay: PayConfig { api_base: pay_base.to_owned(), ..PayConfig::default() },
        plugins: PluginsConfig { compiler: this_command(), ..PluginsConfig::default() },
        webhook: WebhookConfig { reply_deadline_ms: REPLY_DEADLINE_MS, ..WebhookConfig::default() },
        ..Config::default()
    };
    let is_free = listen.port() != 0 && std::net::TcpListener::bind(listen).is_ok();
    // WeChat Pay is told where to post, so the port has to be known before.
    let address = if is_free { listen } else { std::net::TcpListener::bind((listen.ip(), 0))?.local_addr()? };
    let server = Server::prepare(config(address), Clock::system()).await?;
    let (_, token) = server.state().store.tokens().create("demo", &["*".to_owned()], None).await?;
    Ok((server, token.expose().to_owned()))
}

/// A heading.
fn step(text: &str) -> std::io::Result<()> {
    say!("\n● {text}")
}

/// The source of an example: the demo runs in a checkout.
fn example(name: &str) -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir()?;
    let mut sources = here.ancestors().map(|folder| folder.join("plugins-examples").join(name));
    let advice = "the demo builds what is in plugins-examples: run it in a checkout of Weft, with `cargo run -- demo` · \
                  演示要编译 plugins-examples 中的插件：请在 Weft 的源码目录中执行 `cargo run -- demo`";
    sources.find(|source| source.is_dir()).context(advice)
}
