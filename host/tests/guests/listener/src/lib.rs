//! A guest with rules, observers and hooks: the first of each kind does its work, the others fail in their ways.

use std::{hint::black_box, time::Duration};

use weft_plugin::{Context, Error, Message, Observation, OrderEvent, kv, message_observer, message_rule, order_hook};

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
    kv::compare_and_set(kind, before.map(|entry| entry.version), number.to_string(), None)?;
    kv::set("last", format!("{}: {detail}", observation.message().sender), None)?;
    Ok(())
}

#[message_observer]
fn breaks() {
    panic!("observer bug")
}

/// Takes its time.
#[message_observer]
fn dawdles() {
    std::thread::sleep(Duration::from_secs(3));
}

/// Writes down what it hears of orders, each thing that it hears. Orders whose `attach` says so fail at their first try,
/// or always.
#[order_hook]
fn write_down(event: OrderEvent) -> Result<(), Error> {
    let attach = event.order.attach.as_deref().unwrap_or_default();
    if attach == "fails" || (attach == "fails once" && event.attempt == 1) {
        return Err("not now".into());
    }
    let key = format!("order {}", event.order.out_trade_no);
    let before = kv::get(&key)?;
    let heard = before.as_ref().and_then(kv::Entry::text).unwrap_or_default();
    let number = event.order.transaction_id.as_deref().unwrap_or("-");
    let told = format!("{heard}{} {:?} {:?} {number}\n", event.order.version, event.state, event.source);
    kv::set(&key, told, None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use weft_plugin::testing::{Host, text};

    use super::*;

    #[test]
    fn texts_of_important_people_are_meant() {
        assert!(vip(text("o1", "vip please")));
        assert!(!vip(text("o1", "please, vip")));
    }

    #[test]
    fn what_is_heard_is_counted() {
        let host = Host::new().grant_kv();
        for _ in 0..2 {
            host.observe("count", Observation::Received(text("o1", "hi"))).unwrap();
        }
        assert_eq!(kv::get("received").unwrap().unwrap().text(), Some("2"));
        assert_eq!(kv::get("last").unwrap().unwrap().text(), Some("o1: "));
    }
}
