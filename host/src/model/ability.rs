//! What an app may do at WeChat, as far as its kind and its verification tell.

use weft_wechat::api::Ability;

use super::{AccessTokenSource, App, AppType};
use crate::bilingual::languages;

/// Why an app may not do something. The text says what would change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inability {
    /// Nothing can be called without a token, and no token be had without a secret.
    #[error("the app has no appsecret: set it to call WeChat's API · 账号没有 AppSecret：设置后才能调用微信接口")]
    NoSecret,
    /// WeChat has not verified the account.
    #[error("{}", not_verified(*.0))]
    NotVerified(Ability),
    /// Accounts of this type have nothing of the kind.
    #[error("{}", not_of_type(*app_type, *ability))]
    WrongType {
        /// What it lacks.
        ability: Ability,
        /// What it is.
        app_type: AppType,
    },
}

impl App {
    /// Whether the app may do it.
    ///
    /// # Errors
    /// What stands against it.
    pub fn may(&self, ability: Ability) -> Result<(), Inability> {
        let has_token = match self.settings.access_token_source {
            AccessTokenSource::Stable | AccessTokenSource::Classic => self.appsecret.is_some(),
            AccessTokenSource::Url => self.settings.access_token_url.is_some(),
        };
        if !has_token {
            return Err(Inability::NoSecret);
        }
        if !types(ability).contains(&self.app_type) {
            return Err(Inability::WrongType { ability, app_type: self.app_type });
        }
        if !self.verified && self.must_be_verified(ability) {
            return Err(Inability::NotVerified(ability));
        }
        Ok(())
    }

    fn must_be_verified(&self, ability: Ability) -> bool {
        match ability {
            Ability::Api | Ability::Autoreply | Ability::Materials => false,
            // Mini programs answer their users without verification.
            Ability::CustomerService => self.app_type != AppType::Miniprogram,
            Ability::Users | Ability::Menus | Ability::Templates | Ability::MassMessages | Ability::OAuth => true,
        }
    }
}

fn types(ability: Ability) -> &'static [AppType] {
    use AppType::{Miniprogram, Service, Subscription};
    match ability {
        Ability::Api => &AppType::ALL,
        Ability::CustomerService => &[Service, Subscription, Miniprogram],
        Ability::Autoreply | Ability::Users | Ability::Menus | Ability::Materials | Ability::MassMessages => {
            &[Service, Subscription]
        }
        Ability::Templates => &[Service, Miniprogram],
        Ability::OAuth => &[Service],
    }
}

fn not_verified(ability: Ability) -> String {
    let (name, chinese) = languages(name(ability));
    format!(
        "accounts that WeChat has not verified may not use {name}: when it is verified now, set `verified` · \
         未通过微信认证的账号不能使用{chinese}；如果现在已经认证，请设置 `verified`"
    )
}

fn not_of_type(app_type: AppType, ability: Ability) -> String {
    let (name, chinese) = languages(name(ability));
    format!("an account of type {app_type} has no {name} · {app_type} 类型的账号没有{chinese}")
}

fn name(ability: Ability) -> &'static str {
    match ability {
        Ability::Api => "API · 接口",
        Ability::Autoreply => "auto-replies in WeChat's console · 微信后台的自动回复",
        Ability::CustomerService => "customer-service messages · 客服消息",
        Ability::Users => "user management · 用户管理",
        Ability::Materials => "permanent materials · 永久素材",
        Ability::Menus => "custom menus · 自定义菜单",
        Ability::Templates => "template messages · 模板消息",
        Ability::MassMessages => "mass messages · 群发",
        Ability::OAuth => "web authorization · 网页授权",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const ALL: [Ability; 9] = [
        Ability::Api,
        Ability::Autoreply,
        Ability::CustomerService,
        Ability::Users,
        Ability::Materials,
        Ability::Menus,
        Ability::Templates,
        Ability::MassMessages,
        Ability::OAuth,
    ];

    fn able(app_type: AppType, verified: bool) -> Vec<Ability> {
        let app = App { verified, appsecret: Some(Secret::new("s")), ..App::new("a", app_type, "wx1") };
        ALL.into_iter().filter(|ability| app.may(*ability).is_ok()).collect()
    }

    #[test]
    fn what_an_app_may_do_depends_on_its_type_and_its_verification() {
        use Ability::{Api, Autoreply, CustomerService, MassMessages, Materials, Menus, Templates, Users};
        assert_eq!(able(AppType::Service, true), ALL);
        assert_eq!(able(AppType::Service, false), [Api, Autoreply, Materials]);
        let subscription = [Api, Autoreply, CustomerService, Users, Materials, Menus, MassMessages];
        assert_eq!(able(AppType::Subscription, true), subscription);
        assert_eq!(able(AppType::Subscription, false), [Api, Autoreply, Materials]);
        assert_eq!(able(AppType::Miniprogram, true), [Api, CustomerService, Templates]);
        assert_eq!(able(AppType::Miniprogram, false), [Api, CustomerService]);
        assert_eq!(able(AppType::Other, true), [Api]);
        assert_eq!(able(AppType::PayPartner, true), [Api]);
    }

    #[test]
    fn without_a_secret_or_a_source_of_tokens_nothing_goes() {
        let mut app = App::new("a", AppType::Service, "wx1");
        assert!(ALL.into_iter().all(|ability| app.may(ability) == Err(Inability::NoSecret)));
        app.settings.access_token_source = AccessTokenSource::Url;
        assert_eq!(app.may(Ability::Api), Err(Inability::NoSecret));
        app.settings.access_token_url = Some("https://tokens.example/".to_owned());
        assert_eq!(app.may(Ability::OAuth), Ok(()));
    }

    #[test]
    fn a_refusal_says_what_would_change_it() {
        let mut app = App { appsecret: Some(Secret::new("s")), ..App::new("a", AppType::Subscription, "wx1") };
        app.verified = false;
        assert!(app.may(Ability::CustomerService).unwrap_err().to_string().contains("customer-service messages"));
        let text = app.may(Ability::OAuth).unwrap_err().to_string();
        assert_eq!(
            text,
            "an account of type subscription has no web authorization · subscription 类型的账号没有网页授权"
        );
    }
}
