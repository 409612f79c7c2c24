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

/// Interfaces that guests may import, without their versions. What is not here is refused when a
/// file is loaded, with its name.
pub(super) const OFFERED: &[&str] = &[
    "weft:plugin/context",
    "weft:plugin/config",
    "weft:plugin/log",
    "weft:plugin/kv",
    "weft:plugin/http",
    "weft:plugin/wechat",
    "weft:plugin/messages",
    "weft:plugin/users",
    "weft:plugin/orders",
    "weft:plugin/pay",
    "weft:plugin/types",
    "weft:plugin/message",
    "weft:plugin/reply",
    "weft:plugin/order",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
];

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

/// All that [`OFFERED`] names.
///
/// # Errors
/// When an interface is defined twice, which no input can cause.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    imported::context::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    imported::config::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    imported::log::add_to_linker::<State, HasSelf<State>>(l, |state| state)?;
    imported::kv::add_to_linker::<State, Recording>(l, recorded)?;
    imported::http::add_to_linker::<State, Recording>(l, recorded)?;
    imported::wechat::add_to_linker::<State, Recording>(l, recorded)?;
    imported::messages::add_to_linker::<State, Recording>(l, recorded)?;
    imported::users::add_to_linker::<State, Recording>(l, recorded)?;
    imported::orders::add_to_linker::<State, Recording>(l, recorded)?;
    imported::pay::add_to_linker::<State, Recording>(l, recorded)?;

    wasmtime_wasi_io::add_to_linker_async(l)?;
    clocks::wall_clock::add_to_linker::<State, WasiClocks>(l, State::clocks)?;
    clocks::monotonic_clock::add_to_linker::<State, WasiClocks>(l, State::clocks)?;
    random::random::add_to_linker::<State, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    random::insecure::add_to_linker::<State, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(l, |state| state.ctx().ctx.random())?;
    cli::environment::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::exit::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::PluginsConfig, plugins::cache::settings};

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
