//! A menu to walk through by numbers. Where a user is stays in the key-value store, for ten minutes.
//!
//! The operator writes the menu, and grants `kv`: `{"kv": true, "config": {"keyword": "菜单", "text": "想了解什么？",
//! "items": [{"label": "价格", "text": "每斤 99 元"}, {"label": "门店", "text": "哪个城市？", "items": [...]}]}}`.

use std::time::Duration;

use serde::Deserialize;
use weft_plugin::prelude::*;

asks! { kv: true }

const REMEMBERED: Duration = Duration::from_mins(10);

#[derive(Deserialize)]
struct Config {
    keyword: String,
    #[serde(flatten)]
    top: Menu,
}

/// A menu; an answer when it has no items.
#[derive(Deserialize)]
struct Menu {
    #[serde(default)]
    label: String,
    text: String,
    #[serde(default)]
    items: Vec<Self>,
}

/// Shows the menu after its keyword, and then takes numbers; 0 leads back.
#[message_handler]
fn choose(message: Message, context: Context) -> Result<Option<String>> {
    let Some(text) = message.text().map(str::trim) else { return Ok(None) };
    let Config { keyword, top } = context.config()?;
    let key = format!("at/{}", message.sender);
    let mut path: Vec<usize> = match kv::get_json(&key)? {
        _ if text == keyword => Vec::new(),
        Some(path) => path,
        None => return Ok(None),
    };
    match text.parse::<usize>() {
        Ok(0) => path.truncate(path.len().saturating_sub(1)),
        Ok(number) => path.push(number - 1),
        Err(_) => {}
    }
    // As far as there is something: the number may be too large, or the menu another one by now.
    let (mut here, mut depth) = (&top, 0);
    while let Some(menu) = path.get(depth).and_then(|&index| here.items.get(index)) {
        (here, depth) = (menu, depth + 1);
    }
    path.truncate(depth);
    if here.items.is_empty() {
        kv::delete(&key)?;
        return Ok(Some(here.text.clone()));
    }
    kv::set_json_for(&key, &path, REMEMBERED)?;
    let items = here.items.iter().zip(1..).map(|(item, number)| format!("\n{number}. {}", item.label));
    Ok(Some(here.text.clone() + &items.collect::<String>() + if depth > 0 { "\n0. 返回" } else { "" }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weft_plugin::testing::{TestHost, text};

    use super::*;

    fn host() -> TestHost {
        let shops = json!({"label": "门店", "text": "哪个城市？", "items": [{"label": "杭州", "text": "西湖路 1 号"}]});
        let items = json!([{"label": "价格", "text": "每斤 99 元"}, shops]);
        TestHost::new().grant_asked().config(&json!({"keyword": "菜单", "text": "想了解什么？", "items": items}))
    }

    fn says(host: TestHost, words: &str) -> Option<String> {
        choose(text("o1", words), host.context()).unwrap()
    }

    #[test]
    fn numbers_lead_through_the_menu_and_back() {
        let host = host();
        let (top, shops) = ("想了解什么？\n1. 价格\n2. 门店", "哪个城市？\n1. 杭州\n0. 返回");
        assert_eq!(says(host, "1"), None, "the menu is not open");
        for (words, answer) in [("菜单", top), ("2", shops), ("7", shops), ("好", shops), ("0", top), ("2", shops)] {
            assert_eq!(says(host, words).as_deref(), Some(answer), "{words}");
        }
        assert_eq!(says(host, "1").as_deref(), Some("西湖路 1 号"));
        assert_eq!(says(host, "1"), None, "an answer ends it");
    }

    #[test]
    fn ten_minutes_later_nobody_knows_where_they_were() {
        let host = host();
        says(host, "菜单");
        host.advance(REMEMBERED);
        assert_eq!(says(host, "1"), None);
    }
}
