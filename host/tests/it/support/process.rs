//! `weft serve` as a process of its own, which can be killed.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use super::server::SECRET_KEY;

/// One of its threads.
#[cfg(target_os = "linux")]
pub(crate) struct Thread {
    /// How long it was on a core.
    pub cpu: Duration,
    /// Its niceness.
    pub nice: String,
}

/// Killed when it is dropped, as by `kill -9`.
pub(crate) struct Process {
    /// `http://127.0.0.1:…`
    pub base: String,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts, and waits until the plugins are there.
    pub(crate) fn serve(data: &Path, plugins: &Path, database_url: &str) -> Self {
        Self::serve_with(data, plugins, &[("WEFT_DATABASE_URL", database_url)])
    }

    /// As [`serve`](Self::serve), with settings from the environment.
    pub(crate) fn serve_with(data: &Path, plugins: &Path, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_weft"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env_clear()
            .env("WEFT_DATA_DIR", data)
            .env("WEFT_PLUGINS_DIR", plugins)
            .envs(settings.iter().copied())
            .env("WEFT_SECRET_KEY", SECRET_KEY)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let serves = lines.by_ref().find(|line| line.contains("serves")).unwrap();
        let address = serves.split("address=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        let base = format!("http://{address}");
        assert!(lines.by_ref().any(|line| line.contains("the plugins folder has been read")));
        let logged = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&logged);
        // A pipe that nobody reads would hold it up.
        let reader = std::thread::spawn(move || lines.for_each(|line| kept.lock().unwrap().push(line)));
        Self { base, child, lines: logged, reader: Some(reader) }
    }

    /// Bytes of the longest line that it has logged since the plugins were there.
    pub(crate) fn longest_line(&self) -> usize {
        self.lines.lock().unwrap().iter().map(String::len).max().unwrap_or_default()
    }

    /// The lines that it has logged since the plugins were there and that hold all of this.
    pub(crate) fn lines_with(&self, texts: &[&str]) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(|line| texts.iter().all(|text| line.contains(text))).cloned().collect()
    }

    /// Its number in the system.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has [`peak_memory`](Self::peak_memory) begin anew, where the system can do that: elsewhere it goes on.
    pub(crate) fn forget_peak_memory(&self) {
        // Linux counts the most anew for a 5.
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").ok();
    }

    /// The most memory that it has had so far, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let size = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        size.trim().trim_end_matches("kB").trim().parse().unwrap()
    }

    /// Its threads of that name.
    #[cfg(target_os = "linux")]
    pub(crate) fn threads(&self, name: &str) -> Vec<Thread> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let read = |thread: std::io::Result<std::fs::DirEntry>| {
            let file = |file: &str| std::fs::read_to_string(thread.as_ref().ok()?.path().join(file)).ok();
            let (schedstat, stat) = (file("schedstat")?, file("stat")?);
            let nanoseconds = schedstat.split(' ').next()?.parse().ok()?;
            let (own, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
            // Behind the name, the first of which is the state.
            let nice = rest.split(' ').nth(16)?.to_owned();
            (own == name).then_some(Thread { cpu: Duration::from_nanos(nanoseconds), nice })
        };
        threads.filter_map(read).collect()
    }

    /// Ends it without a warning.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may have ended before.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        // Its log may say why the test failed.
        if std::thread::panicking() {
            self.reader.take().map(JoinHandle::join);
            for line in self.lines_with(&[]) {
                eprintln!("{line}");
            }
        }
    }
}
