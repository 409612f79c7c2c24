//! An order is paid: through the admin API, the simulated WeChat Pay, its notification, and the plugin that hears of it.

use std::path::Path;

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::json;

use super::{
    scenes::{Stage, exchange, text},
    shop::ORDERS,
    step,
};
use crate::{
    cli::output::say,
    simulator::{
        Incoming, Sender, http_client,
        pay::{MERCHANT_CERTIFICATE, MERCHANT_KEY, MerchantFields, Notifying, PLATFORM_PUBLIC_KEY, PUBLIC_KEY_ID},
    },
};

/// The demo's merchant; it exists nowhere else.
pub(super) const MCH_ID: &str = "1900000109";
/// The plugin that hears of orders, as its file is named.
const PLUGIN: &str = "order_fulfilment";

const APIV3_KEY: &str = "0123456789abcdefghijklmnopqrstuv";

/// Who scans and pays, as the simulated WeChat Pay tells it.
const PAYER: &str = "oSimulated";

pub(super) async fn show(stage: &Stage<'_>, account: &Sender, fulfilment: &Path) -> anyhow::Result<()> {
    stage.drop_plugin(PLUGIN, fulfilment).await?;
    let api = &stage.api;
    step("an order, paid by QR code: WeChat Pay tells of it, and the plugin hands out a voucher · 扫码支付，插件发券")?;
    api.call(Method::PUT, &format!("/apps/demo/plugins/{PLUGIN}"), Some(&json!({"kv": true}))).await?;
    api.call(Method::PATCH, "/apps/demo", Some(&json!({"order_hook": PLUGIN}))).await?;
    open_merchant(stage).await?;

    let new = json!({"body": "A pear · 一个梨", "total_fee": 101, "trade_type": "NATIVE"});
    say!("  → POST {ORDERS} {new}")?;
    let order = api.call(Method::POST, ORDERS, Some(&new)).await?;
    let number = text(&order["out_trade_no"]);
    say!("  ← order · 订单 {number}, {}", text(&order["state"]))?;
    let path = format!("{ORDERS}/{number}");
    let prepaid = api.call(Method::POST, &format!("{path}/prepay"), Some(&json!({}))).await?;
    let code_url = text(&prepaid["code_url"]);
    say!("  → POST …/prepay\n  ← code_url {code_url}")?;
    let svg = api.text(&format!("{path}/qrcode")).await?;
    ensure!(svg.starts_with("<svg"), "the QR code is no picture: {svg} · 二维码不是图片");
    say!("  → GET …/qrcode\n  ← an SVG of {} bytes · 二维码图片", svg.len())?;

    say!("  the user scans it and presses Pay · 用户扫码并支付")?;
    let before = stage.pay.tries().len();
    http_client()?
        .post(&code_url)
        .send()
        .await?
        .error_for_status()
        .context("the page of the simulated WeChat Pay · 模拟的微信支付页面")?;
    let paid = api.until(&path, |order| order["state"] == "SUCCESS").await?;
    let notified = stage.pay.tries().into_iter().skip(before).find(|told| told.taken);
    let status = notified
        .and_then(|told| told.status)
        .context("it is paid, and no notification was taken · 已支付，但没有收到通知")?;
    say!("  ⇢ WeChat Pay notifies {}/wechat/demo/pay/default/notify/ · 微信支付通知", api.base())?;
    say!("  ⇠ {status}: verified, decrypted and committed · 验签、解密并入库")?;
    say!("  order · 订单 {number}, {}, transaction_id {}", text(&paid["state"]), text(&paid["transaction_id"]))?;

    let heard = |events: &serde_json::Value| {
        let events = events["items"].as_array();
        events.is_some_and(|events| !events.is_empty() && events.iter().all(|event| event["hook"] == "delivered"))
    };
    let events = api.until(&format!("{path}/events"), heard).await?;
    for event in events["items"].as_array().into_iter().flatten() {
        let (from, to) = (text(&event["previous_state"]), text(&event["state"]));
        say!("  event · 事件 {from} → {to} ({}), the plugin has heard of it · 插件已收到", text(&event["source"]))?;
    }
    // The number of an order is sent to the plugin that has the vouchers.
    stage
        .create_handler(&json!({
            "name": "vouchers",
            "rules": [{"type": "equal", "pattern": number}],
            "replies": [{"type": "custom", "handler": format!("{PLUGIN}/voucher")}],
        }))
        .await?;
    let voucher =
        exchange(account, "who paid sends the number of the order · 付款人发送订单号", &Incoming::text(PAYER, &number))
            .await?;
    ensure!(voucher.contains("voucher"), "there is no voucher: {voucher} · 没有收到兑换码");
    Ok(())
}

/// A merchant of v3 with the WeChat Pay public key, here and there.
async fn open_merchant(stage: &Stage<'_>) -> anyhow::Result<()> {
    let there = MerchantFields {
        mch_id: MCH_ID.to_owned(),
        appid: "wxdemo".to_owned(),
        apiv3_key: Some(APIV3_KEY.to_owned()),
        certificate: Some(MERCHANT_CERTIFICATE.to_owned()),
        ..MerchantFields::default()
    };
    stage.pay.add(&there).map_err(anyhow::Error::msg)?;
    // A minute of WeChat's schedule is a second here.
    stage.pay.set_notifying(Notifying { by_itself: true, speed: 60, ..Notifying::default() });
    let here = json!({
        "mch_id": MCH_ID, "api_version": "v3", "apiv3_key": APIV3_KEY, "private_key": MERCHANT_KEY,
        "client_cert": MERCHANT_CERTIFICATE, "public_key": PLATFORM_PUBLIC_KEY, "public_key_id": PUBLIC_KEY_ID,
    });
    stage.api.call(Method::POST, "/apps/demo/merchants", Some(&here)).await?;
    say!("  merchant · 商户号 {MCH_ID}: v3, with the WeChat Pay public key · 使用微信支付公钥")?;
    Ok(())
}
