//! POST /pay/micropay

use super::answer::CallError;
use super::transaction::transaction_of;
use super::{Call, Fields};
use crate::pay::{Fen, TradeState, Transaction};

/// Takes money by the code on the user's phone. There is no notification. After `USERPAYING`, `SYSTEMERROR`,
/// `BANKERROR` or no answer at all the outcome is unknown: ask every five seconds, and reverse after thirty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Micropay {
    /// What is bought, for the user; at most 128 bytes.
    pub body: String,
    /// The merchant's number.
    pub out_trade_no: String,
    /// How much.
    pub total: Fen,
    /// The till's address.
    pub client_ip: String,
    /// 18 digits, the first two from 10 to 15.
    pub auth_code: String,
    /// More fields, by WeChat's names.
    pub more: Vec<(String, String)>,
}

/// Whether the text may be the code of a user's phone.
pub fn is_auth_code(text: &str) -> bool {
    let prefix = text.get(..2).and_then(|prefix| prefix.parse::<u8>().ok());
    text.len() == 18 && text.bytes().all(|byte| byte.is_ascii_digit()) && prefix.is_some_and(|n| (10..=15).contains(&n))
}

impl Call for Micropay {
    const PATH: &'static str = "/pay/micropay";
    type Answer = Transaction;

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.push("body", &self.body);
        fields.push("out_trade_no", &self.out_trade_no);
        fields.push("total_fee", self.total.to_string());
        fields.push("spbill_create_ip", &self.client_ip);
        fields.push("auth_code", &self.auth_code);
        for (name, value) in &self.more {
            fields.push(name, value);
        }
        fields
    }

    fn read(&self, fields: &Fields) -> Result<Transaction, CallError> {
        transaction_of(fields, TradeState::Success, &self.out_trade_no)
    }
}
