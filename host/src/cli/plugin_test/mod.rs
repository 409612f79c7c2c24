//! `weft plugin test`: what a plugin says to a message, an order or a refund, or one of its pages, in the runtime and
//! within the limits that servers have.

use std::{io::Read, path::PathBuf, process::ExitCode, sync::Arc, time::Instant};

use anyhow::{Context, bail, ensure};
use clap::{ArgGroup, Args};
use serde::Serialize;
use serde_json::Value;
use weft_wechat::{
    message::Message,
    pay::{Fen, Party, TradeType},
    reply::{MAX_TEXT, Reply},
};

use super::{output::OutputArgs, plugin_report as report, plugin_runtime::Runtime, refuse};
use crate::{
    clock::Clock,
    config::Config,
    histogram::micros,
    model::{
        App, AppPlugin, AppType, Grants, ObservationSource, Order, OrderState, OrderTerms, Refund, RefundState,
        RefundStep, is_openid,
    },
    plugins::{OrderChange, PageRequest, Receipt, RefundChange, Subject},
    simulator::Incoming,
};

/// The account's original id in what is sent.
const ORIGINAL_ID: &str = "gh_simulated";

/// The event of the order or refund that a hook is told of.
const EVENT_ID: &str = "00000000-0000-7000-8000-000000000001";

/// The order's number.
const OUT_TRADE_NO: &str = "SIMULATED0001";

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(super) struct TestArgs {
    /// The .wasm · .wasm 文件
    file: PathBuf,
    /// A text that somebody writes · 用户发来的文本
    #[arg(long, value_name = "TEXT", group = "what")]
    message: Option<String>,
    /// An event, such as subscribe or CLICK · 事件，如 subscribe、CLICK
    #[arg(long, group = "what")]
    event: Option<String>,
    /// The event's key · 事件的 key
    #[arg(long, value_name = "KEY", requires = "event")]
    event_key: Option<String>,
    /// A decrypted message as WeChat sends it; - reads standard input
    /// · 解密后的微信消息（XML），- 表示标准输入
    #[arg(long, value_name = "FILE", group = "what", verbatim_doc_comment)]
    xml: Option<PathBuf>,
    /// A page that somebody opens: a path below the plugin's name,
    /// such as /points?year=2026
    /// · 用户打开的网页：插件名之后的路径
    #[arg(long, value_name = "PATH", group = "what", verbatim_doc_comment)]
    page: Option<String>,
    /// A form that is sent to the page, such as name=a&gift=1 · 提交的表单
    #[arg(long, value_name = "FIELDS", requires = "page", conflicts_with_all = ["message", "event", "xml", "order", "refund"])]
    form: Option<String>,
    /// An order that has just become so, such as SUCCESS, told to the order hook
    /// · 订单刚变为该状态（如 SUCCESS），通知订单钩子
    #[arg(long, value_name = "STATE", group = "what", verbatim_doc_comment)]
    order: Option<OrderState>,
    /// A refund that has just become so, such as SUCCESS, told to the order hook
    /// · 退款刚变为该状态（如 SUCCESS），通知订单钩子
    #[arg(long, value_name = "STATE", group = "what", verbatim_doc_comment)]
    refund: Option<RefundState>,
    /// The handler; the plugin's first one without · 处理函数，默认第一个
    #[arg(long, value_name = "NAME", conflicts_with_all = ["page", "order", "refund"])]
    handler: Option<String>,
    /// The order hook; the plugin's first one without · 订单钩子，默认第一个
    #[arg(long, value_name = "NAME", conflicts_with_all = ["message", "event", "xml", "page"])]
    hook: Option<String>,
    /// Asks this rule about the message, instead of a handler · 改为询问这个消息规则
    #[arg(long, value_name = "NAME", conflicts_with_all = ["page", "order", "refund", "handler"])]
    rule: Option<String>,
    /// Tells this observer of the message, instead of a handler · 改为通知这个消息旁听者
    #[arg(long, value_name = "NAME", conflicts_with_all = ["page", "order", "refund", "handler", "rule"])]
    observer: Option<String>,
    /// What the operator would set, a JSON object · 插件的配置（JSON 对象）
    #[arg(long, value_name = "JSON", default_value = "{}")]
    plugin_config: String,
    /// What the plugin may do: kv, users, pages, `orders=read`,
    /// `http_hosts=https://api.example.com`, `wechat_apis=/cgi-bin/user/`,
    /// `pay_apis=/v3/profitsharing/`, or asked for all that it asks for;
    /// may be given more than once
    /// · 授权，可多次指定；asked 为插件需要的全部授权
    #[arg(long = "grant", value_name = "GRANT", verbatim_doc_comment)]
    grants: Vec<String>,
    /// Who writes · 发消息的用户
    #[arg(long, default_value = "oSimulated")]
    openid: String,
    /// The app's name · 账号名
    #[arg(long, value_name = "NAME", default_value = "test")]
    app: String,
    /// Show the reply as WeChat reads it, too · 同时显示发给微信的 XML
    #[arg(long)]
    reply_xml: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// What came of it.
#[derive(Serialize)]
struct Tested {
    #[serde(flatten)]
    receipt: Receipt,
    /// The reply as WeChat reads it.
    reply_xml: Option<String>,
    /// What of the reply users would not see.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// How long the file took to be checked and compiled.
    load_us: u64,
    /// How long the same call takes when it is made again, with the answers that the host gave the first time.
    warm_us: Option<u64>,
}

pub(super) async fn run(config: &Config, args: TestArgs) -> anyhow::Result<ExitCode> {
    let name = args.file.file_stem().and_then(|name| name.to_str()).unwrap_or("plugin").to_owned();
    let load = async |counts_fuel| {
        let began = Instant::now();
        let runtime = Runtime::load(config, &name, &args.file, counts_fuel).await;
        (runtime, micros(began.elapsed()))
    };
    // Counting instructions takes different machine code: both are compiled at the same time.
    let ((runtime, load_us), (counting, _)) = tokio::join!(Box::pin(load(false)), Box::pin(load(true)));
    let runtime = runtime?;
    let input = input(&args)?;
    let mut app = App::new(&args.app, AppType::Service, "wxsimulated");
    let asked = Grants::from(&runtime.loaded.description);
    let granted = AppPlugin {
        config: plugin_config(&args.plugin_config)?,
        grants: grants(&args.grants, &asked)?,
        ..AppPlugin::new(&args.app, &name)
    };
    refuse(&granted.check())?;
    let user = if let Input::Message { message, .. } = &input { &message.sender } else { &args.openid };
    runtime.add(&mut app, &granted, user).await?;
    let subject = Subject {
        app: Arc::new(app),
        granted: Some(Arc::new(granted)),
        delivery_id: format!("{}/test", args.app).into(),
        raw: if let Input::Message { raw, .. } = &input { raw.as_str().into() } else { "".into() },
    };
    let (plugins, loaded) = (&runtime.plugins, &runtime.loaded);
    let mut receipt = match &input {
        Input::Message { message, .. } => match (&args.rule, &args.observer) {
            (Some(rule), _) => plugins.try_rule(loaded, rule, subject, message).await?,
            (None, Some(observer)) => plugins.try_observer(loaded, observer, subject, message).await?,
            (None, None) => plugins.try_handler(loaded, args.handler.as_deref(), subject, message).await?,
        },
        Input::Order(order) => plugins.try_hook(loaded, args.hook.as_deref(), subject, change(order)).await?,
        Input::Refund(order, step) => {
            let change = refund_change(order, step);
            plugins.try_refund_hook(loaded, args.hook.as_deref(), subject, change).await?
        }
        Input::Page(request) => plugins.try_page(loaded, subject, request.clone()).await?,
    };
    let warm_us = warm(&runtime, &receipt).await;
    receipt.used.fuel = fuel(counting, &receipt).await;
    let (mut reply_xml, mut warnings) = (None, Vec::new());
    if let (Input::Message { message, .. }, Some(reply)) = (&input, receipt.reply()) {
        reply_xml = Some(reply.to_xml(&message.sender, &message.receiver, Clock::system().now()));
        warnings = unseen(&reply, message);
    }
    let tested = Tested { receipt, reply_xml, warnings, load_us, warm_us };
    args.output.print(&tested, || text(&tested, args.reply_xml, &asked))?;
    runtime.close().await?;
    Ok(if tested.receipt.error.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What of a reply users would not see.
fn unseen(reply: &Reply, message: &Message) -> Vec<String> {
    let mut unseen = Vec::new();
    if let Reply::Text(text) = reply
        && text.len() > MAX_TEXT
    {
        let bytes = text.len();
        unseen.push(format!(
            "the text has {bytes} bytes, of which WeChat takes {MAX_TEXT}: the rest is cut off · 文本有 {bytes} 字节，微信只收 {MAX_TEXT} 字节，其余会被截掉"
        ));
    }
    let mut shown = reply.clone();
    shown.fit(&message.content);
    if shown != *reply {
        let one =
            "WeChat shows only the first article in answer to such a message · 回复这类消息时，微信只显示第一篇图文";
        unseen.push(one.to_owned());
    }
    unseen
}

/// What the plugin is given.
enum Input {
    Message { raw: String, message: Message },
    Order(Box<Order>),
    Refund(Box<Order>, Box<RefundStep>),
    Page(PageRequest),
}

fn input(args: &TestArgs) -> anyhow::Result<Input> {
    if !is_openid(&args.openid) {
        bail!("--openid: this is no openid · --openid 不是 openid");
    }
    match (&args.page, args.order, args.refund) {
        (Some(page), ..) => Ok(Input::Page(request(page, args.form.as_deref()))),
        (None, Some(state), _) => Ok(Input::Order(Box::new(order(args, state)))),
        (None, None, Some(state)) => {
            let (order, step) = (order(args, OrderState::Refund), refund_step(state));
            Ok(Input::Refund(Box::new(order), Box::new(step)))
        }
        (None, None, None) => message(args),
    }
}

/// An order of a yuan, as it is told of when it has become so.
fn order(args: &TestArgs, state: OrderState) -> Order {
    let now = Clock::system().now();
    let terms = OrderTerms::new("simulated".to_owned(), Fen(100), TradeType::Jsapi, now);
    let terms = OrderTerms { openid: Some(args.openid.clone()), ..terms };
    let (appid, mch_id) = ("wxsimulated".to_owned(), "1900000000".to_owned());
    let party = Party { appid, mch_id, sub_appid: None, sub_mch_id: None };
    let transaction_id = state.is_paid().then(|| "4200000000000000000000000001".to_owned());
    let paid_at = state.is_paid().then_some(now);
    let order = Order::new(&args.app, "default", OUT_TRADE_NO, party, terms, now);
    Order { state, transaction_id, paid_at, version: 1, ..order }
}

/// As a hook is told of it for the first time.
fn change(order: &Order) -> OrderChange<'_> {
    let (previous_state, source) = (OrderState::Notpay, ObservationSource::Notify);
    OrderChange { id: EVENT_ID, order, previous_state, source, attempt: 1 }
}

/// A refund of some of it, as it is told of when it has become so.
fn refund_step(state: RefundState) -> RefundStep {
    let now = Clock::system().now();
    let refund = Refund {
        state,
        refund_id: (state != RefundState::New).then(|| "50300000000000000000000000001".to_owned()),
        success_at: (state == RefundState::Success).then_some(now),
        created_at: now,
        updated_at: now,
        ..Refund::new("SIMULATED0001R", OUT_TRADE_NO, Fen(60), None)
    };
    let previous_state = match state {
        RefundState::New | RefundState::Processing => RefundState::New,
        RefundState::Success | RefundState::Closed | RefundState::Abnormal => RefundState::Processing,
    };
    RefundStep { previous_state, refund }
}

/// As a hook is told of it for the first time.
fn refund_change<'a>(order: &'a Order, step: &'a RefundStep) -> RefundChange<'a> {
    RefundChange { id: EVENT_ID, order, step, source: ObservationSource::Notify, attempt: 1 }
}

/// The request as a browser would send it.
fn request(page: &str, form: Option<&str>) -> PageRequest {
    let (path, query) = page.split_once('?').unwrap_or((page, ""));
    let content_type = ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned());
    PageRequest {
        method: if form.is_some() { "POST" } else { "GET" }.to_owned(),
        path: format!("/{}", path.trim_start_matches('/')),
        query: query.to_owned(),
        headers: form.map(|_| content_type).into_iter().collect(),
        body: form.unwrap_or_default().as_bytes().to_vec(),
        user: None,
    }
}

/// The message as it would come.
fn message(args: &TestArgs) -> anyhow::Result<Input> {
    let (clock, key) = (Clock::system(), args.event_key.as_deref().unwrap_or_default());
    let incoming = |incoming: Incoming| incoming.xml(ORIGINAL_ID, clock.now(), clock.now_ms());
    let raw = match (&args.message, &args.event, &args.xml) {
        (Some(text), _, _) => incoming(Incoming::text(&args.openid, text)),
        (_, Some(event), _) => incoming(Incoming::keyed_event(&args.openid, event, key)),
        (_, _, Some(file)) => read(file)?,
        _ => bail!(
            "say what comes: --message, --event, --xml, --order, --refund or --page · 请用 --message、--event、--xml、--order、--refund 或 --page 说明收到什么"
        ),
    };
    let message = Message::parse(&raw).context("the message cannot be read · 无法解析消息")?;
    Ok(Input::Message { raw, message })
}

fn read(file: &PathBuf) -> anyhow::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| file.display().to_string())
}

/// A configuration that an operator could set, too.
fn plugin_config(text: &str) -> anyhow::Result<Value> {
    let config: Value =
        serde_json::from_str(text).context("--plugin-config is not JSON · --plugin-config 不是 JSON")?;
    ensure!(
        config.is_object(),
        "--plugin-config is no JSON object, and nothing else can be set for a plugin · --plugin-config 不是 JSON 对象：插件的配置只能是对象"
    );
    Ok(config)
}

/// Grants as they are written: a word, or a list's name and an entry of it.
fn grants(texts: &[String], asked: &Grants) -> anyhow::Result<Grants> {
    let mut grants = Grants::default();
    for text in texts {
        match text.split_once('=').unwrap_or((text, "")) {
            ("asked", "") => {
                let Grants { kv, http_hosts, wechat_apis, users, orders, pay_apis, pages } = asked.clone();
                grants.kv |= kv;
                grants.users |= users;
                grants.pages |= pages;
                grants.http_hosts.extend(http_hosts);
                grants.wechat_apis.extend(wechat_apis);
                grants.orders.extend(orders);
                grants.pay_apis.extend(pay_apis);
            }
            ("kv", "") => grants.kv = true,
            ("users", "") => grants.users = true,
            ("pages", "") => grants.pages = true,
            ("http_hosts", host) => grants.http_hosts.push(host.to_owned()),
            ("wechat_apis", path) => grants.wechat_apis.push(path.to_owned()),
            ("orders", right) => grants.orders.push(right.to_owned()),
            ("pay_apis", path) => grants.pay_apis.push(path.to_owned()),
            _ => bail!(
                "--grant {text}: write kv, users, pages, orders=…, http_hosts=…, wechat_apis=…, pay_apis=… or asked · 请写 kv、users、pages、orders=…、http_hosts=…、wechat_apis=…、pay_apis=… 或 asked"
            ),
        }
    }
    Ok(grants)
}

/// How long the same call takes when the sandbox is warm; nothing is asked of anybody again.
async fn warm(runtime: &Runtime, receipt: &Receipt) -> Option<u64> {
    let again = runtime.plugins.replay(&runtime.loaded, receipt).await.ok()?;
    (again.outcome == receipt.outcome).then_some(again.used.took_us)
}

/// How many instructions the same call takes; none where they cannot be told, as of one that ran out of time.
async fn fuel(counting: anyhow::Result<Runtime>, receipt: &Receipt) -> Option<u64> {
    let runtime = counting.ok()?;
    let again = runtime.plugins.replay(&runtime.loaded, receipt).await;
    drop(runtime.close().await);
    again.ok().filter(|again| again.outcome == receipt.outcome)?.used.fuel
}

fn text(tested: &Tested, with_xml: bool, asked: &Grants) -> String {
    let receipt = &tested.receipt;
    let mut lines = report::outcome(receipt);
    if let Some(xml) = tested.reply_xml.as_ref().filter(|_| with_xml) {
        lines.push(report::line("as XML", xml));
    }
    lines.extend(tested.warnings.iter().map(|warning| report::line("warning", warning)));
    let warm = tested.warm_us.map(|warm| format!(", {} again", report::milliseconds(warm))).unwrap_or_default();
    let (took, cpu) = (report::milliseconds(receipt.used.took_us), report::milliseconds(receipt.used.cpu_us));
    let load = report::milliseconds(tested.load_us);
    lines.push(report::line(
        "time",
        &format!("{took} ({cpu} of CPU){warm}; checked and compiled in {load} · 检查和编译用时 {load}"),
    ));
    lines.extend(report::used(receipt));
    lines.extend(report::events(receipt));
    if receipt.host_calls.iter().any(|call| call.outcome == "denied") && !asked.each().is_empty() {
        lines.push(report::line(
            "hint",
            &format!("it asks for {0}: --grant asked · 它需要授权 {0}：加上 --grant asked", asked.each().join(", ")),
        ));
    }
    lines.join("\n")
}
