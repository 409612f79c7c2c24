//! `weft simulate`: WeChat on this machine, for people who write plugins or programs against Weft.
//!
//! Without a subcommand it plays WeChat's API until it is stopped; `weft simulate message` sends one message to a
//! webhook and prints what comes back, `weft simulate verify` verifies its address. WeChat Pay is played beside it.

mod account;
mod message;
mod seed;
mod verify;

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};

use super::{address, output::say, serve::stop_on_signal};
use crate::{
    clock::Clock,
    server::cannot_listen,
    simulator::{
        pay::{MerchantFields, Notifying, PayGateway},
        wechat::Wechat,
    },
};

use seed::Seed;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct SimulateArgs {
    /// Address to listen on · 监听地址
    #[arg(long, value_name = "ADDRESS", value_parser = address, default_value = "127.0.0.1:8100")]
    listen: SocketAddr,
    /// An account; may be given more than once · 账号，可多次指定
    #[arg(long = "account", value_name = "APPID=SECRET", value_parser = seed::account)]
    accounts: Vec<(String, String)>,
    /// How many followers each account has · 每个账号的粉丝数
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    users: u64,
    /// A call that goes wrong: PATH=ERRCODE, with *TIMES behind it for more than once;
    /// disconnect, html, status502 and delay500 (milliseconds) instead of a code;
    /// may be given more than once
    /// · 让某个接口出错：路径=错误码，出错多次则在后面加 *次数；
    /// 错误码可换成 disconnect、html、status502、delay500（毫秒）；可多次指定
    #[arg(long = "fault", value_name = "PATH=WHAT", value_parser = seed::fault, verbatim_doc_comment)]
    faults: Vec<crate::simulator::wechat::FaultFields>,
    /// Address of WeChat Pay; the next port without · 微信支付的监听地址，默认为下一个端口
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pay_listen: Option<SocketAddr>,
    /// A merchant of v2, whose key has 32 letters or digits; one of v3 stands in a file;
    /// may be given more than once
    /// · v2 商户，密钥为 32 位字母或数字；v3 商户写在文件中；可多次指定
    #[arg(long = "merchant", value_name = "MCH_ID/APPID=API_KEY", value_parser = seed::merchant, verbatim_doc_comment)]
    merchants: Vec<MerchantFields>,
    /// How much faster than with WeChat time passes between the tries to notify of a payment
    /// · 重发支付通知的间隔比微信快多少倍
    #[arg(long, value_name = "TIMES", default_value_t = 60, verbatim_doc_comment)]
    pay_speed: u32,
    /// A TOML file with accounts, followers, tags, menus, templates, merchants and faults
    /// · TOML 文件，内含账号、粉丝、标签、菜单、模板、商户和故障
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    seed: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<SimulateCommand>,
}

#[derive(Debug, Subcommand)]
enum SimulateCommand {
    /// Send a message as WeChat does, and print the answer · 像微信一样发一条消息，打印回复
    Message(message::MessageArgs),
    /// Verify a server's address as WeChat's console does · 像微信后台一样验证服务器地址
    Verify(verify::VerifyArgs),
}

pub(super) async fn run(args: SimulateArgs) -> anyhow::Result<()> {
    match args.command {
        Some(SimulateCommand::Message(args)) => return message::run(args).await,
        Some(SimulateCommand::Verify(args)) => return verify::run(args).await,
        None => {}
    }
    let mut seed = match &args.seed {
        Some(path) => Seed::read(path)?,
        None => Seed::default(),
    };
    seed.add(args.accounts, args.users, args.faults);
    seed.merchants.extend(args.merchants);
    let stop = stop_on_signal()?;
    let wechat =
        Wechat::start_on(args.listen, Clock::system()).await.with_context(|| cannot_listen(args.listen, "--listen"))?;
    let told = seed.plant(&wechat);
    say!("WeChat's API · 微信接口：{}", wechat.base)?;
    say!("  for a server that calls it · 服务端的设置：WEFT_WECHAT__API_BASE={}", wechat.base)?;
    say!("  to steer it · 控制：{}/simulator/…", wechat.base)?;
    for line in told {
        say!("  {line}")?;
    }
    if seed.accounts.is_empty() {
        say!("  it knows no account: --account APPID=SECRET adds one · 没有账号，用它添加")?;
    }
    let next = if args.listen.port() == 0 { 0 } else { args.listen.port().wrapping_add(1) };
    let pay_listen = args.pay_listen.unwrap_or(SocketAddr::new(args.listen.ip(), next));
    let _pay = play_pay(pay_listen, args.pay_speed, &seed.merchants).await?;
    stop.cancelled().await;
    Ok(())
}

async fn play_pay(listen: SocketAddr, speed: u32, merchants: &[MerchantFields]) -> anyhow::Result<PayGateway> {
    let pay =
        PayGateway::start_on(listen, Clock::system()).await.with_context(|| cannot_listen(listen, "--pay-listen"))?;
    pay.set_notifying(Notifying { by_itself: true, speed, ..Notifying::default() });
    say!("WeChat Pay · 微信支付：{}", pay.base)?;
    say!("  for a server that calls it · 服务端的设置：WEFT_PAY__API_BASE={}", pay.base)?;
    say!("  to pay an order · 支付订单：{}/pay/MCH_ID/OUT_TRADE_NO", pay.base)?;
    say!("  to steer it · 控制：{}/simulator/pay/…", pay.base)?;
    for merchant in merchants {
        pay.add(merchant).map_err(|why| anyhow::anyhow!("merchant {}: {why}", merchant.mch_id))?;
        say!("  merchant {} of {} · 商户", merchant.mch_id, merchant.appid)?;
    }
    if merchants.is_empty() {
        say!("  it knows no merchant: --merchant MCH_ID/APPID=API_KEY adds one · 没有商户，用它添加")?;
    }
    Ok(pay)
}
