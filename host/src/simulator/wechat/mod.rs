//! Plays WeChat's API: `api.weixin.qq.com` on a port of this machine, for tests, and for trying things without WeChat.
//!
//! [`Wechat::start`] gives an address to be set as `wechat.api_base`. Accounts are [added](Wechat::add_account) with
//! their secret and have users, tags, media, materials and QR codes of their own. Answers are as WeChat's, errors
//! included; [faults](Wechat::fault) can be planned, and every call is [recorded](Wechat::calls). The module `control`
//! lets other programs do so, under `/simulator/…`.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! use weft::simulator::wechat::{Fault, Wechat};
//!
//! let wechat = Wechat::start().await?;
//! wechat.add_account("wx0123456789abcdef", "the-secret");
//! wechat.follow("wx0123456789abcdef", "oUser");
//! wechat.fault("/cgi-bin/message/custom/send", Fault::Errcode(-1), 2);
//! // … run something against `wechat.base`, then look what arrived:
//! assert_eq!(wechat.sent("wx0123456789abcdef").len(), 1);
//! # Ok(())
//! # }
//! ```

mod account;
mod asked;
mod autoreply;
mod blacklist;
mod control;
mod drafts;
mod faults;
mod mass_messages;
mod materials;
mod media;
mod menus;
mod messages;
mod publishing;
mod qrcode;
mod quota;
mod routes;
mod shorten;
mod tags;
mod template_messages;
mod templates;
mod tickets;
mod tokens;
mod users;

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use weft_wechat::api::{
    current_autoreply_info::AutoreplyInfo,
    material::NewsItem,
    media::{MediaFile, MediaType},
    menu::current_selfmenu_info::Selfmenu,
};

use super::Incoming;
use crate::clock::Clock;
use account::Account;
use faults::Planned;

pub use control::FaultFields;
pub use faults::Fault;
pub use messages::Action;
pub use publishing::Publishing;
pub use users::openid;

/// A running WeChat. It stops when it is dropped.
pub struct Wechat {
    /// `http://127.0.0.1:…`, for `wechat.api_base`.
    pub base: String,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

/// A call that arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Such as `/cgi-bin/user/info`.
    pub path: String,
    /// Whose token or appid it came with; none when there was none that is known.
    pub appid: Option<String>,
    /// Query parameters without `access_token` and `secret`.
    pub query: Vec<(String, String)>,
    /// The JSON, or the fields of a form with name, type and length of its file; null when there is none.
    pub body: Value,
}

struct Shared {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    accounts: HashMap<String, Account>,
    faults: Vec<Planned>,
    calls: Vec<Call>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Works on an account, which is added without a secret when it is new.
    fn with<T>(&self, appid: &str, work: impl FnOnce(&mut Account, u64) -> T) -> T {
        let now = self.clock.now();
        work(self.state().accounts.entry(appid.to_owned()).or_default(), now)
    }
}

impl Wechat {
    /// Starts on a free port of this machine.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> std::io::Result<Self> {
        Self::start_at(Clock::system()).await
    }

    /// As [`start`](Self::start), with a clock by which tokens end and the 48 hours pass.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start_at(clock: Clock) -> std::io::Result<Self> {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0)), clock).await
    }

    /// As [`start_at`](Self::start_at), on an address.
    ///
    /// # Errors
    /// When nobody can listen there.
    pub async fn start_on(address: SocketAddr, clock: Clock) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared { clock, state: Mutex::default() });
        let routes = routes::all(Arc::clone(&shared));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(
            async move { stopped.run_until_cancelled_owned(axum::serve(listener, routes).into_future()).await },
        );
        Ok(Self { base, shared, _stop: stop.drop_guard() })
    }

    /// Adds an account, or gives one another secret.
    pub fn add_account(&self, appid: &str, secret: &str) {
        let mut state = self.shared.state();
        secret.clone_into(&mut state.accounts.entry(appid.to_owned()).or_default().secret);
    }

    /// Whether the account may send customer-service messages (48001 otherwise); it may at first.
    pub fn set_customer_service(&self, appid: &str, allowed: bool) {
        self.with(appid, |account, _| account.customer_service = allowed);
    }

    /// Whether customer-service messages need a user who [did](Self::acted) something lately (45015 otherwise), and
    /// only so many of them (45047); they do not at first.
    pub fn set_windows(&self, appid: &str, enforced: bool) {
        self.with(appid, |account, _| account.windows = enforced);
    }

    /// A user does something that allows customer-service messages for a while.
    pub fn acted(&self, appid: &str, openid: &str, action: Action) {
        self.with(appid, |account, now| account.acted(openid, action, now));
    }

    /// Sets the auto-replies of WeChat's console.
    pub fn set_autoreply(&self, appid: &str, info: AutoreplyInfo) {
        self.with(appid, |account, _| account.autoreply = info);
    }

    /// Adds temporary media, such as those of the auto-replies in WeChat's console; gives their `media_id`.
    pub fn add_media(&self, appid: &str, media_type: MediaType, file: MediaFile) -> String {
        self.with(appid, |account, now| account.add_media(media_type, file, now))
    }

    /// The `media_id`s of all permanent materials, oldest first.
    pub fn materials(&self, appid: &str) -> Vec<String> {
        self.with(appid, |account, _| account.materials.iter().map(|material| material.media_id.clone()).collect())
    }

    /// Sets the menu in WeChat's console: it is what users see until another is made through the API.
    pub fn set_console_menu(&self, appid: &str, menu: Selfmenu) {
        self.with(appid, |account, _| account.menus.set_console(menu));
    }

    /// The menus that were made through the API, as `/cgi-bin/menu/get` tells them; null when there are none.
    pub fn menus(&self, appid: &str) -> Value {
        self.with(appid, |account, _| account.menus.told())
    }

    /// Adds permanent articles; gives their `media_id`.
    pub fn add_news(&self, appid: &str, items: Vec<NewsItem>) -> String {
        self.with(appid, |account, now| account.add_news(items, now))
    }

    /// How many pictures and articles the account may keep, and how many voice messages, and videos (45101 beyond).
    pub fn set_material_limits(&self, appid: &str, images: usize, others: usize) {
        self.with(appid, |account, _| account.keeping = materials::Keeping { images, others });
    }

    /// Takes a permanent material away, as somebody does in WeChat's console.
    pub fn remove_material(&self, appid: &str, media_id: &str) {
        self.with(appid, |account, _| account.materials.retain(|material| material.media_id != media_id));
    }

    /// Adds a draft, as somebody does in WeChat's console; gives its `media_id`.
    pub fn add_draft(&self, appid: &str, items: Vec<NewsItem>) -> String {
        self.with(appid, |account, now| account.drafts.add(items, now))
    }

    /// What becomes of drafts that are handed in to be published from now on.
    pub fn set_publishing(&self, appid: &str, publishing: Publishing) {
        self.with(appid, |account, now| account.drafts.set_publishing(publishing, now));
    }

    /// The event by which WeChat tells what has become of a publication; none while it is not decided.
    pub fn publish_event(&self, appid: &str, publish_id: &str) -> Option<Incoming> {
        self.with(appid, |account, _| account.drafts.event(publish_id))
    }

    /// Ends the account's tokens, as when somebody else forces a new one: calls are answered 40001 until the next is
    /// fetched.
    pub fn invalidate_token(&self, appid: &str) {
        self.with(appid, |account, _| account.invalidate_tokens());
    }

    /// The customer-service messages that the account has sent, as their bodies.
    pub fn sent(&self, appid: &str) -> Vec<Value> {
        self.with(appid, |account, _| account.sent.clone())
    }

    /// How often the account may call `path` in a day of China; 45009 otherwise. It is 100 000 times at first.
    pub fn set_daily_limit(&self, appid: &str, path: &str, calls: u64) {
        self.with(appid, |account, _| account.quotas.set_limit(path, calls));
    }

    /// The next `times` calls of `path` go wrong so. Faults of one path come in the order in which they were planned.
    pub fn fault(&self, path: &str, fault: Fault, times: u32) {
        self.shared.state().faults.push(Planned { path: path.to_owned(), fault, times });
    }

    /// Every call so far, those that went wrong included.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// How often `path` was called so far.
    pub fn count(&self, path: &str) -> usize {
        self.shared.state().calls.iter().filter(|call| call.path == path).count()
    }

    /// Works on an account, which is added without a secret when it is new.
    fn with<T>(&self, appid: &str, work: impl FnOnce(&mut Account, u64) -> T) -> T {
        self.shared.with(appid, work)
    }
}
