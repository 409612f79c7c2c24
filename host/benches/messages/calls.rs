//! Plugin calls alone, without HTTP: the greeter as the dispatcher calls it, against what the same file costs in wasmtime
//! alone.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use tokio::{runtime::Runtime, task::JoinSet};
use weft::{
    clock::Clock,
    model::{App, EncodingMode, PluginTarget},
    plugins::{Plugins, Subject},
    server::Server,
};
use weft_wechat::{
    message::{Content, Message, Text},
    reply::Reply,
};

use super::{
    Effort, cpu,
    floor::{Bare, Smallest},
    report::{Cost, Row, Samples, Unit, table},
    server::{ENTRY, HANDLER, app, config, load},
};

/// Parts of a round: about 20 ms each of what is measured in full.
const SLICES: u32 = 60;

/// Who writes to the greeter.
pub(crate) const OPENID: &str = "oBenchUser0123456789abcdefgh";
/// What they write.
pub(crate) const TEXT: &str = "weft";

/// Measures, and gives what is promised something of.
pub(crate) fn measure(effort: Effort, folder: &Path) -> anyhow::Result<Vec<Cost>> {
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let two = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let plugins = one.block_on(plugins(folder))?;
    let greeter = Arc::new(Greeter::new(plugins)?);
    let (bare, smallest) = (Bare::new(&folder.join("plugins/greeter.wasm"))?, Smallest::new()?);
    let calls = effort.calls;

    let [mut bare_cpu, mut greeter_cpu, mut smallest_cpu] = [(); 3].map(|()| Samples::default());
    let (mut alone, mut together) = (Samples::default(), Samples::default());
    // The first round warms the pool up and does not count.
    for round in 0..=effort.rounds {
        let [of_bare, of_greeter, of_smallest] = in_turn(
            calls,
            [
                &|calls| cpu_time(calls, || one.block_on(bare.calls(ENTRY, calls))),
                &|calls| cpu_time(calls, || one.block_on(greeter.calls(calls))),
                &|calls| cpu_time(calls, || one.block_on(smallest.calls(calls))),
            ],
        )?;
        let [by_one, by_two] = in_turn(
            calls,
            [&|calls| throughput(&two, &greeter, 1, calls), &|calls| throughput(&two, &greeter, 2, calls)],
        )?;
        if round > 0 {
            bare_cpu.push(of_bare);
            greeter_cpu.push(of_greeter);
            smallest_cpu.push(of_smallest);
            alone.push(by_one);
            together.push(by_two);
        }
    }
    let one_after_the_other = Cost { name: "one after the other", ratio: greeter_cpu.median_ratio(&bare_cpu) };
    println!("\nCalls: no HTTP, a fresh sandbox for each, {} x {calls} calls each\n", effort.rounds);
    let rows = [
        Row { name: "greeter in wasmtime alone", samples: bare_cpu, prototype: "1.0" },
        Row { name: "greeter in Weft", samples: greeter_cpu, prototype: "-" },
        Row { name: "smallest component", samples: smallest_cpu, prototype: "0.28" },
    ];
    println!("{}", table("CPU time per call, one thread", Unit::Microseconds, &rows));
    let between = between_requests(effort, &one, &bare, &greeter)?;
    let rows = [
        Row { name: "greeter, one thread", samples: alone, prototype: "1.0" },
        Row { name: "greeter, two threads", samples: together, prototype: "1.7" },
    ];
    println!("{}", table("calls a second", Unit::PerSecond, &rows));
    Ok(vec![one_after_the_other, between])
}

/// What one of `calls` takes by each of `runs`, which make them by slices in turn: whatever else the machine does meets
/// all of them.
fn in_turn<const N: usize>(
    calls: u32,
    runs: [&dyn Fn(u32) -> anyhow::Result<Duration>; N],
) -> anyhow::Result<[Duration; N]> {
    let slices = SLICES.min(calls);
    let mut times = [Duration::ZERO; N];
    for _ in 0..slices {
        for (time, run) in times.iter_mut().zip(runs) {
            *time += run(calls / slices)?;
        }
    }
    Ok(times.map(|time| time / slices))
}

/// The same calls with the kernel at work before each, as between two messages of a server: what a call finds in the
/// caches then is what it finds in production.
fn between_requests(effort: Effort, runtime: &Runtime, bare: &Bare, greeter: &Greeter) -> anyhow::Result<Cost> {
    let calls = effort.calls;
    let wire = Wire::new()?;
    let (mut bare_cpu, mut greeter_cpu) = (Samples::default(), Samples::default());
    let between = |calls: u32, call: &dyn Fn() -> anyhow::Result<()>| {
        cpu_time(calls, || {
            (0..calls).try_for_each(|_| {
                wire.exchange()?;
                call()
            })
        })
    };
    for round in 0..=effort.rounds {
        let [nothing, bare, greeter] = in_turn(
            calls,
            [
                &|calls| between(calls, &|| Ok(())),
                &|calls| between(calls, &|| runtime.block_on(bare.calls(ENTRY, 1))),
                &|calls| between(calls, &|| runtime.block_on(greeter.calls(1))),
            ],
        )?;
        if round > 0 {
            bare_cpu.push(bare.saturating_sub(nothing));
            greeter_cpu.push(greeter.saturating_sub(nothing));
        }
    }
    let cost = Cost { name: "between two requests", ratio: greeter_cpu.median_ratio(&bare_cpu) };
    let rows = [
        Row { name: "greeter in wasmtime alone", samples: bare_cpu, prototype: "-" },
        Row { name: "greeter in Weft", samples: greeter_cpu, prototype: "-" },
    ];
    println!("{}", table("the same between two requests", Unit::Microseconds, &rows));
    Ok(cost)
}

/// Both ends of a loopback connection.
struct Wire {
    client: TcpStream,
    server: TcpStream,
}

impl Wire {
    fn new() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        let (server, _) = listener.accept()?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        Ok(Self { client, server })
    }

    /// A request of a message's size, and an answer.
    fn exchange(&self) -> anyhow::Result<()> {
        let (mut client, mut server, mut bytes) = (&self.client, &self.server, [7; 600]);
        client.write_all(&bytes)?;
        server.read_exact(&mut bytes)?;
        server.write_all(&bytes)?;
        client.read_exact(&mut bytes)?;
        Ok(())
    }
}

/// Of one of `calls`: CPU time where the system tells it, and wall clock elsewhere.
fn cpu_time(calls: u32, run: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let (began, before) = (Instant::now(), cpu::this_thread());
    run()?;
    let used = cpu::this_thread().zip(before).map(|(after, before)| after.saturating_sub(before));
    Ok(used.unwrap_or_else(|| began.elapsed()) / calls)
}

/// The wall clock of one call when `threads` make `calls` each at once.
fn throughput(runtime: &Runtime, greeter: &Arc<Greeter>, threads: u32, calls: u32) -> anyhow::Result<Duration> {
    runtime.block_on(async {
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..threads {
            let greeter = Arc::clone(greeter);
            tasks.spawn(async move { greeter.calls(calls).await });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(began.elapsed() / (threads * calls))
    })
}

/// The platform with its plugins loaded, as a server has it.
pub(crate) async fn plugins(folder: &Path) -> anyhow::Result<Plugins> {
    let server = Server::prepare(config(folder, "data-of-calls"), Clock::system()).await?;
    let plugins = server.state().plugins.clone();
    load(&plugins).await?;
    Ok(plugins)
}

/// One message to the greeter, over and over.
struct Greeter {
    plugins: Plugins,
    target: PluginTarget,
    app: Arc<App>,
    message: Message,
}

impl Greeter {
    fn new(plugins: Plugins) -> anyhow::Result<Self> {
        Ok(Self {
            plugins,
            target: HANDLER.parse()?,
            app: Arc::new(app("plain", EncodingMode::Plain, Some(HANDLER))?),
            message: Message {
                sender: OPENID.to_owned(),
                receiver: "gh_0123456789ab".to_owned(),
                created_at: 1_700_000_000,
                id: Some(1),
                content: Content::Text(Text { content: TEXT.to_owned(), menu_id: None }),
            },
        })
    }

    async fn calls(&self, calls: u32) -> anyhow::Result<()> {
        for _ in 0..calls {
            let subject =
                Subject { app: Arc::clone(&self.app), granted: None, delivery_id: "plain/1".into(), raw: "".into() };
            let reply = self.plugins.handle(&self.target, subject, &self.message).await?;
            let greets = matches!(&reply, Some(Reply::Text(text)) if text.ends_with(TEXT));
            ensure!(greets, "the greeter answered {reply:?}");
        }
        Ok(())
    }
}
