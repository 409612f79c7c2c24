//! Plays the gateways of WeChat Pay, v2 and v3: `api.mch.weixin.qq.com` on a port of this machine, with keys of its own.
//!
//! [`PayGateway::start`] gives an address to be set as `pay.api_base`. Merchants are added with what they sign with.
//! [`pay`](PayGateway::pay) is what a user does with a phone, [`notify`](PayGateway::notify) what WeChat does after it;
//! tests may lose that, repeat it, or spoil what is [posted](PayGateway::notification).

mod book;
mod combined;
mod coupons;
mod platform;
mod sharing;
mod transfers;
mod v2;
mod v3;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use weft_wechat::pay::{
    Party, TradeState, Transaction,
    v2::Merchant,
    v3::{Apiv3Key, InvalidKey, PublicKey},
};

use crate::clock::Clock;
use book::{Account, Book};
use platform::Platform;

pub use platform::PlatformKey;
pub use v3::{PLATFORM_KEY, PLATFORM_PUBLIC_KEY};

/// The number of the key with which the simulated WeChat signs.
pub const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000001092026010100000000000001";

/// The longest body that is read, in bytes.
const MAX_BODY: usize = 1 << 20;

/// A running gateway. It stops when it is dropped.
pub struct PayGateway {
    /// `http://127.0.0.1:…`, for `pay.api_base`.
    pub base: String,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

struct Shared {
    clock: Clock,
    platform: Platform,
    book: Mutex<Book>,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What WeChat posts.
#[derive(Debug, Clone)]
pub struct Posted {
    /// Where to.
    pub url: String,
    /// With these headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// A call that arrived: its path and query, and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayCall {
    /// Such as `/pay/unifiedorder`.
    pub target: String,
    /// XML or JSON.
    pub body: String,
}

impl PayGateway {
    /// Starts on a free port of this machine.
    ///
    /// # Errors
    /// When there is none, or the simulated key is broken.
    pub async fn start(clock: Clock) -> std::io::Result<Self> {
        let platform = Platform::new().map_err(std::io::Error::other)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared { clock, platform, book: Mutex::default() });
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(
            async move { stopped.run_until_cancelled_owned(axum::serve(listener, routes).into_future()).await },
        );
        Ok(Self { base, shared, _stop: stop.drop_guard() })
    }

    /// Has WeChat sign with another key, and list these certificates from now on: none for merchants that have the
    /// WeChat Pay public key alone.
    pub fn sign_with(&self, key: PlatformKey, listed: &[PlatformKey]) {
        self.shared.platform.set(key, listed);
    }

    /// A user confirms a transfer; whether there is one that waits for it.
    pub fn confirm_transfer(&self, mch_id: &str, out_bill_no: &str) -> bool {
        self.shared.book().transfers.confirm(mch_id, out_bill_no)
    }

    /// A user opens a red packet; whether there is one.
    pub fn open_red_packet(&self, mch_id: &str, mch_billno: &str) -> bool {
        self.shared.book().transfers.open(mch_id, mch_billno)
    }

    /// How many red packets a merchant sent.
    pub fn red_packets(&self, mch_id: &str) -> usize {
        self.shared.book().transfers.packets(mch_id)
    }

    /// A user pays for orders together; whether there is something to pay.
    pub fn pay_combined(&self, mch_id: &str, combine_out_trade_no: &str) -> bool {
        self.shared.book().combined.pay(mch_id, combine_out_trade_no)
    }

    /// Adds a merchant of v2.
    pub fn add_v2(&self, merchant: Merchant) {
        let mch_id = merchant.party.mch_id.clone();
        self.shared.book().accounts.insert(mch_id, Account::V2(merchant));
    }

    /// Adds a merchant of v3, which signs with the key of `public_key`.
    pub fn add_v3(&self, party: Party, apiv3_key: Apiv3Key, public_key: PublicKey) {
        let mch_id = party.mch_id.clone();
        self.shared.book().accounts.insert(mch_id, Account::V3 { party, apiv3_key, public_key });
    }

    /// A user pays; none when there is no such order, or it is not to be paid.
    pub fn pay(&self, mch_id: &str, out_trade_no: &str) -> Option<Transaction> {
        let now = self.shared.clock.now();
        let mut book = self.shared.book();
        book.pay(mch_id, out_trade_no, now)?;
        book.told(mch_id, out_trade_no)
    }

    /// Sets where an order is, such as [`TradeState::Userpaying`], whatever it was.
    pub fn set_state(&self, mch_id: &str, out_trade_no: &str, state: TradeState) {
        if let Some(order) = self.shared.book().order(mch_id, out_trade_no) {
            order.state = state;
        }
    }

    /// Where an order is; none when there is none of that number.
    pub fn state_of(&self, mch_id: &str, out_trade_no: &str) -> Option<TradeState> {
        self.shared.book().order(mch_id, out_trade_no).map(|order| order.state)
    }

    /// The sum of what was given back of an order, in fen.
    pub fn refunded(&self, mch_id: &str, out_trade_no: &str) -> u64 {
        let mut book = self.shared.book();
        let order = book.order(mch_id, out_trade_no);
        order.map_or(0, |order| order.refunds.iter().map(|refund| refund.refund.0).sum())
    }

    /// What WeChat posts about an order that is paid; none when it is not.
    ///
    /// # Errors
    /// When the simulated key is broken.
    pub fn notification(&self, mch_id: &str, out_trade_no: &str) -> Result<Option<Posted>, InvalidKey> {
        let now = self.shared.clock.now();
        let mut book = self.shared.book();
        let Some(told) = book.told(mch_id, out_trade_no) else { return Ok(None) };
        let Some(url) = book.order(mch_id, out_trade_no).map(|order| order.notify_url.clone()) else {
            return Ok(None);
        };
        match book.accounts.get(mch_id) {
            Some(Account::V2(merchant)) => Ok(Some(v2::notification(merchant, url, &told))),
            Some(Account::V3 { apiv3_key, .. }) => {
                v3::notification(&self.shared.platform, apiv3_key, url, &told, now).map(Some)
            }
            None => Ok(None),
        }
    }

    /// Posts what WeChat posts about an order, once; gives the status and the body of the answer.
    ///
    /// # Errors
    /// When there is nothing to post, or nobody takes it.
    pub async fn notify(&self, mch_id: &str, out_trade_no: &str) -> std::io::Result<(u16, String)> {
        let posted = self.notification(mch_id, out_trade_no).map_err(std::io::Error::other)?;
        let posted = posted.ok_or_else(|| std::io::Error::other("there is nothing to tell"))?;
        posted.send().await
    }

    /// The next `times` calls are carried out, and answered with status 502.
    pub fn lose_answers(&self, times: u32) {
        self.shared.book().lost = times;
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<PayCall> {
        self.shared.book().calls.clone()
    }
}

impl Posted {
    /// Posts it; gives the status and the body of the answer.
    ///
    /// # Errors
    /// When nobody takes it.
    pub async fn send(&self) -> std::io::Result<(u16, String)> {
        let client = super::http_client().map_err(std::io::Error::other)?;
        let mut request = client.post(&self.url).body(self.body.clone());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.map_err(std::io::Error::other)?;
        let status = response.status().as_u16();
        Ok((status, response.text().await.map_err(std::io::Error::other)?))
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if body.len() > MAX_BODY {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let now = shared.clock.now();
    let mut book = shared.book();
    let text = String::from_utf8_lossy(&body).into_owned();
    book.calls.push(PayCall { target: target.to_owned(), body: text.clone() });
    let answered = if target.starts_with("/v3/") {
        v3::answer(&mut book, &shared.platform, &method, target, &headers, &text, now)
    } else {
        v2::answer(&mut book, target, &body, now)
    };
    if book.lost > 0 {
        book.lost -= 1;
        return StatusCode::BAD_GATEWAY.into_response();
    }
    answered
}
