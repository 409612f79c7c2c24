//! A message made of a template, as it is kept and sent; and how an operator writes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weft_wechat::api::message::{LinkedMiniProgram, TemplateData, TemplateValue, template_subscribe};

use super::flat::{URL_RULE, is_url};
use super::{AppType, FieldError, TemplateKind};

/// The most values of a message.
const VALUES: usize = 50;
/// The longest value, in bytes.
const VALUE_BYTES: usize = 2048;
/// From here on a number that is read as a fraction is no longer exact, such as the number of a payment.
const INEXACT: f64 = 9_007_199_254_740_992.0;
/// The longest page of a mini program, in bytes.
const PAGE_BYTES: usize = 1024;
/// The longest id of a template, in bytes.
const ID_BYTES: usize = 128;
/// The editions of a mini program.
const STATES: &[&str] = &["developer", "trial", "formal"];
/// The languages of a mini program.
const LANGUAGES: &[&str] = &["zh_CN", "en_US", "zh_HK", "zh_TW"];

/// A message made of a template: all but who gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateMessage {
    /// The template.
    pub template_id: String,
    /// The values.
    pub data: TemplateData,
    /// By which call it is sent, with what that call alone knows.
    pub via: MessageCall,
}

/// The call of WeChat's that sends a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum MessageCall {
    /// `message/template/send`: a template message.
    Template(Target),
    /// `message/subscribe/bizsend`: a subscription notice of a service account.
    Subscribe(Target),
    /// `message/subscribe/send`: a subscribe message of a mini program.
    MiniProgram {
        /// The page that a tap opens; may be empty.
        page: String,
        /// `developer`, `trial`, `formal` or empty.
        miniprogram_state: String,
        /// Such as `zh_CN`; may be empty.
        lang: String,
    },
    /// `message/template/subscribe`: the message of a one-time subscription.
    OneTime {
        /// Where a tap leads.
        #[serde(flatten)]
        target: Target,
        /// What the user agreed to.
        scene: u32,
        /// The message's title.
        title: String,
    },
}

/// Where a tap on a message leads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// An address; may be empty.
    pub url: String,
    /// A mini program instead.
    pub miniprogram: Option<LinkedMiniProgram>,
}

impl TemplateMessage {
    /// Whether WeChat sends it only once however often it is asked to, for about ten minutes.
    pub fn is_known_again(&self) -> bool {
        matches!(self.via, MessageCall::Template(_))
    }

    /// Whether a user must have agreed to it.
    pub fn needs_consent(&self) -> bool {
        !matches!(self.via, MessageCall::Template(_))
    }
}

/// What a message of a template says, and where it leads.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageFields {
    /// The values, by keyword: a text, or `{"value", "color"}`.
    pub data: BTreeMap<String, ValueFields>,
    /// Where a tap leads; not for mini programs' own messages.
    pub url: Option<String>,
    /// A page of a mini program that a tap opens instead; not for mini programs' own messages.
    pub miniprogram: Option<MiniProgramFields>,
    /// Of a mini program's own messages: the page that a tap opens.
    pub page: Option<String>,
    /// Of a mini program's own messages: `developer`, `trial` or `formal`.
    pub miniprogram_state: Option<String>,
    /// Of a mini program's own messages: `zh_CN`, `en_US`, `zh_HK` or `zh_TW`.
    pub lang: Option<String>,
}

/// A value.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = TemplateValue)]
pub enum ValueFields {
    /// The text.
    Text(String),
    /// A number, which becomes a text.
    Integer(i64),
    /// A number, which becomes a text.
    Fraction(f64),
    /// The text with its colour.
    Value {
        /// The text.
        value: String,
        /// Such as `#173177`.
        #[serde(default)]
        color: String,
    },
}

/// A page of a mini program.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkedMiniProgram)]
pub struct MiniProgramFields {
    appid: String,
    #[serde(default)]
    pagepath: String,
}

impl MessageFields {
    /// The message of a template of that kind for an account of that type.
    ///
    /// # Errors
    /// The fields that break their rules, or do not belong to such a message.
    pub fn message(
        self,
        template_id: &str,
        kind: TemplateKind,
        app_type: AppType,
    ) -> Result<TemplateMessage, Vec<FieldError>> {
        let mut errors = Vec::new();
        let of_mini_program = kind == TemplateKind::Subscribe && app_type == AppType::Miniprogram;
        let belongs = [
            ("url", self.url.is_some(), !of_mini_program),
            ("miniprogram", self.miniprogram.is_some(), !of_mini_program),
            ("page", self.page.is_some(), of_mini_program),
            ("miniprogram_state", self.miniprogram_state.is_some(), of_mini_program),
            ("lang", self.lang.is_some(), of_mini_program),
        ];
        let only = if of_mini_program {
            "it is for the messages of other accounts than mini programs · 小程序的消息没有这个字段"
        } else {
            "it is for the messages of mini programs · 只有小程序的消息有这个字段"
        };
        let strange = belongs.into_iter().filter(|(_, there, belongs)| *there && !belongs);
        errors.extend(strange.map(|(field, ..)| FieldError::new(field, only)));
        let data = data(self.data, &mut errors);
        let via = if of_mini_program {
            let one_of = |field: &'static str, text: Option<String>, known: &[&str], errors: &mut Vec<_>| {
                let text = text.unwrap_or_default();
                if !text.is_empty() && !known.contains(&text.as_str()) {
                    let rule = format!("one of {} · 可选 {}", known.join(", "), known.join("、"));
                    errors.push(FieldError::new(field, rule));
                }
                text
            };
            MessageCall::MiniProgram {
                page: page("page", self.page.unwrap_or_default(), &mut errors),
                miniprogram_state: one_of("miniprogram_state", self.miniprogram_state, STATES, &mut errors),
                lang: one_of("lang", self.lang, LANGUAGES, &mut errors),
            }
        } else {
            let target = target(self.url, self.miniprogram, &mut errors);
            match kind {
                TemplateKind::Template => MessageCall::Template(target),
                TemplateKind::Subscribe => MessageCall::Subscribe(target),
            }
        };
        let message = TemplateMessage { template_id: template_id.to_owned(), data, via };
        if errors.is_empty() { Ok(message) } else { Err(errors) }
    }
}

/// The message of a one-time subscription.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OneTimeFields {
    /// What the user agreed to: 0 to 10000.
    pub scene: u32,
    /// The message's title; 1 to 15 characters.
    pub title: String,
    /// The values, by keyword; WeChat knows `content`.
    pub data: BTreeMap<String, ValueFields>,
    /// Where a tap leads.
    pub url: Option<String>,
    /// A page of a mini program that a tap opens instead.
    pub miniprogram: Option<MiniProgramFields>,
}

impl OneTimeFields {
    /// The message.
    ///
    /// # Errors
    /// The fields that break their rules.
    pub fn message(self, template_id: &str) -> Result<TemplateMessage, Vec<FieldError>> {
        let mut errors = check_one_time(template_id, self.scene);
        if !(1..=template_subscribe::MAX_TITLE).contains(&self.title.chars().count()) {
            let rule = format!("1 to {0} characters · 1 到 {0} 个字符", template_subscribe::MAX_TITLE);
            errors.push(FieldError::new("title", rule));
        }
        let target = target(self.url, self.miniprogram, &mut errors);
        let via = MessageCall::OneTime { target, scene: self.scene, title: self.title };
        let message = TemplateMessage { template_id: template_id.to_owned(), data: data(self.data, &mut errors), via };
        if errors.is_empty() { Ok(message) } else { Err(errors) }
    }
}

/// What is wrong with a template and a scene of one-time subscriptions.
pub fn check_one_time(template_id: &str, scene: u32) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let is_id = (1..=ID_BYTES).contains(&template_id.len()) && template_id.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_id {
        errors.push(FieldError::new("template_id", "an id as WeChat's console shows it · 微信后台显示的模板 ID"));
    }
    if !template_subscribe::SCENES.contains(&scene) {
        errors.push(FieldError::new("scene", "0 to 10000 · 0 到 10000"));
    }
    errors
}

fn data(fields: BTreeMap<String, ValueFields>, errors: &mut Vec<FieldError>) -> TemplateData {
    if !(1..=VALUES).contains(&fields.len()) {
        errors.push(FieldError::new("data", format!("1 to {VALUES} values · 1 到 {VALUES} 个值")));
    }
    let mut data = TemplateData::new();
    for (name, fields) in fields.into_iter().take(VALUES) {
        let is_inexact = matches!(fields, ValueFields::Fraction(number) if number.abs() >= INEXACT);
        let value = match fields {
            ValueFields::Text(value) => TemplateValue { value, color: String::new() },
            ValueFields::Integer(number) => TemplateValue { value: number.to_string(), color: String::new() },
            ValueFields::Fraction(number) => TemplateValue { value: number.to_string(), color: String::new() },
            ValueFields::Value { value, color } => TemplateValue { value, color },
        };
        let is_name = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name {
            errors
                .push(FieldError::new("data", "keywords are letters, digits and `_` · 关键词由字母、数字和 `_` 组成"));
        } else if is_inexact {
            errors.push(FieldError::new(
                format!("data.{name}"),
                "too large for a number: write it as a text · 数字太大，请写成文本",
            ));
        } else if value.value.len() > VALUE_BYTES || value.color.len() > 16 {
            errors.push(FieldError::new(
                format!("data.{name}"),
                format!("at most {VALUE_BYTES} bytes · 最多 {VALUE_BYTES} 字节"),
            ));
        }
        data.insert(name, value);
    }
    data
}

fn target(url: Option<String>, miniprogram: Option<MiniProgramFields>, errors: &mut Vec<FieldError>) -> Target {
    let url = url.unwrap_or_default();
    if !url.is_empty() && !is_url(&url) {
        errors.push(FieldError::new("url", URL_RULE));
    }
    let miniprogram = miniprogram.map(|MiniProgramFields { appid, pagepath }| {
        if !(1..=32).contains(&appid.len()) || !appid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            errors.push(FieldError::new("miniprogram.appid", "the appid of a mini program · 小程序的 appid"));
        }
        LinkedMiniProgram { appid, pagepath: page("miniprogram.pagepath", pagepath, errors) }
    });
    Target { url, miniprogram }
}

fn page(field: &'static str, page: String, errors: &mut Vec<FieldError>) -> String {
    if page.len() > PAGE_BYTES || page.chars().any(char::is_control) {
        errors.push(FieldError::new(field, format!("at most {PAGE_BYTES} bytes · 最多 {PAGE_BYTES} 字节")));
    }
    page
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: serde_json::Value) -> MessageFields {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn plain_texts_and_numbers_become_values() {
        let fields = fields(json!({"data": {"a": "x", "b": 7, "c": {"value": "y", "color": "#173177"}}}));
        let message = fields.message("T", TemplateKind::Template, AppType::Service).unwrap();
        let values: Vec<_> = message.data.values().map(|value| (&*value.value, &*value.color)).collect();
        assert_eq!(values, [("x", ""), ("7", ""), ("y", "#173177")]);
    }

    #[test]
    fn the_call_follows_from_the_template_and_the_account() {
        use AppType::{Miniprogram, Service};
        use TemplateKind::{Subscribe, Template};
        let call = |kind, app_type, more: serde_json::Value| {
            let mut all = json!({"data": {"a": "x"}});
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            fields(all).message("T", kind, app_type)
        };
        let url = json!({"url": "https://a.example/"});
        assert!(matches!(call(Template, Service, url.clone()).unwrap().via, MessageCall::Template(_)));
        assert!(matches!(call(Subscribe, Service, url.clone()).unwrap().via, MessageCall::Subscribe(_)));
        let page = json!({"page": "index?a=1", "lang": "en_US", "miniprogram_state": "trial"});
        assert!(matches!(call(Subscribe, Miniprogram, page).unwrap().via, MessageCall::MiniProgram { .. }));
        for (kind, app_type, more, field) in [
            (Subscribe, Miniprogram, url, "url"),
            (Template, Service, json!({"page": "index"}), "page"),
            (Subscribe, Miniprogram, json!({"lang": "de"}), "lang"),
            (Template, Service, json!({"url": "javascript:alert(1)"}), "url"),
            (Template, Service, json!({"data": {}}), "data"),
            (Template, Service, json!({"data": {"a b": "x"}}), "data"),
            (Template, Service, json!({"miniprogram": {"appid": ""}}), "miniprogram.appid"),
        ] {
            let errors = call(kind, app_type, more).unwrap_err();
            assert_eq!(errors.iter().map(|error| &*error.field).collect::<Vec<_>>(), [field]);
        }
    }

    #[test]
    fn what_is_kept_reads_back() {
        let one = json!({"scene": 1000, "title": "标题", "data": {"content": "好"}, "url": "https://a.example/"});
        let one: OneTimeFields = serde_json::from_value(one).unwrap();
        let message = one.message("T").unwrap();
        let kept = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<TemplateMessage>(&kept).unwrap(), message);
        let wrong = json!({"scene": 10_001, "title": "", "data": {"content": "好"}});
        let wrong: OneTimeFields = serde_json::from_value(wrong).unwrap();
        let fields: Vec<_> = wrong.message("").unwrap_err().into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["template_id", "scene", "title"]);
    }
}
