//! Reads an XML body into a document.
//!
//! - Refused: document types, processing instructions, entities beyond the five predefined ones,
//!   names that are none, and whatever passes the document's limits.
//! - Attributes and comments are skipped, an encoding in the declaration is ignored: bodies are UTF-8.
//! - A text in several pieces is joined. CDATA and references are kept as they are; white space that
//!   stands outside of them at either end is dropped.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::is_allowed;
use crate::document::{Builder, Document, MAX_TAG};
use crate::message::ParseError;

/// White space as XML defines it; other spaces, such as the ideographic one, are text.
const WHITE_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Reads a body that is one XML element.
pub(crate) fn read(body: &str) -> Result<Document<'_>, ParseError> {
    let mut reader = Reader::from_str(body);
    let mut builder = Builder::new();
    // How much of the current text came out of CDATA or references and must not be trimmed.
    let mut verbatim = 0;
    loop {
        let position = reader.buffer_position();
        let event = reader.read_event().map_err(|_| ParseError::Malformed)?;
        match event {
            Event::Start(tag) => {
                builder.open(name(body, position, &tag)?)?;
                verbatim = 0;
            }
            Event::Empty(tag) => {
                builder.open(name(body, position, &tag)?)?;
                builder.close();
            }
            Event::End(_) => {
                if let Some(text) = builder.leaf_text() {
                    trim_end(text, verbatim);
                }
                builder.close();
            }
            Event::Text(piece) => {
                let piece = piece.into_inner();
                if let Some(text) = builder.leaf_text() {
                    append(text, trim_start(piece, text.is_empty()));
                } else if builder.is_outside() && !piece.trim_matches(WHITE_SPACE).is_empty() {
                    return Err(ParseError::Malformed);
                }
            }
            Event::CData(piece) => {
                if let Some(text) = builder.leaf_text() {
                    append(text, piece.into_inner());
                    verbatim = text.len();
                } else if builder.is_outside() {
                    return Err(ParseError::Malformed);
                }
            }
            Event::GeneralRef(reference) => {
                let character = resolve(&reference)?;
                if let Some(text) = builder.leaf_text() {
                    text.to_mut().push(character);
                    verbatim = text.len();
                } else if builder.is_outside() {
                    return Err(ParseError::Malformed);
                }
            }
            Event::Decl(_) if builder.is_empty() => {}
            Event::Comment(_) => {}
            Event::DocType(_) => return Err(ParseError::DocumentType),
            Event::Decl(_) | Event::PI(_) => return Err(ParseError::ProcessingInstruction),
            Event::Eof => return builder.finish(),
        }
    }
}

/// The tag's name, borrowed from the body: it stands after the `<` at `position`.
fn name<'a>(body: &'a str, position: u64, tag: &BytesStart<'a>) -> Result<Cow<'a, str>, ParseError> {
    if tag.len() > MAX_TAG {
        return Err(ParseError::TagTooLong);
    }
    let name = tag.name();
    let name = name.as_ref();
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':' | 0x80..));
    let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-' | b'.' | 0x80..);
    if !begins || !bytes.all(goes_on) {
        return Err(ParseError::Malformed);
    }
    let borrowed = usize::try_from(position)
        .ok()
        .and_then(|position| body.get(position + 1..)?.get(..name.len()))
        .filter(|borrowed| *borrowed == name);
    Ok(borrowed.map_or_else(|| Cow::Owned(name.to_owned()), Cow::Borrowed))
}

/// The character that a reference stands for.
fn resolve(reference: &BytesRef<'_>) -> Result<char, ParseError> {
    match &**reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => match reference.resolve_char_ref() {
            Ok(Some(character)) if is_allowed(character) => Ok(character),
            Ok(Some(_)) | Err(_) => Err(ParseError::Malformed),
            Ok(None) => Err(ParseError::UnknownEntity),
        },
    }
}

/// Adds a piece; the first one stays borrowed.
fn append<'a>(text: &mut Cow<'a, str>, piece: Cow<'a, str>) {
    if text.is_empty() {
        *text = piece;
    } else {
        text.to_mut().push_str(&piece);
    }
}

fn trim_start(piece: Cow<'_, str>, is_first: bool) -> Cow<'_, str> {
    match piece {
        Cow::Borrowed(piece) if is_first => Cow::Borrowed(piece.trim_start_matches(WHITE_SPACE)),
        piece => piece,
    }
}

/// Drops the white space at the end, but nothing of the first `verbatim` bytes.
fn trim_end(text: &mut Cow<'_, str>, verbatim: usize) {
    let Some(plain) = text.get(verbatim..) else {
        return;
    };
    let length = verbatim + plain.trim_end_matches(WHITE_SPACE).len();
    match text {
        Cow::Borrowed(text) => *text = text.get(..length).unwrap_or(text),
        Cow::Owned(text) => text.truncate(length),
    }
}
