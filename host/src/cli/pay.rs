//! `weft pay reconcile`

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    SettingsArgs,
    output::{OutputArgs, table},
};
use crate::{
    bilingual::{all, because},
    clock::Clock,
    config::Overrides,
    model::{AuditEntry, BillDate, Difference, DifferenceKind, Figures},
    pay::{Pay, ReconcileError, Shop},
    server,
    storage::{DifferenceFilter, Store, with_causes},
    upstream::Gateway,
};

/// How many differences of a merchant are printed: no day has more.
const PRINTED: usize = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum PayCommand {
    /// Compare WeChat Pay's bills of a day with orders and refunds here; exit 1 on differences
    /// · 把微信支付某一天的账单与本地订单、退款核对，不一致时退出码为 1
    #[command(verbatim_doc_comment)]
    Reconcile(ReconcileArgs),
}

#[derive(Debug, Args)]
pub(super) struct ReconcileArgs {
    /// The day in China; its bills are ready at 10:00 of the next day
    /// · 账单日期（北京时间），次日 10 点后才有账单
    #[arg(long, value_name = "YYYY-MM-DD", verbatim_doc_comment)]
    date: BillDate,
    /// Of this app alone · 只核对这个账号
    #[arg(long)]
    app: Option<String>,
    /// Of the merchant of this name alone · 只核对这个名字的商户
    #[arg(long)]
    merchant: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

/// What came of one merchant.
struct Outcome {
    shop: Shop,
    compared: Result<Figures, ReconcileError>,
    open: Vec<Difference>,
}

pub(super) async fn run(settings: &SettingsArgs, command: PayCommand) -> anyhow::Result<ExitCode> {
    let PayCommand::Reconcile(args) = command;
    let config = settings.load(Overrides::default())?;
    let clock = Clock::system();
    let (oldest, newest) = (BillDate::oldest(clock.now()), BillDate::newest(clock.now()));
    let is_there = (oldest..=newest).contains(&args.date);
    anyhow::ensure!(
        is_there,
        "WeChat Pay has bills from {oldest} to {newest}, and none of {0} · 微信支付只有 {oldest} 到 {newest} 的账单，没有 {0} 的",
        args.date
    );
    let store = server::open_store(&config, clock.clone()).await?.0;
    let gateway = Gateway::new(&config.pay, clock.clone()).context("calls of WeChat Pay · 微信支付的调用")?;
    let pay = Pay::new(store.clone(), gateway, clock, &config.public_url);
    let mut outcomes = Vec::new();
    for (app, merchant, _) in store.merchants().names().await? {
        let is_meant = args.app.as_ref().is_none_or(|own| *own == app)
            && args.merchant.as_ref().is_none_or(|own| *own == merchant);
        if is_meant && let Some(shop) = pay.shop(&app, &merchant).await? {
            outcomes.push(reconcile(&store, &pay, shop, args.date).await?);
        }
    }
    store.close().await;
    anyhow::ensure!(!outcomes.is_empty(), "there is no such merchant · 没有这个商户");
    let views: Vec<Value> = outcomes.iter().map(|outcome| view(outcome, args.date)).collect();
    args.output.print(&views, || text(&outcomes))?;
    let is_right = outcomes.iter().all(|outcome| outcome.compared.is_ok() && outcome.open.is_empty());
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn reconcile(store: &Store, pay: &Pay, shop: Shop, date: BillDate) -> anyhow::Result<Outcome> {
    let (app, merchant) = (&shop.app.name, &shop.merchant.name);
    let compared = pay.reconcile(&shop, date, None).await;
    let after = json!({ "merchant": merchant, "date": date, "figures": compared.as_ref().ok() });
    let entry = AuditEntry { app: Some(app.clone()), after: Some(after), ..AuditEntry::default() };
    super::record(store, "reconcile_merchant", entry).await?;
    let filter = DifferenceFilter { date: Some(date), is_resolved: Some(false), ..DifferenceFilter::default() };
    let open = store.bill_differences().list(app, merchant, &filter, None, PRINTED).await?;
    Ok(Outcome { shop, compared, open })
}

fn view(outcome: &Outcome, date: BillDate) -> Value {
    let differences: Vec<_> = outcome.open.iter().map(difference).collect();
    json!({
        "app": outcome.shop.app.name,
        "merchant": outcome.shop.merchant.name,
        "date": date,
        "error": outcome.compared.as_ref().err().map(|error| with_causes(error)),
        "figures": outcome.compared.as_ref().ok(),
        "differences": differences,
    })
}

fn difference(Difference { id, found, times, .. }: &Difference) -> Value {
    json!({
        "id": id,
        "kind": found.kind,
        "out_trade_no": found.out_trade_no,
        "out_refund_no": found.out_refund_no,
        "wechat_number": found.wechat_number,
        "here": found.here,
        "at_wechat": found.at_wechat,
        "what_to_do": found.kind.what_to_do(),
        "times": times,
    })
}

/// A line for each merchant, and under it what differs and what to do.
fn text(outcomes: &[Outcome]) -> String {
    let mut lines = Vec::new();
    for Outcome { shop, compared, open } in outcomes {
        let name = format!("{}/{}", shop.app.name, shop.merchant.name);
        match compared {
            Ok(figures) => lines.push(format!("{name}: {}", summary(figures, open.len()))),
            Err(error) => lines.push(because(&format!("{name}: not compared · {name}：未核对"), &with_causes(error))),
        }
        if open.is_empty() {
            continue;
        }
        let rows: Vec<_> = open
            .iter()
            .map(|Difference { found, .. }| {
                let number = if found.out_refund_no.is_empty() { &found.out_trade_no } else { &found.out_refund_no };
                [found.kind.to_string(), number.clone(), found.here.clone(), found.at_wechat.clone()]
            })
            .collect();
        lines.push(table(["DIFFERENCE", "NUMBER", "HERE", "AT WECHAT"], &rows));
        let is_found = |kind: &DifferenceKind| open.iter().any(|difference| difference.found.kind == *kind);
        let kinds = DifferenceKind::ALL.into_iter().filter(is_found);
        lines.extend(kinds.map(|kind| format!("{kind}: {}", kind.what_to_do())));
    }
    lines.join("\n")
}

fn summary(figures: &Figures, differences: usize) -> String {
    let Figures { payments, payments_total, refunds, refunds_total, asked, mended, .. } = figures;
    let mut parts = vec![format!(
        "{payments} payments ({payments_total} fen), {refunds} refunds ({refunds_total} fen), {differences} differences · \
         支付 {payments} 笔（{payments_total} 分），退款 {refunds} 笔（{refunds_total} 分），差异 {differences} 处"
    )];
    if *asked > 0 {
        parts.push(format!("asked about {asked}, {mended} mended · 向微信查询 {asked} 笔，更正 {mended} 笔"));
    }
    if figures.left_out > 0 {
        parts.push(format!("{0} more differences left out · 另有 {0} 处差异未列出", figures.left_out));
    }
    if let Some(error) = &figures.fund_flow_error {
        parts.push(because("fund flow not compared · 资金账单未核对", error));
    }
    all(&parts)
}
