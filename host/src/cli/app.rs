//! `weft app add|list|show|remove`

use std::io::IsTerminal;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    SettingsArgs,
    output::{OutputArgs, table},
};
use crate::{
    config::Overrides,
    model::{App, AppType, EncodingMode, PluginTarget},
    secret::Secret,
};

#[derive(Debug, Subcommand)]
pub(super) enum AppCommand {
    /// Add a WeChat account
    Add(AddArgs),
    /// List the accounts
    List(OutputArgs),
    /// Show an account; secrets are not shown
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Remove an account with all that belongs to it
    Remove {
        /// Its name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Secrets given as flags are seen by other users of the machine and kept by the shell: the
/// environment is the better way.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Unique, for URLs: 1 to 16 letters, digits, `_` or `-`
    name: String,
    /// service, subscription, miniprogram, `pay_partner` or other
    #[arg(long = "type", value_name = "TYPE")]
    app_type: AppType,
    /// WeChat's id of the account
    #[arg(long)]
    appid: String,
    /// For people; the name without
    #[arg(long)]
    title: Option<String>,
    /// The key to WeChat's API
    #[arg(long, env = "WECHAT_APPSECRET", hide_env_values = true)]
    appsecret: Option<String>,
    /// Token of the message server (令牌)
    #[arg(long, env = "WECHAT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// plain, compatible or safe
    #[arg(long, default_value = "plain")]
    encoding_mode: EncodingMode,
    /// 43 letters or digits
    #[arg(long, env = "WECHAT_ENCODING_AES_KEY", hide_env_values = true)]
    encoding_aes_key: Option<String>,
    /// The plugin that answers: `greeter` or `greeter/vip`
    #[arg(long)]
    message_handler: Option<PluginTarget>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(settings: &SettingsArgs, command: AppCommand) -> anyhow::Result<()> {
    let store = settings.store().await?;
    match command {
        AppCommand::Add(args) => {
            let mut app = App::new(args.name, args.app_type, args.appid);
            if let Some(title) = args.title {
                app.title = title;
            }
            app.appsecret = args.appsecret.map(Secret::new);
            app.token = args.token.map(Secret::new);
            app.encoding_mode = args.encoding_mode;
            app.encoding_aes_key = args.encoding_aes_key.map(Secret::new);
            app.message_handler = args.message_handler;
            super::refuse(app.check())?;
            let public_url = settings.load(Overrides::default())?.public_url;
            let app = store.apps().insert(&app).await?;
            args.output.print(&view(&app), || {
                let address = format!("its address at WeChat (服务器地址) is {public_url}/wechat/{}/", app.name);
                if app.token.is_some() {
                    format!("added; {address}")
                } else {
                    format!(
                        "added; it takes no messages until it has a token: set one with PATCH /api/v1/apps/{}, or \
                         remove the app and add it again with WECHAT_TOKEN set; then {address}",
                        app.name
                    )
                }
            })?;
        }
        AppCommand::List(output) => {
            let apps = store.apps().list().await?;
            output.print(&apps.iter().map(view).collect::<Vec<_>>(), || {
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
            let app = store.apps().find(&name).await?.with_context(|| format!("there is no app `{name}`"))?;
            let view = view(&app);
            output.print(&view, || {
                let rows: Vec<_> =
                    view.as_object().into_iter().flatten().map(|(key, value)| [key.clone(), text(value)]).collect();
                table(["FIELD", "VALUE"], &rows)
            })?;
        }
        AppCommand::Remove { name, yes } => {
            anyhow::ensure!(yes || confirmed(&name)?, "not removed; --yes removes without asking");
            anyhow::ensure!(store.apps().delete(&name).await?, "there is no app `{name}`");
            println!("removed");
        }
    }
    store.close().await;
    Ok(())
}

fn confirmed(name: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("Remove `{name}` with its settings and its plugins' data? Type its name: ");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim() == name)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        Value::Object(secret) if secret.contains_key("set") => {
            if secret.get("set") == Some(&Value::Bool(true)) {
                "set".to_owned()
            } else {
                "not set".to_owned()
            }
        }
        other => other.to_string(),
    }
}

fn view(app: &App) -> Value {
    let set = |secret: &Option<Secret>| json!({ "set": secret.is_some() });
    json!({
        "name": app.name,
        "title": app.title,
        "type": app.app_type,
        "appid": app.appid,
        "verified": app.verified,
        "appsecret": set(&app.appsecret),
        "token": set(&app.token),
        "encoding_mode": app.encoding_mode,
        "encoding_aes_key": set(&app.encoding_aes_key),
        "previous_encoding_aes_key": set(&app.previous_encoding_aes_key),
        "message_handler": app.message_handler,
        "order_hook": app.order_hook,
        "settings": app.settings,
    })
}
