//! `weft demo`: everything at work with a simulated WeChat, on this machine alone.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use reqwest::Client;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use weft_wechat::account::EncodingMode;

use super::serve::stop_on_signal;
use crate::{
    clock::Clock,
    config::Config,
    plugins::build,
    server::Server,
    simulator::{Incoming, Sender, Settings, http_client},
};

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
const ORIGINAL_ID: &str = "gh_demo";
const OPENID: &str = "oDemoUser";

pub(super) async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let source = greeter()?;
    step("building the greeter plugin (the first time takes a minute) · 编译示例插件 greeter（首次约一分钟）");
    let component = build::build(&source, &[]).await?;

    let folder = tempfile::Builder::new().prefix("weft-demo-").tempdir()?;
    let (server, token) = prepare(folder.path(), args.listen).await?;
    let base = format!("http://{}", server.address()?);
    let plugins = server.state().plugins.folder().to_owned();
    let stop = if args.once { CancellationToken::new() } else { stop_on_signal()? };
    let serving = tokio::spawn(server.run(stop.clone()));

    let result = show(&base, &token, &plugins, &component, &source).await;
    if result.is_ok() && !args.once {
        print!("{}", hints(&base, &token, &plugins));
        stop.cancelled().await;
    }
    stop.cancel();
    serving.await?;
    result
}

/// A server on embedded SQLite in a folder that goes away with the demo, and a token for its API.
async fn prepare(folder: &Path, listen: SocketAddr) -> anyhow::Result<(Server, String)> {
    let config = |listen| Config {
        listen,
        data_dir: folder.join("data"),
        plugins_dir: folder.join("plugins"),
        public_url: format!("http://{listen}"),
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

async fn show(base: &str, token: &str, plugins: &Path, component: &Path, source: &Path) -> anyhow::Result<()> {
    let api = Api { client: http_client()?, base, token };
    step(&format!("the server listens on {base} · 服务已启动"));

    step("dropping greeter.wasm into the plugins folder · 放入 greeter.wasm");
    let began = Instant::now();
    build::install(component, plugins).await?;
    let digest = api.plugin_ready(None).await?;
    println!("  ready after {} ms", began.elapsed().as_millis());

    step("creating two accounts through the admin API, both answered by greeter · 通过管理接口创建两个公众号");
    let plain = api.create("demo", EncodingMode::Plain).await?;
    let safe = api.create("demo-safe", EncodingMode::Safe).await?;
    for (name, account) in [("demo", &plain), ("demo-safe", &safe)] {
        account.verify().await?;
        println!("  {name}: address verified · 服务器地址验证通过");
    }

    step("messages from a simulated user, through the real webhook · 模拟用户消息");
    let hello = Incoming::text(OPENID, "weft");
    exchange(&plain, "text · 文本", &hello).await?;
    exchange(&plain, "image · 图片", &Incoming::image(OPENID, "media-1")).await?;
    exchange(&plain, "subscribe · 关注", &Incoming::subscribe(OPENID, Some("poster-7"))).await?;
    let before = exchange(&safe, "encrypted text · 加密文本", &hello).await?;

    step("changing the plugin: the same source, built with the feature `formal` · 修改插件并重新编译");
    let changed = build::build(source, &["formal"]).await?;
    let began = Instant::now();
    build::install(&changed, plugins).await?;
    api.plugin_ready(Some(&digest)).await?;
    println!("  the new version answers after {} ms, without a restart · 无需重启", began.elapsed().as_millis());
    let after = exchange(&plain, "text · 文本", &hello).await?;
    ensure!(before != after, "the changed plugin gives the old answer");
    Ok(())
}

/// Sends a message, prints both sides, and returns the reply's text.
async fn exchange(account: &Sender, title: &str, incoming: &Incoming) -> anyhow::Result<String> {
    let exchange = account.send(incoming).await.with_context(|| title.to_owned())?;
    let text = exchange.text().with_context(|| format!("{title}: no text came back: {}", exchange.body))?;
    println!("\n  ── {title}");
    println!("  → {}", exchange.sent);
    println!("  ← {}", exchange.reply);
    println!(
        "    {} in {:.1} ms",
        if exchange.body == exchange.reply { "plain" } else { "encrypted" },
        exchange.took.as_secs_f64() * 1e3
    );
    Ok(text)
}

struct Api<'a> {
    client: Client,
    base: &'a str,
    token: &'a str,
}

impl Api<'_> {
    /// Creates an app, and the account at the simulated WeChat that belongs to it.
    async fn create(&self, name: &str, mode: EncodingMode) -> anyhow::Result<Sender> {
        let appid = format!("wx{name}");
        let app = json!({
            "name": name, "title": "演示 Demo", "type": "service", "appid": appid, "token": TOKEN,
            "encoding_mode": mode, "encoding_aes_key": AES_KEY, "message_handler": "greeter",
        });
        let url = format!("{}/api/v1/apps", self.base);
        let response = self.client.post(url).bearer_auth(self.token).json(&app).send().await?;
        ensure!(response.status().is_success(), "the app {name} was not created: {}", response.text().await?);
        let url = format!("{}/wechat/{name}/", self.base);
        let settings = Settings {
            url,
            token: TOKEN.to_owned(),
            appid,
            original_id: ORIGINAL_ID.to_owned(),
            mode,
            key: Some(AES_KEY.parse()?),
        };
        Ok(Sender::new(settings)?)
    }

    /// Waits until the greeter runs with another digest than `before`; returns the new one.
    async fn plugin_ready(&self, before: Option<&str>) -> anyhow::Result<String> {
        let url = format!("{}/api/v1/plugins/greeter", self.base);
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let response = self.client.get(&url).bearer_auth(self.token).send().await?;
                let plugin: Value = if response.status().is_success() { response.json().await? } else { Value::Null };
                if let Some(digest) = plugin.get("digest").and_then(Value::as_str)
                    && before != Some(digest)
                {
                    return anyhow::Ok(digest.to_owned());
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        waited.await.context("greeter.wasm was not loaded within 20 s")?
    }
}

fn step(text: &str) {
    println!("\n● {text}");
}

/// The greeter's source: the demo runs in a checkout.
fn greeter() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir()?;
    let found = here.ancestors().map(|folder| folder.join("plugins-examples/greeter")).find(|source| source.is_dir());
    found.context("the demo builds plugins-examples/greeter: run it in a checkout of Weft, with `cargo run -- demo`")
}

fn hints(base: &str, token: &str, plugins: &Path) -> String {
    let plugins = plugins.display();
    format!(
        r#"
● Everything runs until you press Ctrl-C · 按 Ctrl-C 结束
  admin API · 管理接口   {base}/api/v1/
  its token · 访问令牌   {token}
  plugins   · 插件目录   {plugins}

Try · 试一试:

  # the plugins and their state · 查看插件
  curl -s -H 'Authorization: Bearer {token}' {base}/api/v1/plugins

  # your own message, signed as WeChat does · 自己发一条消息
  t=$(date +%s); s=$(printf '%s\n' {TOKEN} $t 42 | LC_ALL=C sort | tr -d '\n' | sha1sum | cut -c1-40)
  curl -s "{base}/wechat/demo/?signature=$s&timestamp=$t&nonce=42" -d "<xml><ToUserName>{ORIGINAL_ID}</ToUserName><FromUserName>oMe</FromUserName><CreateTime>$t</CreateTime><MsgType>text</MsgType><Content>hi</Content><MsgId>$t</MsgId></xml>"

  # change plugins-examples/greeter/src/lib.rs, then build and drop it · 修改示例插件后重新放入
  cargo run -- plugin build plugins-examples/greeter --install --plugins-dir {plugins}

  # let the other handler answer · 换一个处理函数
  curl -s -X PATCH -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d '{{"message_handler":"greeter/vip"}}' {base}/api/v1/apps/demo
"#
    )
}
