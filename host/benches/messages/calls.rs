//! Plugin calls alone, without HTTP: the greeter as the dispatcher calls it, against the least that
//! a fresh sandbox costs.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use tokio::{runtime::Runtime, task::JoinSet};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    component::{Component, Linker},
};
use weft::{
    clock::Clock,
    config::PluginsConfig,
    model::{App, EncodingMode, PluginTarget},
    plugins::{Plugins, Subject, limits},
    server::Server,
};
use weft_wechat::{
    message::{Content, Message, Text},
    reply::Reply,
};

use super::{
    Effort, cpu,
    report::{Row, Samples, Unit, table},
    server::{HANDLER, app, config, load},
};

/// A component that imports nothing, and touches one page of memory.
const BARE: &str = r#"(component
    (core module $code
        (memory 1)
        (data (i32.const 0) "weft")
        (func (export "next") (param $number i32) (result i32)
            (i32.store (i32.const 8) (i32.add (local.get $number) (i32.const 1)))
            (i32.load (i32.const 8))))
    (core instance $instance (instantiate $code))
    (func (export "next") (param "number" u32) (result u32) (canon lift (core func $instance "next"))))"#;

pub(crate) fn measure(effort: Effort, folder: &Path) -> anyhow::Result<()> {
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let two = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let plugins = one.block_on(plugins(folder))?;
    let greeter = Arc::new(Greeter::new(plugins)?);
    let bare = Bare::new()?;
    let calls = effort.calls;

    let (mut bare_cpu, mut greeter_cpu) = (Samples::default(), Samples::default());
    let (mut alone, mut together) = (Samples::default(), Samples::default());
    // The first round warms the pool up and does not count.
    for round in 0..=effort.rounds {
        let samples = (
            cpu_time(calls, || one.block_on(bare.calls(calls)))?,
            cpu_time(calls, || one.block_on(greeter.calls(calls)))?,
            throughput(&two, &greeter, 1, calls)?,
            throughput(&two, &greeter, 2, calls)?,
        );
        if round > 0 {
            bare_cpu.push(samples.0);
            greeter_cpu.push(samples.1);
            alone.push(samples.2);
            together.push(samples.3);
        }
    }
    println!("\nCalls: no HTTP, a fresh sandbox for each, {} x {calls} calls each\n", effort.rounds);
    let rows = [
        Row { name: "bare component", samples: bare_cpu, prototype: "1.0" },
        Row { name: "greeter (prototype 8.6 µs)", samples: greeter_cpu, prototype: "3.6" },
    ];
    println!("{}", table("CPU time per call, one thread", Unit::Microseconds, &rows));
    between_requests(effort, &one, &bare, &greeter)?;
    let rows = [
        Row { name: "greeter, one thread", samples: alone, prototype: "1.0" },
        Row { name: "greeter, two threads", samples: together, prototype: "1.7" },
    ];
    println!("{}", table("calls a second", Unit::PerSecond, &rows));
    Ok(())
}

/// The same calls with the kernel at work before each, as between two messages of a server: what a call finds in the
/// caches then is what it finds in production.
fn between_requests(effort: Effort, runtime: &Runtime, bare: &Bare, greeter: &Greeter) -> anyhow::Result<()> {
    let calls = effort.calls;
    let mut wire = Wire::new()?;
    let (mut bare_cpu, mut greeter_cpu) = (Samples::default(), Samples::default());
    for round in 0..=effort.rounds {
        let nothing = cpu_time(calls, || (0..calls).try_for_each(|_| wire.exchange()))?;
        let bare = cpu_time(calls, || {
            (0..calls).try_for_each(|_| {
                wire.exchange()?;
                runtime.block_on(bare.calls(1))
            })
        })?;
        let greeter = cpu_time(calls, || {
            (0..calls).try_for_each(|_| {
                wire.exchange()?;
                runtime.block_on(greeter.calls(1))
            })
        })?;
        if round > 0 {
            bare_cpu.push(bare.saturating_sub(nothing));
            greeter_cpu.push(greeter.saturating_sub(nothing));
        }
    }
    let rows = [
        Row { name: "bare component", samples: bare_cpu, prototype: "-" },
        Row { name: "greeter", samples: greeter_cpu, prototype: "-" },
    ];
    println!("{}", table("the same between two requests", Unit::Microseconds, &rows));
    Ok(())
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
    fn exchange(&mut self) -> anyhow::Result<()> {
        let mut bytes = [7; 600];
        self.client.write_all(&bytes)?;
        self.server.read_exact(&mut bytes)?;
        self.server.write_all(&bytes)?;
        self.client.read_exact(&mut bytes)?;
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
async fn plugins(folder: &Path) -> anyhow::Result<Plugins> {
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
                sender: "oBenchUser0123456789abcdefgh".to_owned(),
                receiver: "gh_0123456789ab".to_owned(),
                created_at: 1_700_000_000,
                id: Some(1),
                content: Content::Text(Text { content: "weft".to_owned(), menu_id: None }),
            },
        })
    }

    async fn calls(&self, calls: u32) -> anyhow::Result<()> {
        for _ in 0..calls {
            let subject =
                Subject { app: Arc::clone(&self.app), granted: None, delivery_id: "plain/1".into(), raw: "".into() };
            let reply = self.plugins.handle(&self.target, subject, &self.message).await?;
            let greets = matches!(&reply, Some(Reply::Text(text)) if text.ends_with("weft"));
            ensure!(greets, "the greeter answered {reply:?}");
        }
        Ok(())
    }
}

/// The bare component in an engine like that of the plugins.
struct Bare {
    pre: wasmtime::component::InstancePre<()>,
}

impl Bare {
    fn new() -> anyhow::Result<Self> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(limits::INSTANCES)
            .total_core_instances(limits::INSTANCES)
            .total_memories(limits::INSTANCES)
            .total_tables(limits::INSTANCES)
            .total_stacks(limits::INSTANCES)
            .max_memory_size(64 << 20)
            .table_elements(20_000)
            .max_unused_warm_slots(limits::INSTANCES)
            .linear_memory_keep_resident(limits::KEEP_RESIDENT)
            .table_keep_resident(limits::KEEP_RESIDENT)
            .pagemap_scan(Enabled::Auto);
        let stack = limits::Limits::from(&PluginsConfig::default()).stack;
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .concurrency_support(false)
            .max_wasm_stack(stack)
            .async_stack_size(stack + limits::HOST_STACK)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config)?;
        let component = Component::new(&engine, wat::parse_str(BARE)?)?;
        Ok(Self { pre: Linker::new(&engine).instantiate_pre(&component)? })
    }

    async fn calls(&self, calls: u32) -> anyhow::Result<()> {
        for number in 0..calls {
            let mut store = Store::new(self.pre.engine(), ());
            store.set_epoch_deadline(1);
            let instance = self.pre.instantiate_async(&mut store).await?;
            let next = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "next")?;
            let (after,) = next.call_async(&mut store, (number,)).await?;
            ensure!(after == number + 1, "the bare component answered {after}");
        }
        Ok(())
    }
}
