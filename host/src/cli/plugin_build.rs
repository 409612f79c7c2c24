//! `weft plugin build`

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use serde::Serialize;
use tokio::sync::mpsc;

use super::{
    output::{OutputArgs, remark},
    plugin_check,
};
use crate::{bilingual::because, config::Config, plugins::build, storage::with_causes};

/// Editors write several files for one change: it is over when nothing happened for so long.
const QUIET: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// The folder with its Cargo.toml · Cargo.toml 所在的目录
    #[arg(default_value = ".")]
    source: PathBuf,
    /// Copy the .wasm into the plugins folder (./plugins, or --plugins-dir),
    /// where a running server takes it up
    /// · 放入插件目录（./plugins 或 --plugins-dir），运行中的服务会自动加载
    #[arg(long, verbatim_doc_comment)]
    install: bool,
    /// Build and copy it into the plugins folder, and again whenever the source changes,
    /// until Ctrl-C
    /// · 编译并放入插件目录，源码修改后自动重来，按 Ctrl-C 结束
    #[arg(long, verbatim_doc_comment)]
    watch: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// What was built.
#[derive(Serialize)]
struct Built {
    /// Where it is.
    component: PathBuf,
    bytes: u64,
    took_ms: u64,
}

pub(super) async fn run(config: &Config, args: BuildArgs) -> anyhow::Result<()> {
    if !args.watch {
        return build_once(config, &args).await;
    }
    // Before the first build: what changes during a build is built afterwards.
    let mut changes = Changes::of(Source::new(&args.source, &[&config.plugins_dir, &config.data_dir])?)?;
    loop {
        // cargo has said what is wrong; the next change may mend it.
        if let Err(error) = build_once(config, &args).await {
            remark!("weft: {}", with_causes(&*error));
        }
        remark!("waiting for a change in {} · 等待修改（Ctrl-C 结束）", args.source.display());
        changes.next().await?;
    }
}

async fn build_once(config: &Config, args: &BuildArgs) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut component = build::build(&args.source, &[]).await?;
    if args.install || args.watch {
        component = install(&component, &config.plugins_dir).await?;
    }
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let bytes = fs::metadata(&component)?.len();
    remark!("{} KiB in {:.1} s", bytes.div_ceil(1024), began.elapsed().as_secs_f32());
    if args.install || args.watch {
        tell_refusal(config, &component).await?;
    }
    let built = Built { component, bytes, took_ms };
    args.output.print(&built, || built.component.display().to_string())
}

/// Says when a server refuses a file that it is given: its own log says so, too, and the author may not see that. It may have
/// other limits than are known here, so it gets the file all the same.
async fn tell_refusal(config: &Config, component: &Path) -> anyhow::Result<()> {
    if let (_, Err(refused)) = Box::pin(plugin_check::checked(config, component)).await? {
        let text = format!("weft: a server refuses it ({0}) · 服务会拒绝加载（{0}）", refused.error.code());
        remark!("{}", because(&text, &refused.to_string()));
    }
    Ok(())
}

/// Copies it into the plugins folder; returns the whole path. A folder that was not there is no server's yet.
async fn install(component: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let folder = std::path::absolute(folder)?;
    let is_new = !folder.exists();
    let installed = build::install(component, &folder)
        .await
        .with_context(|| format!("cannot copy it into {0} · 无法复制到 {0}", folder.display()))?;
    if is_new {
        remark!(
            "made {}: a server looks into its own plugins_dir; where that is another, --plugins-dir names it\n\
             · 新建了这个目录；服务只加载自己的 plugins_dir，若不是这个目录，请用 --plugins-dir 指定",
            folder.display()
        );
    }
    Ok(installed)
}

/// Tells when a source has changed.
struct Changes {
    source: Arc<Source>,
    notify: RecommendedWatcher,
    events: mpsc::Receiver<()>,
}

impl Changes {
    fn of(source: Source) -> anyhow::Result<Self> {
        let source = Arc::new(source);
        // One waiting event is as good as many.
        let (sender, events) = mpsc::channel(1);
        let authored = Arc::clone(&source);
        let notify = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let matters = |event: notify::Event| event.paths.iter().any(|path| authored.has(path));
            if event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_)) && matters(event)) {
                let _ = sender.try_send(());
            }
        })?;
        let mut changes = Self { source, notify, events };
        changes.look()?;
        Ok(changes)
    }

    /// Waits for the end of a change.
    async fn next(&mut self) -> anyhow::Result<()> {
        self.events.recv().await.context("the system no longer reports changes · 系统不再报告文件变化")?;
        while let Ok(Some(())) = tokio::time::timeout(QUIET, self.events.recv()).await {}
        self.look()
    }

    /// Watches the folder itself, and whole only what is the author's in it: cargo's own has thousands of folders.
    fn look(&mut self) -> anyhow::Result<()> {
        let unwatchable = || format!("cannot watch {0} · 无法监视 {0}", self.source.folder.display());
        self.notify.watch(&self.source.folder, RecursiveMode::NonRecursive).with_context(unwatchable)?;
        for entry in fs::read_dir(&self.source.folder)? {
            let path = entry?.path();
            if path.is_dir() && self.source.has(&path) {
                self.notify.watch(&path, RecursiveMode::Recursive).with_context(unwatchable)?;
            }
        }
        Ok(())
    }
}

/// A plugin's source, told from what else may lie in its folder.
struct Source {
    folder: PathBuf,
    /// Folders that others write to.
    others: Vec<PathBuf>,
}

impl Source {
    fn new(folder: &Path, others: &[&Path]) -> anyhow::Result<Self> {
        let folder =
            fs::canonicalize(folder).with_context(|| format!("there is no {0} · 没有 {0}", folder.display()))?;
        // A folder that does not exist yet has no canonical path.
        let there = |folder: &Path| fs::canonicalize(folder).or_else(|_| std::path::absolute(folder)).ok();
        let others = others.iter().filter_map(|folder| there(folder)).collect();
        Ok(Self { folder, others })
    }

    /// What cargo writes, components, hidden files and the server's folders are not the author's.
    fn has(&self, path: &Path) -> bool {
        let Ok(inside) = path.strip_prefix(&self.folder) else { return false };
        let is_hidden = |part: &OsStr| part.to_string_lossy().starts_with('.');
        !inside.as_os_str().is_empty()
            && !self.others.iter().any(|folder| path.starts_with(folder))
            && !inside.starts_with("target")
            && inside != Path::new("Cargo.lock")
            && inside.extension().is_none_or(|extension| extension != "wasm")
            && !inside.iter().any(is_hidden)
    }
}

#[cfg(test)]
mod tests {
    use super::{Path, Source};

    #[test]
    fn what_the_author_writes_is_told_from_what_tools_write() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let source = Source::new(&folder, &[&folder.join("plugins"), Path::new("/elsewhere")]).unwrap();
        for authored in ["src", "src/lib.rs", "Cargo.toml", "build.rs", "words.txt", "src/target/mod.rs"] {
            assert!(source.has(&folder.join(authored)), "{authored}");
        }
        for written in ["", "target/x.rs", "Cargo.lock", ".git/HEAD", "src/.lib.rs.swp", "a.wasm", "plugins/a.txt"] {
            assert!(!source.has(&folder.join(written)), "{written}");
        }
        assert!(!source.has(Path::new("/elsewhere/src/lib.rs")));
    }
}
