//! The weft command.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    weft::cli::main().await
}
