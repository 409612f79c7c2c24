//! `orders`: orders of the app's own merchants, here and at WeChat Pay.

use std::future::Future;

use weft_wechat::pay::Fen;

use super::{Grant, HostError, asker::Asker};
use crate::{
    model,
    pay::{Pay, PayActionError, Shop},
    plugins::{
        bindings::imported::{
            order::Order,
            orders::{self, NewOrder, NewRefund, Refund},
            types::{Error, Field, WechatError},
        },
        convert_orders,
        instance::State,
    },
    upstream::PayError,
};

/// The entry of the grant `orders` that lets a plugin read orders.
const READ: &str = "read";
/// The entry of the grant `orders` that lets a plugin create orders and have them paid.
const CREATE: &str = "create";
/// The entry of the grant `orders` that lets a plugin refund orders.
const REFUND: &str = "refund";

impl orders::Host for State {
    async fn find(&mut self, merchant: Option<String>, out_trade_no: String) -> Result<Option<Order>, HostError> {
        self.require(Grant::Order(READ))?;
        self.ask_database(async move |services, asker| {
            let pay = &services.pay;
            let shop = shop(pay, &asker, merchant.as_deref()).await?;
            let found = pay.find(&shop, &out_trade_no).await.map_err(|failure| error(&asker, &failure))?;
            Ok(found.as_ref().map(convert_orders::order))
        })
        .await
    }

    async fn create(&mut self, order: NewOrder) -> Result<Order, HostError> {
        self.require(Grant::Order(CREATE))?;
        let most = self.limits.open_orders;
        self.ask_database(async move |services, asker| {
            let pay = &services.pay;
            let shop = shop(pay, &asker, order.merchant.as_deref()).await?;
            let (number, expires) = (order.out_trade_no.clone(), order.expires_at.is_some());
            let terms = convert_orders::terms(order, &shop.merchant, pay.now());
            let created = pay.create(&shop, &number, terms, expires, Some(most)).await;
            let created = created.map_err(|failure| error(&asker, &failure))?;
            Ok(convert_orders::order(&created.into_order()))
        })
        .await
    }

    async fn prepay(&mut self, merchant: Option<String>, out_trade_no: String) -> Result<Vec<Field>, HostError> {
        self.ask_pay(CREATE, "prepay", async move |pay, asker| {
            let (shop, order) = existing(&pay, &asker, merchant.as_deref(), &out_trade_no).await?;
            let prepaid = pay.prepay(&shop, &order, None).await.map_err(|failure| error(&asker, &failure))?;
            Ok(convert_orders::prepaid(prepaid))
        })
        .await
    }

    async fn query(&mut self, merchant: Option<String>, out_trade_no: String) -> Result<Order, HostError> {
        self.ask_pay(READ, "query", async move |pay, asker| {
            let (shop, order) = existing(&pay, &asker, merchant.as_deref(), &out_trade_no).await?;
            let order = pay.query(&shop, &order).await.map_err(|failure| error(&asker, &failure))?;
            Ok(convert_orders::order(&order))
        })
        .await
    }

    async fn create_refund(&mut self, refund: NewRefund) -> Result<Refund, HostError> {
        self.ask_pay(REFUND, "refund", async move |pay, asker| {
            let NewRefund { merchant, out_trade_no, out_refund_no, refund_fee, reason } = refund;
            let (shop, order) = existing(&pay, &asker, merchant.as_deref(), &out_trade_no).await?;
            let refund = pay.refund(&shop, &order, &out_refund_no, Fen(refund_fee), reason).await;
            Ok(convert_orders::refund(refund.map_err(|failure| error(&asker, &failure))?))
        })
        .await
    }
}

impl State {
    /// Runs `ask`, which needs WeChat Pay, where `right` is granted. `what` stands in the log for it. It goes on when
    /// the guest's time is over: what WeChat Pay says has to be written down here.
    async fn ask_pay<T, Asking>(
        &mut self,
        right: &str,
        what: &str,
        ask: impl FnOnce(Pay, Asker) -> Asking,
    ) -> Result<T, HostError>
    where
        T: Send + 'static,
        Asking: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.require(Grant::Order(right))?;
        let call = self.wechat_call()?;
        let asking = ask(self.services.pay.with_turns(self.in_turn()?), self.asker()?);
        call.run_detached(&format!("WeChat Pay: {what}"), asking).await
    }
}

/// The merchant of the app with this name, or its first one where none is named.
pub(super) async fn shop(pay: &Pay, asker: &Asker, merchant: Option<&str>) -> Result<Shop, Error> {
    let app = asker.app.name.as_str();
    let found = match merchant {
        Some(name) => pay.shop(app, name).await,
        None => pay.first_shop(app).await,
    };
    found.map_err(|failure| error(asker, &failure))?.ok_or_else(|| {
        Error::NotFound(match merchant {
            Some(name) => format!("the app has no merchant `{name}`"),
            None => "the app has no merchant".to_owned(),
        })
    })
}

async fn existing(
    pay: &Pay,
    asker: &Asker,
    merchant: Option<&str>,
    out_trade_no: &str,
) -> Result<(Shop, model::Order), Error> {
    let shop = shop(pay, asker, merchant).await?;
    let found = pay.find(&shop, out_trade_no).await.map_err(|failure| error(asker, &failure))?;
    let order = found.ok_or_else(|| Error::NotFound(format!("there is no order `{out_trade_no}`")))?;
    Ok((shop, order))
}

fn error(asker: &Asker, error: &PayActionError) -> Error {
    let text = error.to_string();
    match error {
        PayActionError::State(_) | PayActionError::Conflict(_) => Error::Conflict(text),
        PayActionError::Full(_) => Error::Limited(text),
        PayActionError::Invalid(wrong) => Error::Invalid(model::in_words(wrong)),
        PayActionError::Gateway(error) => gateway_error(error),
        PayActionError::Store(error) => asker.unavailable("orders", error),
    }
}

/// What the failure of a call of WeChat Pay is to a guest.
pub(super) fn gateway_error(error: &PayError) -> Error {
    let text = error.to_string();
    match error {
        _ if error.outcome_is_unknown() => Error::TimedOut(text),
        PayError::Refused { code, message, .. } => refused(code, message),
        PayError::Unsealed => Error::Invalid(text),
        _ => Error::Unavailable(text),
    }
}

/// What a refusal of WeChat Pay is to a guest. The codes there are words: they stand at the beginning of the message,
/// and the number is 0.
pub(super) fn refused(code: &str, message: &str) -> Error {
    Error::Wechat(WechatError { errcode: 0, errmsg: format!("{code}: {message}") })
}
