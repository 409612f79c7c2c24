//! What a plugin is tried with: a message, an order or a refund, or a request for a page, as they would come.

use std::{io::Read, path::PathBuf};

use anyhow::{Context, bail};
use weft_wechat::{
    message::Message,
    pay::{Fen, Party, TradeType},
};

use super::{APPID, TestArgs};
use crate::{
    cli::plugin_runtime::{MCH_ID, MERCHANT},
    clock::Clock,
    model::{ObservationSource, Order, OrderState, OrderTerms, Refund, RefundState, RefundStep},
    plugins::{OrderChange, PageRequest, RefundChange},
    simulator::Incoming,
};

/// The account's original id in what is sent.
const ORIGINAL_ID: &str = "gh_simulated";

/// The event of the order or refund that a hook is told of.
const EVENT_ID: &str = "00000000-0000-7000-8000-000000000001";

/// The order's number.
const OUT_TRADE_NO: &str = "SIMULATED0001";

/// WeChat's number of the order: the one that the simulated WeChat Pay gives to its first payment.
const TRANSACTION_ID: &str = "4200000000000000000000000001";

/// What the plugin is given.
pub(super) enum Input {
    Message { raw: String, message: Message },
    Order(Box<Order>),
    Refund(Box<Order>, Box<RefundStep>),
    Page(PageRequest),
}

impl Input {
    /// What the arguments name.
    pub(super) fn of(args: &TestArgs) -> anyhow::Result<Self> {
        match (&args.page, args.order, args.refund) {
            (Some(page), ..) => Ok(Self::Page(request(page, args.form.as_deref()))),
            (None, Some(state), _) => Ok(Self::Order(Box::new(order(args, state)))),
            (None, None, Some(state)) => {
                let (order, step) = (order(args, OrderState::Refund), refund_step(state));
                Ok(Self::Refund(Box::new(order), Box::new(step)))
            }
            (None, None, None) => message(args),
        }
    }
}

/// An order of a yuan, as it is told of when it has become so.
fn order(args: &TestArgs, state: OrderState) -> Order {
    let now = Clock::system().now();
    let terms = OrderTerms::new("simulated".to_owned(), Fen(100), TradeType::Jsapi, now);
    let terms = OrderTerms { openid: Some(args.openid.clone()), ..terms };
    let party = Party { appid: APPID.to_owned(), mch_id: MCH_ID.to_owned(), sub_appid: None, sub_mch_id: None };
    let transaction_id = state.is_paid().then(|| TRANSACTION_ID.to_owned());
    let paid_at = state.is_paid().then_some(now);
    let order = Order::new(&args.app, MERCHANT, OUT_TRADE_NO, party, terms, now);
    Order { state, close_confirmed: state.is_closed(), transaction_id, paid_at, version: 1, ..order }
}

/// As a hook is told of it for the first time.
pub(super) fn change(order: &Order) -> OrderChange<'_> {
    let (previous_state, source) = (OrderState::Notpay, ObservationSource::Notify);
    OrderChange { id: EVENT_ID, order, previous_state, source, attempt: 1 }
}

/// A refund of some of it, as it is told of when it has become so.
fn refund_step(state: RefundState) -> RefundStep {
    let now = Clock::system().now();
    let refund = Refund {
        state,
        refund_id: (state != RefundState::New).then(|| "50300000000000000000000000001".to_owned()),
        success_at: (state == RefundState::Success).then_some(now),
        created_at: now,
        updated_at: now,
        ..Refund::new("SIMULATED0001R", OUT_TRADE_NO, Fen(60), None)
    };
    let previous_state = match state {
        RefundState::New | RefundState::Processing => RefundState::New,
        RefundState::Success | RefundState::Closed | RefundState::Abnormal => RefundState::Processing,
    };
    RefundStep { previous_state, refund }
}

/// As a hook is told of it for the first time.
pub(super) fn refund_change<'a>(order: &'a Order, step: &'a RefundStep) -> RefundChange<'a> {
    RefundChange { id: EVENT_ID, order, step, source: ObservationSource::Notify, attempt: 1 }
}

/// The request as a browser would send it.
fn request(page: &str, form: Option<&str>) -> PageRequest {
    let (path, query) = page.split_once('?').unwrap_or((page, ""));
    let content_type = ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned());
    PageRequest {
        method: if form.is_some() { "POST" } else { "GET" }.to_owned(),
        path: format!("/{}", path.trim_start_matches('/')),
        query: query.to_owned(),
        headers: form.map(|_| content_type).into_iter().collect(),
        body: form.unwrap_or_default().as_bytes().to_vec(),
        user: None,
    }
}

/// The message as it would come.
fn message(args: &TestArgs) -> anyhow::Result<Input> {
    let (clock, key) = (Clock::system(), args.event_key.as_deref().unwrap_or_default());
    let incoming = |incoming: Incoming| incoming.xml(ORIGINAL_ID, clock.now(), clock.now_ms());
    let raw = match (&args.message, &args.event, &args.xml) {
        (Some(text), _, _) => incoming(Incoming::text(&args.openid, text)),
        (_, Some(event), _) => incoming(Incoming::keyed_event(&args.openid, event, key)),
        (_, _, Some(file)) => read(file)?,
        _ => bail!(
            "say what comes: --message, --event, --xml, --order, --refund or --page · 请用 --message、--event、--xml、--order、--refund 或 --page 说明收到什么"
        ),
    };
    let message = Message::parse(&raw).context("the message cannot be read · 无法解析消息")?;
    Ok(Input::Message { raw, message })
}

fn read(file: &PathBuf) -> anyhow::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| file.display().to_string())
}
