//! The weft command.

mod sdk;

use std::process::ExitCode;

/// Every message allocates some hundred small pieces, often on one thread and freed on another: the system's allocator
/// takes a tenth of a message's time for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    weft::cli::main(&sdk::SDK).await
}
