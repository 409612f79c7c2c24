//! The gateway of v2: XML.

use axum::response::{IntoResponse, Response};
use weft_wechat::pay::v2::{Fields, Merchant, SignType, failure, verify};
use weft_wechat::pay::{TradeState, TradeType, Transaction, time};

use super::book::{Account, Book, INVALID, NOT_BOUND, NOT_FOUND, No, Order, USERPAYING};
use super::{Posted, transfers};

pub(super) fn answer(book: &mut Book, path: &str, body: &[u8], now: u64) -> Response {
    let Ok(fields) = Fields::read(body) else { return failure("XML格式错误").into_response() };
    let merchant = match fields.get("mch_id").and_then(|mch_id| book.accounts.get(mch_id)) {
        Some(Account::V2(merchant)) => merchant.clone(),
        _ => return failure("商户号不存在").into_response(),
    };
    // Calls for money that goes out are older than the other algorithm, and have answers without a signature.
    let goes_out = path.starts_with("/mmpaymkttransfers/");
    let sign_type = if goes_out { SignType::Md5 } else { merchant.sign_type };
    if !verify(fields.iter(), &merchant.key, sign_type, fields.get("sign")) {
        return failure("签名失败").into_response();
    }
    let answered = carry_out(book, &merchant, path, &fields, now);
    let mut out = Fields::default();
    out.push("return_code", "SUCCESS");
    out.push("return_msg", "OK");
    out.push(if goes_out { "wxappid" } else { "appid" }, &merchant.party.appid);
    out.push("mch_id", &merchant.party.mch_id);
    out.push_some("sub_appid", merchant.party.sub_appid.as_deref());
    out.push_some("sub_mch_id", merchant.party.sub_mch_id.as_deref());
    out.push("nonce_str", "simulated");
    match answered {
        Ok(more) => {
            out.push("result_code", "SUCCESS");
            for (name, value) in more.iter() {
                if out.get(name).is_none() {
                    out.push(name, value);
                }
            }
        }
        Err(no) => {
            out.push("result_code", "FAIL");
            out.push("err_code", no.v2);
            out.push("err_code_des", no.v2);
        }
    }
    let out = if goes_out { out } else { merchant.signed(out, sign_type) };
    out.to_xml("xml").into_response()
}

fn carry_out(book: &mut Book, merchant: &Merchant, path: &str, asked: &Fields, now: u64) -> Result<Fields, No> {
    let mch_id = &merchant.party.mch_id;
    let text = |name| asked.get(name).ok_or(INVALID);
    let mut out = Fields::default();
    // One that is bound to no merchant.
    if asked.get("appid").is_some_and(|appid| appid != merchant.party.appid) {
        return Err(NOT_BOUND);
    }
    match path {
        "/mmpaymkttransfers/sendredpack" => return transfers::send_red_packet(book, mch_id, asked),
        "/mmpaymkttransfers/gethbinfo" => return transfers::red_packet(book, mch_id, asked),
        "/pay/unifiedorder" => {
            let trade_type: TradeType = text("trade_type")?.parse().map_err(|_| INVALID)?;
            let prepay_id = book.prepay(text("out_trade_no")?, order(merchant, asked, trade_type)?)?;
            out.push("trade_type", trade_type.as_str());
            if trade_type == TradeType::Native {
                out.push("code_url", format!("weixin://wxpay/bizpayurl?pr={prepay_id}"));
            }
            if trade_type == TradeType::Mweb {
                out.push(
                    "mweb_url",
                    format!("https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={prepay_id}"),
                );
            }
            out.push("prepay_id", prepay_id);
        }
        "/pay/micropay" => {
            let number = text("out_trade_no")?;
            let auth_code = text("auth_code")?;
            book.prepay(number, order(merchant, asked, TradeType::Micropay)?)?;
            if auth_code.ends_with('1') {
                book.order(mch_id, number).ok_or(NOT_FOUND)?.state = TradeState::Userpaying;
                return Err(USERPAYING);
            }
            book.pay(mch_id, number, now).ok_or(INVALID)?;
            out = merchant.fields_of(&book.told(mch_id, number).ok_or(NOT_FOUND)?);
        }
        "/pay/orderquery" => {
            let told = book.told(mch_id, text("out_trade_no")?).ok_or(NOT_FOUND)?;
            out = merchant.fields_of(&told);
            out.push("trade_state", told.state.as_str());
        }
        "/pay/closeorder" => book.close(mch_id, text("out_trade_no")?)?,
        "/secapi/pay/reverse" => {
            let order = book.order(mch_id, text("out_trade_no")?).ok_or(NOT_FOUND)?;
            order.state = TradeState::Revoked;
            out.push("recall", "N");
        }
        "/secapi/pay/refund" => {
            let fee = text("refund_fee")?.parse().map_err(|_| INVALID)?;
            let refund = book.refund(mch_id, text("out_trade_no")?, text("out_refund_no")?, fee, now)?;
            out.push("out_refund_no", &refund.out_refund_no);
            out.push_some("refund_id", refund.refund_id.as_deref());
            out.push("refund_fee", refund.refund.to_string());
            out.push("total_fee", refund.total.unwrap_or_default().to_string());
        }
        "/pay/refundquery" => {
            let refund = book.find_refund(mch_id, text("out_refund_no")?)?;
            out.push_some("out_trade_no", refund.out_trade_no.as_deref());
            out.push("out_refund_no_0", &refund.out_refund_no);
            out.push_some("refund_id_0", refund.refund_id.as_deref());
            out.push("refund_fee_0", refund.refund.to_string());
            out.push("refund_status_0", refund.status.as_str());
            out.push("refund_success_time_0", refund.success_at.map(time::to_spaced).unwrap_or_default());
            out.push_some("refund_recv_accout_0", refund.received_account.as_deref());
            out.push("refund_count", "1");
        }
        _ => return Err(INVALID),
    }
    Ok(out)
}

fn order(merchant: &Merchant, asked: &Fields, trade_type: TradeType) -> Result<Order, No> {
    let own = |name: &&str| !["nonce_str", "sign", "spbill_create_ip"].contains(name);
    let content = asked.iter().filter(|(name, _)| own(name)).map(|(name, value)| format!("{name}={value}\n"));
    Ok(Order {
        party: merchant.party.clone(),
        total: asked.amount("total_fee").ok().flatten().ok_or(INVALID)?,
        content: content.collect(),
        trade_type: trade_type.as_str(),
        openid: Some(asked.text("openid").unwrap_or_else(|| "oSimulated".to_owned())),
        attach: asked.text("attach"),
        // A payment by code has none.
        notify_url: asked.text("notify_url").unwrap_or_default(),
        state: TradeState::Notpay,
        transaction_id: None,
        paid_at: None,
        refunds: Vec::new(),
    })
}

pub(super) fn notification(merchant: &Merchant, url: String, told: &Transaction) -> Posted {
    let mut fields = merchant.fields_of(told);
    fields.push("nonce_str", "simulated");
    let body = merchant.signed(fields, merchant.sign_type).to_xml("xml");
    Posted { url, headers: vec![("content-type", "text/xml".to_owned())], body }
}
