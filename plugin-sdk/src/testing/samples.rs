//! Messages, orders and requests to try handlers with. Their fields are public: tests change what
//! they are about.

use crate::{
    hooks::{OrderEvent, Refund, RefundEvent, RefundSource, RefundState, Source},
    message::{Click, Content, Event, Image, Message, Scan, Subscribe, Text},
    order::{Order, State, TradeType},
    pages::PageRequest,
    users::User,
};

/// When it all happens: 2025-10-09T08:53:20Z.
pub(super) const CREATED_AT: u64 = 1_760_000_000;

/// A message of that content from that user.
pub fn message(openid: &str, content: Content) -> Message {
    let id = match content {
        Content::Event(_) => None,
        _ => Some(24_000_000_000_000_001),
    };
    Message { sender: openid.to_owned(), receiver: "gh_0123456789ab".to_owned(), created_at: CREATED_AT, id, content }
}

/// A text from that user.
pub fn text(openid: &str, text: &str) -> Message {
    message(openid, Content::Text(Text { content: text.to_owned(), menu_id: None }))
}

/// A picture from that user.
pub fn image(openid: &str, media_id: &str) -> Message {
    let pic_url = format!("http://mmbiz.qpic.cn/{media_id}");
    message(openid, Content::Image(Image { pic_url, media_id: media_id.to_owned() }))
}

/// An event that that user caused.
pub fn event(openid: &str, event: Event) -> Message {
    message(openid, Content::Event(event))
}

/// The event of a user who follows the account, without a QR code.
pub fn subscribe(openid: &str) -> Message {
    event(openid, Event::Subscribe(Subscribe { key: String::new(), scene: None, ticket: None }))
}

/// The event of a follower who scans a QR code with that scene.
pub fn scan(openid: &str, scene: &str) -> Message {
    event(openid, Event::Scan(Scan { scene: scene.to_owned(), ticket: "ticket".to_owned() }))
}

/// The event of a user who taps a button of the menu with that key.
pub fn click(openid: &str, key: &str) -> Message {
    event(openid, Event::Click(Click { key: key.to_owned() }))
}

/// A follower without names and tags.
pub fn user(openid: &str) -> User {
    User {
        openid: openid.to_owned(),
        unionid: None,
        subscribed: true,
        subscribed_at: Some(CREATED_AT),
        subscribe_scene: None,
        nickname: None,
        avatar_url: None,
        remark: String::new(),
        tags: Vec::new(),
    }
}

/// An unpaid JSAPI order of the app's first merchant.
pub fn order(out_trade_no: &str, total_fee: u64) -> Order {
    Order {
        merchant: "default".to_owned(),
        out_trade_no: out_trade_no.to_owned(),
        body: "test".to_owned(),
        total_fee,
        fee_type: "CNY".to_owned(),
        trade_type: TradeType::Jsapi,
        openid: Some("o1".to_owned()),
        attach: None,
        created_at: CREATED_AT,
        expires_at: None,
        state: State::Notpay,
        transaction_id: None,
        paid_at: None,
        version: 1,
        result: Vec::new(),
    }
}

/// The event of an order that was in `previous_state` before, notified by WeChat, at the first try.
pub fn order_event(order: Order, previous_state: State) -> OrderEvent {
    OrderEvent {
        id: format!("{}/{}", order.out_trade_no, order.version),
        state: order.state,
        order,
        previous_state,
        source: Source::Notify,
        attempt: 1,
    }
}

/// A refund that WeChat has taken, and that the user does not have yet.
pub fn refund(out_refund_no: &str, refund_fee: u64) -> Refund {
    Refund {
        out_refund_no: out_refund_no.to_owned(),
        refund_fee,
        reason: None,
        state: RefundState::Processing,
        refund_id: Some(format!("503{out_refund_no}")),
        received_account: None,
        success_at: None,
        created_at: CREATED_AT,
    }
}

/// The event that a refund of an order, which came from that state, is told with.
pub fn refund_event(order: Order, refund: Refund, previous_state: RefundState) -> RefundEvent {
    RefundEvent {
        id: format!("{}/{}/{:?}", order.out_trade_no, refund.out_refund_no, refund.state),
        order,
        refund,
        previous_state,
        source: RefundSource::Notify,
        attempt: 1,
    }
}

/// A page's request, without query, headers, body and user.
pub fn request(method: &str, path: &str) -> PageRequest {
    PageRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        query: String::new(),
        headers: Vec::new(),
        body: Vec::new(),
        user: None,
    }
}
