//! Orders between here and WeChat Pay: telling it of them, asking, closing, giving money back, and what it tells.
//!
//! Whatever WeChat says goes through one function
//! ([`transition`](crate::model::transition())), and is stored before anybody hears of it.

mod calls;
mod check;
mod create;
mod error;
mod follow;
mod micropay;
mod notified;
mod orders;
mod prepay;
mod reconcile;
mod refunds;

use std::sync::Arc;

use crate::{
    clock::Clock,
    failure_lines::FailureLines,
    model::{App, Merchant},
    shares::InTurn,
    storage::Store,
    upstream::Gateway,
};

pub use check::{CheckOutcome, CheckStep};
pub use create::Creation;
pub use error::PayActionError;
pub use notified::{Answer, Notified};
pub use prepay::Prepaid;
pub use reconcile::{RECONCILE, ReconcileError, ReconcileInput, ReconcileWork};

/// Speaks with WeChat Pay about orders. Clones share connections; each asks the database in turn, where it has to.
#[derive(Debug, Clone)]
pub struct Pay(Arc<Inner>, InTurn);

#[derive(Debug)]
struct Inner {
    store: Store,
    gateway: Gateway,
    clock: Clock,
    /// Where WeChat reaches us.
    public_url: String,
    /// Tells the log of notifications that are not proven to be WeChat's.
    failures: FailureLines,
}

/// A merchant, with the app that it belongs to.
#[derive(Debug, Clone)]
pub struct Shop {
    /// The app.
    pub app: App,
    /// The merchant.
    pub merchant: Merchant,
}

impl Pay {
    /// Keeps orders in `store`, and has WeChat tell of payments below `public_url`.
    pub fn new(store: Store, gateway: Gateway, clock: Clock, public_url: &str) -> Self {
        let (public_url, failures) = (public_url.to_owned(), FailureLines::default());
        Self(Arc::new(Inner { store, gateway, clock, public_url, failures }), InTurn::default())
    }

    /// The same, for who has to wait for a turn whenever one order, or a refund of it, is read or written, and has none
    /// while WeChat Pay is asked.
    #[must_use]
    pub fn with_turns(&self, in_turn: InTurn) -> Self {
        Self(Arc::clone(&self.0), in_turn)
    }

    /// The merchant of that name in an app; none when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn shop(&self, app: &str, merchant: &str) -> Result<Option<Shop>, PayActionError> {
        let found = self.1.ask(self.0.store.merchants().find(app, merchant)).await?;
        self.of(app, found).await
    }

    /// The merchant of an app that is meant where none is named; none when the app has none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn first_shop(&self, app: &str) -> Result<Option<Shop>, PayActionError> {
        let found = self.1.ask(self.0.store.merchants().first(app)).await?;
        self.of(app, found).await
    }

    async fn of(&self, app: &str, found: Option<Merchant>) -> Result<Option<Shop>, PayActionError> {
        let app = self.1.ask(self.0.store.apps().find(app)).await?;
        Ok(app.zip(found).map(|(app, merchant)| Shop { app, merchant }))
    }

    fn notify_url(&self, shop: &Shop, kind: &str) -> String {
        format!("{}/wechat/{}/pay/{}/{kind}/", self.0.public_url, shop.app.name, shop.merchant.name)
    }
}
