//! Plays the gateways of WeChat Pay, v2 and v3: `api.mch.weixin.qq.com` on a port of this machine, with keys of its own.
//!
//! [`PayGateway::start`] gives an address to be set as `pay.api_base`. Merchants are added with what they sign with.
//! [`pay`](PayGateway::pay) is what a user does with a phone; a person does it at the [page](PayGateway::page) to which
//! the QR code leads. [`notify`](PayGateway::notify) is what WeChat does after it, and does
//! [by itself](PayGateway::set_notifying) when it is told to: on its schedule, several times at once, late, in another
//! order or not at all. [Faults](PayGateway::fault) can be planned. The module `control` lets other programs do so.

mod bills;
mod book;
mod combined;
mod control;
mod coupons;
mod faults;
mod notices;
mod page;
mod platform;
mod sharing;
mod transfers;
mod v2;
mod v3;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use parking_lot::{Mutex, MutexGuard};
use tokio::{net::TcpListener, sync::oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use weft_wechat::pay::{
    Fen, Party, Refund, RefundStatus, TradeState, Transaction,
    v2::Merchant,
    v3::{Apiv3Key, InvalidKey, PublicKey},
};

use crate::clock::Clock;
use book::{Account, Book};
use platform::Platform;

pub use control::MerchantFields;
pub use faults::{PayFault, PlannedFault};
pub use notices::{NoticeTry, Notifying, Release};
pub use platform::PlatformKey;
pub use v3::{PLATFORM_KEY, PLATFORM_PUBLIC_KEY};

/// A certificate for merchants of v3 that are simulated too, and its key. Both stand in the source for everybody to read.
pub const MERCHANT_CERTIFICATE: &str = include_str!("merchant_certificate.pem");
/// See [`MERCHANT_CERTIFICATE`].
pub const MERCHANT_KEY: &str = include_str!("merchant_key.pem");

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
    /// Ends what is told in the background.
    stop: CancellationToken,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock()
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
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), clock).await
    }

    /// Starts at an address.
    ///
    /// # Errors
    /// When it is taken, or the simulated key is broken.
    pub async fn start_on(address: SocketAddr, clock: Clock) -> std::io::Result<Self> {
        let platform = Platform::new().map_err(std::io::Error::other)?;
        let listener = TcpListener::bind(address).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let stop = CancellationToken::new();
        let book = Mutex::new(Book::at(&base));
        let shared = Arc::new(Shared { clock, platform, book, stop: stop.clone() });
        let routes = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared))
            .merge(page::routes(Arc::clone(&shared)))
            .merge(control::routes(Arc::clone(&shared)));
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

    /// Adds a merchant of either version.
    ///
    /// # Errors
    /// What is wrong with its fields.
    pub fn add(&self, merchant: &MerchantFields) -> Result<(), &'static str> {
        let account = merchant.account()?;
        self.shared.book().accounts.insert(merchant.mch_id.clone(), account);
        Ok(())
    }

    /// The page at which a person pays an order: what its QR code says.
    pub fn page(&self, mch_id: &str, out_trade_no: &str) -> String {
        format!("{}{}", self.base, page::path(mch_id, out_trade_no))
    }

    /// A user pays; none when there is no such order, or it is not to be paid.
    pub fn pay(&self, mch_id: &str, out_trade_no: &str) -> Option<Transaction> {
        pay(&self.shared, mch_id, out_trade_no).map(|(paid, _)| paid)
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
        order.map_or(0, |order| order.given_back())
    }

    /// Whether refunds stay PROCESSING from now on, as banks need their time, until they are
    /// [settled](Self::settle_refund).
    pub fn hold_refunds(&self, held: bool) {
        self.shared.book().holds_refunds = held;
    }

    /// What became of a refund that was held, which WeChat tells as it is set; whether there is one of that number.
    pub fn settle_refund(&self, mch_id: &str, out_refund_no: &str, status: RefundStatus) -> bool {
        settle_refund(&self.shared, mch_id, out_refund_no, status)
    }

    /// What WeChat posts about an order that is paid; none when it is not.
    ///
    /// # Errors
    /// When the simulated key is broken.
    pub fn notification(&self, mch_id: &str, out_trade_no: &str) -> Result<Option<Posted>, InvalidKey> {
        let notice = self.shared.book().notice(mch_id, out_trade_no);
        notice.map_or(Ok(None), |notice| notice.posted(&self.shared))
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

    /// How WeChat tells of payments and refunds from now on.
    pub fn set_notifying(&self, how: Notifying) {
        self.shared.book().notifying = how;
    }

    /// Tells what was kept back, each thing once; gives how many were taken.
    pub async fn release(&self, order: Release) -> usize {
        notices::release(&self.shared, order).await
    }

    /// Every try to tell something by itself so far.
    pub fn tries(&self) -> Vec<NoticeTry> {
        self.shared.book().tries.clone()
    }

    /// The next `times` calls whose path begins with `path` go wrong.
    pub fn fault(&self, path: &str, fault: PayFault, times: u32) {
        self.shared.book().faults.push(PlannedFault { path: path.to_owned(), fault, times });
    }

    /// The next `times` calls are carried out, and answered with status 502.
    pub fn lose_answers(&self, times: u32) {
        self.fault("/", PayFault::LostAnswer, times);
    }

    /// A payment that another program than the host told WeChat Pay of: `party` says in whose name.
    pub fn pay_elsewhere(&self, party: Party, out_trade_no: &str, total: Fen) {
        let (now, mch_id) = (self.shared.clock.now(), party.mch_id.clone());
        let mut book = self.shared.book();
        // It is new, so that it can be paid.
        drop(book.prepay(out_trade_no, book::Order::elsewhere(party, total)));
        book.pay(&mch_id, out_trade_no, now);
    }

    /// Money is given back in WeChat Pay's console; none when the order does not allow it.
    pub fn refund_elsewhere(
        &self,
        mch_id: &str,
        out_trade_no: &str,
        out_refund_no: &str,
        refund: Fen,
    ) -> Option<Refund> {
        let now = self.shared.clock.now();
        self.shared.book().refund(mch_id, out_trade_no, out_refund_no, refund, now).ok()
    }

    /// From now on the texts of bills are what `change` makes of them, before they are packed and signed for.
    pub fn change_bills(&self, change: impl Fn(String) -> String + Send + 'static) {
        self.shared.book().spoilt.change = Some(Box::new(change));
    }

    /// The next `times` files of bills end in their middle.
    pub fn cut_bills(&self, times: u32) {
        self.shared.book().spoilt.cut = times;
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
    let (answered, fault, happened) = {
        let mut book = shared.book();
        let text = String::from_utf8_lossy(&body).into_owned();
        book.calls.push(PayCall { target: target.to_owned(), body: text.clone() });
        let fault = faults::next(&mut book.faults, target);
        let answered = if fault.is_some_and(|fault| !fault.lets_through()) {
            ().into_response()
        } else if target.starts_with("/v3/") {
            v3::answer(&mut book, &shared.platform, &method, target, &headers, &text, now)
        } else {
            v2::answer(&mut book, target, &body, now)
        };
        (answered, fault, std::mem::take(&mut book.happened))
    };
    for notice in happened {
        notices::tell(&shared, notice);
    }
    match fault {
        Some(fault) => fault.spoil(answered).await,
        None => answered,
    }
}

/// A user pays, and WeChat tells of it as it is set: where it does by itself, with whether the first try was taken.
fn pay(
    shared: &Arc<Shared>,
    mch_id: &str,
    out_trade_no: &str,
) -> Option<(Transaction, Option<oneshot::Receiver<bool>>)> {
    let now = shared.clock.now();
    let (told, notice) = {
        let mut book = shared.book();
        book.pay(mch_id, out_trade_no, now)?;
        (book.told(mch_id, out_trade_no)?, book.notice(mch_id, out_trade_no)?)
    };
    Some((told, notices::tell(shared, notice)))
}

/// Money has arrived, or has not, and WeChat tells of it as it is set.
fn settle_refund(shared: &Arc<Shared>, mch_id: &str, out_refund_no: &str, status: RefundStatus) -> bool {
    let Ok(notice) = shared.book().settle_refund(mch_id, out_refund_no, status, shared.clock.now()) else {
        return false;
    };
    if let Some(notice) = notice {
        notices::tell(shared, notice);
    }
    true
}
