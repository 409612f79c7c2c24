//! Daily bills, the same for v2 and v3: text with a line of column names, a line for each entry, and totals.
//!
//! Values have a back-tick before them and no quotes, so a comma inside a value is told from one between two only by
//! the back-tick behind it. Amounts are in yuan.
//!
//! A bill may have a million lines: it is read line by line, and whether it is whole is known at its end. Who acts on
//! its lines reads it twice.

mod fund_flow;
mod trades;

use std::io::{BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use sha1::{Digest, Sha1};

pub use fund_flow::FundFlowRow;
pub use trades::TradeRow;

use super::Fen;

/// The longest bill that is read, in bytes, unpacked.
pub const MAX_BILL: usize = 256 << 20;

/// The longest line, in bytes.
const MAX_LINE: usize = 64 << 10;

/// How many columns a bill may have. WeChat's have up to 27.
const MAX_COLUMNS: usize = 64;

/// Why a bill cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BillError {
    /// The gzip stream is broken.
    #[error("the bill cannot be unpacked: download it again")]
    Packed,
    /// What it is read from fails.
    #[error("the bill cannot be read: {0}")]
    Unreadable(String),
    /// More than [`MAX_BILL`] bytes.
    #[error("the bill is longer than {} MiB", MAX_BILL >> 20)]
    TooLarge,
    /// It is no UTF-8.
    #[error("the bill is no UTF-8")]
    Encoding,
    /// There is no line of totals at the end: it was cut off.
    #[error("the bill has no totals at its end: it was cut off, download it again")]
    Truncated,
    /// A line has not as many values as there are columns, or is something else.
    #[error("line {line} of the bill cannot be read")]
    Line {
        /// The first is 1.
        line: usize,
    },
    /// A column that is needed is missing.
    #[error("the bill has no column {0}")]
    NoColumn(&'static str),
}

/// A bill while it is read.
pub struct Bill<'a> {
    lines: Box<dyn BufRead + Send + 'a>,
    is_packed: bool,
    columns: Vec<String>,
    /// How many lines, and how many bytes, were read.
    line: usize,
    read: usize,
    hash: Sha1,
    totals: Vec<(String, String)>,
}

impl<'a> Bill<'a> {
    /// Begins to read a bill, packed by gzip or not.
    ///
    /// # Errors
    /// When it does not begin as a bill does.
    pub fn open(bytes: impl Read + Send + 'a) -> Result<Self, BillError> {
        let mut bytes = BufReader::new(bytes);
        let beginning = bytes.fill_buf().map_err(|error| BillError::Unreadable(error.to_string()))?;
        let is_packed = beginning.starts_with(&[0x1f, 0x8b]);
        let lines: Box<dyn BufRead + Send + 'a> =
            if is_packed { Box::new(BufReader::new(MultiGzDecoder::new(bytes))) } else { Box::new(bytes) };
        let hash = Sha1::new();
        let mut bill = Self { lines, is_packed, columns: Vec::new(), line: 0, read: 0, hash, totals: Vec::new() };
        let names = bill.next_line()?.ok_or(BillError::Truncated)?;
        bill.columns = bill.names(names.strip_prefix('\u{feff}').unwrap_or(&names))?;
        Ok(bill)
    }

    /// What the columns are called, such as `商户订单号`.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The values of the next entry, as many as there are columns; none when there are no more, and the bill is whole.
    ///
    /// # Errors
    /// When it is no bill, or not a whole one.
    pub fn next_row(&mut self) -> Result<Option<Vec<String>>, BillError> {
        if !self.totals.is_empty() {
            return Ok(None);
        }
        let text = self.next_line()?.ok_or(BillError::Truncated)?;
        if let Some(values) = values_of(&text) {
            return if values.len() == self.columns.len() { Ok(Some(values)) } else { Err(self.at_line()) };
        }
        // The first line that holds no values has the names of the totals, which follow as the last line.
        let names = self.names(&text)?;
        let text = self.next_line()?.ok_or(BillError::Truncated)?;
        let totals = values_of(&text).filter(|totals| totals.len() == names.len()).ok_or_else(|| self.at_line())?;
        if self.next_line()?.is_some() {
            return Err(self.at_line());
        }
        self.totals = names.into_iter().zip(totals).collect();
        Ok(None)
    }

    /// What the totals are called, and what they are; empty before the end was read.
    pub fn totals(&self) -> &[(String, String)] {
        &self.totals
    }

    /// SHA-1 of what was read, unpacked.
    pub fn sha1(&self) -> [u8; 20] {
        self.hash.clone().finalize().into()
    }

    fn column(&self, name: &'static str) -> Result<usize, BillError> {
        self.columns.iter().position(|column| column == name).ok_or(BillError::NoColumn(name))
    }

    /// The next line that is not empty, without its end.
    fn next_line(&mut self) -> Result<Option<String>, BillError> {
        loop {
            let mut line = Vec::new();
            let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
            let read = self.lines.by_ref().take(limit).read_until(b'\n', &mut line);
            let read = read.map_err(|error| {
                if self.is_packed { BillError::Packed } else { BillError::Unreadable(error.to_string()) }
            })?;
            if read == 0 {
                return Ok(None);
            }
            self.line += 1;
            self.read += read;
            self.hash.update(&line);
            if self.read > MAX_BILL {
                return Err(BillError::TooLarge);
            }
            if read == MAX_LINE {
                return Err(self.at_line());
            }
            let line = String::from_utf8(line).map_err(|_| BillError::Encoding)?;
            let line = line.trim_end_matches(['\r', '\n']);
            if !line.trim().is_empty() {
                return Ok(Some(line.to_owned()));
            }
        }
    }

    fn names(&self, text: &str) -> Result<Vec<String>, BillError> {
        let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
        if names.len() > MAX_COLUMNS || text.starts_with('`') { Err(self.at_line()) } else { Ok(names) }
    }

    fn at_line(&self) -> BillError {
        BillError::Line { line: self.line }
    }

    /// The amount in a column of the row that was read last.
    fn amount(&self, row: &[String], column: usize) -> Result<Fen, BillError> {
        Fen::from_yuan(&text(row, column)).map_err(|_| self.at_line())
    }
}

/// SHA-1 of a file as it came.
///
/// # Errors
/// When it cannot be read.
pub fn sha1(mut file: impl Read) -> std::io::Result<[u8; 20]> {
    let (mut hash, mut chunk) = (Sha1::new(), vec![0; MAX_LINE]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(chunk.get(..read).unwrap_or_default()),
        }
    }
}

/// The values of a line; none when it does not begin with a back-tick.
fn values_of(line: &str) -> Option<Vec<String>> {
    Some(line.strip_prefix('`')?.split(",`").map(str::to_owned).collect())
}

/// What stands in a column.
fn text(row: &[String], column: usize) -> String {
    row.get(column).cloned().unwrap_or_default()
}

/// The number in a column that some bills do not have. A zero stands where there is none.
fn number(row: &[String], column: Option<usize>) -> Option<String> {
    column.map(|column| text(row, column)).filter(|number| number.bytes().any(|byte| byte != b'0'))
}
