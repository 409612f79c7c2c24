//! What people are told is in English and Chinese, as one text: `English · 中文`. The source says so: a text that is new has
//! both, or fails here.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use regex::Regex;

use crate::floors::rust_files;

/// Files and folders in which all texts are for people.
const ALL: &[&str] = &[
    "articles",
    "cli",
    "config",
    "handler_sync",
    "http/admin",
    "http/error.rs",
    "http/problem_kind.rs",
    "http/refusals.rs",
    "http/upload.rs",
    "jobs",
    "mass_messages.rs",
    "materials",
    "menus",
    "migrate",
    "model",
    "pay/check",
    "pay/create.rs",
    "pay/micropay.rs",
    "pay/orders.rs",
    "pay/prepay.rs",
    "pay/refunds.rs",
    "plugins/admission/anatomy.rs",
    "plugins/admission/error.rs",
    "plugins/build.rs",
    "plugins/named.rs",
    "rules/explain.rs",
    "sends",
    "server.rs",
    "simulator/delivery.rs",
    "templates.rs",
    "upstream/error.rs",
    "upstream/pay/error.rs",
];

/// Files in which those of errors are.
const ERRORS: &[&str] = &[
    "../wechat/src/api/media/mod.rs",
    "../wechat/src/api/path.rs",
    "../wechat/src/pay/out_trade_no.rs",
    "../wechat/src/pay/path.rs",
    "../wechat/src/pay/trade_type.rs",
    "../wechat/src/pay/v2/any_call.rs",
    "../wechat/src/reply/mod.rs",
    "dispatch/failure.rs",
    "http/webhook.rs",
    "pay/error.rs",
    "plugins/error.rs",
    "plugins/versions/requests.rs",
    "qr_code.rs",
    "secret.rs",
    "simulator/check.rs",
    "storage/error.rs",
    "storage/only_server.rs",
    "upstream/customer_service.rs",
    "upstream/forward.rs",
    "upstream/webhook.rs",
    "users/error.rs",
];

/// Texts in them that are no sentences but names and parts of tables, or for nobody.
const OTHERS: &[&str] = &[
    "{} KiB in {:.1} s",
    ", whose file is lost",
    "Here it comes … / 马上就来…",
    "The admin API of Weft, a WebAssembly plugin host for WeChat.",
    "Your code / 优惠码：WEFT-7",
    "Your order is on its way / 您的订单正在配送",
    r#"attachment; filename=\"message-logs-{app}.{name}\""#,
    r#"attachment; filename=\"{app}-handlers.{extension}\""#,
    r#"attachment; filename=\"{name}.bin\""#,
    "built with",
    "command line",
    "core module instances, which exceeds",
    "environment variable {variable}",
    r#"inline; filename=\"{name}.{}\""#,
    "minimum byte size",
    "minimum element size",
    "needs to be granted",
    "no listener",
    "none, by {}",
    "not set",
    "opening hours",
    "order hooks",
    "private, max-age=300",
    "private, max-age=3600",
    "send success",
    "text/csv; charset=utf-8",
    "the rules below say so",
    "to do",
];

#[test]
fn what_people_are_told_is_in_english_and_chinese() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut lacking, mut seen) = (Vec::new(), Vec::new());
    for (paths, only_errors) in [(ALL, false), (ERRORS, true)] {
        for file in paths.iter().flat_map(|path| files(&source.join(path))) {
            let tokens: TokenStream = fs::read_to_string(&file).unwrap().parse().unwrap();
            let mut texts = Vec::new();
            collect(tokens, only_errors, &mut texts);
            assert!(!only_errors || !texts.is_empty(), "no texts in {}", file.display());
            for text in texts.into_iter().filter(|text| is_in_words(text) && !is_bilingual(text)) {
                match OTHERS.iter().find(|other| text == format!("\"{other}\"")) {
                    Some(other) => seen.push(other),
                    None => lacking.push(format!("{}: {text}", file.display())),
                }
            }
        }
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
    let gone: Vec<_> = OTHERS.iter().filter(|other| !seen.contains(other)).collect();
    assert!(gone.is_empty(), "these are there no more: {gone:?}");
}

/// `English · 中文`
pub(crate) fn is_bilingual(text: &str) -> bool {
    let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let parts = text.split_once("· ");
    parts.is_some_and(|(english, chinese)| !english.contains(is_chinese) && chinese.contains(is_chinese))
}

/// Two words beside each other, neither code nor what stands in for a value.
fn is_in_words(text: &str) -> bool {
    static NO_WORDS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"`[^`]*`|\{[^{}]*\}").unwrap());
    static WORDS: LazyLock<Regex> = LazyLock::new(|| Regex::new("[A-Za-z]{2,}[,;:]? [a-z]{2,}").unwrap());
    WORDS.is_match(&NO_WORDS.replace_all(text, ""))
}

/// The texts among tokens, as they are written. Lines of the log, tests and attributes other than `error` have none.
fn collect(tokens: TokenStream, only_errors: bool, texts: &mut Vec<String>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut rest = &tokens[..];
    while let [token, behind @ ..] = rest {
        rest = behind;
        match (token, behind) {
            (TokenTree::Punct(sign), [TokenTree::Group(attribute), behind @ ..]) if sign.as_char() == '#' => {
                rest = behind;
                let name: String = attribute.stream().to_string().split_whitespace().collect();
                if name.starts_with("error(") {
                    collect(attribute.stream(), false, texts);
                } else if name == "cfg(test)" {
                    rest = &rest[rest.iter().position(is_block).map_or(rest.len(), |at| at + 1)..];
                }
            }
            // `//!`
            (TokenTree::Punct(sign), [TokenTree::Punct(_), TokenTree::Group(_), behind @ ..])
                if sign.as_char() == '#' =>
            {
                rest = behind;
            }
            // `tracing::warn!(…)`
            (TokenTree::Ident(name), [_, _, _, TokenTree::Punct(sign), TokenTree::Group(_), behind @ ..])
                if name == "tracing" && sign.as_char() == '!' =>
            {
                rest = behind;
            }
            (TokenTree::Group(group), _) => collect(group.stream(), only_errors, texts),
            (TokenTree::Literal(literal), _) if !only_errors && literal.to_string().starts_with('"') => {
                texts.push(literal.to_string());
            }
            _ => {}
        }
    }
}

fn is_block(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() { rust_files(path) } else { vec![path.to_owned()] }
}
