//! The menus of an app: the default one, and those that only some users see.

use std::ops::RangeInclusive;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use weft_wechat::api::menu::{self, MAX_BUTTONS};

use super::{Button, FieldError, menu_button::check_buttons};

/// The most conditional menus of an app: each costs a call when menus are published.
const CONDITIONAL: usize = 30;
/// WeChat's numbers for iOS, Android and all others.
const PLATFORMS: RangeInclusive<u32> = 1..=3;

/// The menus of an app, as they are edited, published, and kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// The default menu, from left to right: at most 3 buttons.
    #[serde(alias = "button")]
    #[schema(max_items = 3)]
    pub buttons: Vec<Button>,
    /// What some users see instead: the first that fits; at most 30.
    #[serde(default, alias = "conditionalmenu")]
    pub conditional: Vec<ConditionalMenu>,
}

/// A menu that only some users see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionalMenu {
    /// From left to right: 1 to 3 buttons.
    #[serde(alias = "button")]
    #[schema(max_items = 3)]
    pub buttons: Vec<Button>,
    /// Who sees it.
    pub matchrule: MatchRule,
}

/// Who sees a conditional menu: users who fit all that is there; one condition at least.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MenuMatchRule)]
pub struct MatchRule {
    /// Who has this tag.
    #[serde(default, deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub tag_id: Option<u32>,
    /// Who uses WeChat on iOS (1), Android (2) or something else (3).
    #[serde(default, deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub client_platform_type: Option<u32>,
}

impl Menu {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.buttons.is_empty() && self.conditional.is_empty()
    }

    /// The fields that break their rules; empty when WeChat would take it. An empty menu breaks none: it is what an app
    /// begins with.
    pub fn check(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        check_buttons("buttons", &self.buttons, &mut errors);
        if self.buttons.is_empty() && !self.conditional.is_empty() {
            errors.push(FieldError::new(
                "buttons",
                "conditional menus need a default menu · 有个性化菜单时，默认菜单不能为空",
            ));
        }
        if self.conditional.len() > CONDITIONAL {
            errors.push(FieldError::new(
                "conditional",
                format!("at most {CONDITIONAL} conditional menus · 最多 {CONDITIONAL} 个个性化菜单"),
            ));
        }
        for (index, menu) in self.conditional.iter().enumerate().take(CONDITIONAL) {
            let path = format!("conditional[{index}]");
            check_buttons(&format!("{path}.buttons"), &menu.buttons, &mut errors);
            if menu.buttons.is_empty() {
                errors.push(FieldError::new(
                    format!("{path}.buttons"),
                    format!("1 to {MAX_BUTTONS} buttons · 1 到 {MAX_BUTTONS} 个按钮"),
                ));
            }
            if let Some((field, rule)) = menu.matchrule.check() {
                errors.push(FieldError::new(format!("{path}.matchrule{field}"), rule));
            }
            let is_same = |earlier: &ConditionalMenu| earlier.matchrule == menu.matchrule;
            if let Some(earlier) = self.conditional.iter().take(index).position(is_same) {
                let rule = format!(
                    "nobody would see it: conditional[{earlier}] has the same conditions · 没有人会看到它：条件与 conditional[{earlier}] 相同"
                );
                errors.push(FieldError::new(format!("{path}.matchrule"), rule));
            }
        }
        errors
    }
}

impl MatchRule {
    fn check(&self) -> Option<(&'static str, String)> {
        match self {
            Self { tag_id: None, client_platform_type: None } => Some((
                "",
                "one condition at least: tag_id or client_platform_type · 至少一个条件：tag_id 或 client_platform_type"
                    .to_owned(),
            )),
            Self { client_platform_type: Some(platform), .. } if !PLATFORMS.contains(platform) => Some((
                ".client_platform_type",
                "1 (iOS), 2 (Android) or 3 (others) · 1（iOS）、2（Android）或 3（其他）".to_owned(),
            )),
            _ => None,
        }
    }
}

impl From<&MatchRule> for menu::MatchRule {
    fn from(rule: &MatchRule) -> Self {
        let text = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
        Self { tag_id: text(rule.tag_id), client_platform_type: text(rule.client_platform_type), ..Self::default() }
    }
}

/// A number, or a text that is one: WeChat writes `"tag_id": "2"`.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Number(u32),
        Text(String),
        Nothing(()),
    }
    let wrong = || serde::de::Error::custom("a number from 0 to 4294967295 · 0 到 4294967295 的整数");
    match Id::deserialize(deserializer).map_err(|_| wrong())? {
        Id::Number(number) => Ok(Some(number)),
        Id::Text(text) if text.is_empty() => Ok(None),
        Id::Text(text) => text.parse().map(Some).map_err(|_| wrong()),
        Id::Nothing(()) => Ok(None),
    }
}
