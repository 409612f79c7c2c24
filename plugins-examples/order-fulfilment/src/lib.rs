//! Hands out a voucher for every paid order, once however often it is told, and takes it back with the money. Who paid
//! gets it by sending the number of the order.
//!
//! The operator grants `{"kv": true}`, and names it: `{"order_hook": "order_fulfilment"}`.

use std::time::Duration;

use weft_plugin::prelude::*;

asks! { kv: true }

/// How long an event is remembered: it is told again for a day, and later when an operator says so.
const REMEMBERED: Duration = Duration::from_hours(30 * 24);

/// Hands out a voucher for a paid order.
#[order_hook]
fn fulfil(event: OrderEvent) -> Result<()> {
    if event.state != OrderState::Success {
        return Ok(());
    }
    once(&event.id, || {
        // The same for the same event: when this call is cut off, the next one hands out no other.
        let code = event.id.to_uppercase().split_off(event.id.len().saturating_sub(8));
        kv::set(&key(&event.order), &code)?;
        log::info!(order = event.order.out_trade_no; "voucher {code} is handed out");
        Ok(())
    })
}

/// Takes it back when one refund gave all of the money back.
#[refund_hook(name = "fulfil")]
fn take_back(event: RefundEvent) -> Result<()> {
    if event.refund.state != RefundState::Success || event.refund.refund_fee != event.order.total_fee {
        return Ok(());
    }
    once(&event.id, || {
        kv::delete(&key(&event.order))?;
        Ok(())
    })
}

/// Tells who paid their voucher.
#[message_handler]
fn voucher(message: Message) -> Result<Option<String>> {
    let Some(number) = message.text().filter(|text| text.len() <= 32) else { return Ok(None) };
    let voucher = kv::get_text(&format!("voucher/{}/{number}", message.sender))?;
    Ok(voucher.map(|code| format!("您的兑换码 / your voucher: {code}")))
}

/// Does the work of an event unless it is done. That is written down behind the work, which may so be begun twice.
fn once(event: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let key = format!("event/{event}");
    if kv::get(&key)?.is_some() {
        return Ok(());
    }
    work()?;
    kv::set_for(&key, "", REMEMBERED)?;
    Ok(())
}

fn key(order: &Order) -> String {
    format!("voucher/{}/{}", order.openid.as_deref().unwrap_or_default(), order.out_trade_no)
}

#[cfg(test)]
mod tests {
    use weft_plugin::testing;

    use super::*;

    fn becomes(state: OrderState) -> OrderEvent {
        let order = Order { state, ..testing::order("T1", 101) };
        OrderEvent { id: "0190a5d2-7c1e-7000-8000-00c0ffee0001".into(), ..testing::order_event(order, OrderState::New) }
    }

    #[test]
    fn a_paid_order_has_one_voucher_however_often_it_is_told_and_its_payer_gets_it() {
        let host = testing::TestHost::new().grant_asked();
        for state in [OrderState::Notpay, OrderState::Success, OrderState::Success] {
            host.order_updated("fulfil", becomes(state)).unwrap();
        }
        assert_eq!(host.logs().len(), 1);
        let told = |openid: &str| host.handle("voucher", testing::text(openid, "T1")).unwrap();
        assert!(format!("{:?}", told("o1")).contains("FFEE0001"));
        assert_eq!(told("o2"), None);
    }

    #[test]
    fn it_is_taken_back_with_all_of_the_money() {
        let host = testing::TestHost::new().grant_asked();
        host.order_updated("fulfil", becomes(OrderState::Success)).unwrap();
        for (fee, stays) in [(100, true), (101, false)] {
            let refund = Refund { state: RefundState::Success, ..testing::refund(&format!("R{fee}"), fee) };
            let event = testing::refund_event(testing::order("T1", 101), refund, RefundState::Processing);
            host.refund_updated("fulfil", event).unwrap();
            assert_eq!(kv::get("voucher/o1/T1").unwrap().is_some(), stays);
        }
    }
}
