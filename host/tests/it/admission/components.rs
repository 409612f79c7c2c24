//! Components that no compiler makes.

use wasm_encoder::{
    BlockType, CodeSection, Component, ComponentSection, EntityType, Function, FunctionSection, ImportSection,
    Instruction, Module, ModuleSection, NestedComponentSection, RawSection, TypeSection, ValType,
};

/// From WebAssembly as text.
pub(super) fn component(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {text})")).unwrap()
}

/// One that exports these, each with nothing in it.
pub(super) fn exporting(names: &[&str]) -> Vec<u8> {
    let exports = names.iter().map(|name| format!("(export \"{name}\" (instance $nothing))"));
    component(&format!("(instance $nothing) {}", exports.collect::<String>()))
}

/// One that is a plugin by its name, and imports these.
pub(super) fn importing(names: &[&str]) -> Vec<u8> {
    let imports = names.iter().map(|name| format!("(import \"{name}\" (instance))"));
    component(&format!(
        "{} (instance $nothing) (export \"weft:plugin/manifest@1.0.0\" (instance $nothing))",
        imports.collect::<String>()
    ))
}

/// One whose manifest has a function `describe` of no type that there is, with this in its core module.
pub(super) fn describing(core: &str) -> Vec<u8> {
    component(&format!(
        r#"(core module $m (func (export "d")) {core})
           (core instance $c (instantiate $m))
           (func $d (canon lift (core func $c "d")))
           (instance $i (export "describe" (func $d)))
           (export "weft:plugin/manifest@1.0.0" (instance $i))"#
    ))
}

/// A plugin by its name, with so many instances of a core module.
pub(super) fn instances(core: &str, count: usize) -> Vec<u8> {
    component(&format!(
        r#"(core module $m {core}) {}
           (instance $nothing) (export "weft:plugin/manifest@1.0.0" (instance $nothing))"#,
        "(core instance (instantiate $m)) ".repeat(count)
    ))
}

/// A plugin by its name, with a module in it.
pub(super) fn holding(module: &Module) -> Vec<u8> {
    let mut bytes = importing(&[]);
    ModuleSection(module).append_to_component(&mut bytes);
    bytes
}

/// A module with so many functions, each with this body.
pub(super) fn functions(count: u32, body: &Function) -> Module {
    let (mut types, mut functions, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([ValType::I32], []);
    for _ in 0..count {
        functions.function(0);
        code.function(body);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    module
}

/// A body of nothing.
pub(super) fn empty_body() -> Function {
    let mut body = Function::new([]);
    body.instruction(&Instruction::End);
    body
}

/// A body of so many bytes that do nothing.
pub(super) fn long_body(bytes: usize) -> Function {
    let mut body = Function::new([]);
    body.raw(std::iter::repeat_n(0x01, bytes));
    body.instruction(&Instruction::End);
    body
}

/// A body with so many blocks within each other.
pub(super) fn deep_body(depth: u32) -> Function {
    let mut body = Function::new([]);
    for _ in 0..depth {
        body.instruction(&Instruction::Block(BlockType::Empty));
    }
    for _ in 0..=depth {
        body.instruction(&Instruction::End);
    }
    body
}

/// A body that gives a compiler something to do.
pub(super) fn busy_body() -> Function {
    let mut body = Function::new([(1, ValType::I64)]);
    for step in 0..60 {
        body.instruction(&Instruction::LocalGet(1));
        body.instruction(&Instruction::I64Const(step));
        body.instruction(&Instruction::I64Add);
        body.instruction(&Instruction::LocalSet(1));
    }
    body.instruction(&Instruction::End);
    body
}

/// A body for which a compiler needs all memory that there is: many ways through it, and on each other values to remember.
pub(super) fn bomb_body(branches: u32) -> Function {
    const LOCALS: u32 = 2000;
    let mut body = Function::new([(LOCALS, ValType::I64)]);
    for branch in 0..branches {
        let local = |at: u32| 1 + at.wrapping_mul(2_654_435_761) % LOCALS;
        body.instruction(&Instruction::LocalGet(0));
        body.instruction(&Instruction::If(BlockType::Empty));
        body.instruction(&Instruction::LocalGet(local(branch)));
        body.instruction(&Instruction::LocalGet(local(branch + 1)));
        body.instruction(&Instruction::I64Add);
        body.instruction(&Instruction::LocalSet(local(branch + 2)));
        body.instruction(&Instruction::End);
    }
    body.instruction(&Instruction::End);
    body
}

/// Components within each other.
pub(super) fn nested(depth: u32) -> Vec<u8> {
    let mut component = Component::new();
    for _ in 0..depth {
        let mut outer = Component::new();
        outer.section(&NestedComponentSection(&component));
        component = outer;
    }
    component.finish()
}

/// A plugin by its name, with so many modules.
pub(super) fn modules(count: u32) -> Vec<u8> {
    let mut component = Component::new();
    for _ in 0..count {
        component.section(&ModuleSection(&Module::new()));
    }
    component.finish()
}

/// A module that says that it has far more types than there are bytes.
pub(super) fn lying_module() -> Module {
    let mut module = Module::new();
    module.section(&RawSection { id: 1, data: &[0xff, 0xff, 0xff, 0xff, 0x0f] });
    module
}

/// A module that needs the host's memory, as WASI's first version did.
pub(super) fn core_module() -> Vec<u8> {
    let mut imports = ImportSection::new();
    let mut types = TypeSection::new();
    types.ty().function([], []);
    imports.import("wasi_snapshot_preview1", "proc_exit", EntityType::Function(0));
    let mut module = Module::new();
    module.section(&types).section(&imports);
    module.finish()
}
