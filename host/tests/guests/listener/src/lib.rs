//! A guest with rules, observers and order hooks: the first of each kind does its work, one observer logs, and the others
//! fail in their ways.

use std::{hint::black_box, time::Duration};

use weft_plugin::{
    Context, Error, Message, Observation, OrderEvent, RefundEvent, kv, message_observer, message_rule, order_hook,
    refund_hook,
};

/// Texts that begin with `vip`.
#[message_rule]
fn vip(message: Message) -> bool {
    message.text().is_some_and(|text| text.starts_with("vip"))
}

/// For one app alone.
#[message_rule("elsewhere")]
fn restricted() -> bool {
    true
}

#[message_rule]
fn gives_up() -> Result<bool, Error> {
    Err("the rule gave up".into())
}

#[message_rule]
fn traps() -> bool {
    panic!("rule bug")
}

#[message_rule]
fn loops() -> bool {
    let mut turn = 0_u64;
    loop {
        turn = black_box(turn).wrapping_add(1);
    }
}

#[message_rule]
fn sleeps() -> bool {
    std::thread::sleep(Duration::from_mins(1));
    true
}

/// Texts of which the host tells the raw message too.
#[message_rule]
fn raw(message: Message, context: Context) -> bool {
    let is_told = |text: &str| context.fields().iter().any(|field| field.path == "Content" && field.value == text);
    message.text().is_some_and(|text| text.starts_with("raw") && is_told(text))
}

/// Counts what it hears and keeps the last of it.
#[message_observer]
fn count(observation: Observation) -> Result<(), Error> {
    let (kind, detail) = match &observation {
        Observation::Received(_) => ("received", String::new()),
        Observation::Handled(handled) => ("handled", format!("{:?}", handled.reply)),
        Observation::Failed(failed) => ("failed", failed.reason.clone()),
    };
    let before = kv::get(kind)?;
    let number = before.as_ref().and_then(kv::Entry::text).map_or(Ok(0), str::parse::<u32>)? + 1;
    kv::compare_and_set(kind, before.map(|entry| entry.version), number.to_string())?;
    kv::set("last", format!("{}: {detail}", observation.message().sender))?;
    Ok(())
}

#[message_observer]
fn breaks() {
    panic!("observer bug")
}

/// Logs with the macros of `tracing`, at every level.
#[message_observer]
fn traces(observation: Observation) {
    let openid = observation.message().sender.as_str();
    tracing::error!("an error");
    tracing::warn!(openid, tries = 2, "a warning");
    tracing::info!(target: "till", "elsewhere");
    tracing::debug!("a detail");
    tracing::trace!("too much");
}

/// Keeps what it hears of an order, each change once: `<version>:<previous>><state>@<source>` for each, in a row.
#[order_hook]
fn fulfil(event: OrderEvent) -> Result<(), Error> {
    match kv::compare_and_set(&format!("event/{}", event.id), None, "") {
        Err(Error::Conflict(_)) => return Ok(()),
        first => first?,
    };
    let OrderEvent { order, previous_state, state, source, .. } = &event;
    keep(&order.out_trade_no, &format!("{}:{previous_state:?}>{state:?}@{source:?} ", order.version))
}

/// The same for refunds: `<number>:<previous>><state>@<source>`.
#[refund_hook(name = "fulfil")]
fn take_back(event: RefundEvent) -> Result<(), Error> {
    let RefundEvent { order, refund, previous_state, source, .. } = &event;
    let (number, state) = (&refund.out_refund_no, refund.state);
    keep(&order.out_trade_no, &format!("{number}:{previous_state:?}>{state:?}@{source:?} "))
}

/// Hears of refunds, and of nothing else.
#[refund_hook]
fn refunds_alone(event: RefundEvent) -> Result<(), Error> {
    take_back(event)
}

fn keep(out_trade_no: &str, heard: &str) -> Result<(), Error> {
    let key = format!("order/{out_trade_no}");
    let before = kv::get(&key)?;
    let all = format!("{}{heard}", before.as_ref().and_then(kv::Entry::text).unwrap_or_default());
    kv::compare_and_set(&key, before.map(|entry| entry.version), all)?;
    Ok(())
}

/// Refuses the first two tries of each change, and says so.
#[order_hook]
fn stumbles(event: OrderEvent) -> Result<(), Error> {
    if event.attempt < 3 {
        return Err(format!("try {} is too early", event.attempt).into());
    }
    fulfil(event)
}

#[order_hook]
fn falls() {
    panic!("hook bug")
}

/// Chokes on the first change of orders of 13 fen; of all else it hears.
#[order_hook]
fn chokes(event: OrderEvent) -> Result<(), Error> {
    assert!(event.order.total_fee != 13 || event.order.version > 1, "the hook chokes on it");
    fulfil(event)
}

/// Orders of 13 fen hang; others are heard of.
#[order_hook]
fn hangs(event: OrderEvent) -> Result<(), Error> {
    if event.order.total_fee == 13 {
        std::thread::sleep(Duration::from_mins(1));
    }
    fulfil(event)
}

/// Says that it was told, and the first time that it is told of the first change of an order takes a minute over it.
#[order_hook]
fn lingers(event: OrderEvent) -> Result<(), Error> {
    tracing::info!("told of {}, try {}", event.id, event.attempt);
    if event.order.version == 1 && event.attempt == 1 {
        std::thread::sleep(Duration::from_mins(1));
    }
    fulfil(event)
}

/// Takes its time.
#[message_observer]
fn dawdles() {
    std::thread::sleep(Duration::from_secs(10));
}

#[cfg(test)]
mod tests {
    use weft_plugin::testing::{TestHost, text};

    use super::*;

    #[test]
    fn texts_of_important_people_are_meant() {
        assert!(vip(text("o1", "vip please")));
        assert!(!vip(text("o1", "please, vip")));
    }

    #[test]
    fn what_is_heard_is_counted() {
        let host = TestHost::new().grant_kv();
        for _ in 0..2 {
            host.observe("count", Observation::Received(text("o1", "hi"))).unwrap();
        }
        assert_eq!(kv::get_text("received"), Ok(Some("2".to_owned())));
        assert_eq!(kv::get_text("last"), Ok(Some("o1: ".to_owned())));
    }
}
