//! `weft serve`

use std::net::SocketAddr;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{SettingsArgs, address};
use crate::{clock::Clock, config::Overrides, server::Server};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Address to listen on · 监听地址
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Separate address for the operator's side · 管理端单独的监听地址
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    admin_listen: Option<SocketAddr>,
}

pub(super) async fn run(settings: &SettingsArgs, args: ServeArgs) -> anyhow::Result<()> {
    let mut overrides = Overrides::default();
    overrides.set("listen", args.listen.map(|address| address.to_string()));
    overrides.set("admin_listen", args.admin_listen.map(|address| address.to_string()));
    let stop = stop_on_signal()?;
    let server = Server::prepare(settings.load(overrides)?, Clock::system()).await?;
    let (address, admin) = (server.address()?, server.admin_address()?);
    tracing::info!(%address, %admin, plugins = %server.state().plugins.folder().display(), "weft {} serves", env!("CARGO_PKG_VERSION"));
    server.run(stop).await;
    tracing::info!("stopped");
    Ok(())
}

/// Cancelled when the process is asked to end; asked twice, it ends at once. Signals are heard from
/// this call on.
pub(super) fn stop_on_signal() -> std::io::Result<CancellationToken> {
    let mut signals = Signals::new()?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping: requests in flight may end (again to stop at once)");
        stopping.cancel();
        signals.next().await;
        std::process::exit(1);
    });
    Ok(stop)
}

/// What asks a process to end.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}

/// What asks a process to end.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        drop(tokio::signal::ctrl_c().await);
    }
}
