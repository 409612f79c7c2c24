//! Takes secrets out of what is kept: a receipt is read by people and copied into files.
//!
//! What looks like a secret is known by its name: of a field, a header, or a parameter of a URL or a form; or it stands
//! before the host of a URL. The same is taken out of what a replayed call asks for, so that it is found again.
//!
//! JSON may stand in the texts of JSON, and guests write such as deep as they like: what is too deep is hidden whole, as
//! looking into it takes of the thread's stack.

use serde_json::Value;

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// Parts of names that secrets have, in lower case.
const SECRET: [&str; 8] = ["secret", "token", "password", "passwd", "credential", "authorization", "cookie", "ticket"];

/// How many texts of JSON are looked into that stand in each other.
const TEXTS_IN_TEXTS: u32 = 4;

/// Takes secrets out of a value, also of JSON, URLs and forms in its texts.
pub(in crate::plugins) fn redact(json: &mut Value) {
    redact_within(json, TEXTS_IN_TEXTS);
}

/// Takes secrets out of a value, in whose texts of JSON `texts` more that stand in each other are looked into.
fn redact_within(json: &mut Value, texts: u32) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                if is_secret(name) {
                    hide(value);
                } else {
                    redact_within(value, texts);
                }
            }
        }
        Value::Array(values) => match values.as_mut_slice() {
            // A header, a parameter.
            [Value::String(name), value] if is_secret(name) => hide(value),
            values => values.iter_mut().for_each(|value| redact_within(value, texts)),
        },
        Value::String(text) => {
            let redacted = redacted_json(text, texts).or_else(|| redacted_url(text)).or_else(|| redacted_form(text));
            if let Some(redacted) = redacted {
                *text = redacted;
            }
        }
        _ => {}
    }
}

/// Hides what stands under a secret's name: every text in it. Numbers are none, such as that of `max_tokens`.
fn hide(json: &mut Value) {
    match json {
        Value::Object(fields) => fields.values_mut().for_each(hide),
        Value::Array(values) => values.iter_mut().for_each(hide),
        Value::String(text) => HIDDEN.clone_into(text),
        _ => {}
    }
}

/// Whether something was taken out of a value.
pub(super) fn is_hidden_in(json: &Value) -> bool {
    match json {
        Value::Object(fields) => fields.values().any(is_hidden_in),
        Value::Array(values) => values.iter().any(is_hidden_in),
        Value::String(text) => text.contains(HIDDEN),
        _ => false,
    }
}

/// `key` and `keys` at the end alone: the keys of menus and of the key-value store are none.
fn is_secret(name: &str) -> bool {
    // Plugins mark so what only WeChat Pay may read.
    if name == "$encrypt" {
        return true;
    }
    let name = name.to_ascii_lowercase();
    let one = name.strip_suffix('s').unwrap_or(&name);
    SECRET.iter().any(|part| name.contains(part))
        || ["_key", "-key", "apikey", "appkey"].iter().any(|end| one.ends_with(end))
}

/// The parameters of a query or a form, without secrets.
pub(in crate::plugins) fn parameters(text: &str) -> String {
    let parameters = text.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _)) if is_secret_parameter(name) => format!("{name}={HIDDEN}"),
        _ => parameter.to_owned(),
    });
    parameters.collect::<Vec<_>>().join("&")
}

fn is_secret_parameter(name: &str) -> bool {
    let unescaped = form_urlencoded::parse(name.as_bytes()).next();
    unescaped.is_some_and(|(name, _)| is_secret(&name) || name == "key")
}

fn redacted_json(text: &str, texts: u32) -> Option<String> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let Some(texts) = texts.checked_sub(1) else { return Some(HIDDEN.to_owned()) };
    let before: Value = serde_json::from_str(text).ok()?;
    let mut after = before.clone();
    redact_within(&mut after, texts);
    // With nothing to hide the text stays as it was written.
    (after != before).then(|| after.to_string())
}

fn redacted_url(text: &str) -> Option<String> {
    if text.starts_with(['/', '?']) {
        return Some(without_secrets(text));
    }
    let (scheme, rest) = text.split_once("://")?;
    if !["http", "https"].iter().any(|http| scheme.trim_start().eq_ignore_ascii_case(http)) {
        return None;
    }
    let authority = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(authority);
    let hidden = authority.rsplit_once('@').map(|(_, host)| format!("{HIDDEN}@{host}"));
    Some(format!("{scheme}://{}{}", hidden.as_deref().unwrap_or(authority), without_secrets(rest)))
}

/// A path with its query.
fn without_secrets(path: &str) -> String {
    match path.split_once('?') {
        Some((path, query)) => format!("{path}?{}", parameters(query)),
        None => path.to_owned(),
    }
}

/// The body of a form: parameters, and nothing else.
fn redacted_form(text: &str) -> Option<String> {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.%[]".contains(&byte));
    let is_form = text.split('&').all(|parameter| parameter.split_once('=').is_some_and(|(name, _)| is_name(name)));
    is_form.then(|| parameters(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_stand_and_nothing_else_is() {
        let mut value = json!({
            "headers": [["Authorization", "Bearer abc"], ["accept", "*/*"], ["X-Api-Key", "abc"]],
            "url": "https://a.example/x?key=abc&page=2&access_token=abc", "location": "/x?p%61ssword=abc&page=2",
            "login": "HTTPS://me:abc@a.example", "form": {"$text": "grant_type=password&client_secret=abc&scope="},
            "sum": "1+1=2 & a token=abc", "back": "/login?token=abc&next=https://a.example/",
            "body": {"$text": "{\"session_key\":\"abc\",\"openid\":\"o1\",\"nested\":{\"client_secret\":\"abc\"}}"},
            "greeting": "你好", "key": "menu-1", "api_key": "abc", "max_tokens": 5, "user_name": {"$encrypt": "张三"},
            "json": "{ \"spelled\":   \"so\" }",
        });
        redact(&mut value);
        assert_eq!(
            value,
            json!({
                "headers": [["Authorization", "***"], ["accept", "*/*"], ["X-Api-Key", "***"]],
                "url": "https://a.example/x?key=***&page=2&access_token=***", "location": "/x?p%61ssword=***&page=2",
                "login": "HTTPS://***@a.example", "form": {"$text": "grant_type=password&client_secret=***&scope="},
                "sum": "1+1=2 & a token=abc", "back": "/login?token=***&next=https://a.example/",
                "body": {"$text": "{\"nested\":{\"client_secret\":\"***\"},\"openid\":\"o1\",\"session_key\":\"***\"}"},
                "greeting": "你好", "key": "menu-1", "api_key": "***", "max_tokens": 5, "user_name": {"$encrypt": "***"},
                "json": "{ \"spelled\":   \"so\" }",
            })
        );
        let shown = ["sum", "greeting", "key", "max_tokens", "json"];
        for (name, value) in value.as_object().unwrap() {
            assert_eq!(is_hidden_in(value), !shown.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn every_text_below_a_secrets_name_is_hidden() {
        let mut value = json!({
            "tokens": ["abc", "def"], "credentials": {"id": "a", "value": ["abc"], "tries": 3, "works": true},
            "api_keys": ["abc"], "client-keys": {"shop": "abc"}, "headers": [["set-cookie", ["a=abc", "b=def"]]],
            "keys": ["menu-1"], "usage": {"total_tokens": 5, "tokens_by_day": [1, 2]},
            "text": "{\"passwords\":{\"shop\":\"abc\"}}",
        });
        redact(&mut value);
        assert_eq!(
            value,
            json!({
                "tokens": ["***", "***"], "credentials": {"id": "***", "value": ["***"], "tries": 3, "works": true},
                "api_keys": ["***"], "client-keys": {"shop": "***"}, "headers": [["set-cookie", ["***", "***"]]],
                "keys": ["menu-1"], "usage": {"total_tokens": 5, "tokens_by_day": [1, 2]},
                "text": "{\"passwords\":{\"shop\":\"***\"}}",
            })
        );
    }

    #[test]
    fn a_text_that_stands_in_too_many_others_is_hidden_whole() {
        let within = |texts: u32| (0..texts).fold(json!({"token": "abc"}), |inner, _| json!([[inner.to_string()]]));
        let redacted = |texts: u32| {
            let mut value = within(texts);
            redact(&mut value);
            value.to_string()
        };
        assert_eq!(redacted(TEXTS_IN_TEXTS), within(TEXTS_IN_TEXTS).to_string().replace("abc", HIDDEN));
        assert!(!redacted(TEXTS_IN_TEXTS + 1).contains("token"));
    }

    #[test]
    fn what_a_guest_writes_is_looked_into_within_the_stack_of_a_thread() {
        // As deep as JSON may be, in as many texts as there is room for in what is recorded.
        let deep = |inner: &Value| format!("{}{inner}{}", "[".repeat(120), "]".repeat(120));
        let mut text = deep(&json!("innermost"));
        while text.len() < 100 << 10 {
            text = deep(&text.into());
        }
        let mut value = json!({"$text": text});
        redact(&mut value);
        assert!(!value.to_string().contains("innermost"));
    }
}
