//! What WeChat has for an account of each type: the rest is refused here, too, in the words of the real host.

use crate::{context::AppType, error::Error};

/// What the functions of the interfaces `messages` and `users` need of the account.
#[derive(Clone, Copy)]
pub(super) enum Ability {
    /// Customer-service messages.
    CustomerService,
    /// Template messages and subscription messages.
    Templates,
    /// What WeChat knows of users, their remarks and their tags.
    Users,
}

impl Ability {
    /// Refuses what accounts of that type have not.
    pub(super) fn require(self, kind: AppType) -> Result<(), Error> {
        let (name, types) = self.row();
        if types.contains(&kind) {
            return Ok(());
        }
        Err(Error::Invalid(format!("an account of type {} has no {name}", word(kind))))
    }

    /// The part of the real host's table that these functions meet: the ability's name, and the types that have it. What
    /// WeChat also wants of accounts, that they are verified, the account of a test always is.
    fn row(self) -> (&'static str, &'static [AppType]) {
        use AppType::{Miniprogram, Service, Subscription};
        match self {
            Self::CustomerService => ("customer-service messages", &[Service, Subscription, Miniprogram]),
            Self::Templates => ("template messages", &[Service, Miniprogram]),
            Self::Users => ("user management", &[Service, Subscription]),
        }
    }
}

/// The type, as operators write it.
fn word(kind: AppType) -> &'static str {
    match kind {
        AppType::Service => "service",
        AppType::Subscription => "subscription",
        AppType::Miniprogram => "miniprogram",
        AppType::PayPartner => "pay_partner",
        AppType::Other => "other",
    }
}
