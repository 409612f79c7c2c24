//! `weft app add|list|show|remove`

use std::io::{IsTerminal, Write};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    SettingsArgs,
    output::{OutputArgs, say, table},
};
use crate::{
    bilingual::{because, of},
    config::{Config, Overrides},
    model::{Ability, App, AppType, AuditEntry, EncodingMode, FieldError, LateReply, PluginTarget},
    secret::Secret,
    storage::StoreError,
    time,
};

#[derive(Debug, Subcommand)]
pub(super) enum AppCommand {
    /// Add a WeChat account · 添加账号
    Add(AddArgs),
    /// List the accounts · 列出账号
    List(OutputArgs),
    /// Show an account; secrets are not shown · 查看账号，不显示密钥
    Show {
        /// Its name · 账号名
        name: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Remove an account with all that belongs to it · 删除账号及其全部数据
    Remove {
        /// Its name · 账号名
        name: String,
        /// With its orders, paid ones too · 连同订单一并删除，包括已支付的
        #[arg(long)]
        with_orders: bool,
        /// Do not ask · 不再确认
        #[arg(long)]
        yes: bool,
    },
}

/// Secrets given as flags are seen by other users of the machine and kept by the shell: the
/// environment is the better way.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Unique, for URLs: 1 to 16 letters, digits, `_` or `-` · 唯一的账号名，用在网址中
    name: String,
    /// service, subscription, miniprogram, `pay_partner` or other
    /// · 服务号、订阅号、小程序、支付服务商或其他
    #[arg(long = "type", value_name = "TYPE", verbatim_doc_comment)]
    app_type: AppType,
    /// WeChat's id of the account · 开发者ID（AppID）
    #[arg(long)]
    appid: String,
    /// For people; the name without · 标题，默认与账号名相同
    #[arg(long)]
    title: Option<String>,
    /// The key to WeChat's API: for customer-service messages and users' profiles
    /// · 开发者密码（AppSecret），发送客服消息、查询用户资料时需要
    #[arg(long, env = "WECHAT_APPSECRET", hide_env_values = true, verbatim_doc_comment)]
    appsecret: Option<String>,
    /// Token of the message server · 令牌（Token）
    #[arg(long, env = "WECHAT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// plain, compatible or safe · 加解密方式：明文、兼容或安全模式
    #[arg(long, value_name = "MODE", default_value = "plain")]
    encoding_mode: EncodingMode,
    /// EncodingAESKey, 43 letters or digits; for compatible and safe
    /// · 消息加解密密钥，43 位字母或数字；兼容模式和安全模式需要
    #[arg(long, env = "WECHAT_ENCODING_AES_KEY", hide_env_values = true, verbatim_doc_comment)]
    encoding_aes_key: Option<String>,
    /// The plugin that answers what no rule matches: `greeter` or `greeter/vip`
    /// · 规则都不匹配时由哪个插件回复：`greeter` 或 `greeter/vip`
    #[arg(long, value_name = "PLUGIN", verbatim_doc_comment)]
    message_handler: Option<PluginTarget>,
    /// What becomes of an answer that takes longer than WeChat waits:
    /// `join` (its next try gets it), `customer_service` (sent as such a message) or `drop`
    /// · 超时的回复：`join` 由微信的下一次重试取得，`customer_service` 改用客服消息发送，
    /// `drop` 丢弃
    #[arg(long, value_name = "WHAT", default_value = "join", verbatim_doc_comment)]
    late_reply: LateReply,
    /// Keep what users send in the message log · 在消息日志中记录用户的消息
    #[arg(long)]
    log_messages: bool,
    /// Keep the answers in the message log · 在消息日志中记录回复
    #[arg(long)]
    log_replies: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(settings: &SettingsArgs, command: AppCommand) -> anyhow::Result<()> {
    let config = settings.load(Overrides::default())?;
    let store = settings.store().await?;
    match command {
        AppCommand::Add(args) => {
            let output = args.output;
            let app = App::from(args);
            super::refuse(&app.check().into_iter().map(as_typed).collect::<Vec<_>>())?;
            let app = store.apps().insert(&app).await?;
            let view = view(&app, &config.public_url);
            let change = AuditEntry { app: Some(app.name.clone()), after: Some(view.clone()), ..AuditEntry::default() };
            super::record(&store, "create_app", change).await?;
            output.print(&view, || added(&app, &config))?;
        }
        AppCommand::List(output) => {
            let apps = store.apps().list().await?;
            let views: Vec<_> = apps.iter().map(|app| view(app, &config.public_url)).collect();
            output.print(&views, || {
                let rows: Vec<_> = apps
                    .iter()
                    .map(|app| {
                        let handler = app.message_handler.as_ref().map(ToString::to_string).unwrap_or_default();
                        [
                            app.name.clone(),
                            app.app_type.to_string(),
                            app.appid.clone(),
                            app.encoding_mode.to_string(),
                            handler,
                            app.title.clone(),
                        ]
                    })
                    .collect();
                table(["NAME", "TYPE", "APPID", "MODE", "HANDLER", "TITLE"], &rows)
            })?;
        }
        AppCommand::Show { name, output } => {
            let app = store.apps().find(&name).await?.with_context(|| unknown(&name))?;
            output.print(&view(&app, &config.public_url), || {
                let rows: Vec<_> = fields(&app, &config.public_url)
                    .into_iter()
                    .map(|(field, value)| [field.to_owned(), for_people(field, &value)])
                    .collect();
                table(["FIELD", "VALUE"], &rows)
            })?;
        }
        AppCommand::Remove { name, with_orders, yes } => {
            anyhow::ensure!(
                yes || confirmed(&name)?,
                "not removed; --yes removes without asking · 没有删除；加 --yes 不再确认"
            );
            let apps = store.apps();
            let before = apps.find(&name).await?.map(|app| view(&app, &config.public_url));
            let removed = if with_orders { apps.delete_with_orders(&name).await } else { apps.delete(&name).await };
            let removed = removed.map_err(|error| match error {
                StoreError::HasOrders { .. } => anyhow::anyhow!(because(
                    &error.to_string(),
                    "keep it, or add --with-orders to lose them, paid ones too · 请保留账号，或加 --with-orders 连同订单（包括已支付的）一并删除"
                )),
                error => error.into(),
            })?;
            anyhow::ensure!(removed, unknown(&name));
            super::record(&store, "delete_app", AuditEntry { app: Some(name), before, ..AuditEntry::default() })
                .await?;
            say!("removed · 已删除")?;
        }
    }
    store.close().await;
    Ok(())
}

fn unknown(name: &str) -> String {
    format!("there is no app `{name}`; `weft app list` lists them · 没有账号 `{name}`，可用 `weft app list` 列出")
}

impl From<AddArgs> for App {
    fn from(args: AddArgs) -> Self {
        let mut app = Self::new(args.name, args.app_type, args.appid);
        if let Some(title) = args.title {
            app.title = title;
        }
        app.appsecret = args.appsecret.map(Secret::new);
        app.token = args.token.map(Secret::new);
        app.encoding_mode = args.encoding_mode;
        app.encoding_aes_key = args.encoding_aes_key.map(Secret::new);
        app.message_handler = args.message_handler;
        app.settings.late_reply = args.late_reply;
        app.settings.log_messages = args.log_messages;
        app.settings.log_replies = args.log_replies;
        app
    }
}

/// The same error by what is typed for the field.
fn as_typed(error: FieldError) -> FieldError {
    let typed = match &*error.field {
        "title" => "--title",
        "appid" => "--appid",
        "appsecret" => "--appsecret / WECHAT_APPSECRET",
        "token" => "--token / WECHAT_TOKEN",
        "encoding_aes_key" => "--encoding-aes-key / WECHAT_ENCODING_AES_KEY",
        _ => return error,
    };
    FieldError::new(typed, error.message)
}

/// What is next, and what the app cannot do as it is.
fn added(app: &App, config: &Config) -> String {
    let (name, url) = (&app.name, webhook_url(app, &config.public_url));
    let mut lines = vec![if app.token.is_some() {
        format!(
            "added; a server that runs knows it within a second, and answers 404 until then; its address at WeChat is \
             {url}\n\
             · 已添加，运行中的服务最多一秒后生效，在此之前返回 404；微信后台的服务器地址（URL）填 {url}"
        )
    } else {
        format!(
            "added; it takes no messages until it has a token: set one with PATCH /api/v1/apps/{name}, or remove the \
             app and add it again with WECHAT_TOKEN set; then its address at WeChat is {url}\n\
             · 已添加，但还没有令牌（Token），收不到消息：请用 PATCH /api/v1/apps/{name} 设置，或设好 WECHAT_TOKEN 后删除重加；\
             然后微信后台的服务器地址（URL）填 {url}"
        )
    }];
    if app.settings.late_reply == LateReply::CustomerService
        && let Err(inability) = app.may(Ability::CustomerService)
    {
        lines.push(because("late answers reach nobody yet · 超时的回复还发不出去", &inability.to_string()));
    }
    if let Some(odd) = app.odd_appid() {
        lines.push(of("appid", &odd));
    }
    let file = |target: &PluginTarget| config.plugins_dir.join(format!("{}.wasm", target.plugin));
    let handler = app.message_handler.as_ref().map(file);
    if let Some(file) = handler.filter(|file| !file.exists()) {
        lines.push(format!(
            "nothing answers what no rule matches until there is a {0} · 放入 {0} 之前，规则都不匹配的消息没有回复",
            file.display()
        ));
    }
    lines.extend(config.unreachable());
    lines.join("\n")
}

fn webhook_url(app: &App, public_url: &str) -> String {
    format!("{public_url}/wechat/{}/", app.name)
}

fn confirmed(name: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    write!(
        std::io::stderr(),
        "Remove `{name}` with its settings and its plugins' data? Type its name · 将删除 `{name}` 及其设置和插件数据，请输入账号名确认："
    )?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim() == name)
}

/// A value of a field. Whether WeChat has certified the account is nothing that was looked at.
fn for_people(field: &str, value: &Value) -> String {
    match (field, value) {
        ("verified", Value::Bool(true)) => "assumed (WeChat certification) · 视为已通过微信认证".to_owned(),
        ("verified", Value::Bool(false)) => "no (WeChat certification) · 未通过微信认证".to_owned(),
        _ => text(value),
    }
}

/// A value in a column of its own.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(values) if !values.is_empty() => values.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Null | Value::String(_) | Value::Array(_) => "-".to_owned(),
        Value::Object(secret) if secret.get("set") == Some(&Value::Bool(true)) => "set".to_owned(),
        Value::Object(secret) if secret.contains_key("set") => "not set".to_owned(),
        other => other.to_string(),
    }
}

/// What there is to show of an app, in an order for people. As the admin API names it, but for what it takes a running
/// server to know.
fn fields(app: &App, public_url: &str) -> Vec<(&'static str, Value)> {
    let set = |secret: &Option<Secret>| json!({ "set": secret.is_some() });
    let settings = &app.settings;
    vec![
        ("name", json!(app.name)),
        ("title", json!(app.title)),
        ("description", json!(app.description)),
        ("type", json!(app.app_type)),
        ("appid", json!(app.appid)),
        ("verified", json!(app.verified)),
        ("appsecret", set(&app.appsecret)),
        ("token", set(&app.token)),
        ("encoding_mode", json!(app.encoding_mode)),
        ("encoding_aes_key", set(&app.encoding_aes_key)),
        ("previous_encoding_aes_key", set(&app.previous_encoding_aes_key)),
        ("message_handler", json!(app.message_handler)),
        ("order_hook", json!(app.order_hook)),
        ("order_webhook_url", json!(settings.order_webhook_url)),
        ("order_webhook_secret", set(&app.order_webhook_secret)),
        ("previous_order_webhook_secret", set(&app.previous_order_webhook_secret)),
        ("late_reply", json!(settings.late_reply)),
        ("log_messages", json!(settings.log_messages)),
        ("log_replies", json!(settings.log_replies)),
        ("log_raw", json!(settings.log_raw)),
        ("message_observers", json!(settings.message_observers)),
        ("fallback_reply", json!(settings.fallback_reply)),
        ("forward_hosts", json!(settings.forward_hosts)),
        ("access_token_source", json!(settings.access_token_source)),
        ("access_token_url", json!(settings.access_token_url)),
        ("max_plugin_concurrency", json!(settings.max_plugin_concurrency)),
        ("webhook_url", json!(webhook_url(app, public_url))),
        ("created_at", json!(time::rfc3339(app.created_at))),
        ("updated_at", json!(time::rfc3339(app.updated_at))),
    ]
}

fn view(app: &App, public_url: &str) -> Value {
    fields(app, public_url).into_iter().collect()
}
