//! The plugin runtime without a server: for one file, on a database that goes away, with a simulated WeChat and WeChat Pay.

use std::{path::Path, sync::Arc};

use anyhow::{Context, anyhow};
use tempfile::TempDir;
use weft_wechat::pay::TradeState;

use super::progress;
use crate::{
    clock::Clock,
    config::{Config, DatabaseUrl, PayConfig, WechatConfig},
    model::{App, AppPlugin, Merchant, Order, PayVersion, Refund},
    plugins::{Loaded, Plugins, Services, Settings},
    secret::{Secret, SecretKey},
    server,
    simulator::{
        pay::{MERCHANT_CERTIFICATE, MERCHANT_KEY, MerchantFields, PLATFORM_PUBLIC_KEY, PUBLIC_KEY_ID, PayGateway},
        wechat::Wechat as SimulatedWechat,
    },
    storage::Store,
};

/// The app's merchant, by its name.
pub(super) const MERCHANT: &str = "default";
/// The number of the app's merchant.
pub(super) const MCH_ID: &str = "1900000000";

/// Of the merchant, which exists nowhere else.
const APIV3_KEY: &str = "0123456789abcdefghijklmnopqrstuv";

/// A plugin in the runtime that servers have.
pub(super) struct Runtime {
    pub(super) plugins: Plugins,
    pub(super) loaded: Loaded,
    services: Services,
    /// Plays WeChat for as long as it is there.
    wechat: SimulatedWechat,
    /// Plays WeChat Pay for as long.
    pay: PayGateway,
    folder: TempDir,
}

impl Runtime {
    /// Takes a file through every check, within the limits of the configuration.
    ///
    /// # Errors
    /// The first check that it fails.
    pub(super) async fn load(config: &Config, name: &str, file: &Path, counts_fuel: bool) -> anyhow::Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("weft-plugin-").tempdir().context("a temporary folder · 临时目录")?;
        let (clock, key) = (Clock::system(), SecretKey::generate());
        let data_dir = folder.path().to_owned();
        let simulated = SimulatedWechat::start_on(([127, 0, 0, 1], 0).into(), clock.clone()).await?;
        let simulated_pay = PayGateway::start(clock.clone()).await?;
        let wechat = WechatConfig { api_base: simulated.base.clone(), ..WechatConfig::default() };
        let pay = PayConfig { api_base: simulated_pay.base.clone(), ..PayConfig::default() };
        let config = Config { plugins_dir: data_dir.join("plugins"), data_dir, wechat, pay, ..config.clone() };
        let settings = Settings { counts_fuel, ..server::plugin_settings(&config, &key) };
        let url = DatabaseUrl::Sqlite(folder.path().join("weft.db"));
        let store = Store::open(&url, Arc::new(key), clock.clone()).await?;
        store.migrate().await?;
        let services = server::services(&config, store, clock)?;
        let plugins = server::platform(settings, services.clone())?;
        let what = format!("{} is checked · 正在检查", file.display());
        let loaded = progress::shown(&what, Box::pin(plugins.check_file(name, file))).await;
        let loaded = loaded.map_err(|refused| anyhow!("{refused} ({})", refused.error.code()));
        let loaded = loaded.with_context(|| file.display().to_string())?;
        Ok(Self { plugins, loaded, services, wechat: simulated, pay: simulated_pay, folder })
    }

    /// Adds an app of the simulated WeChat, with one follower and a merchant, and what the plugin may do for it.
    pub(super) async fn add(&self, app: &mut App, plugin: &AppPlugin, openid: &str) -> anyhow::Result<()> {
        let secret = "simulated";
        app.appsecret = Some(Secret::new(secret));
        self.wechat.add_account(&app.appid, secret);
        self.wechat.follow(&app.appid, openid);
        self.services.store.apps().insert(app).await?;
        self.services.store.merchants().insert(&merchant(&app.name)).await?;
        let at_wechat_pay = MerchantFields {
            mch_id: MCH_ID.to_owned(),
            appid: app.appid.clone(),
            apiv3_key: Some(APIV3_KEY.to_owned()),
            certificate: Some(MERCHANT_CERTIFICATE.to_owned()),
            ..MerchantFields::default()
        };
        self.pay.add(&at_wechat_pay).map_err(anyhow::Error::msg)?;
        self.services.store.app_plugins().put(plugin).await?;
        self.services.users.fetch(app, openid).await.context("the simulated user · 模拟的用户")?;
        Ok(())
    }

    /// Adds an order of the app's merchant as it is, with a refund of it, here and at the simulated WeChat Pay.
    pub(super) async fn add_order(&self, order: &Order, refund: Option<&Refund>) -> anyhow::Result<()> {
        self.services.store.orders().insert(order).await?;
        if let Some(refund) = refund {
            self.services.store.refunds().insert(order, refund).await?;
        }
        // Of one that waits for its payment WeChat Pay is told when the plugin has it prepaid: it is new there until then.
        if let Ok(state) = order.state.as_str().parse::<TradeState>()
            && state != TradeState::Notpay
        {
            self.pay.pay_elsewhere(order.party.clone(), &order.out_trade_no, order.terms.total_fee);
            self.pay.set_state(&order.party.mch_id, &order.out_trade_no, state);
        }
        Ok(())
    }

    /// Ends it, and takes away what was kept.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.services.store.close().await;
        Ok(self.folder.close()?)
    }
}

/// The app's merchant: of v3, with the WeChat Pay public key.
fn merchant(app: &str) -> Merchant {
    let mut merchant = Merchant {
        apiv3_key: Some(Secret::new(APIV3_KEY)),
        private_key: Some(Secret::new(MERCHANT_KEY)),
        client_cert: Some(Secret::new(MERCHANT_CERTIFICATE)),
        public_key: Some(Secret::new(PLATFORM_PUBLIC_KEY)),
        public_key_id: Some(PUBLIC_KEY_ID.to_owned()),
        ..Merchant::new(app, MERCHANT, MCH_ID, PayVersion::V3)
    };
    merchant.complete();
    merchant
}
