//! What plugins ask outside, and what they are not granted.

mod attribution;
mod grants;
mod http;
mod messages;
mod orders;
mod pay;
mod users;
mod wechat;

use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    clock::Clock,
    config::Config,
    simulator::{Incoming, Sender, pay::PayGateway},
};

use crate::support::{FAN, Inbox, guests, till, until};

/// A server with the guest that asks, and an account that it answers.
struct Asking {
    inbox: Inbox,
    account: Sender,
}

impl Asking {
    async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let inbox = Inbox::start_with(change).await;
        inbox.app.drop_plugin("asker", guests::asker().await).await;
        let account = inbox.account("shop", json!({"message_handler": "asker"})).await;
        Self { inbox, account }
    }

    /// With a merchant of the account at a simulated WeChat Pay, and these grants.
    async fn with_merchant(version: &str, grants: Value) -> (Self, PayGateway) {
        let pay = till::gateway(version, "wxshop", Clock::system()).await;
        let asking = Self::start_with(|config| config.pay.api_base.clone_from(&pay.base)).await;
        let merchant = till::merchant(version);
        let (status, created) = asking.inbox.app.api(Method::POST, "/apps/shop/merchants", Some(merchant)).await;
        assert_eq!(status, 201, "{created}");
        asking.grant(grants).await;
        (asking, pay)
    }

    /// Grants this and nothing else.
    async fn grant(&self, settings: Value) -> Value {
        self.grant_to("shop", settings).await
    }

    async fn grant_to(&self, app: &str, settings: Value) -> Value {
        let path = format!("/apps/{app}/plugins/asker");
        let (status, set) = self.inbox.app.api(Method::PUT, &path, Some(settings)).await;
        assert_eq!(status, 200, "{set}");
        set
    }

    /// What the guest says came of it.
    async fn ask(&self, ask: Value) -> String {
        self.account.send(&Incoming::text(FAN, &ask.to_string())).await.unwrap().text().unwrap()
    }

    /// The receipt of the guest's last call.
    async fn receipt(&self) -> Value {
        let api =
            async |path: &str| self.inbox.app.api(Method::GET, &format!("/plugins/asker/receipts{path}"), None).await;
        let (_, page) = api("?limit=1").await;
        let id = page["items"][0]["id"].as_str().unwrap();
        let (status, receipt) = api(&format!("/{id}")).await;
        assert_eq!(status, 200, "{receipt}");
        receipt
    }

    /// The same where little of the time of the call is left to say it: on a busy machine that may be too little.
    async fn ask_at_last(&self, ask: Value) -> String {
        let text = ask.to_string();
        until("the guest says what came of it", async || {
            self.account.send(&Incoming::text(FAN, &text)).await.unwrap().text()
        })
        .await
    }
}
