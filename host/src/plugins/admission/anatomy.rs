//! What a file is made of, read without running or compiling any of it: what its first bytes say, and every section
//! of the component, within bounds. Reading keeps nothing of the file but the names at its border.

use wasmparser::{BinaryReaderError, Parser, Payload};
use wasmtime::Engine;

use super::LoadError;
use crate::plugins::{
    host::log::printable,
    limits::{BORDER_NAMES, FUNCTION_BYTES, FUNCTIONS, NESTING, PARTS, TYPES},
};

/// What stands before every WebAssembly file.
const MAGIC: &[u8] = b"\0asm";
/// Version and layer of a core module.
const MODULE: &[u8] = &[1, 0, 0, 0];
/// Version and layer of a component.
const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];

/// How files begin that are taken for plugins by mistake.
const OTHERS: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a native program or library"),
    (b"MZ", "a native program or library"),
    (b"\xcf\xfa\xed\xfe", "a native program or library"),
    (b"#!", "a script"),
    (b"(module", "WebAssembly as text"),
    (b"(component", "WebAssembly as text"),
    (b"version https://git-lfs", "a pointer of Git LFS"),
    (b"<", "a web page"),
];

/// The names at a component's border.
#[derive(Debug, Default)]
pub(super) struct Anatomy {
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
}

/// The first bytes tell a component from everything else.
pub(super) fn check_header(bytes: &[u8]) -> Result<(), LoadError> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else { return Err(foreign(bytes)) };
    match rest.get(..4) {
        Some(COMPONENT) => Ok(()),
        Some(MODULE) => Err(LoadError::CoreModule),
        // Layer 1 means a component, so it is the version that differs.
        Some([_, _, 1, 0]) => {
            Err(LoadError::Invalid("it is a component in a format of before the standard, or after it".to_owned()))
        }
        Some(_) => Err(LoadError::Invalid("its WebAssembly version is not known".to_owned())),
        None => Err(LoadError::Truncated { missing: 8 - bytes.len() as u64 }),
    }
}

fn foreign(bytes: &[u8]) -> LoadError {
    if Engine::detect_precompiled(bytes).is_some() {
        return LoadError::Precompiled;
    }
    let known = OTHERS.iter().find(|(beginning, _)| bytes.starts_with(beginning)).map(|(_, what)| *what);
    let beginning = bytes.get(..bytes.len().min(256)).unwrap_or_default();
    // A character may be cut at the end.
    let is_text = || std::str::from_utf8(beginning).map_or_else(|error| error.error_len().is_none(), |_| true);
    let is_printable = || !beginning.iter().any(|byte| *byte < b' ' && !b"\t\r\n".contains(byte));
    LoadError::NotWebAssembly(known.unwrap_or_else(|| match bytes.len() {
        0 => "an empty file",
        _ if MAGIC.starts_with(bytes) => "the beginning of a file",
        _ if is_text() && is_printable() => "a text",
        _ => "something else",
    }))
}

/// Reads every section. Whether what stands in them makes sense is for the compiler to say.
pub(super) fn read(bytes: &[u8]) -> Result<Anatomy, LoadError> {
    let mut anatomy = Anatomy::default();
    let (mut depth, mut parts, mut functions, mut types) = (0_u32, 0, 0, 0);
    let bounded = |what, actual: u32, limit| {
        if actual > limit { Err(LoadError::TooComplex { what, actual, limit }) } else { Ok(()) }
    };
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| damaged(bytes, &error))? {
            Payload::Version { .. } => {
                depth += 1;
                parts += 1;
                bounded("modules and components within each other", depth, NESTING)?;
                bounded("modules and components", parts, PARTS)?;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::FunctionSection(section) => functions = section.count().saturating_add(functions),
            Payload::TypeSection(section) => types = section.count().saturating_add(types),
            Payload::CoreTypeSection(section) => types = section.count().saturating_add(types),
            Payload::ComponentTypeSection(section) => types = section.count().saturating_add(types),
            Payload::CodeSectionEntry(body) => {
                let size = u32::try_from(body.as_bytes().len()).unwrap_or(u32::MAX);
                bounded("bytes in one function", size, FUNCTION_BYTES)?;
            }
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    anatomy.imports.push(name(import.map_err(|error| damaged(bytes, &error))?.name.name));
                    bounded("imports and exports", anatomy.names(), BORDER_NAMES)?;
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    anatomy.exports.push(name(export.map_err(|error| damaged(bytes, &error))?.name.name));
                    bounded("imports and exports", anatomy.names(), BORDER_NAMES)?;
                }
            }
            _ => {}
        }
        bounded("functions", functions, FUNCTIONS)?;
        bounded("types", types, TYPES)?;
    }
    Ok(anatomy)
}

impl Anatomy {
    fn names(&self) -> u32 {
        u32::try_from(self.imports.len() + self.exports.len()).unwrap_or(u32::MAX)
    }
}

/// A stranger's text, for people to read.
fn name(text: &str) -> String {
    let end = text.floor_char_boundary(200);
    printable(text.get(..end).unwrap_or_default()).into_owned()
}

/// A file that ends too early is told from one whose bytes are wrong.
fn damaged(bytes: &[u8], error: &BinaryReaderError) -> LoadError {
    match missing(bytes) {
        0 => LoadError::Invalid(printable(&error.to_string()).into_owned()),
        missing => LoadError::Truncated { missing },
    }
}

/// How many bytes the last section of a component says that it has, and the file does not.
fn missing(bytes: &[u8]) -> u64 {
    let mut at = MAGIC.len() + COMPONENT.len();
    while let Some([_id, rest @ ..]) = bytes.get(at..) {
        let Some((size, width)) = leb128(rest) else {
            // The number itself is cut off, or malformed.
            return u64::from(rest.len() < 5);
        };
        let end = (at + 1 + width) as u64 + u64::from(size);
        if end > bytes.len() as u64 {
            return end - bytes.len() as u64;
        }
        at += 1 + width + size as usize;
    }
    0
}

/// An unsigned number in LEB128, and how many bytes it takes.
fn leb128(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        number |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, index + 1));
        }
    }
    None
}
