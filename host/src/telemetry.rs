//! Where log lines go: to standard error, as text on a terminal and as JSON elsewhere when asked.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// What the parts that Weft is made of may log without `WEFT_LOG`.
const PARTS: &str = "cranelift=warn,wasmtime=warn,sqlx=warn,hyper=warn";

/// Begins to log, from `level` on. `WEFT_LOG` takes filters such as `debug` or `weft=debug,sqlx=info`;
/// `WEFT_LOG_FORMAT=json` writes a JSON object a line. Whoever reads the configuration refuses other values.
pub fn start(level: tracing::Level) {
    let set = std::env::var("WEFT_LOG").ok().filter(|filter| !filter.is_empty());
    let filter = set.and_then(|filter| EnvFilter::try_new(filter).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(format!("{level},{PARTS}")));
    let json = std::env::var("WEFT_LOG_FORMAT").is_ok_and(|format| format == "json");
    let lines = fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    let started = if json {
        registry.with(lines.json()).try_init()
    } else {
        registry.with(lines.with_ansi(std::io::stderr().is_terminal()).with_target(false)).try_init()
    };
    // Whoever runs Weft inside a process that logs already keeps their own logging.
    drop(started);
}
