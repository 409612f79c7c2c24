//! What is wrong with JSON that can be read and does not fit, in both languages: serde says it in English.

/// What is wrong. Where in the text it stands is left out, as the field is told.
pub(super) fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    in_chinese(text).map_or_else(|| text.to_owned(), |chinese| format!("{text} · {chinese}"))
}

/// None for words that are not serde's own.
fn in_chinese(text: &str) -> Option<String> {
    let (what, expected) = text.split_once(", expected ").map_or((text, None), |(what, known)| (what, Some(known)));
    if let Some(name) = what.strip_prefix("missing field ") {
        return Some(format!("缺少字段 {name}"));
    }
    if let Some(name) = what.strip_prefix("duplicate field ") {
        return Some(format!("字段 {name} 重复"));
    }
    if let Some(name) = what.strip_prefix("unknown field ") {
        let name = name.strip_suffix(", there are no fields").unwrap_or(name);
        return Some(format!("没有字段 {name}{}", expected.map(choice).unwrap_or_default()));
    }
    if let Some(word) = what.strip_prefix("unknown variant ") {
        return Some(format!("没有 {word} 这个值{}", expected.map(choice).unwrap_or_default()));
    }
    if what.starts_with("invalid type: ") {
        let kind = expected.and_then(kind).map(|kind| format!("，应为{kind}"));
        return Some(format!("类型不对{}", kind.unwrap_or_default()));
    }
    what.starts_with("invalid value: ").then(|| "值不在允许的范围内".to_owned())
}

fn choice(known: &str) -> String {
    let known = known.strip_prefix("one of ").unwrap_or(known);
    format!("，可用的有 {}", known.replace(" or ", "、").replace(", ", "、"))
}

fn kind(expected: &str) -> Option<&'static str> {
    Some(match expected {
        "a string" | "a borrowed string" => "文本",
        "a boolean" => "布尔值",
        "a sequence" => "列表",
        "a map" => "对象",
        "f32" | "f64" => "数字",
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" => "整数",
        _ => expected.starts_with("struct ").then_some("对象")?,
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "they are read alone")]
    struct Fields {
        name: String,
        weight: Option<i32>,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        One,
        Two,
    }

    #[test]
    fn what_serde_says_of_fields_is_told_in_both_languages() {
        for (json, told_in_chinese) in [
            ("{}", "缺少字段 `name`"),
            (r#"{"name": "a", "name": "b"}"#, "字段 `name` 重复"),
            (r#"{"nam": "a"}"#, "没有字段 `nam`，可用的有 `name`、`weight`、`kind`"),
            (r#"{"name": 1}"#, "类型不对，应为文本"),
            (r#"{"name": "a", "weight": "1"}"#, "类型不对，应为整数"),
            (r#"{"name": "a", "weight": 3000000000}"#, "值不在允许的范围内"),
            (r#"{"name": "a", "kind": "three"}"#, "没有 `three` 这个值，可用的有 `one`、`two`"),
            ("7", "类型不对，应为对象"),
        ] {
            let error = serde_json::from_str::<Fields>(json).unwrap_err();
            let text = told(&error);
            let (english, chinese) = text.split_once(" · ").unwrap();
            assert_eq!(chinese, told_in_chinese, "{json}");
            assert!(error.to_string().starts_with(english) && !english.contains(" at line "), "{english}");
        }
        let custom: serde_json::Error = serde::de::Error::custom("too late · 太晚");
        assert_eq!(told(&custom), "too late · 太晚");
    }
}
