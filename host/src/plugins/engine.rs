//! The wasmtime engines: their settings, and what guests may import.

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    component::{HasSelf, Linker},
};
use wasmtime_wasi::{
    WasiView,
    cli::{WasiCli, WasiCliView},
    clocks::{WasiClocks, WasiClocksView},
    p2::bindings::{cli, clocks, random},
    random::WasiRandom,
};

use super::{
    bindings::imported,
    host::{Recording, recorded},
    instance::State,
    limits::{self, PlatformLimits},
};
use crate::{machine, plugin_limits::PluginLimits};

/// Connects an interface with what answers it.
type Link = fn(&mut Linker<State>) -> wasmtime::Result<()>;

/// For an interface that has only types, or is linked with another one.
const NOTHING: Link = |_| Ok(());

/// Interfaces that guests may import, without their versions, and what links each of them. What is not here is refused
/// when a file is loaded, with its name.
const OFFERED: &[(&str, Link)] = &[
    ("weft:plugin/context", |linker| imported::context::add_to_linker::<State, HasSelf<State>>(linker, |state| state)),
    ("weft:plugin/config", |linker| imported::config::add_to_linker::<State, HasSelf<State>>(linker, |state| state)),
    ("weft:plugin/log", |linker| imported::log::add_to_linker::<State, HasSelf<State>>(linker, |state| state)),
    ("weft:plugin/kv", |linker| imported::kv::add_to_linker::<State, Recording>(linker, recorded)),
    ("weft:plugin/http", |linker| imported::http::add_to_linker::<State, Recording>(linker, recorded)),
    ("weft:plugin/wechat", |linker| imported::wechat::add_to_linker::<State, Recording>(linker, recorded)),
    ("weft:plugin/messages", |linker| imported::messages::add_to_linker::<State, Recording>(linker, recorded)),
    ("weft:plugin/users", |linker| imported::users::add_to_linker::<State, Recording>(linker, recorded)),
    ("weft:plugin/orders", |linker| imported::orders::add_to_linker::<State, Recording>(linker, recorded)),
    ("weft:plugin/pay", |linker| imported::pay::add_to_linker::<State, Recording>(linker, recorded)),
    ("weft:plugin/types", NOTHING),
    ("weft:plugin/message", NOTHING),
    ("weft:plugin/reply", NOTHING),
    ("weft:plugin/order", NOTHING),
    // Links the other two of `wasi:io` as well.
    ("wasi:io/error", wasmtime_wasi_io::add_to_linker_async::<State>),
    ("wasi:io/poll", NOTHING),
    ("wasi:io/streams", NOTHING),
    ("wasi:clocks/monotonic-clock", |linker| {
        clocks::monotonic_clock::add_to_linker::<State, WasiClocks>(linker, State::clocks)
    }),
    ("wasi:clocks/wall-clock", |linker| clocks::wall_clock::add_to_linker::<State, WasiClocks>(linker, State::clocks)),
    ("wasi:random/random", |linker| {
        random::random::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())
    }),
    ("wasi:random/insecure", |linker| {
        random::insecure::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())
    }),
    ("wasi:random/insecure-seed", |linker| {
        random::insecure_seed::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())
    }),
    ("wasi:cli/environment", |linker| cli::environment::add_to_linker::<State, WasiCli>(linker, State::cli)),
    ("wasi:cli/exit", |linker| cli::exit::add_to_linker::<State, WasiCli>(linker, State::cli)),
    ("wasi:cli/stdin", |linker| cli::stdin::add_to_linker::<State, WasiCli>(linker, State::cli)),
    ("wasi:cli/stdout", |linker| cli::stdout::add_to_linker::<State, WasiCli>(linker, State::cli)),
    ("wasi:cli/stderr", |linker| cli::stderr::add_to_linker::<State, WasiCli>(linker, State::cli)),
    ("wasi:cli/terminal-input", |linker| cli::terminal_input::add_to_linker::<State, WasiCli>(linker, State::cli)),
    ("wasi:cli/terminal-output", |linker| cli::terminal_output::add_to_linker::<State, WasiCli>(linker, State::cli)),
    ("wasi:cli/terminal-stdin", |linker| cli::terminal_stdin::add_to_linker::<State, WasiCli>(linker, State::cli)),
    ("wasi:cli/terminal-stdout", |linker| cli::terminal_stdout::add_to_linker::<State, WasiCli>(linker, State::cli)),
    ("wasi:cli/terminal-stderr", |linker| cli::terminal_stderr::add_to_linker::<State, WasiCli>(linker, State::cli)),
];

/// Whether guests may import the interface of this name.
pub(super) fn offers(interface: &str) -> bool {
    OFFERED.iter().any(|(name, _)| *name == interface)
}

/// Makes so many engines, each with a pool for so many instances where the system has the address space for them. No
/// instance can grow beyond the ceilings of `limits`, nor its stack beyond theirs.
///
/// # Errors
/// When wasmtime cannot run on this machine at all.
pub(super) fn engines(
    limits: &PlatformLimits,
    counts_fuel: bool,
    pools: usize,
    instances: u32,
) -> wasmtime::Result<Box<[Engine]>> {
    let engines = |strategy: InstanceAllocationStrategy| {
        let mut config = config(counts_fuel);
        config.max_wasm_stack(limits.stack).async_stack_size(limits.stack + limits::HOST_STACK);
        config.allocation_strategy(strategy);
        (0..pools).map(|_| Engine::new(&config)).collect::<wasmtime::Result<_>>()
    };
    engines(pool(&limits.ceilings, instances)).or_else(|error| {
        tracing::warn!(
            %error,
            "no address space for pools of plugin instances (is `ulimit -v` set?): calls will be slower"
        );
        engines(InstanceAllocationStrategy::OnDemand)
    })
}

/// An engine that only compiles: its code runs on those of [`engines`], which differ in how instances are placed
/// and how much stack they have.
///
/// # Errors
/// When wasmtime cannot compile for this machine.
pub(super) fn compiling(counts_fuel: bool) -> wasmtime::Result<Engine> {
    Engine::new(config(counts_fuel).allocation_strategy(InstanceAllocationStrategy::OnDemand))
}

fn config(counts_fuel: bool) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(counts_fuel)
        .epoch_interruption(true)
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false);
    config
}

fn pool(ceilings: &PluginLimits, instances: u32) -> InstanceAllocationStrategy {
    let core_instances = u32::try_from(ceilings.core_instances).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(core_instances.saturating_mul(instances))
        .total_memories(limits::MEMORIES * instances)
        .total_tables(limits::TABLES * instances)
        .total_stacks(instances)
        .max_core_instances_per_component(core_instances)
        .max_memories_per_component(limits::MEMORIES)
        .max_tables_per_component(limits::TABLES)
        .max_memory_size(limits::mib(ceilings.memory_mib))
        .table_elements(limits::count(ceilings.table_elements))
        .max_unused_warm_slots(instances)
        .linear_memory_keep_resident(limits::KEEP_RESIDENT)
        .table_keep_resident(limits::KEEP_RESIDENT)
        .pagemap_scan(scan());
    InstanceAllocationStrategy::Pooling(pool)
}

/// Whether the kernel is asked which pages an instance has written, so that only those are made new. Not where it may
/// have put some of them onto a disk: wasmtime passes over those (its pull request 14357), and the next instance would
/// find what is in them.
fn scan() -> Enabled {
    if !machine::may_swap() {
        return Enabled::Auto;
    }
    tracing::info!(
        "the system may swap: each call of a plugin takes some microseconds more for a fresh memory (without swap for \
         Weft, MemorySwapMax=0 in systemd, it does not)"
    );
    Enabled::No
}

/// A linker with all that is [offered](OFFERED).
///
/// # Errors
/// When an interface is defined twice, which no input can cause.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    for (_, link) in OFFERED {
        link(&mut linker)?;
    }
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::PluginsConfig, plugins::cache::settings};

    #[test]
    fn all_that_the_contract_lets_plugins_import_is_offered() {
        let world = include_str!("../../../wit/world.wit");
        let imports = world.lines().filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';'));
        let (offered, missing): (Vec<_>, Vec<_>) = imports.partition(|name| offers(&format!("weft:plugin/{name}")));
        assert!(offered.len() >= 10 && missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn compiled_code_fits_whatever_the_stack() {
        let with = |stack_kib| {
            let limits = PlatformLimits::from(&PluginsConfig { stack_kib, ..PluginsConfig::default() });
            settings(&engines(&limits, false, 1, 8).unwrap()[0])
        };
        assert_eq!(with(64), with(8192));
        assert_eq!(with(512), settings(&compiling(false).unwrap()));
        assert_ne!(with(512), settings(&compiling(true).unwrap()), "what is compiled otherwise is told from it");
    }
}
