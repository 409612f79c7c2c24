//! The compiler's process, seen from the server: its input, its output, and its end.

use std::{
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};

use super::{
    Answer, Bounds, LoadError,
    rests::{Process, Rests},
};
use crate::printable::printable;

/// Bytes kept of what the process complains about.
const COMPLAINT_BYTES: u64 = 4 << 10;

/// How a process came to its end.
struct Ended {
    output: Vec<u8>,
    complaint: String,
    status: ExitStatus,
}

/// Has `command` compile a component within `timeout` of wall clock, beside which it rests as `rests` wants,
/// and within `bounds`. Of what it writes no more than so many bytes are read.
pub(super) async fn run(
    command: &Path,
    bytes: &[u8],
    timeout: Duration,
    bounds: Bounds,
    most: u64,
    rests: &Rests,
) -> Result<(Answer, Vec<u8>), LoadError> {
    let Bounds { memory, seconds, counts_fuel } = bounds;
    let mut command_line = Command::new(command);
    // A group of its own: the system ends a process that is held when the other groups of its session have gone, which
    // is when nobody can have it go on.
    #[cfg(unix)]
    command_line.process_group(0);
    let mut child = command_line
        .arg("compile-plugin")
        .args(["--memory", &memory.to_string(), "--seconds", &seconds.to_string()])
        .args(counts_fuel.then_some("--counts-fuel"))
        .env_clear()
        // wasmtime compiles on the threads of rayon.
        .env("RAYON_NUM_THREADS", super::threads().to_string())
        // The allocator takes no memory in advance, which would be beside the limit.
        .env("MIMALLOC_ARENA_RESERVE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| unavailable(&error))?;
    let process = Process::of(&child);
    let ended = tokio::select! {
        ended = talk(&mut child, bytes, most) => ended,
        () = rests.work(&process, timeout) => Err(LoadError::CompileTimedOut { limit: timeout }),
    };
    let Ended { mut output, complaint, status } = match ended {
        Ok(ended) => ended,
        Err(error) => {
            // An error of this means that it has ended by itself.
            drop(child.kill().await);
            return Err(error);
        }
    };
    if !status.success() {
        return Err(explain(status, &complaint, timeout, memory));
    }
    let line_ends = output.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let code = output.split_off(line_ends);
    match serde_json::from_slice(&output) {
        Ok(answer) => Ok((answer, code)),
        Err(_) => Err(LoadError::CompilerUnavailable(format!("{} is not the weft command", command.display()))),
    }
}

/// Hands the component over and takes what comes back, both at once: neither side can wait for the other.
async fn talk(child: &mut Child, bytes: &[u8], most: u64) -> Result<Ended, LoadError> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let writing = async {
        if let Some(mut stdin) = stdin {
            // A process that has ended does not read: its status says why.
            drop(stdin.write_all(bytes).await);
        }
        Ok::<(), LoadError>(())
    };
    // Whoever does not come to an end is not listened to any longer.
    let ((), output, complaint) = tokio::try_join!(writing, code(stdout, most), complaint(stderr))?;
    Ok(Ended { output, complaint, status: child.wait().await.map_err(|error| unavailable(&error))? })
}

/// All that it writes, which may have `most` bytes.
async fn code(from: Option<impl AsyncRead + Unpin>, most: u64) -> Result<Vec<u8>, LoadError> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        let mut from = from.take(most.saturating_add(1));
        from.read_to_end(&mut bytes).await.map_err(|error| unavailable(&error))?;
    }
    if bytes.len() as u64 > most { Err(LoadError::CodeTooLarge { limit: most }) } else { Ok(bytes) }
}

/// The beginning of what it complains about; the rest is dropped, so that nobody waits with it.
async fn complaint(from: Option<impl AsyncRead + Unpin>) -> Result<String, LoadError> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        let beginning = (&mut from).take(COMPLAINT_BYTES).read_to_end(&mut bytes).await;
        beginning.map_err(|error| unavailable(&error))?;
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await.map_err(|error| unavailable(&error))?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// That is the machine, and not the component.
fn unavailable(error: &io::Error) -> LoadError {
    LoadError::CompilerUnavailable(error.to_string())
}

/// Why a process has ended that has not said so itself.
fn explain(status: ExitStatus, complaint: &str, timeout: Duration, memory: u64) -> LoadError {
    let out_of_memory = complaint.contains("memory allocation of") || complaint.contains("Cannot allocate memory");
    match ending(status) {
        Some(Ending::OutOfTime) => LoadError::CompileTimedOut { limit: timeout },
        Some(Ending::Killed) => LoadError::CompilerKilled,
        None if out_of_memory => LoadError::CompileOutOfMemory { limit: memory },
        None => {
            let text = format!("the compiler ended with {status}: {}", complaint.trim());
            LoadError::Compile(printable(&text).into_owned())
        }
    }
}

/// What the system ends a process for.
#[cfg_attr(not(unix), expect(dead_code, reason = "only Unix tells"))]
enum Ending {
    /// Its CPU time is up.
    OutOfTime,
    /// It is in the way: there is no memory left on the machine, or all of this is to stop. Who has no memory left
    /// within its own limit ends by itself.
    Killed,
}

#[cfg(unix)]
fn ending(status: ExitStatus) -> Option<Ending> {
    use rustix::process::Signal;

    let signal = std::os::unix::process::ExitStatusExt::signal(&status)?;
    [(Signal::XCPU, Ending::OutOfTime), (Signal::KILL, Ending::Killed), (Signal::TERM, Ending::Killed)]
        .into_iter()
        .find_map(|(ends, ending)| (ends.as_raw() == signal).then_some(ending))
}

#[cfg(not(unix))]
fn ending(_: ExitStatus) -> Option<Ending> {
    None
}
