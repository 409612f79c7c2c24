//! Compiles components, in a process that can be killed: a small file can be made so that it takes hours, or more
//! memory than there is, and no crash of the compiler may end the server.
//!
//! - `process` starts the program again as `weft compile-plugin`, and ends it when its time is over.
//! - `child` is what runs there: it takes limits upon itself before it reads anything.
//! - `rests` holds it at times, so that messages are answered meanwhile.
//!
//! Both have the engine's settings from `engine::config`. What the child writes is compiled code: it comes through a
//! pipe that nobody else has, and is authenticated when it is kept. This bounds what compiling costs; it is no wall
//! against a component that takes over the compiler.

mod child;
mod process;
mod rests;

use std::{path::PathBuf, sync::Arc, thread, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::Engine;

use self::rests::Rests;
use super::{
    admission::LoadError,
    cache,
    limits::{COMPILATIONS, PlatformLimits},
    pace::Pace,
};
use crate::printable::printable;

pub use child::{Bounds, compile_plugin};

/// Compiles components, so many at once.
pub(super) struct Compiler {
    /// The weft command; without it components are compiled in this process, and nothing bounds that.
    command: Option<PathBuf>,
    timeout: Duration,
    memory: u64,
    counts_fuel: bool,
    turns: Semaphore,
    rests: Rests,
}

/// How compiling went: what the child says before the code, as one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// The code follows.
    Compiled {
        /// For which engines: see [`cache::settings`].
        settings: u64,
        /// The most memory that the process took, in bytes, where the system tells.
        memory: Option<u64>,
    },
    /// The component breaks a rule of WebAssembly.
    Invalid(String),
    /// The compiler does not take it.
    Failed(String),
}

impl Compiler {
    pub(super) fn new(command: Option<PathBuf>, limits: &PlatformLimits, counts_fuel: bool, pace: Arc<Pace>) -> Self {
        let PlatformLimits { compile_timeout: timeout, compile_memory: memory, .. } = *limits;
        let (turns, rests) = (Semaphore::new(COMPILATIONS), Rests::new(pace));
        Self { command, timeout, memory, counts_fuel, turns, rests }
    }

    /// Waits for a turn to compile.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.turns.acquire().await.ok()
    }

    /// Compiles a component for `engine` to at most so many bytes, for who has a [turn](Self::turn); also tells how much
    /// memory that took, in bytes, where the system tells.
    ///
    /// # Errors
    /// When it is none, takes more time or memory than it may, or becomes more code.
    pub(super) async fn compile(
        &self,
        engine: &Engine,
        bytes: Bytes,
        most: u64,
    ) -> Result<(Vec<u8>, Option<u64>), LoadError> {
        let (answer, code) = match &self.command {
            Some(command) => {
                // As much CPU time for each thread as there is wall clock.
                let seconds = self.timeout.as_secs().max(1).saturating_mul(threads() as u64);
                let bounds = Bounds { memory: self.memory, seconds, counts_fuel: self.counts_fuel };
                process::run(command, &bytes, self.timeout, bounds, most, &self.rests).await?
            }
            None => here(bytes, self.counts_fuel).await?,
        };
        match answer {
            _ if code.len() as u64 > most => Err(LoadError::CodeTooLarge { limit: most }),
            Answer::Compiled { settings, memory } if settings == cache::settings(engine) => {
                Ok((code, memory.filter(|_| self.command.is_some())))
            }
            // Where the command's file can be replaced while it runs.
            Answer::Compiled { .. } => Err(LoadError::CompilerUnavailable(
                "the weft command was replaced by another version since this process started".to_owned(),
            )),
            Answer::Invalid(why) => Err(LoadError::Invalid(printable(&why).into_owned())),
            Answer::Failed(why) => Err(LoadError::Compile(printable(&why).into_owned())),
        }
    }
}

/// Threads that one process compiles with: half of the cores, so that messages find another one.
fn threads() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}

/// Compiles in this process.
async fn here(bytes: Bytes, counts_fuel: bool) -> Result<(Answer, Vec<u8>), LoadError> {
    match tokio::task::spawn_blocking(move || child::compile(&bytes, counts_fuel)).await {
        Ok(Ok(compiled)) => Ok(compiled),
        Ok(Err(error)) => Err(LoadError::CompilerUnavailable(format!("{error:#}"))),
        Err(panic) => Err(LoadError::Compile(panic.to_string())),
    }
}
