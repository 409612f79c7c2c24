//! `weft simulate`: WeChat on this machine, for people who write plugins or programs against Weft.
//!
//! Without a subcommand it plays WeChat's API until it is stopped; `weft simulate message` sends one message to a
//! webhook and prints what comes back.

mod message;
mod seed;

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};

use super::serve::stop_on_signal;
use crate::{clock::Clock, simulator::wechat::Wechat};

use seed::Seed;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct SimulateArgs {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8100")]
    listen: SocketAddr,
    /// An account; may be given more than once
    #[arg(long = "account", value_name = "APPID=SECRET", value_parser = seed::account)]
    accounts: Vec<(String, String)>,
    /// How many followers each account has
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    users: u64,
    /// A call that goes wrong: PATH=ERRCODE, with *TIMES behind it for more than once; disconnect, html, status502 and
    /// delay500 (milliseconds) instead of a code; may be given more than once
    #[arg(long = "fault", value_name = "PATH=WHAT", value_parser = seed::fault)]
    faults: Vec<crate::simulator::wechat::FaultFields>,
    /// A TOML file with accounts, followers, tags, menus, templates and faults
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<SimulateCommand>,
}

#[derive(Debug, Subcommand)]
enum SimulateCommand {
    /// Send a message to a webhook as WeChat does, and print the answer
    Message(message::MessageArgs),
}

pub(super) async fn run(args: SimulateArgs) -> anyhow::Result<()> {
    if let Some(SimulateCommand::Message(args)) = args.command {
        return message::run(args).await;
    }
    let mut seed = match &args.seed {
        Some(path) => Seed::read(path)?,
        None => Seed::default(),
    };
    seed.add(args.accounts, args.users, args.faults);
    let stop = stop_on_signal()?;
    let wechat = Wechat::start_on(args.listen, Clock::system())
        .await
        .with_context(|| format!("cannot listen on {}; is it in use?", args.listen))?;
    let told = seed.plant(&wechat);
    println!("WeChat's API is played at {}", wechat.base);
    println!("  for a server that calls it: WEFT_WECHAT__API_BASE={}", wechat.base);
    println!("  to steer it: {}/simulator/…", wechat.base);
    for line in told {
        println!("  {line}");
    }
    if seed.accounts.is_empty() {
        println!("  it knows no account: add one with --account APPID=SECRET");
    }
    stop.cancelled().await;
    Ok(())
}
