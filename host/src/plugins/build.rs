//! Builds a plugin's source with cargo, as its author would by hand.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde::Deserialize;
use tokio::process::Command;

/// What plugins are compiled to.
pub const TARGET: &str = "wasm32-wasip2";

/// Variables of an outer cargo or of a coverage tool, which would change what the inner one builds.
const NOT_INHERITED: &[&str] = &[
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_MANIFEST_DIR",
    "LLVM_PROFILE_FILE",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No cargo or rustc.
    #[error(
        "`{program}` does not start: {source}; install Rust with rustup · 无法运行 `{program}`：请用 rustup 安装 Rust"
    )]
    NoRust {
        /// cargo or rustc.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The target's standard library is missing and could not be added.
    #[error(
        "the Rust target {TARGET} is missing: run `rustup target add {TARGET}` · 缺少 Rust 编译目标 {TARGET}：请执行 `rustup target add {TARGET}`"
    )]
    NoTarget,
    /// There is nothing to build.
    #[error("there is no Cargo.toml in {folder}: name the plugin's folder, or begin a plugin with `weft plugin new NAME` · {folder} 中没有 Cargo.toml：请指定插件的目录，或用 `weft plugin new NAME` 新建插件", folder = .0.display())]
    NoManifest(PathBuf),
    /// cargo said why on standard error.
    #[error("cargo could not build {folder} · cargo 编译 {folder} 失败", folder = .0.display())]
    Failed(PathBuf),
    /// The package has no cdylib.
    #[error("{folder} built, and made no .wasm: its Cargo.toml needs `[lib] crate-type = [\"cdylib\"]` · {folder} 编译后没有 .wasm：Cargo.toml 需要 `[lib] crate-type = [\"cdylib\"]`", folder = .0.display())]
    NoComponent(PathBuf),
}

/// Builds the package in `folder` in release mode and returns where its .wasm is. cargo's progress
/// goes to standard error.
///
/// # Errors
/// When the tools are missing or the source does not build.
pub async fn build(folder: &Path, features: &[&str]) -> Result<PathBuf, BuildError> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(BuildError::NoManifest(folder.to_owned()));
    }
    ensure_target().await?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(&manifest);
    if !features.is_empty() {
        cargo.arg("--features").arg(features.join(","));
    }
    for variable in NOT_INHERITED {
        cargo.env_remove(variable);
    }
    let no_cargo = |source| BuildError::NoRust { program: "cargo", source };
    // `output()` would take standard error away from who waits, and with it what the compiler says.
    let cargo = cargo.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().map_err(no_cargo)?;
    let output = cargo.wait_with_output().await.map_err(no_cargo)?;
    if !output.status.success() {
        return Err(BuildError::Failed(folder.to_owned()));
    }
    let manifest = std::fs::canonicalize(&manifest).unwrap_or(manifest);
    component(&String::from_utf8_lossy(&output.stdout), &manifest)
        .ok_or_else(|| BuildError::NoComponent(folder.to_owned()))
}

/// Adds the target when it is missing; without rustup, or without a network, says how.
async fn ensure_target() -> Result<(), BuildError> {
    let library = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|source| BuildError::NoRust { program: "rustc", source })?;
    let folder = PathBuf::from(String::from_utf8_lossy(&library.stdout).trim());
    if library.status.success() && folder.is_dir() {
        return Ok(());
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).stdin(Stdio::null()).status().await;
    if added.is_ok_and(|status| status.success()) { Ok(()) } else { Err(BuildError::NoTarget) }
}

/// What of cargo's messages matters here.
#[derive(Deserialize)]
struct CargoMessage {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

fn component(messages: &str, manifest: &Path) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<CargoMessage>(line).ok())
        .filter(|message| message.reason == "compiler-artifact" && message.manifest_path == manifest)
        .flat_map(|message| message.filenames)
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

/// Copies a component into the plugins folder in one step; returns where it is now.
///
/// # Errors
/// When a file cannot be read or written.
pub async fn install(component: &Path, folder: &Path) -> io::Result<PathBuf> {
    let file =
        component.file_name().ok_or_else(|| io::Error::other("the component has no file name · 组件没有文件名"))?;
    let bytes = tokio::fs::read(component).await?;
    let (folder, file) = (folder.to_owned(), folder.join(file));
    tokio::fs::create_dir_all(&folder).await?;
    let installed = file.clone();
    tokio::task::spawn_blocking(move || super::folder::place(&folder, &file, &bytes))
        .await
        .map_err(io::Error::other)??;
    Ok(installed)
}
