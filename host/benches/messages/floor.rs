//! The least that a call of a plugin costs: the same file in wasmtime alone, in a fresh pooled instance, called with the
//! same message, without a host function, limit, count or record.

use std::path::Path;

use anyhow::{bail, ensure};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    component::{Component, InstancePre, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use weft::{config::PluginsConfig, plugins::limits};
use weft_wechat::message as wechat;

use super::calls::{OPENID, TEXT};
use bindings::{
    exports::weft::plugin::handlers::GuestIndices,
    weft::plugin::{
        message::{Content, Message, Text},
        reply::Reply,
    },
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "plugin",
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

/// A component that imports nothing, and touches one page of memory.
const SMALLEST: &str = r#"(component
    (core module $code
        (memory 1)
        (data (i32.const 0) "weft")
        (func (export "next") (param $number i32) (result i32)
            (i32.store (i32.const 8) (i32.add (local.get $number) (i32.const 1)))
            (i32.load (i32.const 8))))
    (core instance $instance (instantiate $code))
    (func (export "next") (param "number" u32) (result u32) (canon lift (core func $instance "next"))))"#;

/// An engine like that of the plugins.
pub(crate) fn engine() -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(limits::INSTANCES)
        .total_core_instances(4 * limits::INSTANCES)
        .total_memories(limits::INSTANCES)
        .total_tables(2 * limits::INSTANCES)
        .total_stacks(limits::INSTANCES)
        .max_memory_size(64 << 20)
        .table_elements(20_000)
        .max_unused_warm_slots(limits::INSTANCES)
        .linear_memory_keep_resident(limits::KEEP_RESIDENT)
        .table_keep_resident(limits::KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    let stack = limits::PlatformLimits::from(&PluginsConfig::default()).stack;
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .max_wasm_stack(stack)
        .async_stack_size(stack + limits::HOST_STACK)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

/// The smallest component.
pub(crate) struct Smallest {
    pre: InstancePre<()>,
}

impl Smallest {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let engine = engine()?;
        let component = Component::new(&engine, wat::parse_str(SMALLEST)?)?;
        Ok(Self { pre: Linker::new(&engine).instantiate_pre(&component)? })
    }

    pub(crate) async fn calls(&self, calls: u32) -> anyhow::Result<()> {
        for number in 0..calls {
            let mut store = Store::new(self.pre.engine(), ());
            store.set_epoch_deadline(1);
            let instance = self.pre.instantiate_async(&mut store).await?;
            let next = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "next")?;
            let (after,) = next.call_async(&mut store, (number,)).await?;
            ensure!(after == number + 1, "the smallest component answered {after}");
        }
        Ok(())
    }
}

/// What an instance must have to start.
struct State {
    wasi: WasiCtx,
    resources: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}

/// A plugin's file.
pub(crate) struct Bare {
    pre: InstancePre<State>,
    handlers: GuestIndices,
}

impl Bare {
    pub(crate) fn new(file: &Path) -> anyhow::Result<Self> {
        let engine = engine()?;
        let component = Component::from_file(&engine, file)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        linker.define_unknown_imports_as_traps(&component)?;
        let pre = linker.instantiate_pre(&component)?;
        Ok(Self { handlers: GuestIndices::new(&pre)?, pre })
    }

    /// Calls the handler of that name, so many times.
    pub(crate) async fn calls(&self, handler: &str, calls: u32) -> anyhow::Result<()> {
        let content = Content::Text(Text { content: TEXT.to_owned(), menu_id: None });
        let (sender, receiver) = (OPENID.to_owned(), "gh_0123456789ab".to_owned());
        let message = Message { sender, receiver, created_at: 1_700_000_000, id: Some(1), content };
        for _ in 0..calls {
            let answer = self.call(handler, &message).await?;
            ensure!(answer.ends_with(TEXT), "the bare plugin answered {answer}");
        }
        Ok(())
    }

    /// What the handler of that name answers to a text.
    pub(crate) async fn answer(&self, handler: &str, message: wechat::Message) -> anyhow::Result<String> {
        let wechat::Message { sender, receiver, created_at, id, content } = message;
        let wechat::Content::Text(text) = content else { bail!("not a text") };
        let content = Content::Text(Text { content: text.content, menu_id: text.menu_id });
        self.call(handler, &Message { sender, receiver, created_at, id, content }).await
    }

    async fn call(&self, handler: &str, message: &Message) -> anyhow::Result<String> {
        let state = State { wasi: WasiCtx::builder().build(), resources: ResourceTable::new() };
        let mut store = Store::new(self.pre.engine(), state);
        store.set_epoch_deadline(1);
        let instance = self.pre.instantiate_async(&mut store).await?;
        let handlers = self.handlers.load(&mut store, &instance)?;
        let answer = handlers.call_handle(&mut store, handler, message).await?;
        match answer {
            Ok(Some(Reply::Text(text))) => Ok(text),
            answer => bail!("the bare plugin answered {answer:?}"),
        }
    }
}
