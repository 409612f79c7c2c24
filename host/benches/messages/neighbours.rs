//! What one app's messages take while another app's plugin misbehaves, by the wall clock.
//!
//! Weft promises that this stays within 20 % of what they take alone ([`report::PROMISED`]). So both are measured in one
//! run, in turns: a while alone, then a while beside a neighbour. One user writes to the good app over a kept connection,
//! a message every few milliseconds; meanwhile a few connections keep the adversary busy, each with the next message as
//! soon as there is an answer, after the same pause: what is compared is what the adversary does, and not how many write.
//! Rows with a star are without the circuit breaker, which else ends after ten calls what fails each time.
//!
//! Here everybody blocks on their sockets: a sender that never sleeps, as [`super::load`] has one, would take one of the
//! server's cores. But no core sleeps: threads of the least priority that there is compute all the while, those
//! with a neighbour and those without alike. An idle core takes its time to wake up, half of what a message takes, now
//! more and now less: what that saves beside a neighbour that keeps cores busy would hide what it costs.

use std::{
    collections::VecDeque,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use weft_wechat::account::EncodingMode;

use super::{
    Effort, build, cpu,
    load::body,
    pool::{Account, Endpoint, Request, check, element},
    report::{self, Beside},
    server::{ADVERSARY, DATA, GOOD, Kind, Running},
};

/// Between an answer and the next message.
const PAUSE: Duration = Duration::from_millis(2);
/// How long messages are written, and a neighbour is at work, before they count.
const LEAD: Duration = Duration::from_millis(200);
/// How long an answer may take: more than a call may.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many connections the silent server keeps: more than there are at once.
const KEPT_OPEN: usize = 128;

/// The file that tells the server under load where the silent one is, within its folder.
pub(crate) const SILENT: &str = "silent-server";

/// A SHA-256 in hexadecimal.
const DIGEST_CHARACTERS: usize = 64;

/// What a neighbour does.
#[derive(Debug, Clone, Copy)]
enum Deed {
    /// Nothing.
    Absent,
    /// Computes and writes memory outside the server, with the priority of calls in the background. Where cores are two
    /// halves of one, or share caches, that alone makes messages slower: no server can do better beside a plugin.
    Elsewhere,
    /// What this text tells the guest `misbehave`, which answers so.
    Told(&'static str, Answer),
    /// The same, and it always fails, where no breaker ever opens: so does who fails only now and then.
    ToldWithoutBreaker(&'static str),
    /// Has the guest ask a server that takes connections and says nothing.
    Waits,
    /// Puts files into the plugins folder that nobody has compiled before.
    Compiled,
}

/// What comes back from the adversary.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// The call fails.
    Nothing,
    /// This is in it.
    Says(&'static str),
    /// A text, or nothing: that depends on how fast the machine is.
    Any,
}

/// Who else is there.
#[derive(Debug, Clone, Copy)]
struct Neighbour {
    name: &'static str,
    connections: usize,
    deed: Deed,
}

const fn told(text: &'static str, answer: Answer) -> Neighbour {
    Neighbour { name: text, connections: 4, deed: Deed::Told(text, answer) }
}

const fn without_breaker(name: &'static str, text: &'static str) -> Neighbour {
    Neighbour { name, connections: 4, deed: Deed::ToldWithoutBreaker(text) }
}

const NEIGHBOURS: &[Neighbour] = &[
    Neighbour { name: "nobody", connections: 0, deed: Deed::Absent },
    Neighbour { name: "other programs", connections: 2, deed: Deed::Elsewhere },
    Neighbour { name: "behaves", ..told("ok", Answer::Says("ok")) },
    told("loop", Answer::Nothing),
    without_breaker("loop *", "loop"),
    Neighbour { connections: 16, ..without_breaker("loop *, by many", "loop") },
    told("hostcall-loop", Answer::Nothing),
    without_breaker("hostcall-loop *", "hostcall-loop"),
    told("clock-polling", Answer::Nothing),
    without_breaker("clock-polling *", "clock-polling"),
    told("zero-sleeps", Answer::Nothing),
    without_breaker("zero-sleeps *", "zero-sleeps"),
    // As many as there may be at once.
    Neighbour { name: "sleep", connections: 64, ..told("nap 500", Answer::Says("napped")) },
    told("memory", Answer::Nothing),
    without_breaker("memory *", "memory"),
    told("recursion", Answer::Nothing),
    without_breaker("recursion *", "recursion"),
    told("panic", Answer::Nothing),
    without_breaker("panic *", "panic"),
    told("huge-reply", Answer::Nothing),
    without_breaker("huge-reply *", "huge-reply"),
    told("huge-list", Answer::Nothing),
    without_breaker("huge-list *", "huge-list"),
    told("huge-log", Answer::Nothing),
    without_breaker("huge-log *", "huge-log"),
    without_breaker("huge value *", "kv-huge"),
    without_breaker("long-error *", "long-error"),
    without_breaker("long-reply *", "long-reply"),
    told("big-reply", Answer::Says("xxx")),
    without_breaker("pollables *", "pollables"),
    without_breaker("abort *", "abort"),
    // Each has most of the memory that a call may have, and is soon in the background.
    Neighbour { name: "much memory", ..told("hold 60 MiB for 0 ms", Answer::Any) },
    told("log-flood", Answer::Any),
    told("stdout-flood", Answer::Any),
    told("stderr-flood", Answer::Any),
    told("kv-flood", Answer::Any),
    // As many requests as a plugin may have on their way.
    Neighbour { name: "silent server", connections: 48, deed: Deed::Waits },
    Neighbour { name: "files to compile", connections: 4, deed: Deed::Compiled },
];

/// Measures the good app's messages alone and beside each neighbour whose name has `word`, in turns; beside all of them
/// where it is theirs or there is none. Gives what was measured.
pub(crate) fn measure(effort: Effort, folder: &Path, word: Option<&str>) -> anyhow::Result<Vec<Beside>> {
    let Effort { windows, window, .. } = effort;
    let all = word.is_none_or(|word| "neighbours".contains(word));
    let chosen = |(_, neighbour): &(usize, &Neighbour)| all || word.is_some_and(|word| neighbour.name.contains(word));
    let neighbours: Vec<(usize, &Neighbour)> = NEIGHBOURS.iter().enumerate().filter(chosen).collect();
    if neighbours.is_empty() {
        return Ok(Vec::new());
    }
    let place = Place::open(folder)?;
    let _awake = Awake::keep()?;
    let good = Account::new(GOOD, EncodingMode::Plain, path(GOOD))?;
    let mut good = Writer::new(&good, place.server.address)?;
    // The first messages find nothing ready, and their user is new.
    good.messages(window)?;
    let mut rows: Vec<Beside> = neighbours.iter().map(|(_, neighbour)| row(neighbour)).collect();
    for _ in 0..windows {
        for (neighbour, row) in neighbours.iter().zip(&mut rows) {
            // Both begin in the same way: what comes first after a rest takes longer.
            let alone = good.messages(LEAD).and_then(|_| good.messages(window / 2))?;
            let (beside, calls) = place.beside(*neighbour, &mut good, window)?;
            row.add(alone, beside);
            row.calls += calls;
            place.come_to_rest();
        }
    }
    let seconds = window.as_secs_f64();
    println!("\nNeighbours: one app's messages, one at a time, {windows} x {seconds} s beside each neighbour\n");
    println!("{}", report::neighbours(&rows));
    Ok(rows)
}

fn row(neighbour: &Neighbour) -> Beside {
    let Neighbour { name, connections, deed } = *neighbour;
    let is_plugins = !matches!(deed, Deed::Absent | Deed::Elsewhere);
    Beside { name, connections, is_plugins, ..Beside::default() }
}

/// A server with two apps.
struct Place {
    server: Running,
    plugins: PathBuf,
    /// Where compiled plugins are kept.
    cache: PathBuf,
    /// What stands behind the digest in the names of the files there.
    compiled_suffix: String,
    /// The adversary's file.
    component: Vec<u8>,
    /// Whose messages it answers: an app for each row.
    bad: Vec<Account>,
    /// A server that says nothing.
    silent: SocketAddr,
}

/// The app whose plugin does what the row of that number says: each has one, as a breaker is an app's.
fn app(row: usize) -> String {
    format!("bad{row}")
}

/// All those apps, and whether their plugin has a breaker.
pub(crate) fn apps() -> impl Iterator<Item = (String, bool)> {
    let breaks = |neighbour: &Neighbour| !matches!(neighbour.deed, Deed::ToldWithoutBreaker(_));
    NEIGHBOURS.iter().enumerate().map(move |(row, neighbour)| (app(row), breaks(neighbour)))
}

/// Where an app's messages go.
fn path(app: &str) -> String {
    format!("/wechat/{app}/")
}

impl Place {
    fn open(folder: &Path) -> anyhow::Result<Self> {
        let own = folder.join("neighbours");
        let plugins = own.join("plugins");
        fs::create_dir_all(&plugins)?;
        fs::copy(folder.join("plugins/greeter.wasm"), plugins.join("greeter.wasm"))?;
        let component = fs::read(build("host/tests/guests/misbehave")?)?;
        fs::write(plugins.join(ADVERSARY).with_extension("wasm"), &component)?;
        let silent = silent_server()?;
        fs::write(own.join(SILENT), silent.to_string())?;
        let server = Running::start(&Kind::Neighbours(own.clone()))?;
        let cache = own.join(DATA).join("plugin-cache");
        let compiled_suffix = suffix(&cache).context("the server has compiled its plugins")?;
        let bad = apps().map(|(app, _)| Account::new(&app, EncodingMode::Plain, path(&app)));
        let bad = bad.collect::<anyhow::Result<_>>()?;
        Ok(Self { server, plugins, cache, compiled_suffix, component, bad, silent })
    }

    /// How long messages take beside a neighbour, and how often that one was asked.
    fn beside(
        &self,
        (row, neighbour): (usize, &Neighbour),
        good: &mut Writer<'_>,
        window: Duration,
    ) -> anyhow::Result<(Vec<Duration>, u64)> {
        let (done, calls) = (&AtomicBool::new(false), &AtomicU64::new(0));
        let account = self.bad.get(row).context("every row has an app")?;
        let taken = thread::scope(|scope| {
            let busy: Vec<_> = (0..neighbour.connections)
                .map(|index| scope.spawn(move || self.keep_busy(neighbour.deed, account, index, (done, calls))))
                .collect();
            let taken = good.messages(LEAD).and_then(|_| good.messages(window));
            done.store(true, Relaxed);
            for connection in busy {
                let ended = connection.join().map_err(|_| anyhow::anyhow!("a connection's thread panicked"))?;
                ended.with_context(|| neighbour.name)?;
            }
            taken
        })?;
        Ok((taken, calls.load(Relaxed)))
    }

    /// One connection to the neighbour, or one of its files, until `done`.
    fn keep_busy(
        &self,
        deed: Deed,
        account: &Account,
        index: usize,
        (done, calls): (&AtomicBool, &AtomicU64),
    ) -> anyhow::Result<()> {
        let mut writer = Writer::new(account, self.server.address)?;
        while !done.load(Relaxed) {
            match deed {
                Deed::Absent => {}
                Deed::Elsewhere => {
                    compute(done);
                    break;
                }
                Deed::Told(text, answer) => writer.tell(text, answer)?,
                Deed::ToldWithoutBreaker(text) => writer.tell(text, Answer::Nothing)?,
                Deed::Waits => {
                    writer.tell(&format!("http http://{}/", self.silent), Answer::Says("timed out"))?;
                }
                Deed::Compiled => self.have_compiled(index)?,
            }
            calls.fetch_add(1, Relaxed);
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Puts another file into the plugins folder, and waits until it is compiled.
    fn have_compiled(&self, index: usize) -> anyhow::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut bytes = self.component.clone();
        bytes.extend_from_slice(&custom_section(NEXT.fetch_add(1, Relaxed)));
        let beside = self.plugins.join(format!(".new-{index}"));
        fs::write(&beside, &bytes)?;
        fs::rename(&beside, self.plugins.join(format!("compiled-{index}.wasm")))?;
        let (digest, began) = (weft::plugins::digest(&bytes), Instant::now());
        // As the file of the adversary's own code is called, with another digest.
        let compiled = self.cache.join(format!("{digest}{}", self.compiled_suffix));
        while !compiled.exists() {
            ensure!(began.elapsed() < PATIENCE, "a file was not compiled within {PATIENCE:?}");
            thread::sleep(5 * PAUSE);
        }
        Ok(())
    }

    /// Waits until the server has nothing left to do: calls go on when nobody waits for them any more.
    fn come_to_rest(&self) {
        let (look, began) = (Duration::from_millis(100), Instant::now());
        while began.elapsed() < PATIENCE {
            let before = cpu::process(self.server.id());
            thread::sleep(look);
            let used = cpu::process(self.server.id()).zip(before).map(|(after, before)| after.since(&before));
            if used.is_none_or(|used| used < look / 20) {
                return;
            }
        }
    }
}

/// Starts a server that takes connections and says nothing, for as long as this process lives.
fn silent_server() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        let mut open = VecDeque::with_capacity(KEPT_OPEN + 1);
        for connection in listener.incoming().map_while(Result::ok) {
            open.push_back(connection);
            if open.len() > KEPT_OPEN {
                open.pop_front();
            }
        }
    });
    Ok(address)
}

/// What stands behind the digest in the name of a file of compiled code: it is the same for all.
fn suffix(cache: &Path) -> Option<String> {
    let name = fs::read_dir(cache).ok()?.flatten().find_map(|entry| entry.file_name().into_string().ok())?;
    Some(name.get(DIGEST_CHARACTERS..)?.to_owned())
}

/// Keeps the cores awake until this is dropped.
struct Awake(Arc<AtomicBool>);

impl Awake {
    fn keep() -> anyhow::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        for _ in 0..thread::available_parallelism()?.get() {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                step_back(19);
                while !over.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Ok(Self(over))
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Writes some megabytes again and again until `done`, unless somebody else wants the core.
fn compute(done: &AtomicBool) {
    step_back(5);
    let mut memory = vec![1_u64; 2 << 20];
    while !done.load(Relaxed) {
        for word in &mut memory {
            *word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
        std::hint::black_box(&mut memory);
    }
}

/// Lets others go first. On Linux a priority is the thread's alone; elsewhere the whole process would have it.
fn step_back(nice: i32) {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(nice);
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
}

/// A custom section of a component, which changes nothing but the file's digest.
pub(crate) fn custom_section(content: u64) -> Vec<u8> {
    let mut section = vec![0, 10, 1, b'n'];
    section.extend_from_slice(&content.to_le_bytes());
    section
}

impl Answer {
    fn check(self, body: &str) -> anyhow::Result<()> {
        let is_right = match self {
            Self::Nothing => body.is_empty() || body == "success",
            Self::Says(text) => element(body, "Content").is_some_and(|content| content.contains(text)),
            Self::Any => true,
        };
        ensure!(is_right, "the adversary answered {body:?}");
        Ok(())
    }
}

/// A user of an app, with a connection of their own.
struct Writer<'a> {
    account: &'a Account,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(account: &'a Account, address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { account, stream, buffer: Vec::with_capacity(8 << 10) })
    }

    /// Writes to the greeter for a while; how long each message took.
    fn messages(&mut self, time: Duration) -> anyhow::Result<Vec<Duration>> {
        let (until, mut taken) = (Instant::now() + time, Vec::new());
        while Instant::now() < until {
            let request = self.account.request(None);
            let began = Instant::now();
            let answer = self.exchange(&request)?;
            taken.push(began.elapsed());
            check(Endpoint::Plain, &request, &answer)?;
            thread::sleep(PAUSE);
        }
        Ok(taken)
    }

    /// Tells the guest `misbehave` what to do.
    fn tell(&mut self, text: &str, answer: Answer) -> anyhow::Result<()> {
        let request = self.account.request(Some(text));
        answer.check(&self.exchange(&request)?)
    }

    /// Sends a message and waits for the answer's body.
    fn exchange(&mut self, request: &Request) -> anyhow::Result<String> {
        self.stream.write_all(&request.bytes)?;
        self.buffer.clear();
        let mut chunk = [0; 8 << 10];
        loop {
            let length = self.stream.read(&mut chunk)?;
            ensure!(length > 0, "the server closed a connection");
            self.buffer.extend_from_slice(chunk.get(..length).unwrap_or_default());
            if let Some(body) = body(&mut self.buffer)? {
                return Ok(String::from_utf8(body)?);
            }
        }
    }
}
