//! Calls of WeChat's API, against a simulated WeChat.

mod access_tokens;
mod calls;
mod forward;
mod media;
mod replicas;
mod retries;

use weft::{
    config::WechatConfig,
    model::{App, AppType},
    secret::Secret,
    simulator::wechat::Wechat as Simulated,
    storage::Store,
    upstream::{CallError, Wechat},
};
use weft_wechat::api::{
    message::custom_send::{CustomMessage, CustomSend},
    user::info::{UserInfo, UserProfile},
};

use crate::support::database::{TestDatabase, on_sqlite};

const APPID: &str = "wx0123456789abcdef";
const SECRET: &str = "0c79e1fa963cd80cc0be99b20a18faeb";
const STABLE_TOKEN: &str = "/cgi-bin/stable_token";
const USER_INFO: &str = "/cgi-bin/user/info";
const CUSTOM_SEND: &str = "/cgi-bin/message/custom/send";

/// An app that has a follower, and a simulated WeChat that goes by the database's clock.
pub(crate) struct House<'a> {
    database: &'a TestDatabase,
    pub simulated: Simulated,
    pub store: Store,
    pub wechat: Wechat,
    pub app: App,
}

impl<'a> House<'a> {
    pub(crate) async fn at(database: &'a TestDatabase) -> Self {
        let simulated = Simulated::start_at(database.clock.clone()).await.unwrap();
        simulated.add_account(APPID, SECRET);
        simulated.follow(APPID, "oU");
        let store = database.open().await;
        let mut app = App::new("shop", AppType::Service, APPID);
        app.appsecret = Some(Secret::new(SECRET));
        let app = store.apps().insert(&app).await.unwrap();
        let wechat = Wechat::new(&config(&simulated.base), store.clone(), database.clock.clone()).unwrap();
        Self { database, simulated, store, wechat, app }
    }

    /// Another process on the same database.
    pub(crate) async fn replica(&self) -> Wechat {
        let clock = self.database.clock.clone();
        Wechat::new(&config(&self.simulated.base), self.database.open().await, clock).unwrap()
    }

    /// A call that may be repeated.
    async fn info(&self) -> Result<UserProfile, CallError> {
        self.wechat.call(&self.app, &UserInfo { openid: "oU" }).await
    }

    /// A call that may not be repeated.
    async fn send(&self) -> Result<(), CallError> {
        self.wechat.call(&self.app, &CustomSend::new("oU", CustomMessage::text("你好"))).await.map(drop)
    }
}

fn config(base: &str) -> WechatConfig {
    WechatConfig { api_base: base.to_owned(), ..WechatConfig::default() }
}

/// Runs `test` in a house on SQLite: where the database is not what is tested.
async fn in_a_house(test: impl AsyncFn(House<'_>)) {
    on_sqlite(async |database| test(House::at(&database).await).await).await;
}

/// Everything that an error shows: its text, the texts behind it, and `Debug`.
fn shown(error: &(dyn std::error::Error + 'static)) -> String {
    let mut texts = vec![format!("{error:?}"), format!("{error:#?}")];
    let mut cause = Some(error);
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.join("\n")
}
