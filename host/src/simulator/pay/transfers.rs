//! Money to users: transfers that they confirm (v3), and red packets (v2).

use std::collections::HashMap;

use axum::http::Method;
use serde_json::{Value, json};
use weft_wechat::pay::time;
use weft_wechat::pay::v2::Fields;

use super::book::{Book, INVALID, NO_RESOURCE, No};

/// What was sent, of all merchants.
#[derive(Default)]
pub(super) struct Transfers {
    bills: HashMap<(String, String), Bill>,
    packets: HashMap<(String, String), Packet>,
}

struct Bill {
    asked: Value,
    state: &'static str,
    at: u64,
}

struct Packet {
    asked: String,
    amount: String,
    status: &'static str,
}

impl Transfers {
    /// A user confirms a transfer; whether there is one that waits for it.
    pub(super) fn confirm(&mut self, mch_id: &str, out_bill_no: &str) -> bool {
        let bill = self.bills.get_mut(&(mch_id.to_owned(), out_bill_no.to_owned()));
        let waiting = bill.filter(|bill| bill.state == WAITING);
        waiting.map(|bill| bill.state = "SUCCESS").is_some()
    }

    /// A user opens a red packet; whether there is one.
    pub(super) fn open(&mut self, mch_id: &str, mch_billno: &str) -> bool {
        let packet = self.packets.get_mut(&(mch_id.to_owned(), mch_billno.to_owned()));
        packet.map(|packet| packet.status = "RECEIVED").is_some()
    }

    /// How many red packets a merchant sent.
    pub(super) fn packets(&self, mch_id: &str) -> usize {
        self.packets.keys().filter(|(owner, _)| owner == mch_id).count()
    }
}

const WAITING: &str = "WAIT_USER_CONFIRM";

/// `path` is below `…/transfer-bills`. The name of the user has been opened.
pub(super) fn answer(
    book: &mut Book,
    mch_id: &str,
    method: &Method,
    path: &str,
    asked: &Value,
    now: u64,
) -> Result<Value, No> {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    let bills = &mut book.transfers.bills;
    let key = |number: &str| (mch_id.to_owned(), number.to_owned());
    match (method.as_str(), &*parts) {
        ("POST", []) => {
            let text = |name: &str| asked[name].as_str().filter(|text| !text.is_empty()).ok_or(INVALID);
            for needed in ["appid", "transfer_scene_id", "openid", "transfer_remark"] {
                text(needed)?;
            }
            asked["transfer_amount"].as_u64().filter(|amount| *amount > 0).ok_or(INVALID)?;
            let number = text("out_bill_no")?;
            let new = Bill { asked: asked.clone(), state: WAITING, at: now };
            let bill = bills.entry(key(number)).or_insert(new);
            if bill.asked == *asked { Ok(told(number, bill)) } else { Err(INVALID) }
        }
        ("GET", ["out-bill-no", number]) => bills.get(&key(number)).map(|bill| told(number, bill)).ok_or(NO_RESOURCE),
        ("GET", ["transfer-bill-no", number]) => {
            let own = number.strip_prefix(BILL_NO).ok_or(NO_RESOURCE)?;
            bills.get(&key(own)).map(|bill| told(own, bill)).ok_or(NO_RESOURCE)
        }
        ("POST", ["out-bill-no", number, "cancel"]) => {
            let bill = bills.get_mut(&key(number)).ok_or(NO_RESOURCE)?;
            if !["CANCELLED", WAITING].contains(&bill.state) {
                return Err(No { v2: "INVALID_REQUEST", v3: "INVALID_REQUEST", status: 400 });
            }
            bill.state = "CANCELLED";
            Ok(told(number, bill))
        }
        _ => Err(NO_RESOURCE),
    }
}

/// How WeChat's numbers begin.
const BILL_NO: &str = "1330000071";

fn told(number: &str, bill: &Bill) -> Value {
    let mut told = json!({
        "out_bill_no": number, "transfer_bill_no": format!("{BILL_NO}{number}"), "state": bill.state,
        "create_time": time::to_rfc3339(bill.at),
    });
    if bill.state == WAITING {
        told["package_info"] = format!("simulated-{number}").into();
    }
    told
}

/// `/mmpaymkttransfers/sendredpack`
pub(super) fn send_red_packet(book: &mut Book, mch_id: &str, asked: &Fields) -> Result<Fields, No> {
    let text = |name| asked.get(name).ok_or(INVALID);
    for needed in ["wxappid", "send_name", "re_openid", "wishing", "client_ip", "act_name", "remark"] {
        text(needed)?;
    }
    let (number, amount) = (text("mch_billno")?, text("total_amount")?);
    let own = |name: &&str| !["nonce_str", "sign"].contains(name);
    let content = asked.iter().filter(|(name, _)| own(name)).map(|(name, value)| format!("{name}={value}\n"));
    let content = content.collect::<Vec<_>>().concat();
    let new = Packet { asked: content, amount: amount.to_owned(), status: "SENT" };
    let packet = book.transfers.packets.entry((mch_id.to_owned(), number.to_owned()));
    let asked_now = new.asked.clone();
    if packet.or_insert(new).asked != asked_now {
        return Err(INVALID);
    }
    let mut out = Fields::default();
    out.push("mch_billno", number);
    out.push("re_openid", text("re_openid")?);
    out.push("total_amount", amount);
    out.push("send_listid", format!("100000000020150520314766{number}"));
    Ok(out)
}

/// `/mmpaymkttransfers/gethbinfo`
pub(super) fn red_packet(book: &Book, mch_id: &str, asked: &Fields) -> Result<Fields, No> {
    let number = asked.get("mch_billno").ok_or(INVALID)?;
    let known = book.transfers.packets.get(&(mch_id.to_owned(), number.to_owned()));
    let packet = known.ok_or(No { v2: "NOT_FOUND", v3: "NOT_FOUND", status: 404 })?;
    let mut out = Fields::default();
    out.push("mch_billno", number);
    out.push("detail_id", format!("100000000020150520314766{number}"));
    out.push("status", packet.status);
    out.push("send_type", "API");
    out.push("hb_type", "NORMAL");
    out.push("total_num", "1");
    out.push("total_amount", &packet.amount);
    Ok(out)
}
