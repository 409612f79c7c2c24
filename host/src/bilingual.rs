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
        assert_eq!(languages("no room · 没有空间"), ("no room", "没有空间"));
        assert_eq!(languages("tea · coffee"), ("tea · coffee", "tea · coffee"));
    }
}
