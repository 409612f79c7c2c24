//! Components written by hand, which do what no compiler would make them do.

use std::{fmt::Write, path::Path};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where a guest keeps what the host hands it; the host's arguments go to what lies behind, for 64 KiB.
const HEAP: u32 = 65_536;

/// A plugin whose parts are WebAssembly text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HandMade {
    /// What the handler does; it leaves the address of the answer. At 4096 there are zeros, which answer nothing: of
    /// `result<option<reply>, error>`, the three discriminants stand at 0, 8 and 12, and a text's address and length,
    /// or a list's, at 16 and 20. `(call $tell (i32.const 42))` answers a number.
    pub handle: &'static str,
    /// What gives the host room for its arguments: the body of a function of four numbers.
    pub realloc: &'static str,
    /// What runs when the host has read the answer.
    pub post_return: &'static str,
    /// What runs when an instance is made.
    pub start: &'static str,
    /// What `manifest.describe` does; it leaves the address of the description, which stands at 1024.
    pub describe: &'static str,
    /// More of the module: globals, tables, functions, data.
    pub more: &'static str,
    /// Pages of memory at first.
    pub pages: u32,
    /// Pages that it may have at most by itself.
    pub most_pages: Option<u32>,
    /// More interfaces of weft:plugin that it exports. `more` has their functions, in whose names VERSION stands for the
    /// contract's.
    pub interfaces: &'static [&'static str],
}

impl HandMade {
    /// Answers nothing, and does so well.
    pub(crate) const PLAIN: Self = Self {
        handle: "i32.const 4096",
        // Aligned to eight, and never given back.
        realloc: "global.get $next global.get $next local.get 3 i32.add i32.const 7 i32.add i32.const -8 i32.and global.set $next",
        post_return: "",
        start: "",
        describe: "i32.const 1024",
        more: "",
        pages: 16,
        most_pages: None,
        interfaces: &[],
    };

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let (contract, _) = resolve.push_dir(&wit).unwrap();
        let version = resolve.packages[contract].name.version.clone().unwrap();
        let interfaces = ["manifest", "handlers"].into_iter().chain(self.interfaces.iter().copied());
        let exports: Vec<_> = interfaces.map(|name| format!("export weft:plugin/{name}@{version};")).collect();
        let world = format!("package hand:made; world plugin {{ {} }}", exports.join(" "));
        let package = resolve.push_str("hand.wit", &world).unwrap();
        let world = resolve.select_world(&[package], Some("plugin")).unwrap();
        let mut module = wat::parse_str(self.module(&version.to_string())).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
        ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
    }

    fn module(&self, version: &str) -> String {
        let Self { handle, realloc, post_return, start, describe, more, pages, most_pages, interfaces: _ } = self;
        let most_pages = most_pages.map(|most| most.to_string()).unwrap_or_default();
        let (description, more) = (text(&description()), more.replace("VERSION", version));
        format!(
            r#"(module
                (memory (export "memory") {pages} {most_pages})
                (global $next (mut i32) (i32.const {HEAP}))
                (data (i32.const 1024) "{description}")
                {more}
                (func $start {start})
                (start $start)
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func (export "weft:plugin/manifest@{version}#describe") (result i32) {describe})
                (func (export "weft:plugin/handlers@{version}#handle") (param i32) (result i32) {handle})
                (func (export "cabi_post_weft:plugin/handlers@{version}#handle") (param i32) {post_return})
                {TELL}
            )"#
        )
    }
}

/// Answers a number, in decimal digits that end at 4160.
const TELL: &str = "(func $tell (param $number i32) (result i32) (local $at i32)
    (local.set $at (i32.const 4160))
    (loop $digit
        (local.set $at (i32.sub (local.get $at) (i32.const 1)))
        (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
        (br_if $digit (local.tee $number (i32.div_u (local.get $number) (i32.const 10)))))
    (i32.store8 (i32.const 4104) (i32.const 1))
    (i32.store (i32.const 4112) (local.get $at))
    (i32.store (i32.const 4116) (i32.sub (i32.const 4160) (local.get $at)))
    i32.const 4096)";

/// The record `description` as it stands in memory from 1024 on: one handler, called `hand`.
fn description() -> Vec<u8> {
    let mut bytes = vec![0; 120 + 32];
    let mut put = |at: usize, number: u32| bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    let (entry, name) = (1024 + 120, 1024 + 120 + 32);
    // The plugin's name, and the list of handlers.
    for (at, address, length) in [(0, name, 4), (24, entry, 1), (120, name, 4)] {
        put(at, address);
        put(at + 4, length);
    }
    bytes.extend_from_slice(b"hand");
    bytes
}

/// As the text format writes bytes.
fn text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "\\{byte:02x}").unwrap();
        text
    })
}
