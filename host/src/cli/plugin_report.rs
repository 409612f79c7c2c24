//! Receipts for people, as `weft plugin test` and `weft plugin replay` show them.

use serde_json::Value;

use crate::plugins::{EntryKind, HostCall, Receipt};

/// How many characters are shown of what was asked of the host, and of each answer.
const SHOWN: usize = 200;

/// A heading and what stands under it; further lines stand below.
pub(super) fn line(heading: &str, text: &str) -> String {
    format!("{heading:<9} {}", text.trim_end().replace('\n', "\n          "))
}

/// Microseconds, to be read.
#[expect(clippy::cast_precision_loss, reason = "it is rounded")]
pub(super) fn milliseconds(micros: u64) -> String {
    format!("{:.2} ms", micros as f64 / 1000.0)
}

/// What came of the call, and whose it was.
pub(super) fn outcome(receipt: &Receipt) -> Vec<String> {
    let mut lines = match &receipt.error {
        Some(error) => vec![line("FAILED", &format!("{}: {error}", receipt.outcome))],
        None => vec![line("answer", &answer(receipt))],
    };
    if !receipt.backtrace.is_empty() {
        lines.push(line("backtrace", &receipt.backtrace.replace('⏎', "\n")));
    }
    let Receipt { kind, entry, plugin, version, .. } = receipt;
    lines.push(line(kind.name(), &format!("{entry} of {plugin} {version}")));
    lines
}

/// What the plugin answered, in short.
pub(super) fn answer(receipt: &Receipt) -> String {
    if receipt.kind == EntryKind::Page {
        return receipt.answer.as_ref().map_or_else(|| "nothing".to_owned(), page);
    }
    match (receipt.reply(), &receipt.answer) {
        (Some(weft_wechat::reply::Reply::Text(text)), _) => text,
        (_, None | Some(Value::Null)) => "nothing".to_owned(),
        (_, Some(answer)) => answer.to_string(),
    }
}

/// A page as it goes over the wire.
fn page(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let headers = answer["headers"].as_array().into_iter().flatten();
    let headers = headers.map(|header| format!("{}: {}\n", text(&header[0]), text(&header[1])));
    let body = match &answer["body"] {
        Value::Array(_) => String::new(),
        body => body.get("$text").map_or_else(|| text(body), text),
    };
    format!("{}\n{}\n{body}", answer["status"], headers.collect::<String>())
}

/// Memory and instructions.
pub(super) fn used(receipt: &Receipt) -> Vec<String> {
    let memory = line("memory", &format!("{} KiB", receipt.used.memory_bytes >> 10));
    let fuel = receipt.used.fuel.map(|fuel| line("fuel", &format!("{fuel} instructions")));
    [memory].into_iter().chain(fuel).collect()
}

/// What was asked of the host, and what was logged.
pub(super) fn events(receipt: &Receipt) -> Vec<String> {
    let calls = receipt.host_calls.iter().map(|call| line("host", &host_call(call)));
    let more = (receipt.host_calls_more > 0).then(|| line("host", &format!("… and {} more", receipt.host_calls_more)));
    let logs = receipt.logs.iter().map(|logged| line("log", &format!("{:<5} {}", logged.level.name(), logged.text)));
    calls.chain(more).chain(logs).collect()
}

/// One thing that was asked, with its answer.
pub(super) fn host_call(call: &HostCall) -> String {
    let shown =
        |value: &Option<Value>| value.as_ref().map_or_else(|| "…".to_owned(), |value| short(&value.to_string()));
    let (arguments, answer) = (shown(&call.arguments), shown(&call.answer));
    format!("{} {arguments} → {answer} ({}, {})", call.function, call.outcome, milliseconds(call.took_us))
}

fn short(text: &str) -> String {
    if text.chars().count() <= SHOWN { text.to_owned() } else { text.chars().take(SHOWN).chain(['…']).collect() }
}
