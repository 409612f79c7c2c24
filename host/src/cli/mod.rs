//! The `weft` command: one file for each subcommand.

mod app;
mod check;
mod demo;
mod help;
mod output;
mod pay;
mod plugin;
mod plugin_build;
mod plugin_check;
mod plugin_list;
mod plugin_new;
mod plugin_options;
mod plugin_replay;
mod plugin_report;
mod plugin_runtime;
mod plugin_test;
mod progress;
mod serve;
mod simulate;
mod token;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, FromArgMatches, Subcommand};

use crate::{
    clock::Clock,
    config::{Config, Overrides},
    http,
    model::AuditEntry,
    plugins::{Bounds, compile_plugin},
    server,
    storage::{Store, with_causes},
};

use output::{remark, say};
pub use plugin_new::Sdk;

/// Under which the flags stand that every command takes.
const SETTINGS: &str = "Settings · 设置";

/// What a new operator does first.
const FIRST_STEPS: &str = "First steps · 第一步：
  weft demo                        look at it, in a checkout · 先看演示（在源码目录中）
  weft token create --name me      for the admin API · 创建接口令牌
  weft app add NAME --type service --appid wx… --token …
  weft serve";

/// A WebAssembly plugin host for WeChat accounts · 微信账号的 WebAssembly 插件宿主
#[derive(Debug, Args)]
#[command(version, propagate_version = true, after_help = FIRST_STEPS)]
struct Cli {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(subcommand)]
    command: Command,
}

/// Flags that every command takes; they win over the environment and the file.
#[derive(Debug, Args)]
struct SettingsArgs {
    /// Configuration file, else ./weft.toml · 配置文件
    #[arg(long, global = true, env = "WEFT_CONFIG", value_name = "FILE", help_heading = SETTINGS)]
    config: Option<PathBuf>,
    /// Database, secret key and plugin cache · 数据库、密钥和插件缓存的目录
    #[arg(long, global = true, value_name = "DIR", help_heading = SETTINGS)]
    data_dir: Option<PathBuf>,
    /// sqlite://… or postgres://… · 数据库地址
    #[arg(long, global = true, value_name = "URL", hide_env_values = true, help_heading = SETTINGS)]
    database_url: Option<String>,
    /// Where .wasm files are dropped · 插件目录，存放 .wasm 文件
    #[arg(long, global = true, value_name = "DIR", help_heading = SETTINGS)]
    plugins_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server · 运行服务
    Serve(serve::ServeArgs),
    /// Show everything at work with a simulated WeChat · 用模拟的微信演示全部功能
    Demo(demo::DemoArgs),
    /// Play WeChat on this machine: API, Pay, messages · 在本机模拟微信：接口、支付、消息
    Simulate(Box<simulate::SimulateArgs>),
    /// Bring the database up to date · 升级数据库
    Migrate,
    /// Check configuration, database, plugins and apps · 检查配置、数据库、插件和账号
    Check(output::OutputArgs),
    /// WeChat accounts · 微信账号
    #[command(subcommand)]
    App(app::AppCommand),
    /// API tokens · 接口令牌
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Plugins · 插件
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// WeChat Pay · 微信支付
    #[command(subcommand)]
    Pay(pay::PayCommand),
    /// Print the OpenAPI document of the admin API, always as JSON · 以 JSON 输出管理接口的 OpenAPI 文档
    Openapi(output::OutputArgs),
    /// Compile a plugin from standard input to standard output: what the server starts for each file
    #[command(hide = true)]
    CompilePlugin(Bounds),
}

impl SettingsArgs {
    fn load(&self, mut overrides: Overrides) -> anyhow::Result<Config> {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        overrides.set("data_dir", self.data_dir.as_ref().map(text));
        overrides.set("database_url", self.database_url.as_ref());
        overrides.set("plugins_dir", self.plugins_dir.as_ref().map(text));
        let mut config = Config::load(self.config.as_deref(), overrides)?;
        config.plugins.compiler = this_command();
        Ok(config)
    }

    /// The database that the configuration names, up to date.
    async fn store(&self) -> anyhow::Result<Store> {
        let config = self.load(Overrides::default())?;
        Ok(server::open_store(&config, Clock::system()).await?.0)
    }
}

/// What a flag says to listen on.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "an IP address and a port, such as 127.0.0.1:8000 or [::]:8000 · IP 地址和端口，如 127.0.0.1:8000 或 [::]:8000")
}

/// Where this program is, to be started again. On Linux also when its file was replaced or removed since.
fn this_command() -> Option<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() { Some(running.to_owned()) } else { std::env::current_exe().ok() }
}

/// Runs the command that the arguments name. Exit codes: 0 done, 1 failed, 2 usage.
pub async fn main(sdk: &Sdk) -> ExitCode {
    let cli = Cli::from_arg_matches(&help::command::<Cli>().get_matches()).unwrap_or_else(|error| error.exit());
    // A server tells what it does; a command prints what it was asked for, and only warns.
    let serves = matches!(cli.command, Command::Serve(_));
    crate::telemetry::start(if serves { tracing::Level::INFO } else { tracing::Level::WARN });
    // The commands' futures are too large for the stack.
    match Box::pin(run(cli, sdk)).await {
        Ok(code) => code,
        Err(error) => {
            // If standard error is closed, the exit code has to do.
            remark!("weft: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli, sdk: &Sdk) -> anyhow::Result<ExitCode> {
    let settings = cli.settings;
    match cli.command {
        Command::Serve(args) => serve::run(&settings, args).await?,
        Command::Demo(args) => demo::run(args).await?,
        Command::Simulate(args) => simulate::run(*args).await?,
        Command::Migrate => {
            settings.store().await?.close().await;
            say!("the database is up to date · 数据库已是最新")?;
        }
        Command::Check(args) => return check::run(&settings, args).await,
        Command::App(command) => app::run(&settings, command).await?,
        Command::Token(command) => token::run(&settings, command).await?,
        Command::Plugin(command) => return plugin::run(&settings, command, sdk).await,
        Command::Pay(command) => return Box::pin(pay::run(&settings, command)).await,
        Command::Openapi(_) => say!("{}", http::openapi().to_pretty_json()?)?,
        Command::CompilePlugin(bounds) => tokio::task::spawn_blocking(move || compile_plugin(bounds)).await??,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes down in the audit log what was changed here.
async fn record(store: &Store, action: &str, change: AuditEntry) -> anyhow::Result<()> {
    let entry = AuditEntry { actor: "command line".to_owned(), action: action.to_owned(), ..change };
    Ok(store.audit_log().insert(entry).await?)
}

/// Fields that break their rules.
fn refuse(errors: &[crate::model::FieldError]) -> anyhow::Result<()> {
    if errors.is_empty() {
        return Ok(());
    }
    anyhow::bail!(crate::model::in_words(errors))
}
