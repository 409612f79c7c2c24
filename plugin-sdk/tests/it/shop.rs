//! The plugin: one function of each kind, and more in a module of its own.

use weft_plugin::*;

asks! {
    wechat_apis: ["/cgi-bin/message/"],
    kv: true,
    orders: ["read", "refund"],
    pay_apis: ["/v3/profitsharing/", "/mmpaymkttransfers/sendredpack"],
    config_schema: r#"{"type": "object"}"#,
}

/// Answers with
/// the text.
///
/// Not for the operator.
#[message_handler]
fn echo(message: Message, context: Context) -> Option<String> {
    Some(format!("{}: {}", context.app().name, message.text()?))
}

#[message_handler(name = "always-ill", description = "Fails.")]
fn fails() -> Result<(), std::num::ParseIntError> {
    "ill".parse::<u32>().map(drop)
}

/// Says nothing, in a text.
#[message_handler]
fn mute() -> &'static str {
    " "
}

#[message_rule("shop", "media")]
fn is_order_number(message: Message) -> Result<bool, Error> {
    let text = message.text().ok_or("no text")?;
    Ok(text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[order_hook(apps("shop"))]
fn paid(event: OrderEvent, context: Context) {
    log::info!(order = event.order.out_trade_no, attempt = event.attempt; "paid, {:?} left", context.time_left());
}

#[refund_hook(name = "paid")]
fn given_back(event: RefundEvent) -> Result<(), Error> {
    if event.refund.state == RefundState::Abnormal {
        return Err(format!("somebody has to look at {}", event.refund.out_refund_no).into());
    }
    Ok(())
}

/// Hears of refunds alone.
#[refund_hook]
fn refunds() {}

#[message_observer]
fn watch(observation: Observation) {
    log::debug!("{} was seen", observation.message().sender);
}

#[page]
fn form(request: PageRequest) -> Result<PageResponse, Error> {
    let user = request.user.ok_or_else(|| Error::NotFound("nobody".to_owned()))?;
    PageResponse::json(&user.openid)
}

pub(crate) mod counters {
    use weft_plugin::{Error, kv, message_handler};

    #[message_handler]
    pub(crate) fn count() -> Result<String, Error> {
        let before = kv::get("count")?;
        let count = before.as_ref().and_then(kv::Entry::text).map_or(Ok(0), str::parse::<u32>)? + 1;
        kv::compare_and_set("count", before.map(|entry| entry.version), count.to_string())?;
        Ok(count.to_string())
    }
}

/// Comes before the module above in the alphabet.
mod ads {
    use weft_plugin::{Article, message_handler};

    #[message_handler]
    fn advertise() -> Article {
        let [title, description, pic_url, url] =
            ["tea", "", "https://a.example/1.png", "https://a.example/"].map(Into::into);
        Article { title, description, pic_url, url }
    }
}
