//! Texts of strangers, as logs and terminals may show them.

use std::borrow::Cow;

/// Bytes of a text where nothing else is said.
const TEXT_BYTES: usize = 4 << 10;

/// A text as one line of bounded length, which cannot move a terminal's cursor, pass for another line, or turn
/// round what stands beside it.
pub fn printable(text: &str) -> Cow<'_, str> {
    printable_up_to(text, TEXT_BYTES)
}

/// [`printable`], of at most so many bytes.
pub fn printable_up_to(text: &str, bytes: usize) -> Cow<'_, str> {
    let end = text.floor_char_boundary(bytes);
    let cut = text.get(..end).unwrap_or_default();
    if cut.chars().any(|c| visible(c) != c) {
        Cow::Owned(cut.chars().map(visible).collect())
    } else {
        Cow::Borrowed(cut)
    }
}

/// A sign as a terminal may be sent it.
pub fn visible(c: char) -> char {
    match c {
        // Some viewers break lines at Unicode's separators, too.
        '\n' | '\u{2028}' | '\u{2029}' => '⏎',
        c if c.is_control() || sets_direction(c) || is_unseen(c) => ' ',
        c => c,
    }
}

/// Whether it sets the direction in which the text around it is shown (Unicode's `Bidi_Control`).
fn sets_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether nothing is seen of it, so that two texts look alike that are not: of what Unicode calls ignorable
/// (`Default_Ignorable_Code_Point`) all but what chooses between the pictures of one sign.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_one_line_and_reads_as_it_is_written() {
        for (text, line) in [
            ("one\ntwo\r\x1b[2J", "one⏎two  [2J"),
            ("one\u{2028}two\u{2029}three", "one⏎two⏎three"),
            ("user=\u{202e}nimda\u{202c} \u{2066}\u{200f}", "user= nimda    "),
            ("bil\u{200b}ling\u{feff} \u{ad}\u{2060}\u{e0041}", "bil ling     "),
            ("你好，weft ❤\u{fe0f}", "你好，weft ❤\u{fe0f}"),
        ] {
            assert_eq!(printable(text), line);
        }
        assert_eq!(printable_up_to("你好", 4), "你");
    }
}
