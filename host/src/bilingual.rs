//! Texts for people are in English and Chinese, as one text: `English · 中文`. So they are where they are written, and
//! here they are put together so that each language stays whole.

/// Between the two languages.
const BETWEEN: &str = " · ";

/// The English and the Chinese of a text. One without Chinese, as a system or a database says it, is the same in both.
pub fn languages(text: &str) -> (&str, &str) {
    let (english, chinese) = split(text);
    (english, chinese.unwrap_or(english))
}

/// A text and what explains it: `it fails · 失败` because of `no room · 没有空间` is `it fails: no room · 失败：没有空间`.
/// What has no Chinese stands in the English alone, and what a text says already is not said again.
pub fn because(text: &str, why: &str) -> String {
    let ((english, chinese), (why, in_chinese)) = (split(text), split(why));
    let english = joined(english, ": ", why);
    match (chinese, in_chinese) {
        (Some(chinese), Some(why)) => format!("{english}{BETWEEN}{}", joined(chinese, "：", why)),
        (Some(chinese), None) | (None, Some(chinese)) => format!("{english}{BETWEEN}{chinese}"),
        (None, None) => english,
    }
}

/// A text about something that has a name, such as a field: `no room · 没有空间` of `shop` is
/// `shop: no room · shop：没有空间`.
pub fn of(name: &str, text: &str) -> String {
    match split(text) {
        (english, Some(chinese)) => format!("{name}: {english}{BETWEEN}{name}：{chinese}"),
        (english, None) => format!("{name}: {english}"),
    }
}

/// Several texts as one. What has no Chinese stands in the English alone.
pub fn all(texts: &[String]) -> String {
    let (english, chinese): (Vec<_>, Vec<_>) = texts.iter().map(|text| split(text)).unzip();
    let (english, chinese) = (english.join("; "), chinese.into_iter().flatten().collect::<Vec<_>>().join("；"));
    if chinese.is_empty() { english } else { format!("{english}{BETWEEN}{chinese}") }
}

fn joined(text: &str, colon: &str, why: &str) -> String {
    if text.contains(why) { text.to_owned() } else { format!("{text}{colon}{why}") }
}

/// What stands behind the sign without a word of Chinese was written by somebody else.
fn split(text: &str) -> (&str, Option<&str>) {
    let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let parts = text.split_once(BETWEEN).filter(|(_, chinese)| chinese.contains(is_chinese));
    parts.map_or((text, None), |(english, chinese)| (english, Some(chinese)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_stays_whole_and_says_nothing_twice() {
        for (text, why, told) in [
            ("it fails", "no room", "it fails: no room"),
            ("it fails · 失败", "no room", "it fails: no room · 失败"),
            ("shop", "no room · 没有空间", "shop: no room · 没有空间"),
            ("it fails · 失败", "no room · 没有空间", "it fails: no room · 失败：没有空间"),
            ("it fails: no room", "no room · 没有空间", "it fails: no room · 没有空间"),
            ("it fails: no room · 没有空间", "no room · 没有空间", "it fails: no room · 没有空间"),
            ("tea · coffee", "no room", "tea · coffee: no room"),
        ] {
            assert_eq!(because(text, why), told);
        }
        assert_eq!(of("shop", "no room · 没有空间"), "shop: no room · shop：没有空间");
        assert_eq!(of("shop", "no room"), "shop: no room");
        let texts = ["no room · 没有空间", "tea", "too late · 太晚"].map(str::to_owned);
        assert_eq!(all(&texts), "no room; tea; too late · 没有空间；太晚");
        assert_eq!(all(&texts[1..2]), "tea");
        assert_eq!(languages("no room · 没有空间"), ("no room", "没有空间"));
        assert_eq!(languages("tea · coffee"), ("tea · coffee", "tea · coffee"));
    }
}
