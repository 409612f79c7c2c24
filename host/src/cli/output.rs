//! How commands print: lines, columns for people, JSON for programs.

use std::{
    fmt,
    io::{self, ErrorKind, Write},
};

use clap::Args;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::printable;

/// As `println!`, for what may end before us: a reader such as `head`.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::cli::output::line(format_args!($($text)*))
    };
}
pub(super) use say;

/// Prints a line. Who reads no further has what they wanted: the command goes on to its own end.
pub(super) fn line(text: fmt::Arguments<'_>) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// As `eprintln!`, for what may end before us.
macro_rules! remark {
    ($($text:tt)*) => {
        $crate::cli::output::beside(format_args!($($text)*))
    };
}
pub(super) use remark;

/// Prints a line beside what was asked for. Where nobody reads it, it need not be there.
pub(super) fn beside(text: fmt::Arguments<'_>) {
    drop(writeln!(io::stderr(), "{}", visible(&text.to_string())));
}

/// How to print.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct OutputArgs {
    /// Print JSON · 输出 JSON
    #[arg(long)]
    pub json: bool,
}

impl OutputArgs {
    /// Prints `value` as JSON, or `text` for people.
    pub(super) fn print(self, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json {
            say!("{}", serde_json::to_string_pretty(value)?)?;
        } else {
            say!("{}", visible(&text()))?;
        }
        Ok(())
    }
}

/// A text in lines, without what moves a terminal's cursor or turns round what stands beside it: strangers wrote parts of
/// it.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c } else { printable::visible(c) }).collect()
}

/// How wide a column gets, in a terminal's columns: what is longer goes on below. Chinese characters take two.
const WIDEST: usize = 60;

/// Rows under a heading, in columns as wide as they need to be.
pub(super) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[Vec<String>; N]> = rows.iter().map(|row| row.each_ref().map(|cell| wrapped(cell))).collect();
    let mut widths = heading.map(UnicodeWidthStr::width);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.iter().map(|line| line.width()).fold(*width, usize::max);
        }
    }
    let line = |cells: [&str; N]| {
        let filled = |cell: &str, width: usize| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())));
        let cells: Vec<_> = cells.into_iter().zip(widths).map(|(cell, width)| filled(cell, width)).collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(heading)];
    for row in &rows {
        let height = row.iter().map(Vec::len).max().unwrap_or_default();
        lines.extend((0..height).map(|at| line(row.each_ref().map(|cell| cell.get(at).map_or("", String::as_str)))));
    }
    lines.join("\n")
}

/// A cell in lines that break between words; a word that is longer stays whole.
fn wrapped(cell: &str) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in cell.split_whitespace() {
        if !line.is_empty() && line.width() + 1 + word.width() > WIDEST {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_wrote_neither_moves_the_cursor_nor_turns_lines_round() {
        assert_eq!(visible("shop\n\x1b[2Jone\ttwo\u{202e}owt"), "shop\n [2Jone two owt");
    }

    #[test]
    fn columns_stand_below_each_other_in_a_terminal_where_chinese_takes_two() {
        let rows = [["天虹商店", "ok"], ["shop", "停用"]].map(|row| row.map(str::to_owned));
        let expected = "NAME      STATE\n天虹商店  ok\nshop      停用";
        assert_eq!(table(["NAME", "STATE"], &rows), expected);
        let long = [[format!("{} {}", "你".repeat(20), "好".repeat(20))]];
        assert_eq!(table(["NAME"], &long).lines().count(), 3, "it goes on below");
    }
}
