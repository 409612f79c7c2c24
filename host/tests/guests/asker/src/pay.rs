//! Calls WeChat Pay as it is asked to, and says what came of it.

use serde::Deserialize;
use serde_json::Value;
use weft_plugin::{
    Error,
    pay::{
        self,
        profitsharing::{self, Receiver, Share},
        redpack::{self, NewRedPack},
        transfer_bills::{self, NewBill},
    },
};

/// What to call.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Reads from v3.
    Get { merchant: Option<String>, path: String },
    /// Writes to v3.
    Post { merchant: Option<String>, path: String, body: Value },
    /// Calls v2.
    V2 { path: String, fields: Vec<(String, String)> },
    /// Gives a part of a payment away, takes it back, and keeps the rest.
    Share { transaction_id: String },
    /// Sends money to a user, and asks about it.
    Transfer { number: String, name: Option<String> },
    /// Sends a red packet, and asks about it.
    RedPacket { number: String },
}

pub(crate) fn answer(ask: &Ask) -> Result<String, Error> {
    match ask {
        Ask::Get { merchant, path } => pay::get::<Value>(merchant.as_deref(), path, &[]).map(|told| told.to_string()),
        Ask::Post { merchant, path, body } => {
            pay::post::<Value>(merchant.as_deref(), path, body).map(|told| told.to_string())
        }
        Ask::V2 { path, fields } => {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            pay::call_v2::<Value>(None, path, &fields).map(|told| told.to_string())
        }
        Ask::Share { transaction_id } => share(transaction_id),
        Ask::Transfer { number, name } => {
            let mut bill = NewBill::new(number, "1000", "oFan", 100, "奖").report("活动名称", "新年");
            if let Some(name) = name {
                bill = bill.user_name(name);
            }
            let created = transfer_bills::create(None, &bill)?;
            let of_wechat = created.transfer_bill_no.ok_or("no number")?;
            let found = transfer_bills::query_by_bill_no(None, &of_wechat)?;
            let cancelled = transfer_bills::cancel(None, number)?;
            let states = [created.state, found.state, cancelled.state, transfer_bills::query(None, number)?.state];
            Ok(states.join(" "))
        }
        Ask::RedPacket { number } => {
            let packet = NewRedPack {
                mch_billno: number.clone(),
                send_name: "天虹".to_owned(),
                re_openid: "oFan".to_owned(),
                total_amount: 1000,
                wishing: "新年快乐".to_owned(),
                client_ip: "203.0.113.9".to_owned(),
                act_name: "猜灯谜".to_owned(),
                remark: "快来抢".to_owned(),
                scene_id: None,
            };
            redpack::send(None, &packet)?;
            let told = redpack::query(None, number)?;
            Ok(format!("{} {}", told.status, told.total_amount))
        }
    }
}

fn share(transaction: &str) -> Result<String, Error> {
    let partner = Receiver::merchant("1900000111");
    profitsharing::add_receiver(None, &partner, "SUPPLIER", Some("张三公司".into()))?;
    let share = Share::new(partner.clone(), 30, "佣金");
    profitsharing::split(None, transaction, "P1", &[share], false)?;
    let split = profitsharing::query(None, transaction, "P1")?;
    let left = profitsharing::unsplit_amount(None, transaction)?;
    profitsharing::take_back(None, "P1", "B1", &partner.account, 10, "退")?;
    let back = profitsharing::query_return(None, "P1", "B1")?;
    profitsharing::unfreeze(None, transaction, "P2", "完")?;
    profitsharing::delete_receiver(None, &partner)?;
    let part = split.receivers.first().ok_or("no part")?;
    let rest = profitsharing::unsplit_amount(None, transaction)?;
    Ok(format!("{} {} {}, {left} left, {} back, {rest} left", split.state, part.amount, part.result, back.result))
}
