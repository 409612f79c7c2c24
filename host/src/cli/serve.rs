//! `weft serve`

use std::net::SocketAddr;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::SettingsArgs;
use crate::{clock::Clock, config::Overrides, server::Server};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Separate address for the operator's side
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
}

pub(super) async fn run(settings: &SettingsArgs, args: ServeArgs) -> anyhow::Result<()> {
    let mut overrides = Overrides::default();
    overrides.set("listen", args.listen.map(|address| address.to_string()));
    overrides.set("admin_listen", args.admin_listen.map(|address| address.to_string()));
    let server = Server::prepare(settings.load(overrides)?, Clock::system()).await?;
    let (address, admin) = (server.address()?, server.admin_address()?);
    tracing::info!(%address, %admin, plugins = %server.state().plugins.folder().display(), "weft {} serves", env!("CARGO_PKG_VERSION"));
    server.run(stop_on_signal()).await;
    tracing::info!("stopped");
    Ok(())
}

/// Cancelled when the process is asked to end; asked twice, it ends at once.
pub(super) fn stop_on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        signal().await;
        tracing::info!("stopping: requests in flight may end (again to stop at once)");
        stopping.cancel();
        signal().await;
        std::process::exit(1);
    });
    stop
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => (),
                _ = terminate.recv() => (),
            }
        }
        Err(_) => drop(interrupt.await),
    }
}

#[cfg(not(unix))]
async fn signal() {
    drop(tokio::signal::ctrl_c().await);
}
