//! What `weft compile-plugin` does: a component from standard input becomes compiled code on standard output.

use std::io::{self, Read, Write};

use anyhow::Context;
use clap::Args;
use wasmparser::Validator;

use super::Answer;
use crate::plugins::{cache, engine};

/// What the process may use up.
#[derive(Debug, Clone, Copy, Args)]
pub struct Bounds {
    /// Bytes of memory, besides what the program itself takes
    #[arg(long)]
    pub memory: u64,
    /// Seconds of CPU time, over all cores
    #[arg(long)]
    pub seconds: u64,
    /// Compile for an engine that counts instructions
    #[arg(long)]
    pub counts_fuel: bool,
}

/// Compiles the component on standard input within `bounds`, and says on standard output how it went. Blocks.
///
/// # Errors
/// When the limits cannot be set, or the other side has gone.
pub fn compile_plugin(bounds: Bounds) -> anyhow::Result<()> {
    // Before anything of the file is read.
    bind(bounds).context("the limits of the compiler")?;
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    let (answer, code) = compile(&bytes, bounds.counts_fuel)?;
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &answer)?;
    out.write_all(b"\n")?;
    out.write_all(&code)?;
    out.flush()?;
    Ok(())
}

/// Compiles a component for any engine of this program that counts instructions, or for any that does not.
///
/// # Errors
/// When there is no engine.
pub(super) fn compile(bytes: &[u8], counts_fuel: bool) -> anyhow::Result<(Answer, Vec<u8>)> {
    let engine = engine::compiling(counts_fuel).map_err(|error| anyhow::anyhow!("{error:#}"))?;
    // All of it is checked before any of it is compiled. What of the standard the engine does not take, it says itself.
    if let Err(error) = Validator::new().validate_all(bytes) {
        return Ok((Answer::Invalid(error.to_string()), Vec::new()));
    }
    Ok(match engine.precompile_component(bytes) {
        Ok(code) => (Answer::Compiled { settings: cache::settings(&engine), memory: peak_memory() }, code),
        Err(error) => (Answer::Failed(format!("{error:#}")), Vec::new()),
    })
}

/// Takes the limits upon this process; none can be taken off again.
#[cfg(unix)]
fn bind(bounds: Bounds) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};

    let lower = |resource: Resource, to: u64, grace: u64| {
        let maximum = getrlimit(resource).maximum.unwrap_or(u64::MAX).min(to.saturating_add(grace));
        setrlimit(resource, Rlimit { current: Some(maximum.min(to)), maximum: Some(maximum) })
    };
    // Messages are answered meanwhile.
    nice(5)?;
    // Where the machine has no memory left, this process is ended and not the server. Not everywhere may this be said.
    #[cfg(target_os = "linux")]
    drop(std::fs::write("/proc/self/oom_score_adj", "1000"));
    // No core dumps, and no files at all.
    lower(Resource::Core, 0, 0)?;
    lower(Resource::Fsize, 0, 0)?;
    // At the first number the system says why it ends the process, at the second it just does.
    lower(Resource::Cpu, bounds.seconds, 1)?;
    lower(Resource::As, bounds.memory.saturating_add(taken()), 0)?;
    Ok(())
}

/// Elsewhere the other side ends the process when its time is over.
#[cfg(not(unix))]
fn bind(_: Bounds) -> io::Result<()> {
    Ok(())
}

/// Bytes of address space that the program takes itself: its file, its libraries, what its allocator reserves.
#[cfg(target_os = "linux")]
fn taken() -> u64 {
    let pages = procfs::process::Process::myself().and_then(|process| process.statm()).map_or(0, |statm| statm.size);
    pages.saturating_mul(procfs::page_size())
}

/// Not known elsewhere: that much less is left for the component.
#[cfg(all(unix, not(target_os = "linux")))]
fn taken() -> u64 {
    0
}

/// The most memory that this process has had, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory() -> Option<u64> {
    let status = procfs::process::Process::myself().and_then(|process| process.status()).ok()?;
    status.vmhwm.map(|kib| kib << 10)
}

#[cfg(not(target_os = "linux"))]
fn peak_memory() -> Option<u64> {
    None
}
