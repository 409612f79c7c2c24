//! What is agreed on when an order is created.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use weft_wechat::pay::{Fen, OutTradeNo, TradeType};

use crate::model::FieldError;

/// How long an order may be paid when nothing else is said, in seconds.
pub const DEFAULT_TIME_LIMIT: u64 = 2 * 3600;

/// WeChat refuses shorter limits, in seconds.
const SHORTEST_TIME_LIMIT: u64 = 60;

/// Nobody waits longer for a payment, in seconds: until then an order is asked about.
const LONGEST_TIME_LIMIT: u64 = 366 * 24 * 3600;

/// What was agreed on. Lengths are WeChat's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTerms {
    /// What is bought, for the user; 1 to 127 characters.
    pub body: String,
    /// How much, in fen; at least 1.
    pub total_fee: Fen,
    /// `CNY`.
    pub fee_type: String,
    /// How it is paid.
    pub trade_type: TradeType,
    /// Who pays, as the account knows them.
    pub openid: Option<String>,
    /// Who pays, as the sub-merchant's account knows them.
    pub sub_openid: Option<String>,
    /// Handed back unchanged; at most 127 characters.
    pub attach: Option<String>,
    /// When it begins, in seconds since 1970.
    pub time_start: u64,
    /// Until when it can be paid, in seconds since 1970.
    pub time_expire: u64,
    /// Where the payment is called from.
    pub client_ip: Option<IpAddr>,
    /// The goods, as WeChat's JSON; at most 6000 characters.
    pub detail: Option<String>,
    /// For coupons; at most 32 characters.
    pub goods_tag: Option<String>,
    /// For NATIVE; at most 32 characters.
    pub product_id: Option<String>,
    /// `no_credit` refuses credit cards.
    pub limit_pay: Option<String>,
    /// Whether the user may ask for an electronic invoice.
    pub receipt: bool,
    /// Where the payment takes place, as WeChat's JSON; at most 256 characters.
    pub scene_info: Option<String>,
    /// The till; at most 32 characters.
    pub device_info: Option<String>,
    /// For people here; at most 1000 characters.
    pub comment: String,
}

impl OrderTerms {
    /// What is agreed on where nothing else is said: it may be paid for two hours from `time_start` on, which is in
    /// seconds since 1970.
    pub fn new(body: String, total_fee: Fen, trade_type: TradeType, time_start: u64) -> Self {
        Self {
            body,
            total_fee,
            fee_type: "CNY".to_owned(),
            trade_type,
            openid: None,
            sub_openid: None,
            attach: None,
            time_start,
            time_expire: time_start.saturating_add(DEFAULT_TIME_LIMIT),
            client_ip: None,
            detail: None,
            goods_tag: None,
            product_id: None,
            limit_pay: None,
            receipt: false,
            scene_info: None,
            device_info: None,
            comment: String::new(),
        }
    }

    /// The fields that break their rules, with those of the number; empty when the order may be created.
    pub fn check(&self, out_trade_no: &str) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut require = |right: bool, field: &'static str, message: &str| {
            if !right {
                errors.push(FieldError::new(field, message));
            }
        };
        if let Err(error) = out_trade_no.parse::<OutTradeNo>() {
            require(false, "out_trade_no", &error.to_string());
        }
        require(is_text(&self.body, 1, 127), "body", "1 to 127 characters · 1 到 127 个字符");
        require(
            (Fen(1)..=Fen::MAX).contains(&self.total_fee),
            "total_fee",
            "at least 1 fen; the unit is fen, not yuan · 至少 1 分；单位是分，不是元",
        );
        require(self.fee_type == "CNY", "fee_type", "CNY; WeChat Pay takes nothing else here · 只能是 CNY");
        let pays_as_somebody = self.openid.is_some() || self.sub_openid.is_some();
        let needs_openid = self.trade_type == TradeType::Jsapi;
        require(
            !needs_openid || pays_as_somebody,
            "openid",
            "needed for JSAPI: the openid of who pays · JSAPI 必填：付款人的 openid",
        );
        require(
            self.limit_pay.as_deref().is_none_or(|limit| limit == "no_credit"),
            "limit_pay",
            "no_credit or nothing · no_credit，或不填",
        );
        let lasts = self.time_expire.saturating_sub(self.time_start);
        require(
            (SHORTEST_TIME_LIMIT..=LONGEST_TIME_LIMIT).contains(&lasts),
            "time_expire",
            "a minute to a year after the order's beginning · 须比订单开始时间晚一分钟到一年",
        );
        let texts = [
            ("openid", &self.openid, 128),
            ("sub_openid", &self.sub_openid, 128),
            ("attach", &self.attach, 127),
            ("detail", &self.detail, 6000),
            ("goods_tag", &self.goods_tag, 32),
            ("product_id", &self.product_id, 32),
            ("scene_info", &self.scene_info, 256),
            ("device_info", &self.device_info, 32),
        ];
        for (field, text, longest) in texts {
            let right = text.as_deref().is_none_or(|text| is_text(text, 1, longest));
            require(
                right,
                field,
                &format!("1 to {longest} characters, without control characters · 1 到 {longest} 个字符，不含控制字符"),
            );
        }
        for (field, text) in [("detail", &self.detail), ("scene_info", &self.scene_info)] {
            let is_json = |text: &String| serde_json::from_str::<serde_json::Map<_, _>>(text).is_ok();
            require(
                text.as_ref().is_none_or(is_json),
                field,
                "a JSON object, written as a text · 写成文本的 JSON 对象",
            );
        }
        let comment = self.comment.chars().count() <= 1000 && !self.comment.contains('\0');
        require(comment, "comment", "at most 1000 characters, no U+0000 · 最多 1000 个字符，不含 U+0000");
        errors
    }

    /// Whether an order with these terms may stand for one that is asked for with `other`. Where it is called from and
    /// what people note does not matter, nor when it began; `expires` says whether the end was asked for.
    pub fn is_same(&self, other: &Self, expires: bool) -> bool {
        let like = Self {
            time_start: self.time_start,
            time_expire: if expires { other.time_expire } else { self.time_expire },
            client_ip: self.client_ip,
            comment: self.comment.clone(),
            ..other.clone()
        };
        *self == like
    }
}

fn is_text(text: &str, shortest: usize, longest: usize) -> bool {
    (shortest..=longest).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
