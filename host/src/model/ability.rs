//! What an app may do at WeChat, as far as its kind and its verification tell.

use weft_wechat::api::Ability;

use super::{AccessTokenSource, App, AppType};

/// Why an app may not do something. The text says what would change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inability {
    /// Nothing can be called without a token, and no token be had without a secret.
    #[error("the app has no appsecret: set it to call WeChat's API")]
    NoSecret,
    /// WeChat has not verified the account.
    #[error(
        "accounts that WeChat has not verified may not use {}: when it is verified now, set `verified`",
        name(*.0)
    )]
    NotVerified(Ability),
    /// Accounts of this type have nothing of the kind.
    #[error("an account of type {app_type} has no {}", name(*.ability))]
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

fn name(ability: Ability) -> &'static str {
    match ability {
        Ability::Api => "API",
        Ability::Autoreply => "auto-replies in WeChat's console",
        Ability::CustomerService => "customer-service messages",
        Ability::Users => "user management",
        Ability::Materials => "permanent materials",
        Ability::Menus => "custom menus",
        Ability::Templates => "template messages",
        Ability::MassMessages => "mass messages",
        Ability::OAuth => "web authorization",
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
        assert_eq!(text, "an account of type subscription has no web authorization");
    }
}
