//! `weft plugin replay`: a recorded call made again, on the version that it ran on or on another one, with the recorded
//! answers of the host.
//!
//! As with `weft plugin test`, the exit code says whether the call goes well: of one that failed, a replay tells whether a
//! version mends it. That the answer is the same as before is in what is printed.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::{output::OutputArgs, plugin_options as options, plugin_report as report, plugin_runtime::Runtime};
use crate::{
    bilingual::because,
    config::{Config, PluginsConfig},
    json_object::JsonObject,
    plugins::{Receipt, digest, kept_file},
    server,
    simulator::http_client,
};

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// A file with a receipt, or PLUGIN/ID of one that a server has
    /// (GET /api/v1/plugins/PLUGIN/receipts lists them)
    /// · 调用记录的文件，或服务端上某条记录的 PLUGIN/ID
    #[arg(value_name = "RECEIPT", verbatim_doc_comment)]
    receipt: String,
    /// The .wasm to run; without, the version that ran,
    /// if it is in the plugins folder or kept in the data folder
    /// · 要运行的 .wasm，默认为插件目录或数据目录中的同一版本
    #[arg(long, value_name = "NEW.wasm", verbatim_doc_comment)]
    file: Option<PathBuf>,
    /// What the operator had set, as JSON: a receipt hides secrets
    /// · 插件当时的配置（JSON）：记录中的密钥已隐藏
    #[arg(long, value_name = "JSON", value_parser = options::plugin_config, verbatim_doc_comment)]
    plugin_config: Option<JsonObject>,
    /// The server's admin address; the one of the configuration without
    /// · 服务端的管理地址，默认取自配置
    #[arg(long, value_name = "URL", verbatim_doc_comment)]
    server: Option<String>,
    /// A token for the admin API · 管理接口的令牌
    #[arg(long, env = "WEFT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

/// What came of it both times.
#[derive(Serialize)]
struct Replayed {
    before: Receipt,
    after: Receipt,
    /// What is not the same.
    differences: Vec<String>,
}

pub(super) async fn run(config: &Config, args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let before = receipt(config, &args).await?;
    let file = match &args.file {
        Some(file) => file.clone(),
        None => same_version(config, &before)?,
    };
    let mut given = before.clone();
    if let Some(config) = &args.plugin_config {
        given.config = Value::Object(config.read());
    }
    let runtime = Runtime::load(&within(config, &before), &before.plugin, &file, false).await?;
    let after = runtime.plugins.replay(&runtime.loaded, &given).await?;
    runtime.close().await?;
    let differences = differences(&before, &after);
    let replayed = Replayed { before, after, differences };
    args.output.print(&replayed, || text(&replayed, &given))?;
    Ok(if replayed.after.error.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The configuration, with as much for the file as the call had, and not beyond the ceilings.
fn within(config: &Config, receipt: &Receipt) -> Config {
    let PluginsConfig { limits, ceilings, .. } = &config.plugins;
    let limits = limits.max(&receipt.limits.min(&ceilings.0));
    Config { plugins: PluginsConfig { limits, ..config.plugins.clone() }, ..config.clone() }
}

/// From a file, or from the server.
async fn receipt(config: &Config, args: &ReplayArgs) -> anyhow::Result<Receipt> {
    let named = args.receipt.as_str();
    let text = if Path::new(named).is_file() {
        std::fs::read_to_string(named).with_context(|| named.to_owned())?
    } else if let Some((plugin, id)) = named.split_once('/').filter(|(_, id)| !id.contains(['/', '.'])) {
        fetch(config, args, plugin, id).await?
    } else {
        bail!("{named}: no file is there, and it is not PLUGIN/ID · 没有 {named} 这个文件，它也不是 PLUGIN/ID");
    };
    serde_json::from_str(&text).with_context(|| {
        format!("{named} is not a receipt of this version of Weft · {named} 不是这个版本的 Weft 的调用记录")
    })
}

async fn fetch(config: &Config, args: &ReplayArgs, plugin: &str, id: &str) -> anyhow::Result<String> {
    let needed = "a receipt of a server needs --token or WEFT_TOKEN · 读取服务端的调用记录需要 --token 或 WEFT_TOKEN";
    let token = args.token.as_ref().context(needed)?;
    let base = match &args.server {
        Some(server) => server.trim_end_matches('/').to_owned(),
        None => format!("http://{}", reachable(config.admin_listen.unwrap_or(config.listen))),
    };
    let url = format!("{base}/api/v1/plugins/{plugin}/receipts/{id}");
    let response = http_client()?.get(&url).bearer_auth(token).send().await.context(
        "the server does not answer: --server says where another is · 服务没有响应：可用 --server 指定它的管理地址",
    )?;
    let (status, text) = (response.status(), response.text().await?);
    if !status.is_success() {
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        let answered = format!("{url} was answered {status} · {url} 返回 {status}");
        bail!(because(&answered, problem["detail"].as_str().unwrap_or(&text)));
    }
    Ok(text)
}

/// An address to connect to, of one to listen on.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    address
}

/// The file of the version that ran: where it was replaced since, a server on this machine has kept it.
fn same_version(config: &Config, receipt: &Receipt) -> anyhow::Result<PathBuf> {
    let kept = kept_file(&server::kept_versions(config), &receipt.plugin, &receipt.digest);
    if std::fs::read(&kept).is_ok_and(|bytes| digest(&bytes) == receipt.digest) {
        return Ok(kept);
    }
    let file = config.plugins_dir.join(format!("{}.wasm", receipt.plugin));
    let bytes = std::fs::read(&file)
        .with_context(|| format!("{}: name the .wasm with --file · 请用 --file 指定 .wasm 文件", file.display()))?;
    ensure!(
        digest(&bytes) == receipt.digest,
        "{0} is another version than the one that ran: name one with --file · {0} 不是当时运行的版本，请用 --file 指定",
        file.display()
    );
    Ok(file)
}

/// What of the two came out differently, in words.
fn differences(before: &Receipt, after: &Receipt) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |what: &str, before: String, after: String| {
        if before != after {
            differences.push(format!("{what}: {before} → {after}"));
        }
    };
    compare("outcome", before.outcome.clone(), after.outcome.clone());
    compare("error", error(before), error(after));
    compare("answer", report::answer(before), report::answer(after));
    let asked = |receipt: &Receipt| {
        let calls = receipt.host_calls.iter().map(|call| match &call.arguments {
            Some(arguments) => format!("{} {arguments}", call.function),
            None => call.function.clone(),
        });
        calls.collect::<Vec<_>>()
    };
    differences.extend(changed("host", &asked(before), &asked(after)));
    let logged = |receipt: &Receipt| {
        let lines = receipt.logs.iter().map(|line| format!("{} {}", line.level.name(), line.text));
        lines.collect::<Vec<_>>()
    };
    differences.extend(changed("log", &logged(before), &logged(after)));
    differences
}

fn error(receipt: &Receipt) -> String {
    receipt.error.clone().unwrap_or_else(|| "none".to_owned())
}

/// What is in one list and not in the other, or not as often; or that it is in another order.
fn changed(what: &str, before: &[String], after: &[String]) -> Vec<String> {
    let only = |these: &[String], those: &[String], sign: char| {
        let mut those: Vec<_> = those.iter().collect();
        let only = these.iter().filter(|text| {
            let place = those.iter().position(|other| other == text);
            place.map(|place| those.swap_remove(place)).is_none()
        });
        only.map(|text| format!("{what}: {sign} {text}")).collect::<Vec<_>>()
    };
    let changed = [only(before, after, '-'), only(after, before, '+')].concat();
    if changed.is_empty() && before != after {
        return vec![format!("{what}: in another order · 顺序不同")];
    }
    changed
}

/// Both calls beside each other, of which the second had what is `given`.
fn text(replayed: &Replayed, given: &Receipt) -> String {
    let Replayed { before, after, differences } = replayed;
    let mut lines = vec![report::line("receipt", &format!("{}/{} of {}", before.plugin, before.id, before.at))];
    let versions = if before.digest == after.digest {
        format!("{} ({:.12}), the one that ran · 当时运行的版本", after.version, after.digest)
    } else {
        format!("{} ({:.12}), before {} ({:.12})", after.version, after.digest, before.version, before.digest)
    };
    lines.push(report::line("version", &versions));
    for (when, receipt) in [("before", before), ("after", after)] {
        lines.push(format!("\n{when}"));
        lines.extend(report::outcome(receipt));
        let (took, cpu) = (report::milliseconds(receipt.used.took_us), report::milliseconds(receipt.used.cpu_us));
        lines.push(report::line("time", &format!("{took} ({cpu} of CPU)")));
        lines.extend(report::used(receipt));
        lines.extend(report::events(receipt));
    }
    lines.push(String::new());
    if differences.is_empty() {
        lines.push("no differences · 没有差异".to_owned());
    }
    lines.extend(differences.iter().map(|difference| report::line("differs", difference)));
    if differences.is_empty() && after.error.is_some() {
        lines.push("it fails as it did before · 与当时一样失败".to_owned());
    }
    if !differences.is_empty() {
        lines.extend(hidden(given).map(|hint| report::line("hint", hint)));
    }
    lines.join("\n")
}

/// What of a receipt is hidden, so that the call may have gone otherwise, and how it is said.
fn hidden(receipt: &Receipt) -> impl Iterator<Item = &'static str> {
    let hints = [
        (
            receipt.hides_config(),
            "secrets of the configuration are hidden in the receipt: --plugin-config says them · 记录中隐藏了配置里的密钥：可用 --plugin-config 提供",
        ),
        (
            receipt.hides_input(),
            "what the plugin was given has fields with names of secrets, which are hidden in the receipt: save it, put them back into its `input`, and replay the file · 插件收到的内容里，名字像密钥的字段在记录中已隐藏：请保存记录，把它们写回 `input`，再重放这个文件",
        ),
        (
            receipt.hides_answers(),
            "what the host answered has fields with names of secrets, which are hidden in the receipt: save it, put them back into the answers of its `host_calls`, and replay the file · 宿主的应答里，名字像密钥的字段在记录中已隐藏：请保存记录，把它们写回 `host_calls` 的 answer，再重放这个文件",
        ),
    ];
    hints.into_iter().filter_map(|(is_hidden, hint)| is_hidden.then_some(hint))
}
