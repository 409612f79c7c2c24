//! An app in JSON, as it is written and as it is read.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    bilingual::of,
    http::{
        AppState,
        admin::{
            change::{Change, set},
            secret_view::SecretView,
        },
    },
    model::{
        AccessTokenSource, App, AppSettings, AppType, EncodingMode, LateReply, PluginTarget, ReplyFields, ReplyTemplate,
    },
    secret::Secret,
    time,
};

/// An app as it is read. Secrets say only whether they are set.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the flags are told apart by their names in JSON")]
pub(in crate::http::admin) struct AppView {
    /// Unique, for programs and URLs.
    pub(super) name: String,
    /// For people.
    title: String,
    /// For people.
    description: String,
    /// The kind of account.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "service")]
    app_type: AppType,
    /// WeChat's id of the account.
    appid: String,
    /// Whether WeChat has certified the account (微信认证), as it was set here: WeChat is not asked.
    verified: bool,
    appsecret: SecretView,
    token: SecretView,
    /// plain, compatible or safe.
    #[schema(value_type = String, example = "safe")]
    encoding_mode: EncodingMode,
    encoding_aes_key: SecretView,
    previous_encoding_aes_key: SecretView,
    /// The plugin that answers messages: `greeter` or `greeter/vip`.
    #[schema(value_type = Option<String>, example = "greeter")]
    message_handler: Option<PluginTarget>,
    /// The plugin that hears of changed orders.
    #[schema(value_type = Option<String>)]
    order_hook: Option<PluginTarget>,
    /// The server that hears of changed orders, by signed messages.
    order_webhook_url: Option<String>,
    /// Signs them.
    order_webhook_secret: SecretView,
    previous_order_webhook_secret: SecretView,
    /// What becomes of an answer that takes longer than WeChat waits: `join`, `customer_service` or `drop`.
    #[schema(value_type = String, example = "join")]
    late_reply: LateReply,
    /// Whether what users send is kept in the message log.
    log_messages: bool,
    /// Whether answers are kept in the message log.
    log_replies: bool,
    /// Whether the log also keeps the decrypted text as it came.
    log_raw: bool,
    /// The plugins that hear of every message without answering it.
    #[schema(value_type = Vec<String>)]
    message_observers: Vec<PluginTarget>,
    /// What is answered when the plugin that should answer fails in time; WeChat shows nothing without.
    #[schema(value_type = Option<ReplyFields>)]
    fallback_reply: Option<ReplyTemplate>,
    /// Hosts that replies of type `forward` and the order webhook may reach although their addresses are not public.
    forward_hosts: Vec<String>,
    /// Where the access token comes from: `stable`, `classic` or `url`.
    #[schema(value_type = String, example = "stable")]
    access_token_source: AccessTokenSource,
    /// The address that hands the token out, for the source `url`.
    access_token_url: Option<String>,
    /// Calls at once, over all plugins; null where `plugins.max_app_concurrency` holds.
    max_plugin_concurrency: Option<u64>,
    /// What to enter at WeChat as the server's address (服务器地址 URL).
    webhook_url: String,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
    /// What should be looked at, such as a plugin that is not there yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// A new app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct NewApp {
    /// 1 to 16 letters, digits, `_` or `-`. Cannot be changed.
    name: String,
    /// 1 to 16 characters; the name without.
    title: Option<String>,
    #[serde(default)]
    description: String,
    /// service, subscription, miniprogram, `pay_partner` or other.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "service")]
    app_type: AppType,
    /// Cannot be changed.
    appid: String,
    /// Whether WeChat has certified the account (微信认证); true without.
    verified: Option<bool>,
    #[schema(value_type = Option<String>)]
    appsecret: Option<Secret>,
    /// 3 to 32 letters or digits; without it the app takes no messages.
    #[schema(value_type = Option<String>)]
    token: Option<Secret>,
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "safe")]
    encoding_mode: EncodingMode,
    /// EncodingAESKey, 43 letters or digits.
    #[schema(value_type = Option<String>)]
    encoding_aes_key: Option<Secret>,
    #[schema(value_type = Option<String>)]
    previous_encoding_aes_key: Option<Secret>,
    #[schema(value_type = Option<String>, example = "greeter")]
    message_handler: Option<PluginTarget>,
    #[schema(value_type = Option<String>)]
    order_hook: Option<PluginTarget>,
    /// An http or https URL, which hears of changed orders as of Standard Webhooks; needs the secret.
    order_webhook_url: Option<String>,
    /// `whsec_` and 24 to 64 bytes in base64.
    #[schema(value_type = Option<String>)]
    order_webhook_secret: Option<Secret>,
    #[schema(value_type = Option<String>)]
    previous_order_webhook_secret: Option<Secret>,
    /// `join`, `customer_service` or `drop`.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "join")]
    late_reply: LateReply,
    #[serde(default)]
    log_messages: bool,
    #[serde(default)]
    log_replies: bool,
    #[serde(default)]
    log_raw: bool,
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    message_observers: Vec<PluginTarget>,
    /// What is answered when the plugin that should answer fails: a text, or another reply that stands as it is.
    #[schema(value_type = Option<ReplyFields>)]
    fallback_reply: Option<ReplyTemplate>,
    #[serde(default)]
    forward_hosts: Vec<String>,
    /// `stable`, `classic` or `url`.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "stable")]
    access_token_source: AccessTokenSource,
    access_token_url: Option<String>,
    max_plugin_concurrency: Option<u64>,
}

/// Changes to an app: what is absent stays, null takes away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct AppPatch {
    /// May stand here as it is, and cannot be changed.
    name: Option<String>,
    /// May stand here as it is, and cannot be changed.
    appid: Option<String>,
    title: Option<String>,
    description: Option<String>,
    #[serde(rename = "type")]
    #[schema(value_type = Option<String>)]
    app_type: Option<AppType>,
    verified: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    appsecret: Change<Secret>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    token: Change<Secret>,
    #[schema(value_type = Option<String>)]
    encoding_mode: Option<EncodingMode>,
    /// The key that it replaces is kept as the previous one, unless that is set too.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    encoding_aes_key: Change<Secret>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    previous_encoding_aes_key: Change<Secret>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    message_handler: Change<PluginTarget>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    order_hook: Change<PluginTarget>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    order_webhook_url: Change<String>,
    /// What is sent is signed with the secret that it replaces too, unless `previous_order_webhook_secret` is set as well.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    order_webhook_secret: Change<Secret>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    previous_order_webhook_secret: Change<Secret>,
    #[schema(value_type = Option<String>)]
    late_reply: Option<LateReply>,
    log_messages: Option<bool>,
    log_replies: Option<bool>,
    log_raw: Option<bool>,
    #[schema(value_type = Option<Vec<String>>)]
    message_observers: Option<Vec<PluginTarget>>,
    #[serde(default)]
    #[schema(value_type = Option<ReplyFields>)]
    fallback_reply: Change<ReplyTemplate>,
    forward_hosts: Option<Vec<String>>,
    #[schema(value_type = Option<String>)]
    access_token_source: Option<AccessTokenSource>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    access_token_url: Change<String>,
    /// From 1 to 432.
    #[serde(default)]
    #[schema(value_type = Option<u64>)]
    max_plugin_concurrency: Change<u64>,
}

impl From<NewApp> for App {
    fn from(new: NewApp) -> Self {
        let mut app = Self::new(new.name, new.app_type, new.appid);
        if let Some(title) = new.title {
            app.title = title;
        }
        app.description = new.description;
        app.verified = new.verified.unwrap_or(true);
        app.appsecret = new.appsecret;
        app.token = new.token;
        app.encoding_mode = new.encoding_mode;
        app.encoding_aes_key = new.encoding_aes_key;
        app.previous_encoding_aes_key = new.previous_encoding_aes_key;
        app.message_handler = new.message_handler;
        app.order_hook = new.order_hook;
        app.order_webhook_secret = new.order_webhook_secret;
        app.previous_order_webhook_secret = new.previous_order_webhook_secret;
        app.settings = AppSettings {
            late_reply: new.late_reply,
            log_messages: new.log_messages,
            log_replies: new.log_replies,
            log_raw: new.log_raw,
            message_observers: new.message_observers,
            fallback_reply: new.fallback_reply,
            forward_hosts: new.forward_hosts,
            order_webhook_url: new.order_webhook_url,
            access_token_source: new.access_token_source,
            access_token_url: new.access_token_url,
            max_plugin_concurrency: new.max_plugin_concurrency,
        };
        app
    }
}

impl AppPatch {
    /// Sets what is there; the outcome is to be checked.
    pub(super) fn apply(self, app: &mut App) {
        set(&mut app.name, self.name);
        set(&mut app.appid, self.appid);
        set(&mut app.title, self.title);
        set(&mut app.description, self.description);
        set(&mut app.app_type, self.app_type);
        set(&mut app.verified, self.verified);
        set(&mut app.encoding_mode, self.encoding_mode);
        self.appsecret.apply(&mut app.appsecret);
        self.token.apply(&mut app.token);
        self.encoding_aes_key.apply_keeping(&mut app.encoding_aes_key, &mut app.previous_encoding_aes_key);
        self.previous_encoding_aes_key.apply(&mut app.previous_encoding_aes_key);
        self.message_handler.apply(&mut app.message_handler);
        self.order_hook.apply(&mut app.order_hook);
        self.order_webhook_secret.apply_keeping(&mut app.order_webhook_secret, &mut app.previous_order_webhook_secret);
        self.previous_order_webhook_secret.apply(&mut app.previous_order_webhook_secret);
        let settings = &mut app.settings;
        set(&mut settings.late_reply, self.late_reply);
        set(&mut settings.log_messages, self.log_messages);
        set(&mut settings.log_replies, self.log_replies);
        set(&mut settings.log_raw, self.log_raw);
        set(&mut settings.message_observers, self.message_observers);
        self.fallback_reply.apply(&mut settings.fallback_reply);
        set(&mut settings.forward_hosts, self.forward_hosts);
        self.order_webhook_url.apply(&mut settings.order_webhook_url);
        set(&mut settings.access_token_source, self.access_token_source);
        self.access_token_url.apply(&mut settings.access_token_url);
        self.max_plugin_concurrency.apply(&mut settings.max_plugin_concurrency);
    }
}

pub(super) fn view(state: &AppState, app: &App) -> AppView {
    AppView {
        name: app.name.clone(),
        title: app.title.clone(),
        description: app.description.clone(),
        app_type: app.app_type,
        appid: app.appid.clone(),
        verified: app.verified,
        appsecret: (&app.appsecret).into(),
        token: (&app.token).into(),
        encoding_mode: app.encoding_mode,
        encoding_aes_key: (&app.encoding_aes_key).into(),
        previous_encoding_aes_key: (&app.previous_encoding_aes_key).into(),
        message_handler: app.message_handler.clone(),
        order_hook: app.order_hook.clone(),
        order_webhook_url: app.settings.order_webhook_url.clone(),
        order_webhook_secret: (&app.order_webhook_secret).into(),
        previous_order_webhook_secret: (&app.previous_order_webhook_secret).into(),
        late_reply: app.settings.late_reply,
        log_messages: app.settings.log_messages,
        log_replies: app.settings.log_replies,
        log_raw: app.settings.log_raw,
        message_observers: app.settings.message_observers.clone(),
        fallback_reply: app.settings.fallback_reply.clone(),
        forward_hosts: app.settings.forward_hosts.clone(),
        access_token_source: app.settings.access_token_source,
        access_token_url: app.settings.access_token_url.clone(),
        max_plugin_concurrency: app.settings.max_plugin_concurrency,
        webhook_url: format!("{}/wechat/{}/", state.config.public_url, app.name),
        created_at: time::rfc3339(app.created_at),
        updated_at: time::rfc3339(app.updated_at),
        warnings: warnings(state, app),
    }
}

/// A plugin may be named before its file is there: then calls fail softly. An app may wait for its token: its webhook
/// is not there until then. An appid may be that of no account.
fn warnings(state: &AppState, app: &App) -> Vec<String> {
    let mut warnings = Vec::new();
    let gets_messages = matches!(app.app_type, AppType::Service | AppType::Subscription | AppType::Miniprogram);
    if gets_messages && app.token.is_none() {
        warnings.push("token: the app takes no messages until it has one · token：设置令牌之前收不到消息".to_owned());
    }
    warnings.extend(state.plugins.lacking_in_app(app));
    warnings.extend(app.odd_appid().map(|odd| of("appid", &odd)));
    warnings
}
