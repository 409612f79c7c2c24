//! What a message costs: through the whole server, through the plugin platform alone, and beside plugins that misbehave.
//!
//! `cargo bench -p weft` takes half an hour, `cargo bench -p weft -- --quick` five minutes. A word behind it chooses: `calls`,
//! `files`, `neighbours`, or the endpoints and neighbours whose names have it, as in `cargo bench -p weft -- encrypted`. With
//! `--check` it fails where a call costs more, or an app's messages took longer beside a neighbour, than Weft promises.
//! With `--test`, or run by `cargo test --benches`, everything happens once and proves that it works.
//!
//! Absolute figures say as much about the machine as about Weft: compare the ratios. They too need
//! a machine that does nothing else.

mod calls;
mod cpu;
mod files;
mod floor;
mod least;
mod load;
mod neighbours;
mod pool;
mod report;
mod server;
mod webhook;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};

/// As in the weft command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How much is done.
#[derive(Debug, Clone, Copy)]
struct Effort {
    /// Messages before anything is measured.
    before: u32,
    /// Each endpoint in turn, so many times.
    rounds: u32,
    /// Messages of one round at one endpoint.
    messages: u32,
    /// Plugin calls of one round.
    calls: u32,
    /// How often each neighbour has its time.
    windows: u32,
    /// And how long that is.
    window: Duration,
}

const FULL: Effort = Effort {
    before: 300_000,
    rounds: 5,
    messages: 60_000,
    calls: 60_000,
    windows: 16,
    window: Duration::from_millis(1250),
};
const QUICK: Effort =
    Effort { rounds: 3, messages: 15_000, calls: 15_000, windows: 4, window: Duration::from_secs(1), ..FULL };
const TEST: Effort =
    Effort { before: 64, rounds: 1, messages: 64, calls: 8, windows: 1, window: Duration::from_millis(100) };

/// What this process is to do.
enum Role {
    Measure {
        effort: Effort,
        word: Option<String>,
        /// Whether it fails where a promise is broken.
        check: bool,
    },
    /// The other side of the connections, in a process of its own.
    Serve(server::Kind),
}

fn main() -> anyhow::Result<()> {
    match role(std::env::args_os().skip(1).map(PathBuf::from))? {
        Role::Serve(kind) => server::serve(&kind),
        Role::Measure { effort, word, check } => measure(effort, word.as_deref(), check),
    }
}

/// cargo itself adds `--bench` when it benches, and nothing when it tests.
fn role(arguments: impl Iterator<Item = PathBuf>) -> anyhow::Result<Role> {
    let arguments: Vec<PathBuf> = arguments.collect();
    if let Some(at) = arguments.iter().position(|argument| argument == Path::new(server::ARGUMENT)) {
        let kind = arguments.get(at + 1..).and_then(server::Kind::of).context("no such server")?;
        return Ok(Role::Serve(kind));
    }
    let given = |name: &str| arguments.iter().any(|argument| argument == Path::new(name));
    let effort = match (given("--bench") && !given("--test"), given("--quick")) {
        (false, _) => TEST,
        (true, true) => QUICK,
        (true, false) => FULL,
    };
    let word = arguments.iter().filter_map(|argument| argument.to_str()).find(|argument| !argument.starts_with('-'));
    Ok(Role::Measure { effort, word: word.map(str::to_owned), check: given("--check") })
}

fn measure(effort: Effort, word: Option<&str>, check: bool) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("weft-bench-").tempdir()?;
    install_greeter(&folder.path().join("plugins"))?;
    webhook::measure(effort, folder.path(), word)?;
    let is_chosen = |part: &str| word.is_none_or(|word| part.contains(word));
    let costs = if is_chosen("calls") { calls::measure(effort, folder.path())? } else { Vec::new() };
    if is_chosen("files") {
        files::measure(effort, folder.path())?;
    }
    let neighbours = neighbours::measure(effort, folder.path(), word)?;
    println!("{}", report::NOTES);
    if check { report::check(&costs, &neighbours) } else { Ok(()) }
}

/// Builds the example plugin as its author would, and drops it into the plugins folder.
fn install_greeter(folder: &Path) -> anyhow::Result<()> {
    let component = build("plugins-examples/greeter")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let file = runtime.block_on(weft::plugins::build::install(&component, folder))?;
    if file.file_stem().is_none_or(|stem| stem != "greeter") {
        bail!("the example plugin is called {}", file.display());
    }
    Ok(())
}

/// Builds a plugin of this repository; returns where its component is.
fn build(source: &str) -> anyhow::Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(source);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(weft::plugins::build::build(&source, &[]))?)
}
