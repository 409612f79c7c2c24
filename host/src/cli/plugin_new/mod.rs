//! `weft plugin new`: a crate for a plugin, with all that it needs to be built.
//!
//! The SDK comes out of this binary and goes into the crate, so that one who has only the binary can begin, and a crate
//! keeps building whatever happens to Weft around it. With it come the versions of its dependencies: where they are in
//! cargo's cache, no network is needed.

mod sdk;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;

use super::output::OutputArgs;

pub use sdk::Sdk;

/// What a crate begins with. `NAME` stands for its name.
const TEMPLATE: &[(&str, &str)] = &[
    (".gitignore", "/target\n"),
    ("Cargo.toml", include_str!("template/Cargo.toml.txt")),
    ("README.md", include_str!("template/README.md")),
    ("src/lib.rs", include_str!("template/lib.rs.txt")),
];

/// Where the SDK is in the crate, as in Weft's own source.
const VENDORED: &str = "vendor/weft";

/// Names that Rust or the SDK's own packages have.
const TAKEN: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The plugin's name: a-z, 0-9, `_` and `-`, a letter first · 插件名，以字母开头
    #[arg(value_parser = plugin_name)]
    name: String,
    /// The folder in which the crate's folder is made · 在哪个目录下新建
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &NewArgs, sdk: &Sdk) -> anyhow::Result<()> {
    let folder = args.dir.join(&args.name);
    make(&folder, &args.name, sdk)?;
    // cargo names files so, and a plugin is named by its file.
    let plugin = args.name.replace('-', "_");
    args.output.print(&serde_json::json!({ "folder": folder, "plugin": plugin }), || hints(&folder, &plugin))
}

/// A name that cargo and servers take.
fn plugin_name(name: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if !(begins && name.len() <= 64 && name.bytes().all(fits)) {
        return Err(format!(
            "`{name}` cannot be a plugin's name: 1 to 64 of a-z, 0-9, `_` and `-`, a letter first · `{name}` 不能用作插件名：由 1 到 64 个 a-z、0-9、`_`、`-` 组成，以字母开头"
        ));
    }
    if TAKEN.contains(&name) || name.starts_with("weft-plugin") {
        return Err(format!(
            "`{name}` is a name that Rust or Weft has already: choose another · `{name}` 已被 Rust 或 Weft 使用，请换一个"
        ));
    }
    Ok(name.to_owned())
}

/// Writes the crate beside its place and renames it there: it is there whole, or not at all.
fn make(folder: &Path, name: &str, sdk: &Sdk) -> anyhow::Result<()> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    let there = || format!("{0} is there already and stays as it is · {0} 已存在，没有改动", folder.display());
    anyhow::ensure!(fs::symlink_metadata(folder).is_err(), there());
    let unwritable = || format!("cannot write to {0} · 无法写入 {0}", parent.display());
    fs::create_dir_all(parent).with_context(unwritable)?;
    let beside = tempfile::Builder::new().prefix(".weft-new-").tempdir_in(parent).with_context(unwritable)?;
    // What is temporary may be read by nobody else; a crate is an ordinary folder.
    let whole = beside.path().join(name);
    for (path, text) in TEMPLATE {
        write(&whole.join(path), text.replace("NAME", name).as_bytes()).with_context(unwritable)?;
    }
    for (path, bytes) in sdk.files().context("the SDK in this binary · 程序内置的 SDK")? {
        write(&whole.join(VENDORED).join(path), &bytes).with_context(unwritable)?;
    }
    write(&whole.join("Cargo.lock"), sdk.lock.as_bytes()).with_context(unwritable)?;
    fs::rename(&whole, folder).with_context(there)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}

fn hints(folder: &Path, plugin: &str) -> String {
    let folder = folder.display();
    format!(
        "made {folder}: the plugin is src/lib.rs · 已创建，插件代码在 src/lib.rs

  rustup target add wasm32-wasip2
  cargo fetch --manifest-path {folder}/Cargo.toml
      both once, with a network: from then on it builds without one · 联网各执行一次，之后可离线编译
  cargo test --manifest-path {folder}/Cargo.toml
      try it without a server · 不需要服务器，先跑测试
  weft plugin test \"$(weft plugin build {folder})\" --message hi
      let it answer as a server would, without one · 不启动服务端，让它回复一条消息
  weft plugin build {folder} --watch
      build it into ./plugins, or what --plugins-dir names, now and after every change
      · 编译并放入 ./plugins 或 --plugins-dir 指定的目录，修改后自动重来
  weft app add shop --type service --appid wx… --token … --message-handler {plugin}
  weft serve
  weft simulate message --to http://127.0.0.1:8000/wechat/shop/ --token … --text hi
      let it answer an account's messages, of which the last command sends one
      · 让它回复账号收到的消息；最后一条命令像微信一样发来一条"
    )
}
