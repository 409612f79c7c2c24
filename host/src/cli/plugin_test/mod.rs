//! `weft plugin test`: what a plugin says to a message, an order or a refund, or one of its pages, in the runtime and
//! within the limits that servers have.

mod input;
mod untried;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Instant};

use clap::{ArgGroup, Args};
use serde::Serialize;
use weft_wechat::{
    message::Message,
    reply::{MAX_TEXT, Reply},
};

use self::input::Input;
use super::{
    output::OutputArgs,
    plugin_options::{self as options, Granted},
    plugin_report as report,
    plugin_runtime::Runtime,
    refuse,
};
use crate::{
    clock::Clock,
    config::Config,
    histogram::micros,
    json_object::JsonObject,
    model::{App, AppPlugin, AppType, Grants, OrderState, RefundState},
    plugins::{CallError, Receipt, Subject, Tried},
};

/// WeChat's name of the app.
const APPID: &str = "wxsimulated";

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
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = options::plugin_config)]
    plugin_config: JsonObject,
    /// What the plugin may do: kv, users, pages, `orders=read`,
    /// `http_hosts=https://api.example.com`, `wechat_apis=/cgi-bin/user/`,
    /// `pay_apis=/v3/profitsharing/`, or asked for all that it asks for;
    /// may be given more than once
    /// · 授权，可多次指定；asked 为插件需要的全部授权
    #[arg(long = "grant", value_name = "GRANT", value_parser = options::grant, verbatim_doc_comment)]
    grants: Vec<Granted>,
    /// Who writes · 发消息的用户
    #[arg(long, default_value = "oSimulated", value_parser = options::openid)]
    openid: String,
    /// The app's name · 账号名
    #[arg(long, value_name = "NAME", default_value = "test")]
    app: String,
    /// Show the reply as WeChat reads it, too · 同时显示发给微信的 XML
    #[arg(long)]
    reply_xml: bool,
    /// Count the instructions, too: the file is compiled once more for that
    /// · 同时统计指令数，为此再编译一次文件
    #[arg(long, verbatim_doc_comment)]
    fuel: bool,
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
    let input = Input::of(&args)?;
    let began = Instant::now();
    let runtime = Box::pin(Runtime::load(config, &name, &args.file, false)).await?;
    let load_us = micros(began.elapsed());
    let mut app = App::new(&args.app, AppType::Service, APPID);
    let asked = Grants::from(&runtime.loaded.description);
    let granted = AppPlugin {
        config: args.plugin_config.clone(),
        grants: options::grants(&args.grants, &asked),
        ..AppPlugin::new(&args.app, &name)
    };
    refuse(&granted.check())?;
    let user = if let Input::Message { message, .. } = &input { &message.sender } else { &args.openid };
    runtime.add(&mut app, &granted, user).await?;
    match &input {
        Input::Order(order) => runtime.add_order(order, None).await?,
        Input::Refund(order, step) => runtime.add_order(order, Some(&step.refund)).await?,
        Input::Message { .. } | Input::Page(_) => {}
    }
    let subject = Subject {
        app: Arc::new(app),
        granted: Some(Arc::new(granted)),
        delivery_id: format!("{}/test", args.app).into(),
        raw: if let Input::Message { raw, .. } = &input { raw.as_str().into() } else { "".into() },
    };
    let tried = Box::pin(tried(&runtime, &args, &input, subject)).await;
    let tried = tried.map_err(|error| untried::explained(&error, &runtime.loaded.description))?;
    let warm_us = warm(&runtime, &tried).await;
    let fuel = if args.fuel { Box::pin(fuel(config, &name, &args, &tried)).await? } else { None };
    let Tried { mut receipt, .. } = tried;
    receipt.used.fuel = fuel;
    let (mut reply_xml, mut warnings) = (None, Vec::new());
    if let (Input::Message { message, .. }, Some(reply)) = (&input, receipt.reply()) {
        reply_xml = Some(reply.to_xml(&message.sender, &message.receiver, Clock::system().now()));
        warnings = unseen(&reply, message);
    }
    let tested = Tested { receipt, reply_xml, warnings, load_us, warm_us };
    args.output.print(&tested, || text(&tested, &args, &asked))?;
    runtime.close().await?;
    Ok(if tested.receipt.error.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes the call that the arguments name.
async fn tried(runtime: &Runtime, args: &TestArgs, input: &Input, subject: Subject) -> Result<Tried, CallError> {
    let (plugins, loaded) = (&runtime.plugins, &runtime.loaded);
    match input {
        Input::Message { message, .. } => match (&args.rule, &args.observer) {
            (Some(rule), _) => plugins.try_rule(loaded, rule, subject, message).await,
            (None, Some(observer)) => plugins.try_observer(loaded, observer, subject, message).await,
            (None, None) => plugins.try_handler(loaded, args.handler.as_deref(), subject, message).await,
        },
        Input::Order(order) => plugins.try_hook(loaded, args.hook.as_deref(), subject, input::change(order)).await,
        Input::Refund(order, step) => {
            let change = input::refund_change(order, step);
            plugins.try_refund_hook(loaded, args.hook.as_deref(), subject, change).await
        }
        Input::Page(request) => plugins.try_page(loaded, subject, request.clone()).await,
    }
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

/// How long the same call takes when the sandbox is warm; nothing is asked of anybody again.
async fn warm(runtime: &Runtime, tried: &Tried) -> Option<u64> {
    let again = runtime.plugins.retry(&runtime.loaded, tried).await.ok()?;
    (again.outcome == tried.receipt.outcome).then_some(again.used.took_us)
}

/// How many instructions the same call takes; none where they cannot be told, as of one that ran out of time. Counting them
/// takes different machine code.
async fn fuel(config: &Config, name: &str, args: &TestArgs, tried: &Tried) -> anyhow::Result<Option<u64>> {
    let counting = Runtime::load(config, name, &args.file, true).await?;
    let again = counting.plugins.retry(&counting.loaded, tried).await;
    counting.close().await?;
    let again = again?;
    Ok(again.used.fuel.filter(|_| again.outcome == tried.receipt.outcome))
}

fn text(tested: &Tested, args: &TestArgs, asked: &Grants) -> String {
    let receipt = &tested.receipt;
    let mut lines = report::outcome(receipt);
    if let Some(xml) = tested.reply_xml.as_ref().filter(|_| args.reply_xml) {
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
    if args.fuel && receipt.used.fuel.is_none() {
        let why = "not known: made again, the call does not end in the same way · 无法统计：再次调用时结果不同";
        lines.push(report::line("fuel", why));
    }
    lines.extend(report::events(receipt));
    if receipt.host_calls.iter().any(|call| call.outcome == "denied") && !asked.each().is_empty() {
        lines.push(report::line(
            "hint",
            &format!("it asks for {0}: --grant asked · 它需要授权 {0}：加上 --grant asked", asked.each().join(", ")),
        ));
    }
    lines.join("\n")
}
