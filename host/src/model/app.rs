//! An app: one WeChat account.

use serde::{Deserialize, Serialize};

use super::webhook_key::check_webhook_secret;
use super::words::words;
use super::{AppSettings, EncodingMode, FieldError, PluginTarget};
use crate::bilingual::languages;
use crate::secret::Secret;

/// What kind of account an app is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppType {
    /// 服务号.
    Service,
    /// 订阅号.
    Subscription,
    /// 小程序.
    Miniprogram,
    /// 服务商: pays on behalf of others.
    PayPartner,
    /// Anything else that has an appid.
    Other,
}

words!(
    AppType {
        Service: "service",
        Subscription: "subscription",
        Miniprogram: "miniprogram",
        PayPartner: "pay_partner",
        Other: "other",
    },
    UnknownAppType
);

/// No app type has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an app type is one of service, subscription, miniprogram, pay_partner, other · 账号类型可选 service、subscription、miniprogram、pay_partner、other"
)]
pub struct UnknownAppType;

/// One WeChat account with everything needed to speak for it.
#[derive(Debug, Clone, PartialEq)]
pub struct App {
    /// Unique, for programs and URLs; never changes. 1 to 16 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// For people; 1 to 16 characters.
    pub title: String,
    /// For people; may be empty.
    pub description: String,
    /// 服务号, 订阅号, …
    pub app_type: AppType,
    /// WeChat's id of the account (`wx…`); does not change after creation.
    pub appid: String,
    /// 微信认证: whether WeChat has certified the account, as the operator says.
    pub verified: bool,
    /// The key to WeChat's API.
    pub appsecret: Option<Secret>,
    /// Signs the deliveries of messages.
    pub token: Option<Secret>,
    /// Whether deliveries are encrypted.
    pub encoding_mode: EncodingMode,
    /// `EncodingAESKey`: encrypts deliveries and replies.
    pub encoding_aes_key: Option<Secret>,
    /// The key before: WeChat may still use it for a short time after a change.
    pub previous_encoding_aes_key: Option<Secret>,
    /// The plugin that answers when no rule matched.
    pub message_handler: Option<PluginTarget>,
    /// The plugin that hears of changed orders.
    pub order_hook: Option<PluginTarget>,
    /// Signs what the order webhook is sent: see [`webhook_key`](super::webhook_key()).
    pub order_webhook_secret: Option<Secret>,
    /// The secret before: what is sent carries its signature too, so that the receiver has time to change.
    pub previous_order_webhook_secret: Option<Secret>,
    /// The rest.
    pub settings: AppSettings,
    /// Seconds since 1970.
    pub created_at: u64,
    /// Seconds since 1970.
    pub updated_at: u64,
}

/// Longest name and title, in characters.
const NAME_LENGTH: usize = 16;
/// Longest description, in characters.
const DESCRIPTION_LENGTH: usize = 1000;

/// What holds for name and appid: all that is known of the account belongs to them.
const STAYS: &str = "cannot be changed after creation: remove the app, with all that is known of it, and add it again · \
                     创建后不能修改：只能删除账号及其全部数据，重新添加";

impl App {
    /// A certified app without secrets, titled with its name; the storage fills in the times.
    pub fn new(name: impl Into<String>, app_type: AppType, appid: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            title: name.clone(),
            name,
            description: String::new(),
            app_type,
            appid: appid.into(),
            verified: true,
            appsecret: None,
            token: None,
            encoding_mode: EncodingMode::Plain,
            encoding_aes_key: None,
            previous_encoding_aes_key: None,
            message_handler: None,
            order_hook: None,
            order_webhook_secret: None,
            previous_order_webhook_secret: None,
            settings: AppSettings::default(),
            created_at: 0,
            updated_at: 0,
        }
    }

    /// What its settings name in plugins.
    pub fn plugin_targets(&self) -> impl Iterator<Item = &PluginTarget> {
        self.message_handler.iter().chain(&self.order_hook).chain(&self.settings.message_observers)
    }

    /// The fields that break their rules; empty when the app may be stored.
    pub fn check(&self) -> Vec<FieldError> {
        let secret = |field, secret: Option<&Secret>| check_webhook_secret(field, secret?);
        [
            check_name(&self.name),
            check_title(&self.title),
            check_description(&self.description),
            check_appid(&self.appid),
            self.appsecret.as_ref().and_then(check_appsecret),
            self.token.as_ref().and_then(check_token),
            self.encoding_aes_key.as_ref().and_then(|key| check_encoding_aes_key("encoding_aes_key", key)),
            self.previous_encoding_aes_key
                .as_ref()
                .and_then(|key| check_encoding_aes_key("previous_encoding_aes_key", key)),
            self.check_encoding_mode(),
            secret("order_webhook_secret", self.order_webhook_secret.as_ref()),
            secret("previous_order_webhook_secret", self.previous_order_webhook_secret.as_ref()),
            self.check_order_webhook(),
        ]
        .into_iter()
        .flatten()
        .chain(self.settings.check())
        .collect()
    }

    /// The fields that break their rules when this app takes the place of `before`: as [`check`](Self::check), and
    /// the name and the appid stay.
    pub fn check_change(&self, before: &Self) -> Vec<FieldError> {
        let stays = |field, changed: bool| changed.then(|| FieldError::new(field, STAYS));
        let mut errors = self.check();
        errors.extend(stays("name", self.name != before.name));
        errors.extend(stays("appid", self.appid != before.appid));
        errors
    }

    /// What is odd about the appid and breaks no rule. A wrong one shows only when no encrypted message can be read.
    pub fn odd_appid(&self) -> Option<String> {
        let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let digits = self.appid.strip_prefix("wx");
        let is_wechats = digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(is_hex));
        (!is_wechats && self.app_type != AppType::Other).then(|| {
            let (stays, in_chinese) = languages(STAYS);
            format!(
                "WeChat's are wx and 16 of 0-9 and a-f, and `{0}` is not: compare it with WeChat's console; it {stays} · \
                 微信的 appid 是 wx 加 16 位 0-9、a-f，`{0}` 不符：请与微信后台的开发者ID核对；{in_chinese}",
                self.appid
            )
        })
    }

    fn check_order_webhook(&self) -> Option<FieldError> {
        let lacks_secret = self.settings.order_webhook_url.is_some() && self.order_webhook_secret.is_none();
        lacks_secret.then(|| {
            FieldError::new(
                "order_webhook_secret",
                "order_webhook_url needs it: what is sent is signed · 有 order_webhook_url 就需要它，用于签名",
            )
        })
    }

    fn check_encoding_mode(&self) -> Option<FieldError> {
        let lacks_key = self.encoding_mode != EncodingMode::Plain && self.encoding_aes_key.is_none();
        lacks_key.then(|| {
            FieldError::new(
                "encoding_aes_key",
                format!("encoding mode {0} needs the EncodingAESKey · {0} 模式需要消息加解密密钥", self.encoding_mode),
            )
        })
    }
}

fn check_name(name: &str) -> Option<FieldError> {
    let right = (1..=NAME_LENGTH).contains(&name.len()) && name.bytes().all(is_word_byte);
    (!right).then(|| {
        FieldError::new(
            "name",
            format!("1 to {NAME_LENGTH} letters, digits, `_` or `-` · 1 到 {NAME_LENGTH} 个字母、数字、`_` 或 `-`"),
        )
    })
}

fn check_title(title: &str) -> Option<FieldError> {
    let right = (1..=NAME_LENGTH).contains(&title.chars().count()) && !title.chars().any(char::is_control);
    (!right).then(|| FieldError::new("title", format!("1 to {NAME_LENGTH} characters · 1 到 {NAME_LENGTH} 个字符")))
}

fn check_description(description: &str) -> Option<FieldError> {
    // PostgreSQL cannot store U+0000 in a text.
    let right = description.chars().count() <= DESCRIPTION_LENGTH && !description.contains('\0');
    (!right).then(|| {
        FieldError::new(
            "description",
            format!(
                "at most {DESCRIPTION_LENGTH} characters, no U+0000 · 最多 {DESCRIPTION_LENGTH} 个字符，不含 U+0000"
            ),
        )
    })
}

fn check_appid(appid: &str) -> Option<FieldError> {
    let right = (1..=32).contains(&appid.len()) && appid.bytes().all(is_word_byte);
    let rule = "1 to 32 letters, digits, `_` or `-`, such as wx0123456789abcdef · 1 到 32 个字母、数字、`_` 或 `-`，如 \
                wx0123456789abcdef";
    (!right).then(|| FieldError::new("appid", rule))
}

fn check_appsecret(appsecret: &Secret) -> Option<FieldError> {
    let text = appsecret.expose();
    let right = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    (!right).then(|| {
        FieldError::new(
            "appsecret",
            "1 to 128 visible ASCII characters; WeChat's have 32 · 1 到 128 个可见的 ASCII 字符，微信的是 32 位",
        )
    })
}

fn check_token(token: &Secret) -> Option<FieldError> {
    let text = token.expose();
    let right = (3..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (!right).then(|| FieldError::new("token", "3 to 32 letters or digits · 3 到 32 位字母或数字"))
}

fn check_encoding_aes_key(field: &'static str, key: &Secret) -> Option<FieldError> {
    let text = key.expose();
    let right = text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (!right).then(|| {
        let length = text.chars().count();
        let found =
            if length == 43 { "other characters · 有其他字符".to_owned() } else { format!("{length} · 有 {length} 位") };
        let (found, in_chinese) = languages(&found);
        let rule = format!(
            "exactly 43 letters or digits, as WeChat's console shows it; this has {found} · 须为 43 位字母或数字，与微信后台一致；现在{in_chinese}"
        );
        FieldError::new(field, rule)
    })
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

    fn fields(app: &App) -> Vec<Cow<'static, str>> {
        app.check().into_iter().map(|error| error.field).collect()
    }

    fn app(change: impl FnOnce(&mut App)) -> App {
        let mut app = App::new("shop", AppType::Service, "wx0123456789abcdef");
        change(&mut app);
        app
    }

    #[test]
    fn a_new_app_is_titled_with_its_name_and_breaks_no_rule() {
        let app = app(|_| ());
        assert_eq!(app.title, "shop");
        assert!(app.verified);
        assert_eq!(fields(&app), [""; 0]);
    }

    #[test]
    fn every_field_has_its_rule() {
        for name in ["", "seventeen-letters", "a b", "店", "a/b", "a.b"] {
            assert_eq!(fields(&app(|app| name.clone_into(&mut app.name))), ["name"], "{name:?}");
        }
        assert_eq!(fields(&app(|app| app.title = "一二三四五六七八九十一二三四五六".into())), [""; 0]);
        for title in ["", "一二三四五六七八九十一二三四五六七", "a\nb"] {
            assert_eq!(fields(&app(|app| title.clone_into(&mut app.title))), ["title"], "{title:?}");
        }
        assert_eq!(fields(&app(|app| app.description = "a\0b".into())), ["description"]);
        for appid in ["", "wx 1", &"w".repeat(33)] {
            assert_eq!(fields(&app(|app| appid.clone_into(&mut app.appid))), ["appid"], "{appid:?}");
        }
        for token in ["", "ab", "with-dash", &"t".repeat(33)] {
            assert_eq!(fields(&app(|app| app.token = Some(Secret::new(token)))), ["token"], "{token:?}");
        }
        assert_eq!(fields(&app(|app| app.appsecret = Some(Secret::new("")))), ["appsecret"]);
        let short = app(|app| app.encoding_aes_key = Some(Secret::new(&AES_KEY[1..]))).check();
        assert!(short[0].message.contains("this has 42 · "), "{short:?}");
        for key in ["", &AES_KEY[1..], "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF="] {
            assert_eq!(fields(&app(|app| app.encoding_aes_key = Some(Secret::new(key)))), ["encoding_aes_key"]);
            assert_eq!(
                fields(&app(|app| app.previous_encoding_aes_key = Some(Secret::new(key)))),
                ["previous_encoding_aes_key"]
            );
        }
    }

    #[test]
    fn encrypted_modes_need_a_key() {
        for mode in [EncodingMode::Compatible, EncodingMode::Safe] {
            assert_eq!(fields(&app(|app| app.encoding_mode = mode)), ["encoding_aes_key"]);
            let with_key = app(|app| {
                app.encoding_mode = mode;
                app.encoding_aes_key = Some(Secret::new(AES_KEY));
            });
            assert_eq!(fields(&with_key), [""; 0]);
        }
    }

    #[test]
    fn name_and_appid_stay_as_they_were_created() {
        let before = app(|_| ());
        let after = app(|app| {
            app.name = "other".into();
            app.appid = "wx1".into();
            app.title = "商店".into();
        });
        let fields: Vec<_> = after.check_change(&before).into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["name", "appid"]);
    }

    #[test]
    fn an_appid_that_wechat_would_not_give_is_odd() {
        let odd = |app_type, appid| App::new("shop", app_type, appid).odd_appid().is_some();
        assert!(!odd(AppType::Service, "wx0123456789abcdef"));
        for appid in ["foo", "wx1", "wx0123456789ABCDEF", "wx0123456789abcdef0", "0123456789abcdefwx"] {
            assert!(odd(AppType::Service, appid) && !odd(AppType::Other, appid), "{appid}");
        }
    }

    #[test]
    fn types_and_modes_have_one_text_everywhere() {
        for app_type in AppType::ALL {
            assert_eq!(app_type.as_str().parse(), Ok(app_type));
            assert_eq!(serde_json::to_value(app_type).unwrap(), app_type.as_str());
        }
        for mode in [EncodingMode::Plain, EncodingMode::Compatible, EncodingMode::Safe] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.to_string());
        }
        assert_eq!("PayPartner".parse::<AppType>(), Err(UnknownAppType));
        assert!("SAFE".parse::<EncodingMode>().is_err());
    }

    #[test]
    fn secrets_do_not_print_with_the_app() {
        let app = app(|app| app.appsecret = Some(Secret::new("0c79e1fa963cd80cc0be99b20a18faeb")));
        assert!(!format!("{app:?}").contains("0c79"));
    }
}
