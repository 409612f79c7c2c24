//! XML as WeChat uses it: a strict reader and the few things that a reply needs to be written.
//!
//! No other module touches quick-xml.

mod read;
mod write;

pub(crate) use read::read;
pub(crate) use write::{cdata, cdata_within, number};

/// Whether XML 1.0 allows the character.
pub(crate) fn is_allowed(character: char) -> bool {
    matches!(
        character,
        '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..
    )
}
