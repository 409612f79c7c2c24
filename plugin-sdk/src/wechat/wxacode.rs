//! Codes of mini programs (小程序码). Each call returns a picture.
//!
//! ```
//! use weft_plugin::{prelude::*, wechat::wxacode::{self, Look}};
//!
//! /// A code that opens the page of a table.
//! fn table(number: u32) -> Result<Vec<u8>> {
//!     let look = Look { width: 280, ..Look::default() };
//!     Ok(wxacode::unlimited(&format!("table={number}"), Some("pages/table"), &look)?)
//! }
//! ```

use serde::Serialize;
use serde_json::json;

use super::Request;
use crate::error::Error;

/// How a code looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Look {
    /// Pixels, 280 to 1280.
    pub width: u32,
    /// Whether WeChat chooses the colour of the lines.
    pub auto_color: bool,
    /// The colour of the lines, when WeChat does not choose.
    pub line_color: Color,
    /// Whether there is nothing behind it.
    pub is_hyaline: bool,
}

/// A colour, each part 0 to 255.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Color {
    /// Red.
    pub r: u8,
    /// Green.
    pub g: u8,
    /// Blue.
    pub b: u8,
}

impl Default for Look {
    fn default() -> Self {
        Self { width: 430, auto_color: false, line_color: Color::default(), is_hyaline: false }
    }
}

#[derive(Serialize)]
struct Code<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    scene: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(flatten)]
    look: &'a Look,
}

/// A code with a scene of at most 32 characters, of which there may be any number. `page` has no query
/// and must be published; the first one is opened without: `/wxa/getwxacodeunlimit`.
pub fn unlimited(scene: &str, page: Option<&str>, look: &Look) -> Result<Vec<u8>, Error> {
    picture("/wxa/getwxacodeunlimit", &Code { scene: Some(scene), page, path: None, look })
}

/// A code of a page with its query, of which there are 100 000 together with [`qrcode`]:
/// `/wxa/getwxacode`.
pub fn limited(path: &str, look: &Look) -> Result<Vec<u8>, Error> {
    picture("/wxa/getwxacode", &Code { scene: None, page: None, path: Some(path), look })
}

/// A square QR code of a page with its query: `/cgi-bin/wxaapp/createwxaqrcode`.
pub fn qrcode(path: &str, width: u32) -> Result<Vec<u8>, Error> {
    picture("/cgi-bin/wxaapp/createwxaqrcode", &json!({"path": path, "width": width}))
}

fn picture(path: &str, code: &impl Serialize) -> Result<Vec<u8>, Error> {
    Ok(Request::post(path).json(code)?.send()?.body)
}
